//! What is compared with what, and the bounds that we set ourselves.

use crate::peers;
use resilient_overhead::Subject;
use resilient_overhead::paths::paths;

/// One path: ours first, then who else does the same.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) path: &'static str,
    pub(crate) ours: Subject,
    /// Nanoseconds of the budget on one thread.
    pub(crate) nanos: Option<f64>,
    /// The same while two threads share one instance.
    pub(crate) nanos_of_two: Option<f64>,
    /// How many times theirs ours may take.
    pub(crate) theirs: Vec<(Subject, Option<f64>)>,
}

/// One of our own paths.
fn ours(name: &str) -> Subject {
    let path = paths().into_iter().find(|path| path.subject.name() == name);
    path.expect("a path of ours").subject
}

fn row(
    path: &'static str,
    nanos: Option<f64>,
    nanos_of_two: Option<f64>,
    theirs: Vec<(Subject, Option<f64>)>,
) -> Row {
    Row {
        path,
        ours: ours(path),
        nanos,
        nanos_of_two,
        theirs,
    }
}

/// Every row of the budget.
#[allow(clippy::too_many_lines, reason = "a table")]
pub(crate) fn rows() -> Vec<Row> {
    vec![
        row("plain", None, None, vec![]),
        row(
            "breaker, consecutive",
            Some(6.0),
            None,
            vec![
                (peers::recloser(), Some(0.25)),
                (peers::failsafe(), None),
                (peers::circuitbreaker_rs(), None),
            ],
        ),
        row(
            "breaker, over calls",
            Some(10.0),
            None,
            vec![
                (peers::recloser(), Some(0.35)),
                (peers::tower_resilience_breaker(), None),
            ],
        ),
        row(
            "breaker, over 1000 calls",
            Some(10.0),
            None,
            vec![(ours("breaker, over calls"), None)],
        ),
        row(
            "breaker, over time",
            Some(14.0),
            None,
            vec![
                (peers::recloser(), Some(0.5)),
                (peers::seatbelt_breaker(), Some(0.15)),
                (peers::failsafe_over_time(), None),
            ],
        ),
        row(
            "breaker, consecutive, 10% fail",
            Some(10.0),
            None,
            vec![(peers::failsafe_failing(), None)],
        ),
        row(
            "breaker, over calls, 10% fail",
            Some(15.0),
            None,
            vec![(peers::recloser_failing(), None)],
        ),
        row(
            "breaker, over time, 10% fail",
            Some(20.0),
            None,
            vec![(peers::seatbelt_breaker_failing(), None)],
        ),
        row(
            "breaker, open",
            Some(14.0),
            None,
            vec![
                (peers::circuitbreaker_rs_open(), Some(0.4)),
                (peers::recloser_open(), None),
                (peers::failsafe_open(), None),
                (peers::tower_resilience_breaker_open(), None),
            ],
        ),
        row("breaker, half-open, a probe", Some(60.0), None, vec![]),
        row("breaker, half-open, refused", Some(80.0), None, vec![]),
        row(
            "retry, first try",
            Some(2.5),
            None,
            vec![
                (peers::tower_retry(), Some(1.7)),
                (peers::tokio_retry(), None),
                (peers::backon(), None),
                (peers::seatbelt_retry(), None),
                (peers::tower_resilience_retry(), None),
            ],
        ),
        row("retry, first try, with a budget", Some(7.0), None, vec![]),
        row(
            "timeout, ready",
            Some(6.0),
            None,
            vec![
                (peers::throttle_net_timeout(), Some(0.35)),
                (peers::tokio_timeout(), Some(0.2)),
                (peers::seatbelt_timeout(), None),
                (peers::tower_timeout(), None),
                (peers::tower_resilience_timeout(), None),
            ],
        ),
        row(
            "timeout, one wait",
            None,
            None,
            vec![
                (peers::tokio_timeout_pending(), Some(1.05)),
                (peers::throttle_net_timeout_pending(), None),
            ],
        ),
        row(
            "bulkhead, free",
            Some(14.0),
            None,
            vec![
                (peers::tokio_try_acquire(), Some(0.65)),
                (peers::tokio_acquire(), None),
                (peers::tower_limit(), None),
                (peers::tower_resilience_bulkhead(), None),
            ],
        ),
        row(
            "rate limit",
            Some(11.0),
            None,
            vec![
                (peers::governor(), Some(1.1)),
                (peers::tower_resilience_rate_limit(), None),
            ],
        ),
        row(
            "rate limit, 10 keys",
            None,
            None,
            vec![(peers::governor_keyed(), None)],
        ),
        row(
            "breaker, 100 000 keys",
            None,
            None,
            vec![(ours("breaker, 10 keys"), None)],
        ),
        row(
            "stack of four",
            Some(28.0),
            Some(75.0),
            vec![
                (peers::recloser_by_hand(), Some(0.32)),
                (peers::failsafe_by_hand(), None),
                (peers::seatbelt_by_hand(), None),
                (peers::tower_resilience_stack(), Some(0.05)),
            ],
        ),
        row("stack of five", Some(50.0), Some(110.0), vec![]),
        row(
            "stack of four, one wait",
            None,
            None,
            vec![(peers::recloser_by_hand_pending(), None)],
        ),
        row(
            "breaker, over calls",
            None,
            None,
            vec![(ours("by hand: breaker, over calls"), None)],
        ),
        row(
            "stack of four",
            None,
            None,
            vec![(ours("by hand: stack of four"), None)],
        ),
    ]
}
