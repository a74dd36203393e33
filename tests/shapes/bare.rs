// Included where there is no prelude, no unsafe code, and every name means something else.

mod std {}
mod core {}
mod tokio {}
mod resilient_core {}

use ::resilient::{Rejected, circuit_breaker, fallback, rate_limit, resilient, retry, timeout};

/// As short as possible.
type Answer = ::core::result::Result<u32, Rejected>;

#[fallback(value = 0)]
#[retry(3, backoff = fixed(0s), attempt = cx, when_ok = |number| *number > 30, jitter = full)]
#[timeout(1s)]
async fn answered(number: u32) -> Answer {
    ::core::result::Result::Ok(number + cx.number())
}

#[resilient("bare")]
async fn in_a_pipeline(number: u32) -> Answer {
    ::core::result::Result::Ok(number)
}

#[fallback(|_| ::core::result::Result::Ok(number + 100))]
#[circuit_breaker(failure_rate = 50%, ramp = [10%, 50%])]
#[rate_limit(100/s)]
#[retry(3, backoff = exponential(1ms..5s), budget("bare", 20%))]
fn plain(number: u32) -> Answer {
    if number > 9 {
        return ::core::result::Result::Err(Rejected::bulkhead_full("bare"));
    }
    ::core::result::Result::Ok(number)
}

#[retry(3, backoff = fixed(0s))]
#[timeout(10ms)]
fn boxed(
    number: &u32,
) -> ::std::pin::Pin<
    ::std::boxed::Box<dyn ::core::future::Future<Output = Answer> + ::core::marker::Send + '_>,
> {
    if *number > 3 {
        return ::std::boxed::Box::pin(in_a_pipeline(*number));
    }
    ::std::boxed::Box::pin(async move {
        if *number == 0 {
            ::core::future::pending::<()>().await;
        }
        ::core::result::Result::Ok(*number)
    })
}

#[test]
fn an_expansion_needs_no_name_that_the_user_could_take_away() {
    let runtime = ::tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let runtime = runtime.expect("a runtime");
    ::core::assert_eq!(runtime.block_on(answered(3)), ::core::result::Result::Ok(4));
    ::core::assert_eq!(runtime.block_on(in_a_pipeline(3)), plain(3));
    ::core::assert_eq!(runtime.block_on(boxed(&4)), plain(4));
    ::core::assert_eq!(runtime.block_on(boxed(&3)), plain(3));

    let third = ::core::result::Result::Ok(43);
    ::core::assert_eq!(runtime.block_on(answered(40)), third);
    ::core::assert_eq!(plain(10), ::core::result::Result::Ok(110));
    ::core::assert!(::core::matches!(
        runtime.block_on(boxed(&0)),
        ::core::result::Result::Err(Rejected::TimedOut(_))
    ));
}
