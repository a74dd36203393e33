#[fallback(list_price)]
#[fallback("prices", stale = 10m, key = (tenant, sku), mark = Price::mark_old)]
#[timeout(1s)]
async fn price(tenant: Tenant, sku: Sku) -> Result<Price, PriceError> {
    ask(tenant, sku).await
}

// becomes

async fn price(tenant: Tenant, sku: Sku) -> Result<Price, PriceError> {
    use ::resilient::__private as __resilient;
    static __RESILIENT_0_FALLBACK: __resilient::Binding<__resilient::FallbackPolicy> = __resilient::Binding::new(
        __resilient::FallbackPolicy::new(),
        __resilient::None,
    );
    static __RESILIENT_1_FALLBACK: __resilient::Binding<__resilient::FallbackPolicy> = __resilient::Binding::new(
        __resilient::FallbackPolicy::checked(
            __resilient::FallbackPolicy::stale(
                __resilient::FallbackPolicy::new(),
                __resilient::Duration::from_secs(600),
            ),
        ),
        __resilient::Some("prices"),
    );
    static __RESILIENT_1_ANSWERS: __resilient::StaleAnswers = __resilient::StaleAnswers::new();
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
        __resilient::core::line!(), & [__resilient::Layer::new(& __RESILIENT_0_FALLBACK,
        "fallback(list_price)"), __resilient::Layer::new(& __RESILIENT_1_FALLBACK,
        "fallback(\"prices\", stale = 10m, key = (tenant, sku), mark = Price::mark_old)"),
        __resilient::Layer::new(& __RESILIENT_2_TIMEOUT, "timeout(1s)")],)
    }
    let __resilient_origin = __resilient::Origin::new();
    let __resilient_stale_key_1 = __RESILIENT_1_FALLBACK
        .live()
        .stale_key(|| __resilient::StaleKey::of(&|| (), &(&tenant, &sku)));
    let __resilient_body = __resilient::body(|
        __resilient_step: __resilient::Step<(), _>|
    async {
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
        match __resilient_step {
            __resilient::Step::Run(__resilient_attempt) => __resilient_attempt,
            __resilient::Step::Fallback(_, __resilient_failure) => {
                return {
                    __resilient::answer::<
                        Result<Price, PriceError>,
                        _,
                        _,
                    >(
                            list_price(
                                __resilient::core::clone::Clone::clone(&tenant),
                                __resilient::core::clone::Clone::clone(&sku),
                            ),
                        )
                        .await
                };
            }
        }
        { ask(tenant, sku).await }
    });
    let __resilient_outcome = {
        let __resilient_outcome = {
            let __resilient_outcome = __RESILIENT_2_TIMEOUT
                .live()
                .limit(async {
                    {
                        let __resilient_outcome = __resilient::run_body(
                            waits,
                            [
                                __RESILIENT_0_FALLBACK,
                                __RESILIENT_1_FALLBACK,
                                __RESILIENT_2_TIMEOUT,
                            ],
                            [],
                            true,
                            __resilient::split(
                                __resilient::clone_arguments_moved_by_the_body(
                                        &__resilient_body,
                                    )(__resilient::Step::Run(()))
                                    .await,
                            ),
                        );
                        __resilient_origin.body();
                        __resilient_outcome
                    }
                })
                .await;
            __RESILIENT_1_FALLBACK
                .live()
                .last_good(
                    &__RESILIENT_1_ANSWERS,
                    __resilient_stale_key_1,
                    &__resilient_origin,
                    __resilient_outcome,
                    |__resilient_outcome| {
                        __resilient::Judge::<Result<Price, PriceError>>::new()
                            .verdict_with(
                                __resilient_outcome,
                                __resilient::diagnose!(__resilient_outcome),
                            )
                    },
                    Price::mark_old,
                )
        };
        match __RESILIENT_0_FALLBACK
            .live()
            .decide(
                __resilient_outcome,
                |__resilient_outcome| {
                    __resilient::Judge::<Result<Price, PriceError>>::new()
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
                    __resilient::clone_arguments_moved_by_the_body(
                            &__resilient_body,
                        )(__resilient::Step::Fallback(0, __resilient_failure))
                        .await,
                );
                __resilient_origin.fallback();
                __RESILIENT_0_FALLBACK.live().settle(__resilient_answer.is_ok());
                __resilient_answer
            }
        }
    };
    __resilient_origin.tell(__resilient_outcome.is_ok());
    __resilient::finish::<Result<Price, PriceError>>(__resilient_outcome)
}
