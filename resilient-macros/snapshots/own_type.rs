#[fallback(|error| self.popular(error))]
#[timeout(1s)]
async fn recommend(&self) -> Recommendations {
    self.engine.ask().await
}

// becomes

async fn recommend(&self) -> Recommendations {
    use ::resilient::__private as __resilient;
    use __resilient::Known as _;
    static __RESILIENT_0_FALLBACK: __resilient::Binding<__resilient::FallbackPolicy> = __resilient::Binding::new(
        __resilient::FallbackPolicy::new(),
        __resilient::None,
    );
    static __RESILIENT_1_TIMEOUT: __resilient::Binding<__resilient::TimeoutPolicy> = __resilient::Binding::new(
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
        "fallback(| error | self.popular(error))"), __resilient::Layer::new(&
        __RESILIENT_1_TIMEOUT, "timeout(1s)")],)
    }
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
            let __resilient_returns: Recommendations = loop {};
            return __resilient_returns;
        }
        match __resilient_step {
            __resilient::Step::Run(__resilient_attempt) => __resilient_attempt,
            __resilient::Step::Fallback(_, __resilient_failure) => {
                return {
                    let error = __resilient::Shape::<Recommendations>::of()
                        .known()
                        .error(__resilient_failure);
                    __resilient::answer::<Recommendations, _, _>(self.popular(error))
                        .await
                };
            }
        }
        { self.engine.ask().await }
    });
    let __resilient_outcome = __RESILIENT_1_TIMEOUT
        .live()
        .limit(async {
            __resilient::run_body(
                waits,
                [__RESILIENT_0_FALLBACK, __RESILIENT_1_TIMEOUT],
                [],
                true,
                __resilient::Shape::<Recommendations>::of()
                    .known()
                    .split(
                        __resilient::clone_arguments_moved_by_the_body(
                                &__resilient_body,
                            )(__resilient::Step::Run(()))
                            .await,
                    ),
            )
        })
        .await;
    match __resilient::Shape::<Recommendations>::of()
        .known()
        .kept(
            __RESILIENT_0_FALLBACK
                .live()
                .decide(
                    __resilient_outcome,
                    |__resilient_outcome| {
                        __resilient::Shape::<Recommendations>::of()
                            .known()
                            .judge()
                            .verdict_with(
                                __resilient_outcome,
                                __resilient::diagnose!(__resilient_outcome),
                            )
                    },
                ),
        )
    {
        __resilient::Ok(__resilient_value) => __resilient_value,
        __resilient::Err(__resilient_failure) => {
            let __resilient_answer = __resilient::clone_arguments_moved_by_the_body(
                    &__resilient_body,
                )(__resilient::Step::Fallback(0, __resilient_failure))
                .await;
            __RESILIENT_0_FALLBACK
                .live()
                .settle(
                    __resilient::Shape::<Recommendations>::of()
                        .known()
                        .is_answered(&__resilient_answer),
                );
            __resilient_answer
        }
    }
}
