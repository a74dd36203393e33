#[rate_limit(100/s, algorithm = sliding_window, cost = batch.len() as u32)]
#[bulkhead(20, cost = weight(&batch))]
async fn store(batch: Vec<Row>) -> Result<(), Error> {
    write(batch).await
}

// becomes

async fn store(batch: Vec<Row>) -> Result<(), Error> {
    use ::resilient::__private as __resilient;
    static __RESILIENT_0_RATE_LIMIT: __resilient::Binding<
        __resilient::RateLimitPolicy,
    > = __resilient::Binding::new(
        __resilient::RateLimitPolicy::checked(
            __resilient::RateLimitPolicy::algorithm(
                __resilient::RateLimitPolicy::checked(
                    __resilient::RateLimitPolicy::rate(
                        __resilient::RateLimitPolicy::new(),
                        __resilient::Rate::new(100, __resilient::Duration::from_secs(1)),
                    ),
                ),
                __resilient::Algorithm::SlidingWindow,
            ),
        ),
        __resilient::None,
    );
    static __RESILIENT_1_BULKHEAD: __resilient::Binding<__resilient::BulkheadPolicy> = __resilient::Binding::new(
        __resilient::BulkheadPolicy::checked(
            __resilient::BulkheadPolicy::limit(__resilient::BulkheadPolicy::new(), 20),
        ),
        __resilient::None,
    );
    struct __ResilientName;
    __resilient::inventory::submit! {
        __resilient::CallSite::new:: < __ResilientName > (__resilient::core::file!(),
        __resilient::core::line!(), & [__resilient::Layer::new(&
        __RESILIENT_0_RATE_LIMIT,
        "rate_limit(100 / s, algorithm = sliding_window, cost = batch.len() as u32)"),
        __resilient::Layer::new(& __RESILIENT_1_BULKHEAD,
        "bulkhead(20, cost = weight(& batch))")],)
    }
    let __resilient_frame = __resilient::Frame::new();
    let __resilient_outcome = '__resilient_0: {
        __resilient_frame.ask();
        let __resilient_cost: __resilient::core::primitive::u32 = batch.len() as u32;
        __resilient_frame.wait();
        if let __resilient::Err(__resilient_rejected) = __RESILIENT_0_RATE_LIMIT
            .live()
            .admit_weighing(__resilient_cost)
            .await
        {
            break '__resilient_0 __resilient::Err(
                __resilient::Failure::Rejected(__resilient_rejected),
            );
        }
        '__resilient_1: {
            __resilient_frame.ask();
            let __resilient_cost: __resilient::core::primitive::u32 = weight(&batch);
            __resilient_frame.wait();
            let __resilient_permit = match __RESILIENT_1_BULKHEAD
                .live()
                .admit_weighing(&__resilient_frame, __resilient_cost)
                .await
            {
                __resilient::Ok(__resilient_permit) => __resilient_permit,
                __resilient::Err(__resilient_rejected) => {
                    break '__resilient_1 __resilient::Err(
                        __resilient::Failure::Rejected(__resilient_rejected),
                    );
                }
            };
            __resilient::run_body(
                waits,
                [__RESILIENT_0_RATE_LIMIT, __RESILIENT_1_BULKHEAD],
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
                            { write(batch).await }
                        })
                        .await,
                ),
            )
        }
    };
    __resilient::finish::<Result<(), Error>>(__resilient_outcome)
}
