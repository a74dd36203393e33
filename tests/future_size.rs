//! How much bigger futures get: 64 bytes for a policy, 160 more for a timeout or a hedge, and 96 more
//! for a bulkhead or a rate limit in which a call may wait.

use resilient::{
    Rejected, bulkhead, circuit_breaker, fallback, hedge, rate_limit, resilient, retry, timeout,
};

const POLICY: usize = 64;
const TIMEOUT: usize = 160;
const WAIT: usize = 96;

type Answer = Result<u64, Rejected>;

/// A body with 1 KiB of locals that live across an await.
macro_rules! functions {
    ($($(#[$attribute:meta])* $name:ident;)*) => { $(
        $(#[$attribute])*
        async fn $name(number: u64) -> Answer {
            let mut locals = [number; 128];
            tokio::task::yield_now().await;
            locals[0] += 1;
            Ok(locals.iter().sum())
        }
    )* };
}

functions! {
    plain;
    #[retry(3)]
    retried;
    #[timeout(1s)]
    timed;
    #[circuit_breaker]
    broken;
    #[bulkhead(20)]
    held;
    #[rate_limit(100/s)]
    limited;
    #[hedge(100ms)]
    hedged;
    #[hedge(p95, max = 3, budget = 10%)]
    #[circuit_breaker]
    hedged_broken;
    #[fallback(value = 0)]
    answered;
    #[circuit_breaker]
    #[retry(3)]
    #[timeout(1s)]
    three;
    #[timeout(5s)]
    #[circuit_breaker]
    #[retry(3)]
    #[timeout(1s)]
    #[bulkhead(20, queue = 50)]
    five;
    #[fallback(value = 0)]
    #[timeout(5s)]
    #[circuit_breaker]
    #[retry(3)]
    #[rate_limit(100/s)]
    #[timeout(1s)]
    #[bulkhead(20, queue = 50)]
    seven;
    #[resilient("future_size.pipeline")]
    pipeline;
}

fn added<F>(future: impl FnOnce(u64) -> F) -> usize {
    fn size<A, F>(_: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }
    size(future) - size(plain)
}

#[test]
fn a_policy_costs_few_bytes_however_big_the_body_is() {
    let within = |name: &str, added: usize, budget: usize| {
        println!("{name}: {added} of {budget} bytes");
        assert!(
            added <= budget,
            "{name}: {added} bytes, {budget} are allowed"
        );
    };
    within("retry", added(retried), POLICY);
    within("timeout", added(timed), POLICY + TIMEOUT);
    within("circuit breaker", added(broken), POLICY);
    within("bulkhead", added(held), POLICY + WAIT);
    within("rate limit", added(limited), POLICY + WAIT);
    within("hedge", added(hedged), POLICY + TIMEOUT);
    let both = 2 * POLICY + TIMEOUT;
    within("hedge and breaker", added(hedged_broken), both);
    within("fallback", added(answered), POLICY);
    within("three", added(three), 3 * POLICY + TIMEOUT);
    within("five", added(five), 5 * POLICY + 2 * TIMEOUT + WAIT);
    within("seven", added(seven), 7 * POLICY + 2 * TIMEOUT + 2 * WAIT);
    let six = 6 * POLICY + 2 * TIMEOUT + 2 * WAIT;
    within("pipeline", added(pipeline), six);
}

/// Each function as it is, and under a stack of three.
macro_rules! shapes {
    ($({ $($function:tt)* })*) => {
        #[expect(clippy::unused_async, reason = "some have nothing to wait for")]
        mod unannotated {
            use super::*;
            $($($function)*)*
        }

        mod stacked {
            use super::*;
            $(
                #[circuit_breaker]
                #[retry(3)]
                #[timeout(1s)]
                $($function)*
            )*
        }
    };
}

shapes! {
    { pub(super) async fn empty() -> Result<(), Rejected> { Ok(()) } }
    { pub(super) async fn never_waits(number: u64) -> Answer { Ok(number + 1) } }
    { pub(super) async fn borrowed(text: &str, rest: &[u64]) -> Answer {
        tokio::task::yield_now().await;
        Ok(text.len() as u64 + rest.len() as u64)
    } }
    { pub(super) async fn borrowed_for_long<'a>(texts: &'a [&'a str]) -> Result<&'a str, Rejected> {
        tokio::task::yield_now().await;
        Ok(texts[0])
    } }
    { pub(super) async fn moved(text: String) -> Answer {
        tokio::task::yield_now().await;
        Ok(text.into_bytes().len() as u64)
    } }
    { pub(super) async fn mutable(mut text: String) -> Result<String, Rejected> {
        text.push('!');
        tokio::task::yield_now().await;
        Ok(text)
    } }
    { pub(super) async fn lent_mutably(numbers: &mut Vec<u64>) -> Answer {
        numbers.push(1);
        tokio::task::yield_now().await;
        Ok(numbers.len() as u64)
    } }
    { pub(super) async fn taken_apart((first, second): (u64, u64), [third, _]: [u64; 2]) -> Answer {
        tokio::task::yield_now().await;
        Ok(first + second + third)
    } }
    { pub(super) async fn generic<T: Clone + Into<u64>>(number: T) -> Answer {
        tokio::task::yield_now().await;
        Ok(number.into())
    } }
    { pub(super) async fn erased(number: &(dyn Fn() -> u64 + Sync)) -> Answer {
        tokio::task::yield_now().await;
        Ok(number())
    } }
    { pub(super) async fn big_locals(number: u64) -> Answer {
        let locals = [number; 512];
        tokio::task::yield_now().await;
        Ok(locals.iter().sum())
    } }
    { pub(super) async fn big_answer(number: u64) -> Result<[u64; 64], Rejected> {
        tokio::task::yield_now().await;
        Ok([number; 64])
    } }
    { pub(super) async fn many_waits(number: u64) -> Answer {
        let mut sum = number;
        for wait in 0..number {
            let first = [wait; 16];
            tokio::task::yield_now().await;
            let second = [wait; 16];
            tokio::task::yield_now().await;
            sum += first[0] + second[0];
        }
        Ok(sum)
    } }
    { pub(super) async fn nested(number: u64) -> Answer {
        let inner = plain(number).await?;
        Ok(inner + plain(number).await?)
    } }
    { pub(super) async fn boxed_error(text: &str) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
        tokio::task::yield_now().await;
        Ok(text.parse()?)
    } }
    { pub(super) async fn holds_what_is_dropped(text: &str) -> Answer {
        let copies = [text.to_owned()];
        tokio::task::yield_now().await;
        Ok(copies.len() as u64)
    } }
}

#[test]
fn a_stack_costs_as_few_bytes_whatever_the_function_looks_like() {
    let mut counted = 0;
    macro_rules! compare {
        ($($name:ident($($argument:expr),*) + $copies:expr;)*) => { $(
            let plain = size_of_val(&unannotated::$name($($argument),*));
            let stacked = size_of_val(&stacked::$name($($argument),*));
            let budget = 3 * POLICY + TIMEOUT + $copies;
            println!("{}: {plain} + {} of {budget} bytes", stringify!($name), stacked - plain);
            assert!(stacked <= plain + budget, "{}: {plain} to {stacked}", stringify!($name));
            counted += 1;
        )* };
    }
    // What an attempt takes away is there once more, for the next one; what comes out of one, while
    // it is decided upon.
    let text = size_of::<String>();
    compare! {
        empty() + 0;
        never_waits(1) + 0;
        borrowed("text", &[1]) + 0;
        borrowed_for_long(&["text"]) + 0;
        moved(String::new()) + text;
        mutable(String::new()) + text;
        lent_mutably(&mut vec![]) + 0;
        taken_apart((1, 2), [3, 4]) + 0;
        generic(7_u32) + 0;
        erased(&|| 7) + 0;
        big_locals(1) + 0;
        big_answer(1) + 0;
        many_waits(1) + 0;
        nested(1) + 0;
        boxed_error("7") + 0;
        holds_what_is_dropped("text") + 0;
    }
    assert_eq!(counted, 16);
}
