#[retry(2, attempt = cx)]
#[hedge(100ms)]
#[timeout(1s)]
async fn price(&self, sku: Sku) -> Result<Price, PriceError> {
    self.ask(sku, cx.number()).await
}

// becomes

async fn price(&self, sku: Sku) -> Result<Price, PriceError> {
    use ::resilient::__private as __resilient;
    static __RESILIENT_0_RETRY: __resilient::Binding<__resilient::RetryPolicy> = __resilient::Binding::new(
        __resilient::RetryPolicy::checked(
            __resilient::RetryPolicy::attempts(__resilient::RetryPolicy::new(), 2),
        ),
        __resilient::None,
    );
    static __RESILIENT_1_HEDGE: __resilient::Binding<__resilient::HedgePolicy> = __resilient::Binding::new(
        __resilient::HedgePolicy::checked(
            __resilient::HedgePolicy::after(
                __resilient::HedgePolicy::new(),
                __resilient::HedgeAfter::after(__resilient::Duration::from_millis(100)),
            ),
        ),
        __resilient::None,
    );
    static __RESILIENT_2_TIMEOUT: __resilient::Binding<__resilient::TimeoutPolicy> = __resilient::Binding::new(
        __resilient::TimeoutPolicy::checked(
            __resilient::TimeoutPolicy::duration(
                __resilient::TimeoutPolicy::new(),
                __resilient::Duration::from_secs(1),
            ),
        ),
        __resilient::None,
    );
    struct __ResilientName;
    __resilient::inventory::submit! {
        __resilient::CallSite::new:: < __ResilientName > (__resilient::core::file!(),
        __resilient::core::line!(), & [__resilient::Layer::new(& __RESILIENT_0_RETRY,
        "retry(2, attempt = cx)"), __resilient::Layer::new(& __RESILIENT_1_HEDGE,
        "hedge(100ms)"), __resilient::Layer::new(& __RESILIENT_2_TIMEOUT,
        "timeout(1s)")],)
    }
    let __resilient_frame = __resilient::Frame::new();
    let __resilient_body = __resilient::body(|__resilient_step: __resilient::Attempt| async {
        #[allow(
            clippy::all,
            clippy::pedantic,
            clippy::nursery,
            clippy::restriction,
            unreachable_code
        )]
        if false {
            let __resilient_returns: Result<Price, PriceError> = loop {};
            return __resilient_returns;
        }
        let cx = __resilient_step;
        { self.ask(sku, cx.number()).await }
    });
    let __resilient_outcome = {
        let __resilient_key_0 = __resilient::IdempotencyKey::random();
        let mut __resilient_retry_0 = __RESILIENT_0_RETRY.live().begin();
        loop {
            let __resilient_delay = {
                let __resilient_outcome = __RESILIENT_1_HEDGE
                    .live()
                    .race(
                        &__resilient_frame,
                        __resilient::clone_arguments_moved_by_the_body(
                            &__resilient_body,
                        ),
                        |__resilient_kept| {
                            let __resilient_copy = __resilient::Own::new(
                                __resilient::clone_arguments_moved_by_the_body(
                                    __resilient_kept,
                                ),
                            );
                            async {
                                let __resilient_body = __resilient_copy.take();
                                __RESILIENT_2_TIMEOUT
                                    .live()
                                    .limit(
                                        __resilient::run_within(
                                            [
                                                __RESILIENT_0_RETRY,
                                                __RESILIENT_1_HEDGE,
                                                __RESILIENT_2_TIMEOUT,
                                            ],
                                            [],
                                            true,
                                            __resilient::splitting(
                                                __resilient_body(
                                                    __resilient::Attempt::new(
                                                        __resilient_retry_0.number(),
                                                        __resilient::core::clone::Clone::clone(&__resilient_key_0),
                                                    ),
                                                ),
                                            ),
                                        ),
                                    )
                                    .await
                            }
                        },
                        |__resilient_outcome| {
                            __resilient::Judge::<Result<Price, PriceError>>::new()
                                .verdict_with(
                                    __resilient_outcome,
                                    __resilient::diagnose!(__resilient_outcome),
                                )
                        },
                    )
                    .await;
                match __resilient::decide(
                    &mut __resilient_retry_0,
                    &__resilient_outcome,
                    __resilient::way!(__resilient::seen_in(& __resilient_outcome)),
                ) {
                    __resilient::Some(__resilient_delay) => __resilient_delay,
                    __resilient::None => break __resilient_outcome,
                }
            };
            __resilient_delay.await;
        }
    };
    __resilient::finish::<Result<Price, PriceError>>(__resilient_outcome)
}
