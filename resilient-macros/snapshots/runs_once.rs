#[timeout(|| request.budget())]
#[rate_limit(100/s)]
#[bulkhead(20, queue = 50)]
async fn fetch(&mut self, mut request: Request) -> Result<&mut Page, Error> {
    request.sign();
    self.ask(request).await
}

// becomes

async fn fetch(&mut self, request: Request) -> Result<&mut Page, Error> {
    use ::resilient::__private as __resilient;
    static __RESILIENT_0_TIMEOUT: __resilient::Binding<__resilient::TimeoutPolicy> = __resilient::Binding::new(
            __resilient::TimeoutPolicy::new(),
            __resilient::None,
        )
        .per_call();
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
    );
    static __RESILIENT_2_BULKHEAD: __resilient::Binding<__resilient::BulkheadPolicy> = __resilient::Binding::new(
        __resilient::BulkheadPolicy::checked(
            __resilient::BulkheadPolicy::queue(
                __resilient::BulkheadPolicy::checked(
                    __resilient::BulkheadPolicy::limit(
                        __resilient::BulkheadPolicy::new(),
                        20,
                    ),
                ),
                50,
            ),
        ),
        __resilient::None,
    );
    struct __ResilientName;
    __resilient::inventory::submit! {
        __resilient::CallSite::new:: < __ResilientName > (__resilient::core::file!(),
        __resilient::core::line!(), & [__resilient::Layer::new(& __RESILIENT_0_TIMEOUT,
        "timeout(|| request.budget())"), __resilient::Layer::new(&
        __RESILIENT_1_RATE_LIMIT, "rate_limit(100 / s)"), __resilient::Layer::new(&
        __RESILIENT_2_BULKHEAD, "bulkhead(20, queue = 50)")],)
    }
    let __resilient_frame = __resilient::Frame::new();
    let __resilient_outcome = __RESILIENT_0_TIMEOUT
        .live()
        .limit_to(
            {
                __resilient_frame.ask();
                let __resilient_duration = (|| request.budget())();
                __resilient_frame.wait();
                __resilient_duration
            },
            async {
                '__resilient_1: {
                    if let __resilient::Err(__resilient_rejected) = __RESILIENT_1_RATE_LIMIT
                        .live()
                        .admit()
                        .await
                    {
                        break '__resilient_1 __resilient::Err(
                            __resilient::Failure::Rejected(__resilient_rejected),
                        );
                    }
                    '__resilient_2: {
                        let __resilient_permit = match __RESILIENT_2_BULKHEAD
                            .live()
                            .admit(&__resilient_frame)
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
                                __RESILIENT_0_TIMEOUT,
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
                                            let __resilient_returns: Result<&mut Page, Error> = loop {};
                                            return __resilient_returns;
                                        }
                                        let mut request = request;
                                        {
                                            request.sign();
                                            self.ask(request).await
                                        }
                                    })
                                    .await,
                            ),
                        )
                    }
                }
            },
        )
        .await;
    __resilient::finish::<Result<&mut Page, Error>>(__resilient_outcome)
}
