#[retry(3)]
fn fetch<'a>(&'a self, mut path: String) -> BoxFuture<'a, Result<Page, Error>> {
    path.push('/');
    Box::pin(async move { self.ask(path).await })
}

// becomes

fn fetch<'a>(&'a self, path: String) -> BoxFuture<'a, Result<Page, Error>> {
    ::resilient::__private::Box::pin(async move {
        use ::resilient::__private as __resilient;
        static __RESILIENT_0_RETRY: __resilient::Binding<__resilient::RetryPolicy> = __resilient::Binding::new(
            __resilient::RetryPolicy::checked(
                __resilient::RetryPolicy::attempts(__resilient::RetryPolicy::new(), 3),
            ),
            __resilient::None,
        );
        struct __ResilientName;
        __resilient::inventory::submit! {
            __resilient::CallSite::new:: < __ResilientName > (__resilient::core::file!(),
            __resilient::core::line!(), & [__resilient::Layer::new(& __RESILIENT_0_RETRY,
            "retry(3)")],).unrefused()
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
                let __resilient_returns: Result<Page, Error> = loop {};
                return __resilient_returns;
            }
            let mut path = path;
            {
                let __resilient_future = __resilient::future_of(|| {
                    #[allow(
                        clippy::all,
                        clippy::pedantic,
                        clippy::nursery,
                        clippy::restriction,
                        unreachable_code
                    )]
                    if false {
                        let __resilient_returns: BoxFuture<'_, Result<Page, Error>> = loop {};
                        return __resilient_returns;
                    }
                    {
                        path.push('/');
                        Box::pin(async move { self.ask(path).await })
                    }
                });
                __resilient_future.await
            }
        });
        let __resilient_outcome = {
            let mut __resilient_retry_0 = __RESILIENT_0_RETRY.live().begin();
            loop {
                let __resilient_delay = {
                    let __resilient_outcome = __resilient::run_body(
                        waits,
                        [__RESILIENT_0_RETRY],
                        [],
                        false,
                        __resilient::split(
                            __resilient::clone_arguments_moved_by_the_body(
                                    &__resilient_body,
                                )(())
                                .await,
                        ),
                    );
                    match __resilient::decide(
                        &mut __resilient_retry_0,
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
        __resilient::finish_unrejected::<Result<Page, Error>>(__resilient_outcome)
    })
}
