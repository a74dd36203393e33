#[resilient("pricing", map_err = refused)]
async fn price(sku: &Sku) -> Result<Price, PriceError> {
    ask(sku).await
}

// becomes

async fn price(sku: &Sku) -> Result<Price, PriceError> {
    use ::resilient::__private as __resilient;
    static __RESILIENT_0_TIMEOUT: __resilient::Binding<__resilient::TimeoutPolicy> = __resilient::Binding::new(
            __resilient::TimeoutPolicy::new(),
            __resilient::Some("pricing"),
        )
        .in_pipeline();
    static __RESILIENT_1_CIRCUIT_BREAKER: __resilient::Binding<
        __resilient::CircuitBreakerPolicy,
    > = __resilient::Binding::new(
            __resilient::CircuitBreakerPolicy::new(),
            __resilient::Some("pricing"),
        )
        .in_pipeline();
    static __RESILIENT_2_RETRY: __resilient::Binding<__resilient::RetryPolicy> = __resilient::Binding::new(
            __resilient::RetryPolicy::new(),
            __resilient::Some("pricing"),
        )
        .in_pipeline();
    static __RESILIENT_3_RATE_LIMIT: __resilient::Binding<
        __resilient::RateLimitPolicy,
    > = __resilient::Binding::new(
            __resilient::RateLimitPolicy::new(),
            __resilient::Some("pricing"),
        )
        .in_pipeline();
    static __RESILIENT_4_TIMEOUT: __resilient::Binding<
        __resilient::AttemptTimeoutPolicy,
    > = __resilient::Binding::new(
            __resilient::AttemptTimeoutPolicy::new(),
            __resilient::Some("pricing"),
        )
        .in_pipeline();
    static __RESILIENT_5_BULKHEAD: __resilient::Binding<__resilient::BulkheadPolicy> = __resilient::Binding::new(
            __resilient::BulkheadPolicy::new(),
            __resilient::Some("pricing"),
        )
        .in_pipeline();
    struct __ResilientName;
    __resilient::inventory::submit! {
        __resilient::CallSite::new:: < __ResilientName > (__resilient::core::file!(),
        __resilient::core::line!(), & [__resilient::Layer::new(& __RESILIENT_0_TIMEOUT,
        "resilient(\"pricing\", map_err = refused)"), __resilient::Layer::new(&
        __RESILIENT_1_CIRCUIT_BREAKER, "resilient(\"pricing\", map_err = refused)"),
        __resilient::Layer::new(& __RESILIENT_2_RETRY,
        "resilient(\"pricing\", map_err = refused)"), __resilient::Layer::new(&
        __RESILIENT_3_RATE_LIMIT, "resilient(\"pricing\", map_err = refused)"),
        __resilient::Layer::new(& __RESILIENT_4_TIMEOUT,
        "resilient(\"pricing\", map_err = refused)"), __resilient::Layer::new(&
        __RESILIENT_5_BULKHEAD, "resilient(\"pricing\", map_err = refused)")],)
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
    let __resilient_outcome = __RESILIENT_0_TIMEOUT
        .live()
        .limit(async {
            '__resilient_1: {
                let mut __resilient_permit = match __RESILIENT_1_CIRCUIT_BREAKER
                    .live()
                    .admit(&__resilient_frame)
                {
                    __resilient::Ok(__resilient_permit) => __resilient_permit,
                    __resilient::Err(__resilient_rejected) => {
                        break '__resilient_1 __resilient::Err(
                            __resilient::Failure::Rejected(__resilient_rejected),
                        );
                    }
                };
                let __resilient_outcome = {
                    let mut __resilient_retry_2 = __RESILIENT_2_RETRY.live().begin();
                    loop {
                        let __resilient_delay = {
                            let __resilient_outcome = '__resilient_3: {
                                if let __resilient::Err(__resilient_rejected) = __RESILIENT_3_RATE_LIMIT
                                    .live()
                                    .admit()
                                    .await
                                {
                                    break '__resilient_3 __resilient::Err(
                                        __resilient::Failure::Rejected(__resilient_rejected),
                                    );
                                }
                                __RESILIENT_4_TIMEOUT
                                    .live()
                                    .limit(async {
                                        '__resilient_5: {
                                            let __resilient_permit = match __RESILIENT_5_BULKHEAD
                                                .live()
                                                .admit(&__resilient_frame)
                                                .await
                                            {
                                                __resilient::Ok(__resilient_permit) => __resilient_permit,
                                                __resilient::Err(__resilient_rejected) => {
                                                    break '__resilient_5 __resilient::Err(
                                                        __resilient::Failure::Rejected(__resilient_rejected),
                                                    );
                                                }
                                            };
                                            __resilient::run_body(
                                                waits,
                                                [
                                                    __RESILIENT_0_TIMEOUT,
                                                    __RESILIENT_1_CIRCUIT_BREAKER,
                                                    __RESILIENT_2_RETRY,
                                                    __RESILIENT_3_RATE_LIMIT,
                                                    __RESILIENT_4_TIMEOUT,
                                                    __RESILIENT_5_BULKHEAD,
                                                ],
                                                [__resilient_frame],
                                                true,
                                                __resilient::split(
                                                    __resilient_frame
                                                        .run({
                                                            __resilient_frame.ask();
                                                            __resilient::clone_arguments_moved_by_the_body(
                                                                &__resilient_body,
                                                            )(())
                                                        })
                                                        .await,
                                                ),
                                            )
                                        }
                                    })
                                    .await
                            };
                            match __resilient::decide(
                                &mut __resilient_retry_2,
                                &__resilient_outcome,
                                __resilient::way!(
                                    __resilient::seen_in(& __resilient_outcome)
                                ),
                            ) {
                                __resilient::Some(__resilient_delay) => __resilient_delay,
                                __resilient::None => break __resilient_outcome,
                            }
                        };
                        __resilient_frame.wait();
                        __resilient_delay.await;
                    }
                };
                __resilient::settle(
                    &mut __resilient_permit,
                    &__resilient_outcome,
                    __resilient::way!(__resilient::seen_in(& __resilient_outcome)),
                );
                __resilient_outcome
            }
        })
        .await;
    __resilient::finish_with::<
        Result<Price, PriceError>,
        _,
    >(__resilient_outcome, refused)
}
