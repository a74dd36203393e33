#[circuit_breaker("pricing", failure_rate = 50%, window = 20, when = PriceError::is_transient)]
#[retry(3, backoff = exponential(100ms..5s))]
#[timeout(1s)]
pub async fn price(sku: &Sku) -> Result<Price, PriceError> {
    ask(sku).await
}

// becomes

pub async fn price(sku: &Sku) -> Result<Price, PriceError> {
    use ::resilient::__private as __resilient;
    static __RESILIENT_0_CIRCUIT_BREAKER: __resilient::Binding<
        __resilient::CircuitBreakerPolicy,
    > = __resilient::Binding::new(
        __resilient::CircuitBreakerPolicy::checked(
            __resilient::CircuitBreakerPolicy::window(
                __resilient::CircuitBreakerPolicy::checked(
                    __resilient::CircuitBreakerPolicy::failure_rate(
                        __resilient::CircuitBreakerPolicy::new(),
                        __resilient::Share::parts_per_million(500000),
                    ),
                ),
                20,
            ),
        ),
        __resilient::Some("pricing"),
    );
    static __RESILIENT_1_RETRY: __resilient::Binding<__resilient::RetryPolicy> = __resilient::Binding::new(
        __resilient::RetryPolicy::checked(
            __resilient::RetryPolicy::backoff(
                __resilient::RetryPolicy::checked(
                    __resilient::RetryPolicy::attempts(
                        __resilient::RetryPolicy::new(),
                        3,
                    ),
                ),
                __resilient::Backoff::exponential(
                    __resilient::Duration::from_millis(100),
                    __resilient::Duration::from_secs(5),
                ),
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
        __resilient::core::line!(), & [__resilient::Layer::new(&
        __RESILIENT_0_CIRCUIT_BREAKER,
        "circuit_breaker(\"pricing\", failure_rate = 50%, window = 20, when = PriceError::is_transient)"),
        __resilient::Layer::new(& __RESILIENT_1_RETRY,
        "retry(3, backoff = exponential(100ms..5s))"), __resilient::Layer::new(&
        __RESILIENT_2_TIMEOUT, "timeout(1s)")],)
    }
    let __resilient_frame = __resilient::Frame::new();
    let __resilient_body = __resilient::body(|_: ()| async {
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
        { ask(sku).await }
    });
    let __resilient_outcome = '__resilient_0: {
        let mut __resilient_permit = match __RESILIENT_0_CIRCUIT_BREAKER
            .live()
            .admit(&__resilient_frame)
        {
            __resilient::Ok(__resilient_permit) => __resilient_permit,
            __resilient::Err(__resilient_rejected) => {
                break '__resilient_0 __resilient::Err(
                    __resilient::Failure::Rejected(__resilient_rejected),
                );
            }
        };
        let __resilient_outcome = {
            let mut __resilient_retry_1 = __RESILIENT_1_RETRY.live().begin();
            loop {
                let __resilient_delay = {
                    let __resilient_outcome = __RESILIENT_2_TIMEOUT
                        .live()
                        .limit(
                            __resilient::run_within(
                                [
                                    __RESILIENT_0_CIRCUIT_BREAKER,
                                    __RESILIENT_1_RETRY,
                                    __RESILIENT_2_TIMEOUT,
                                ],
                                [__resilient_frame],
                                true,
                                __resilient::splitting_in(
                                    &__resilient_frame,
                                    __resilient::clone_arguments_moved_by_the_body(
                                        &__resilient_body,
                                    )(()),
                                ),
                            ),
                        )
                        .await;
                    match __resilient::decide(
                        &mut __resilient_retry_1,
                        &__resilient_outcome,
                        __resilient::way!(__resilient::seen_in(& __resilient_outcome)),
                    ) {
                        __resilient::Some(__resilient_delay) => __resilient_delay,
                        __resilient::None => break __resilient_outcome,
                    }
                };
                __resilient_frame.wait();
                __resilient_delay.await;
            }
        };
        __resilient_permit
            .settle_with(
                __resilient::Judge::<Result<Price, PriceError>>::new()
                    .when(PriceError::is_transient)
                    .verdict_with(
                        &__resilient_outcome,
                        __resilient::diagnose!(& __resilient_outcome),
                    ),
                &__resilient_outcome,
            );
        __resilient_outcome
    };
    __resilient::finish::<Result<Price, PriceError>>(__resilient_outcome)
}
