#[fallback(last_known)]
#[circuit_breaker("disk")]
#[retry(3, backoff = fixed(10ms))]
#[bulkhead(4)]
fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Error> {
    open(path)?.take(limit).read()
}

// becomes

fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Error> {
    use ::resilient::__private as __resilient;
    static __RESILIENT_0_FALLBACK: __resilient::Binding<__resilient::FallbackPolicy> = __resilient::Binding::new(
        __resilient::FallbackPolicy::new(),
        __resilient::None,
    );
    static __RESILIENT_1_CIRCUIT_BREAKER: __resilient::Binding<
        __resilient::CircuitBreakerPolicy,
    > = __resilient::Binding::new(
        __resilient::CircuitBreakerPolicy::new(),
        __resilient::Some("disk"),
    );
    static __RESILIENT_2_RETRY: __resilient::Binding<__resilient::RetryPolicy> = __resilient::Binding::new(
        __resilient::RetryPolicy::checked(
            __resilient::RetryPolicy::backoff(
                __resilient::RetryPolicy::checked(
                    __resilient::RetryPolicy::attempts(
                        __resilient::RetryPolicy::new(),
                        3,
                    ),
                ),
                __resilient::Backoff::fixed(__resilient::Duration::from_millis(10)),
            ),
        ),
        __resilient::None,
    );
    static __RESILIENT_3_BULKHEAD: __resilient::Binding<__resilient::BulkheadPolicy> = __resilient::Binding::new(
        __resilient::BulkheadPolicy::checked(
            __resilient::BulkheadPolicy::limit(__resilient::BulkheadPolicy::new(), 4),
        ),
        __resilient::None,
    );
    struct __ResilientName;
    __resilient::inventory::submit! {
        __resilient::CallSite::new:: < __ResilientName > (__resilient::core::file!(),
        __resilient::core::line!(), & [__resilient::Layer::new(& __RESILIENT_0_FALLBACK,
        "fallback(last_known)"), __resilient::Layer::new(& __RESILIENT_1_CIRCUIT_BREAKER,
        "circuit_breaker(\"disk\")"), __resilient::Layer::new(& __RESILIENT_2_RETRY,
        "retry(3, backoff = fixed(10ms))"), __resilient::Layer::new(&
        __RESILIENT_3_BULKHEAD, "bulkhead(4)")],)
    }
    let __resilient_frame = __resilient::Frame::new();
    let __resilient_body = __resilient::plain_body(|
        __resilient_step: __resilient::Step<(), _>|
    {
        #[allow(
            clippy::all,
            clippy::pedantic,
            clippy::nursery,
            clippy::restriction,
            unreachable_code
        )]
        if false {
            let __resilient_returns: Result<Vec<u8>, Error> = loop {};
            return __resilient_returns;
        }
        match __resilient_step {
            __resilient::Step::Run(__resilient_attempt) => __resilient_attempt,
            __resilient::Step::Fallback(_, __resilient_failure) => {
                return {
                    last_known(
                        __resilient::core::clone::Clone::clone(&path),
                        __resilient::core::clone::Clone::clone(&limit),
                    )
                };
            }
        }
        { open(path)?.take(limit).read() }
    });
    let __resilient_way = __resilient::way!(
        __resilient::seen_of:: < Result < Vec < u8 >, Error > > ()
    );
    let __resilient_outcome = {
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
            let __resilient_outcome = {
                let mut __resilient_retry_2 = __RESILIENT_2_RETRY.live().begin();
                loop {
                    let __resilient_delay = {
                        let __resilient_outcome = '__resilient_3: {
                            let __resilient_permit = match __RESILIENT_3_BULKHEAD
                                .live()
                                .try_admit(&__resilient_frame)
                            {
                                __resilient::Ok(__resilient_permit) => __resilient_permit,
                                __resilient::Err(__resilient_rejected) => {
                                    break '__resilient_3 __resilient::Err(
                                        __resilient::Failure::Rejected(__resilient_rejected),
                                    );
                                }
                            };
                            __resilient::run_body(
                                blocks,
                                [
                                    __RESILIENT_0_FALLBACK,
                                    __RESILIENT_1_CIRCUIT_BREAKER,
                                    __RESILIENT_2_RETRY,
                                    __RESILIENT_3_BULKHEAD,
                                ],
                                [__resilient_frame],
                                true,
                                __resilient::split(
                                    __resilient_frame
                                        .run_plain(|| __resilient::clone_arguments_moved_by_the_body(
                                            &__resilient_body,
                                        )(__resilient::Step::Run(()))),
                                ),
                            )
                        };
                        match __resilient::decide(
                            &mut __resilient_retry_2,
                            &__resilient_outcome,
                            __resilient_way,
                        ) {
                            __resilient::Some(__resilient_delay) => __resilient_delay,
                            __resilient::None => break __resilient_outcome,
                        }
                    };
                    __resilient_frame.wait();
                    __resilient_delay.sleep();
                }
            };
            __resilient::settle(
                &mut __resilient_permit,
                &__resilient_outcome,
                __resilient_way,
            );
            __resilient_outcome
        };
        match __RESILIENT_0_FALLBACK
            .live()
            .decide(
                __resilient_outcome,
                |__resilient_outcome| {
                    __resilient::Judge::<Result<Vec<u8>, Error>>::new()
                        .verdict_with(
                            __resilient_outcome,
                            __resilient::diagnose!(__resilient_outcome),
                        )
                },
            )
        {
            __resilient::Ruling::Keep(__resilient_outcome) => __resilient_outcome,
            __resilient::Ruling::Replace(__resilient_failure) => {
                let __resilient_answer = __resilient::split(
                    __resilient_frame
                        .run_plain(|| __resilient::clone_arguments_moved_by_the_body(
                            &__resilient_body,
                        )(__resilient::Step::Fallback(0, __resilient_failure))),
                );
                __RESILIENT_0_FALLBACK.live().settle(__resilient_answer.is_ok());
                __resilient_answer
            }
        }
    };
    __resilient::finish::<Result<Vec<u8>, Error>>(__resilient_outcome)
}
