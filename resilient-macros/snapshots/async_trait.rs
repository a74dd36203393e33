#[retry(3)]
fn price<'life0, 'async_trait>(
    &'life0 self,
    sku: Sku,
    count: u32,
    __arg3: (u32, u32),
) -> ::core::pin::Pin<Box<
    dyn ::core::future::Future<Output = Result<Price, PriceError>> + ::core::marker::Send + 'async_trait,
>>
where
    'life0: 'async_trait,
    Self: 'async_trait,
{
    Box::pin(async move {
        if let ::core::option::Option::Some(__ret) = ::core::option::Option::None::<Result<Price, PriceError>> {
            #[allow(unreachable_code)]
            return __ret;
        }
        let __self = self;
        let sku = sku;
        let mut count = count;
        let (first, second) = { let __arg3 = __arg3; __arg3 };
        let __ret: Result<Price, PriceError> = {
            count += first + second;
            __self.ask(&sku, count).await
        };
        #[allow(unreachable_code)]
        __ret
    })
}

// becomes

fn price<'life0, 'async_trait>(
    &'life0 self,
    sku: Sku,
    count: u32,
    __arg3: (u32, u32),
) -> ::core::pin::Pin<
    Box<
        dyn ::core::future::Future<
            Output = Result<Price, PriceError>,
        > + ::core::marker::Send + 'async_trait,
    >,
>
where
    'life0: 'async_trait,
    Self: 'async_trait,
{
    Box::pin(async move {
        let (first, second) = __arg3;
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
                let __resilient_returns: Result<Price, PriceError> = loop {};
                return __resilient_returns;
            }
            let mut count = count;
            {
                count += first + second;
                self.ask(&sku, count).await
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
        __resilient::finish_unrejected::<Result<Price, PriceError>>(__resilient_outcome)
    })
}
