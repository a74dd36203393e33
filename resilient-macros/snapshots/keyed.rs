#[circuit_breaker("partner", key = partner.id, max_keys = 500)]
#[rate_limit(100/s, key = (partner.id, region.name()))]
#[bulkhead(20, key = partner, cost = 2)]
async fn send(partner: &Partner, region: Region) -> Result<(), Error> {
    post(partner, region).await
}

// becomes

async fn send(partner: &Partner, region: Region) -> Result<(), Error> {
    use ::resilient::__private as __resilient;
    static __RESILIENT_0_CIRCUIT_BREAKER: __resilient::Binding<
        __resilient::CircuitBreakerPolicy,
    > = __resilient::Binding::new(
            __resilient::CircuitBreakerPolicy::checked(
                __resilient::CircuitBreakerPolicy::max_keys(
                    __resilient::CircuitBreakerPolicy::new(),
                    500,
                ),
            ),
            __resilient::Some("partner"),
        )
        .keyed();
    static __RESILIENT_1_RATE_LIMIT: __resilient::Binding<
        __resilient::RateLimitPolicy,
    > = __resilient::Binding::new(
            __resilient::RateLimitPolicy::checked(
                __resilient::RateLimitPolicy::rate(
                    __resilient::RateLimitPolicy::new(),
                    __resilient::Rate::new(100, __resilient::Duration::from_secs(1)),
                ),
            ),
            __resilient::None,
        )
        .keyed();
    static __RESILIENT_2_BULKHEAD: __resilient::Binding<__resilient::BulkheadPolicy> = __resilient::Binding::new(
            __resilient::BulkheadPolicy::checked(
                __resilient::BulkheadPolicy::limit(
                    __resilient::BulkheadPolicy::new(),
                    20,
                ),
            ),
            __resilient::None,
        )
        .keyed();
    struct __ResilientName;
    __resilient::inventory::submit! {
        __resilient::CallSite::new:: < __ResilientName > (__resilient::core::file!(),
        __resilient::core::line!(), & [__resilient::Layer::new(&
        __RESILIENT_0_CIRCUIT_BREAKER,
        "circuit_breaker(\"partner\", key = partner.id, max_keys = 500)"),
        __resilient::Layer::new(& __RESILIENT_1_RATE_LIMIT,
        "rate_limit(100 / s, key = (partner.id, region.name()))"),
        __resilient::Layer::new(& __RESILIENT_2_BULKHEAD,
        "bulkhead(20, key = partner, cost = 2)")],)
    }
    let __resilient_frame = __resilient::Frame::new();
    let __resilient_outcome = '__resilient_0: {
        __resilient_frame.ask();
        let __resilient_instance_0 = __RESILIENT_0_CIRCUIT_BREAKER
            .live()
            .keyed(&partner.id);
        __resilient_frame.wait();
        let mut __resilient_permit = match __resilient_instance_0
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
            let __resilient_admitted = {
                __resilient_frame.ask();
                let __resilient_instance_1 = __RESILIENT_1_RATE_LIMIT
                    .live()
                    .keyed(&(&partner.id, &region.name()));
                __resilient_frame.wait();
                let __resilient_admitted = __resilient_instance_1.admit().await;
                __resilient_admitted
            };
            if let __resilient::Err(__resilient_rejected) = __resilient_admitted {
                break '__resilient_1 __resilient::Err(
                    __resilient::Failure::Rejected(__resilient_rejected),
                );
            }
            '__resilient_2: {
                __resilient_frame.ask();
                let __resilient_instance_2 = __RESILIENT_2_BULKHEAD
                    .live()
                    .keyed(&partner);
                __resilient_frame.wait();
                __resilient_frame.ask();
                let __resilient_cost: __resilient::core::primitive::u32 = 2;
                __resilient_frame.wait();
                let __resilient_permit = match __resilient_instance_2
                    .admit_weighing(&__resilient_frame, __resilient_cost)
                    .await
                {
                    __resilient::Ok(__resilient_permit) => __resilient_permit,
                    __resilient::Err(__resilient_rejected) => {
                        break '__resilient_2 __resilient::Err(
                            __resilient::Failure::Rejected(__resilient_rejected),
                        );
                    }
                };
                __resilient::run_body(
                    waits,
                    [
                        __RESILIENT_0_CIRCUIT_BREAKER,
                        __RESILIENT_1_RATE_LIMIT,
                        __RESILIENT_2_BULKHEAD,
                    ],
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
                                    let __resilient_returns: Result<(), Error> = loop {};
                                    return __resilient_returns;
                                }
                                { post(partner, region).await }
                            })
                            .await,
                    ),
                )
            }
        };
        __resilient::settle(
            &mut __resilient_permit,
            &__resilient_outcome,
            __resilient::way!(__resilient::seen_in(& __resilient_outcome)),
        );
        __resilient_outcome
    };
    __resilient::finish::<Result<(), Error>>(__resilient_outcome)
}
