#[fallback(value = 0)]
#[resilient(timeout(1s), timeout(500ms))]
async fn stock() -> u32 {
    count().await
}

// becomes

async fn stock() -> u32 {
    use ::resilient::__private as __resilient;
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
    static __RESILIENT_2_TIMEOUT: __resilient::Binding<__resilient::TimeoutPolicy> = __resilient::Binding::new(
        __resilient::TimeoutPolicy::checked(
            __resilient::TimeoutPolicy::duration(
                __resilient::TimeoutPolicy::new(),
                __resilient::Duration::from_millis(500),
            ),
        ),
        __resilient::None,
    );
    struct __ResilientName;
    __resilient::inventory::submit! {
        __resilient::CallSite::new:: < __ResilientName > (__resilient::core::file!(),
        __resilient::core::line!(), & [__resilient::Layer::new(& __RESILIENT_0_FALLBACK,
        "fallback(value = 0)"), __resilient::Layer::new(& __RESILIENT_1_TIMEOUT,
        "timeout(1s)"), __resilient::Layer::new(& __RESILIENT_2_TIMEOUT,
        "timeout(500ms)")],)
    }
    let __resilient_outcome = __RESILIENT_1_TIMEOUT
        .live()
        .limit(
            __RESILIENT_2_TIMEOUT
                .live()
                .limit(async {
                    __resilient::run_body(
                        waits,
                        [
                            __RESILIENT_0_FALLBACK,
                            __RESILIENT_1_TIMEOUT,
                            __RESILIENT_2_TIMEOUT,
                        ],
                        [],
                        true,
                        __resilient::split::<
                            __resilient::Result<u32, __resilient::Rejected>,
                        >(
                            __resilient::Ok(
                                async move {
                                    #[allow(
                                        clippy::all,
                                        clippy::pedantic,
                                        clippy::nursery,
                                        clippy::restriction,
                                        unreachable_code
                                    )]
                                    if false {
                                        let __resilient_returns: u32 = loop {};
                                        return __resilient_returns;
                                    }
                                    { count().await }
                                }
                                    .await,
                            ),
                        ),
                    )
                }),
        )
        .await;
    match __RESILIENT_0_FALLBACK
        .live()
        .decide(
            __resilient_outcome,
            |__resilient_outcome| {
                __resilient::Judge::<
                    __resilient::Result<u32, __resilient::Rejected>,
                >::new()
                    .verdict(__resilient_outcome)
            },
        )
    {
        __resilient::Ruling::Keep(__resilient::Ok(__resilient_value)) => {
            __resilient_value
        }
        __resilient::Ruling::Keep(__resilient::Err(__resilient_failure))
        | __resilient::Ruling::Replace(__resilient_failure) => {
            let __resilient_answer = async {
                #[allow(
                    clippy::all,
                    clippy::pedantic,
                    clippy::nursery,
                    clippy::restriction,
                    unreachable_code
                )]
                if false {
                    let __resilient_returns: u32 = loop {};
                    return __resilient_returns;
                }
                0
            }
                .await;
            __RESILIENT_0_FALLBACK.live().settle(true);
            __resilient_answer
        }
    }
}
