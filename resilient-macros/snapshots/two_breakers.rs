#[circuit_breaker("region", failure_threshold = 5)]
#[circuit_breaker("pricing", when = PriceError::is_transient, when_ok = Price::is_old)]
async fn price(sku: &Sku) -> Result<Price, PriceError> {
    ask(sku).await
}

// becomes

async fn price(sku: &Sku) -> Result<Price, PriceError> {
    use ::resilient::__private as __resilient;
    static __RESILIENT_0_CIRCUIT_BREAKER: __resilient::Binding<
        __resilient::CircuitBreakerPolicy,
    > = __resilient::Binding::new(
        __resilient::CircuitBreakerPolicy::checked(
            __resilient::CircuitBreakerPolicy::failure_threshold(
                __resilient::CircuitBreakerPolicy::new(),
                5,
            ),
        ),
        __resilient::Some("region"),
    );
    static __RESILIENT_1_CIRCUIT_BREAKER: __resilient::Binding<
        __resilient::CircuitBreakerPolicy,
    > = __resilient::Binding::new(
        __resilient::CircuitBreakerPolicy::new(),
        __resilient::Some("pricing"),
    );
    struct __ResilientName;
    __resilient::inventory::submit! {
        __resilient::CallSite::new:: < __ResilientName > (__resilient::core::file!(),
        __resilient::core::line!(), & [__resilient::Layer::new(&
        __RESILIENT_0_CIRCUIT_BREAKER,
        "circuit_breaker(\"region\", failure_threshold = 5)"), __resilient::Layer::new(&
        __RESILIENT_1_CIRCUIT_BREAKER,
        "circuit_breaker(\"pricing\", when = PriceError::is_transient, when_ok = Price::is_old)")],)
    }
    let __resilient_frame = __resilient::Frame::new();
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
        let __resilient_outcome = '__resilient_1: {
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
            let __resilient_outcome = __resilient::run_body(
                waits,
                [__RESILIENT_0_CIRCUIT_BREAKER, __RESILIENT_1_CIRCUIT_BREAKER],
                [__resilient_frame],
                true,
                __resilient::split(
                    __resilient_frame
                        .run(async move {
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
                        })
                        .await,
                ),
            );
            __resilient_permit
                .settle_with(
                    __resilient::Judge::<Result<Price, PriceError>>::new()
                        .when(PriceError::is_transient)
                        .when_ok(Price::is_old)
                        .verdict_with(
                            &__resilient_outcome,
                            __resilient::diagnose!(& __resilient_outcome),
                        ),
                    &__resilient_outcome,
                );
            __resilient_outcome
        };
        __resilient::settle(
            &mut __resilient_permit,
            &__resilient_outcome,
            __resilient::way!(__resilient::seen_in(& __resilient_outcome)),
        );
        __resilient_outcome
    };
    __resilient::finish::<Result<Price, PriceError>>(__resilient_outcome)
}
