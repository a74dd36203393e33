#[circuit_breaker(
    "partner",
    failure_rate = 50%,
    window_time = 1m,
    min_calls = 20,
    slow_call = 1500ms,
    slow_call_rate = 80%,
    open_for = 30s,
    open_backoff = 1.5,
    open_jitter = 10%,
    half_open_calls = 3,
    success_threshold = 2,
    half_open_for = 1m30s,
    ramp = [10%, 50%],
    count_rejections = true,
    obey_retry_after = true,
    max_keys = 500,
    enabled = true,
    unless = Error::is_ours,
    key = partner,
)]
async fn send(partner: &Partner) -> Result<(), Error> {
    post(partner).await
}

// becomes

async fn send(partner: &Partner) -> Result<(), Error> {
    use ::resilient::__private as __resilient;
    static __RESILIENT_0_CIRCUIT_BREAKER: __resilient::Binding<
        __resilient::CircuitBreakerPolicy,
    > = __resilient::Binding::new(
            __resilient::CircuitBreakerPolicy::checked(
                __resilient::CircuitBreakerPolicy::enabled(
                    __resilient::CircuitBreakerPolicy::checked(
                        __resilient::CircuitBreakerPolicy::max_keys(
                            __resilient::CircuitBreakerPolicy::checked(
                                __resilient::CircuitBreakerPolicy::obey_retry_after(
                                    __resilient::CircuitBreakerPolicy::checked(
                                        __resilient::CircuitBreakerPolicy::count_rejections(
                                            __resilient::CircuitBreakerPolicy::checked(
                                                __resilient::CircuitBreakerPolicy::ramp(
                                                    __resilient::CircuitBreakerPolicy::checked(
                                                        __resilient::CircuitBreakerPolicy::half_open_for(
                                                            __resilient::CircuitBreakerPolicy::checked(
                                                                __resilient::CircuitBreakerPolicy::success_threshold(
                                                                    __resilient::CircuitBreakerPolicy::checked(
                                                                        __resilient::CircuitBreakerPolicy::half_open_calls(
                                                                            __resilient::CircuitBreakerPolicy::checked(
                                                                                __resilient::CircuitBreakerPolicy::open_jitter(
                                                                                    __resilient::CircuitBreakerPolicy::checked(
                                                                                        __resilient::CircuitBreakerPolicy::open_backoff(
                                                                                            __resilient::CircuitBreakerPolicy::checked(
                                                                                                __resilient::CircuitBreakerPolicy::open_for(
                                                                                                    __resilient::CircuitBreakerPolicy::checked(
                                                                                                        __resilient::CircuitBreakerPolicy::slow_call_rate(
                                                                                                            __resilient::CircuitBreakerPolicy::checked(
                                                                                                                __resilient::CircuitBreakerPolicy::slow_call(
                                                                                                                    __resilient::CircuitBreakerPolicy::checked(
                                                                                                                        __resilient::CircuitBreakerPolicy::min_calls(
                                                                                                                            __resilient::CircuitBreakerPolicy::checked(
                                                                                                                                __resilient::CircuitBreakerPolicy::window_time(
                                                                                                                                    __resilient::CircuitBreakerPolicy::checked(
                                                                                                                                        __resilient::CircuitBreakerPolicy::failure_rate(
                                                                                                                                            __resilient::CircuitBreakerPolicy::new(),
                                                                                                                                            __resilient::Share::parts_per_million(500000),
                                                                                                                                        ),
                                                                                                                                    ),
                                                                                                                                    __resilient::Duration::from_secs(60),
                                                                                                                                ),
                                                                                                                            ),
                                                                                                                            20,
                                                                                                                        ),
                                                                                                                    ),
                                                                                                                    __resilient::Duration::from_millis(1500),
                                                                                                                ),
                                                                                                            ),
                                                                                                            __resilient::Share::parts_per_million(800000),
                                                                                                        ),
                                                                                                    ),
                                                                                                    __resilient::Duration::from_secs(30),
                                                                                                ),
                                                                                            ),
                                                                                            1.5,
                                                                                        ),
                                                                                    ),
                                                                                    __resilient::Share::parts_per_million(100000),
                                                                                ),
                                                                            ),
                                                                            3,
                                                                        ),
                                                                    ),
                                                                    2,
                                                                ),
                                                            ),
                                                            __resilient::Duration::from_secs(90),
                                                        ),
                                                    ),
                                                    __resilient::Ramp::new(
                                                        &[
                                                            __resilient::Share::parts_per_million(100000),
                                                            __resilient::Share::parts_per_million(500000),
                                                        ],
                                                    ),
                                                ),
                                            ),
                                            true,
                                        ),
                                    ),
                                    true,
                                ),
                            ),
                            500,
                        ),
                    ),
                    true,
                ),
            ),
            __resilient::Some("partner"),
        )
        .keyed();
    struct __ResilientName;
    __resilient::inventory::submit! {
        __resilient::CallSite::new:: < __ResilientName > (__resilient::core::file!(),
        __resilient::core::line!(), & [__resilient::Layer::new(&
        __RESILIENT_0_CIRCUIT_BREAKER,
        "circuit_breaker(\"partner\", failure_rate = 50%, window_time = 1m, min_calls = 20, slow_call = 1500ms, slow_call_rate = 80%, open_for = 30s, open_backoff = 1.5, open_jitter = 10%, half_open_calls = 3, success_threshold = 2, half_open_for = 1m30s, ramp = [10%, 50%], count_rejections = true, obey_retry_after = true, max_keys = 500, enabled = true, unless = Error::is_ours, key = partner,)")],)
    }
    let __resilient_frame = __resilient::Frame::new();
    let __resilient_outcome = '__resilient_0: {
        __resilient_frame.ask();
        let __resilient_instance_0 = __RESILIENT_0_CIRCUIT_BREAKER
            .live()
            .keyed(&partner);
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
        let __resilient_outcome = __resilient::run_body(
            waits,
            [__RESILIENT_0_CIRCUIT_BREAKER],
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
                        { post(partner).await }
                    })
                    .await,
            ),
        );
        __resilient_permit
            .settle_with(
                __resilient::Judge::<Result<(), Error>>::new()
                    .unless(Error::is_ours)
                    .verdict_with(
                        &__resilient_outcome,
                        __resilient::diagnose!(& __resilient_outcome),
                    ),
                &__resilient_outcome,
            );
        __resilient_outcome
    };
    __resilient::finish::<Result<(), Error>>(__resilient_outcome)
}
