#[timeout(5s, map_err = |rejected: Rejected| Error::refused(self.name, rejected))]
#[retry(3)]
pub(crate) async fn get<'a, 'k: 'a, K, V>(&'a self, key: &'k K, mut limit: usize) -> Result<Cow<'a, V>, Error<'k>>
where
    K: Hash + ?Sized,
    V: ToOwned + FromKey<'k>,
{
    limit += 1;
    self.find(key, limit).await.map(Cow::Owned)
}

// becomes

pub(crate) async fn get<'a, 'k: 'a, K, V>(
    &'a self,
    key: &'k K,
    limit: usize,
) -> Result<Cow<'a, V>, Error<'k>>
where
    K: Hash + ?Sized,
    V: ToOwned + FromKey<'k>,
{
    use ::resilient::__private as __resilient;
    static __RESILIENT_0_TIMEOUT: __resilient::Binding<__resilient::TimeoutPolicy> = __resilient::Binding::new(
        __resilient::TimeoutPolicy::checked(
            __resilient::TimeoutPolicy::duration(
                __resilient::TimeoutPolicy::new(),
                __resilient::Duration::from_secs(5),
            ),
        ),
        __resilient::None,
    );
    static __RESILIENT_1_RETRY: __resilient::Binding<__resilient::RetryPolicy> = __resilient::Binding::new(
        __resilient::RetryPolicy::checked(
            __resilient::RetryPolicy::attempts(__resilient::RetryPolicy::new(), 3),
        ),
        __resilient::None,
    );
    struct __ResilientName;
    __resilient::inventory::submit! {
        __resilient::CallSite::new:: < __ResilientName > (__resilient::core::file!(),
        __resilient::core::line!(), & [__resilient::Layer::new(& __RESILIENT_0_TIMEOUT,
        "timeout(5s, map_err = | rejected : Rejected | Error::refused(self.name, rejected))"),
        __resilient::Layer::new(& __RESILIENT_1_RETRY, "retry(3)")],)
    }
    let __resilient_body = __resilient::body(|_: ()| async {
        #[allow(
            clippy::all,
            clippy::pedantic,
            clippy::nursery,
            clippy::restriction,
            unreachable_code
        )]
        if false {
            let __resilient_returns: Result<Cow<'a, V>, Error<'k>> = loop {};
            return __resilient_returns;
        }
        let mut limit = limit;
        {
            limit += 1;
            self.find(key, limit).await.map(Cow::Owned)
        }
    });
    let __resilient_outcome = __RESILIENT_0_TIMEOUT
        .live()
        .limit(async {
            {
                let mut __resilient_retry_1 = __RESILIENT_1_RETRY.live().begin();
                loop {
                    let __resilient_delay = {
                        let __resilient_outcome = __resilient::run_body(
                            waits,
                            [__RESILIENT_0_TIMEOUT, __RESILIENT_1_RETRY],
                            [],
                            true,
                            __resilient::split(
                                __resilient::clone_arguments_moved_by_the_body(
                                        &__resilient_body,
                                    )(())
                                    .await,
                            ),
                        );
                        match __resilient::decide(
                            &mut __resilient_retry_1,
                            &__resilient_outcome,
                            __resilient::way!(
                                __resilient::seen_in(& __resilient_outcome)
                            ),
                        ) {
                            __resilient::Some(__resilient_delay) => __resilient_delay,
                            __resilient::None => break __resilient_outcome,
                        }
                    };
                    __resilient_delay.await;
                }
            }
        })
        .await;
    __resilient::finish_with::<
        Result<Cow<'a, V>, Error<'k>>,
        _,
    >(__resilient_outcome, |rejected: Rejected| Error::refused(self.name, rejected))
}
