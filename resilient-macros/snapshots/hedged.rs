#[hedge(p95, budget("gateway", 10%))]
#[bulkhead(20)]
async fn price(&self, sku: Sku) -> Result<Price, PriceError> {
    self.ask(sku).await
}

// becomes

async fn price(&self, sku: Sku) -> Result<Price, PriceError> {
    use ::resilient::__private as __resilient;
    static __RESILIENT_0_HEDGE: __resilient::Binding<__resilient::HedgePolicy> = __resilient::Binding::new(
        __resilient::HedgePolicy::checked(
            __resilient::HedgePolicy::budget(
                __resilient::HedgePolicy::checked(
                    __resilient::HedgePolicy::after(
                        __resilient::HedgePolicy::new(),
                        __resilient::HedgeAfter::percentile(
                            __resilient::Share::parts_per_million(950000),
                        ),
                    ),
                ),
                __resilient::Budget::shared(
                    "gateway",
                    __resilient::Share::parts_per_million(100000),
                ),
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
        __resilient::core::line!(), & [__resilient::Layer::new(& __RESILIENT_0_HEDGE,
        "hedge(p95, budget(\"gateway\", 10%))"), __resilient::Layer::new(&
        __RESILIENT_1_BULKHEAD, "bulkhead(20)")],)
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
        { self.ask(sku).await }
    });
    let __resilient_outcome = __RESILIENT_0_HEDGE
        .live()
        .race(
            &__resilient_frame,
            __resilient_body,
            |__resilient_kept| {
                let __resilient_copy = __resilient::Own::new(
                    __resilient::clone_arguments_moved_by_the_body(__resilient_kept),
                );
                async {
                    let __resilient_body = __resilient_copy.take();
                    '__resilient_1: {
                        let __resilient_permit = match __RESILIENT_1_BULKHEAD
                            .live()
                            .admit(&__resilient_frame)
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
                            [__RESILIENT_0_HEDGE, __RESILIENT_1_BULKHEAD],
                            [__resilient_frame],
                            true,
                            __resilient::split(
                                __resilient_frame.run(__resilient_body(())).await,
                            ),
                        )
                    }
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
    __resilient::finish::<Result<Price, PriceError>>(__resilient_outcome)
}
