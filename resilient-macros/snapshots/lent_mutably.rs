#[fallback(|error| self.last(order, error))]
#[retry(attempt = cx, idempotency_key = order.id)]
async fn charge(&mut self, order: Order) -> Result<Receipt, Error> {
    println!("{self:?} {}", cx.number());
    self.gateway.charge(order, cx.idempotency_key()).await
}

// becomes

async fn charge(&mut self, order: Order) -> Result<Receipt, Error> {
    use ::resilient::__private as __resilient;
    static __RESILIENT_0_FALLBACK: __resilient::Binding<__resilient::FallbackPolicy> = __resilient::Binding::new(
        __resilient::FallbackPolicy::new(),
        __resilient::None,
    );
    static __RESILIENT_1_RETRY: __resilient::Binding<__resilient::RetryPolicy> = __resilient::Binding::new(
        __resilient::RetryPolicy::new(),
        __resilient::None,
    );
    struct __ResilientName;
    __resilient::inventory::submit! {
        __resilient::CallSite::new:: < __ResilientName > (__resilient::core::file!(),
        __resilient::core::line!(), & [__resilient::Layer::new(& __RESILIENT_0_FALLBACK,
        "fallback(| error | self.last(order, error))"), __resilient::Layer::new(&
        __RESILIENT_1_RETRY, "retry(attempt = cx, idempotency_key = order.id)")],)
        .unrefused()
    }
    let __resilient_body = async |
        __resilient_step: __resilient::Step<__resilient::Attempt, _>,
        __resilient_self: &mut Self|
    {
        #[allow(
            clippy::all,
            clippy::pedantic,
            clippy::nursery,
            clippy::restriction,
            unreachable_code
        )]
        if false {
            let __resilient_returns: Result<Receipt, Error> = loop {};
            return __resilient_returns;
        }
        let cx = match __resilient_step {
            __resilient::Step::Run(__resilient_attempt) => __resilient_attempt,
            __resilient::Step::Fallback(_, __resilient_failure) => {
                return {
                    let error = __resilient::error_unrejected::<
                        Result<Receipt, Error>,
                    >(__resilient_failure);
                    __resilient::answer::<
                        Result<Receipt, Error>,
                        _,
                        _,
                    >(__resilient_self.last(order, error))
                        .await
                };
            }
        };
        {
            println!("{__resilient_self:?} {}", cx.number());
            __resilient_self.gateway.charge(order, cx.idempotency_key()).await
        }
    };
    let __resilient_outcome = {
        let __resilient_outcome = {
            let __resilient_key_1 = __resilient::IdempotencyKey::of(&(order.id));
            let mut __resilient_retry_1 = __RESILIENT_1_RETRY.live().begin();
            loop {
                let __resilient_delay = {
                    let __resilient_outcome = __resilient::run_body(
                        waits,
                        [__RESILIENT_0_FALLBACK, __RESILIENT_1_RETRY],
                        [],
                        false,
                        __resilient::split(
                            __resilient::clone_arguments_moved_by_the_body(
                                    &__resilient_body,
                                )(
                                    __resilient::Step::Run(
                                        __resilient::Attempt::new(
                                            __resilient_retry_1.number(),
                                            __resilient::core::clone::Clone::clone(&__resilient_key_1),
                                        ),
                                    ),
                                    &mut *self,
                                )
                                .await,
                        ),
                    );
                    match __resilient::decide(
                        &mut __resilient_retry_1,
                        &__resilient_outcome,
                        __resilient::way!(__resilient::seen_in(& __resilient_outcome)),
                    ) {
                        __resilient::Some(__resilient_delay) => __resilient_delay,
                        __resilient::None => break __resilient_outcome,
                    }
                };
                __resilient_delay.await;
            }
        };
        match __RESILIENT_0_FALLBACK
            .live()
            .decide(
                __resilient_outcome,
                |__resilient_outcome| {
                    __resilient::Judge::<Result<Receipt, Error>>::new()
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
                        )(
                            __resilient::Step::Fallback(0, __resilient_failure),
                            &mut *self,
                        )
                        .await,
                );
                __RESILIENT_0_FALLBACK.live().settle(__resilient_answer.is_ok());
                __resilient_answer
            }
        }
    };
    __resilient::finish_unrejected::<Result<Receipt, Error>>(__resilient_outcome)
}
