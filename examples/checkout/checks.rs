//! What must hold after every run, whatever the machine was doing meanwhile.

use crate::gateway::{Books, Payment};
use crate::inventory::Reservation;
use crate::load::{Answer, Outcome, Story};
use crate::order::{Receipt, Recommended};
use crate::phase::{FLAPPING, HANGING, HEALTHY, NO_RECOMMENDATIONS};
use crate::report::{first_answers, milliseconds, of_phase, percentile, sorted};
use crate::speed::Speed;
use resilient::{CircuitBreakerState, Kind, LiveSnapshot};
use std::collections::HashMap;
use std::time::Duration;

/// Everything that was seen.
pub(crate) struct Evidence {
    pub(crate) speed: Speed,
    pub(crate) stories: Vec<Story>,
    /// What the checkout promised, by order.
    pub(crate) receipts: HashMap<String, Receipt>,
    /// Orders whose debts were not paid in time.
    pub(crate) unsettled: usize,
    /// What the services say they did.
    pub(crate) books: Books,
    pub(crate) reservations: HashMap<String, Reservation>,
    /// The breaker of the payments after they had recovered.
    pub(crate) recovered: Option<CircuitBreakerState>,
    /// The same breaker, which is the only one, when all was over.
    pub(crate) at_end: Option<CircuitBreakerState>,
}

/// What was found, or why it must not be.
type Finding = Result<String, String>;

/// A claim and how it is checked.
type Check = (&'static str, fn(&Evidence) -> Finding);

const CHECKS: [Check; 14] = [
    (
        "recommendations dead: every order completes",
        recommendations_are_optional,
    ),
    (
        "recommendations dead: nobody waits long for them",
        recommendations_are_limited,
    ),
    (
        "recommendations dead: both fallbacks answer",
        fallbacks_answer,
    ),
    (
        "payments hang: no order lasts longer than it may",
        checkouts_are_limited,
    ),
    (
        "payments hang: 99% are refused in under 50 ms once open",
        refusals_are_fast,
    ),
    (
        "payments hang: the inventory is not slower",
        inventory_is_unharmed,
    ),
    (
        "reservations of refused orders are released",
        reservations_are_released,
    ),
    (
        "charges belong to placed orders or are voided",
        charges_are_owed,
    ),
    ("no order was charged twice", nobody_pays_twice),
    (
        "a placed order that comes again has its receipt",
        receipts_are_kept,
    ),
    (
        "there was something to undo, and to turn away",
        compensation_was_needed,
    ),
    ("payments recover: the breaker closes by itself", |seen| {
        is_closed(seen.recovered)
    }),
    (
        "inventory flaps: at least 95% are placed",
        flapping_is_survived,
    ),
    ("no breaker is open at the end", |seen| {
        is_closed(seen.at_end)
    }),
];

/// Every claim and its finding.
pub(crate) fn all(seen: &Evidence) -> impl Iterator<Item = (&'static str, Finding)> {
    CHECKS
        .iter()
        .map(move |(claim, check)| (*claim, check(seen)))
}

fn require(holds: bool, finding: String) -> Finding {
    if holds { Ok(finding) } else { Err(finding) }
}

fn recommendations_are_optional(seen: &Evidence) -> Finding {
    let (placed, orders) = placed_in(seen, NO_RECOMMENDATIONS);
    require(
        placed == orders && orders > 0,
        format!("{placed} of {orders}"),
    )
}

/// Who waits for recommendations that never come is sent on by their timeout, and when as many wait
/// as may, the others do not wait at all.
fn recommendations_are_limited(seen: &Evidence) -> Finding {
    let p99 = |phase| {
        let stories = of_phase(&seen.stories, phase);
        percentile(
            &sorted(first_answers(&stories).map(|answer| answer.latency)),
            99,
        )
    };
    let (Some(healthy), Some(dead)) = (p99(HEALTHY), p99(NO_RECOMMENDATIONS)) else {
        return Err("nothing was ordered".to_owned());
    };
    let limit = seen.speed.millis(1_000) + healthy + Duration::from_millis(200);
    let cut_off = match live(Kind::new("timeout"), "recommendations") {
        Some(LiveSnapshot::Timeout(timeout)) => timeout.timed_out,
        _ => 0,
    };
    let turned_away = match live(Kind::new("bulkhead"), "recommendations") {
        Some(LiveSnapshot::Bulkhead(bulkhead)) => bulkhead.rejected,
        _ => 0,
    };
    require(
        dead <= limit && cut_off > 0 && turned_away > 0,
        format!(
            "p99 {} of at most {}, {cut_off} cut off by their timeout, {turned_away} turned away by their bulkhead",
            milliseconds(Some(dead)),
            milliseconds(Some(limit))
        ),
    )
}

fn live(kind: Kind, name: &str) -> Option<LiveSnapshot> {
    let policy = resilient::registry().policy_snapshot(kind, name)?;
    Some(policy.live)
}

fn fallbacks_answer(seen: &Evidence) -> Finding {
    let (mut popular, mut none) = (0, 0);
    for answer in first_answers(&of_phase(&seen.stories, NO_RECOMMENDATIONS)) {
        if let Outcome::Placed(receipt) = &answer.outcome {
            match receipt.recommended {
                Recommended::Personal(_) => {}
                Recommended::Popular(_) => popular += 1,
                Recommended::Nothing => none += 1,
            }
        }
    }
    require(
        popular > 0 && none > 0,
        format!("{popular} got popular items, {none} got none"),
    )
}

/// Three attempts at the payment would take half as long again as the whole checkout may.
fn checkouts_are_limited(seen: &Evidence) -> Finding {
    let total = seen.speed.millis(20_000);
    let limit = total + total / 10 + Duration::from_millis(100);
    let stories = of_phase(&seen.stories, HANGING);
    let answers = || stories.iter().copied().flatten();
    let slowest = answers().map(|answer| answer.latency).max();
    let was_cut = |answer: &&Answer| {
        let at_deadline = matches!(
            answer.outcome,
            Outcome::Refused {
                at_deadline: true,
                ..
            }
        );
        at_deadline && answer.steps.charge > 1
    };
    let cut = answers().filter(was_cut).count();
    require(
        cut > 0 && slowest <= Some(limit),
        format!(
            "slowest {} of {}, {cut} were cut off at the deadline in their second attempt to pay",
            milliseconds(slowest),
            milliseconds(Some(total))
        ),
    )
}

/// An order that was let through as a probe is not one that was refused, and cannot be fast: it is
/// known by having reached the gateway. There must be few of them.
///
/// It looks at the 99th percentile, so that a machine which stands still for a moment is no failure
/// of the breaker: whoever waits for a backoff or a timeout is slower by far, and not alone.
fn refusals_are_fast(seen: &Evidence) -> Finding {
    let answers = seen.stories.iter().flatten();
    let while_open = answers.filter(|answer| !answer.breaker_was_closed);
    let (probes, others): (Vec<_>, Vec<_>) = while_open.partition(|answer| answer.steps.charge > 0);
    let is_refused = |answer: &&&Answer| answer.is_refused_with(503);
    let latencies = sorted(
        others
            .iter()
            .filter(is_refused)
            .map(|answer| answer.latency),
    );
    let (p99, slowest) = (percentile(&latencies, 99), latencies.last().copied());
    let (refused, probes) = (latencies.len(), probes.len());
    require(
        refused > 10 * probes && p99 < Some(Duration::from_millis(50)),
        format!(
            "{refused} refused, p99 {}, slowest {}; {probes} probes",
            milliseconds(p99),
            milliseconds(slowest)
        ),
    )
}

fn inventory_is_unharmed(seen: &Evidence) -> Finding {
    let p99 = |phase| {
        let stories = of_phase(&seen.stories, phase);
        let times = first_answers(&stories).filter_map(|answer| answer.steps.inventory);
        percentile(&sorted(times), 99)
    };
    let (Some(healthy), Some(hanging)) = (p99(HEALTHY), p99(HANGING)) else {
        return Err("the inventory was not asked".to_owned());
    };
    require(
        hanging <= healthy * 2 + Duration::from_millis(20),
        format!(
            "p99 {}, healthy {}",
            milliseconds(Some(hanging)),
            milliseconds(Some(healthy))
        ),
    )
}

fn reservations_are_released(seen: &Evidence) -> Finding {
    let mut kept: HashMap<&str, u32> = HashMap::new();
    let mut released = 0;
    for reservation in seen.reservations.values() {
        match reservation {
            Reservation::Kept(order) => *kept.entry(order).or_default() += 1,
            Reservation::Released => released += 1,
            Reservation::NeverToBe | Reservation::CameTooLate => {}
        }
    }
    let left = kept
        .keys()
        .filter(|order| !seen.receipts.contains_key(**order))
        .count();
    let wrong = seen
        .receipts
        .keys()
        .filter(|order| kept.get(order.as_str()) != Some(&1))
        .count();
    require(
        left + wrong + seen.unsettled == 0,
        format!(
            "{released} released, {left} left behind, {wrong} placed orders without exactly one, {} unsettled",
            seen.unsettled
        ),
    )
}

fn charges_are_owed(seen: &Evidence) -> Finding {
    let (mut good, mut undone, mut stray) = (0, 0, 0);
    for payment in seen.books.payments.values() {
        match payment {
            Payment::Taken { voided: true, .. } => undone += 1,
            Payment::Taken { order, charge, .. } => match seen.receipts.get(order) {
                Some(receipt) if receipt.charge == *charge => good += 1,
                _ => stray += 1,
            },
            Payment::NeverToBe => {}
        }
    }
    let unpaid = seen.receipts.len().abs_diff(good);
    require(
        stray + unpaid + seen.unsettled == 0,
        format!("{good} paid, {undone} voided, {stray} strays, {unpaid} placed orders not paid"),
    )
}

fn nobody_pays_twice(seen: &Evidence) -> Finding {
    let twice = &seen.books.charged_twice;
    let again = seen.stories.iter().filter(|story| story.len() > 1).count();
    require(
        twice.is_empty(),
        format!("{again} submitted again, charged twice: {twice:?}"),
    )
}

fn receipts_are_kept(seen: &Evidence) -> Finding {
    let (mut same, mut other) = (0, 0);
    for story in &seen.stories {
        let [
            Answer {
                outcome: Outcome::Placed(first),
                ..
            },
            again,
        ] = story.as_slice()
        else {
            continue;
        };
        match &again.outcome {
            Outcome::Placed(second) if second == first => same += 1,
            _ => other += 1,
        }
    }
    require(
        same > 0 && other == 0,
        format!("{same} the same, {other} another"),
    )
}

/// Without it the checks above would prove nothing.
fn compensation_was_needed(seen: &Evidence) -> Finding {
    let voided = |payment: &&Payment| matches!(payment, Payment::Taken { voided: true, .. });
    let voided = seen.books.payments.values().filter(voided).count();
    let too_late = seen.books.too_late;
    let came_late = |piece: &&Reservation| matches!(piece, Reservation::CameTooLate);
    let never_kept = seen.reservations.values().filter(came_late).count();
    require(
        voided > 0 && too_late > 0 && never_kept > 0,
        format!(
            "{voided} charges voided, {too_late} came after they had been voided, {never_kept} reservations came after they had been released"
        ),
    )
}

fn is_closed(state: Option<CircuitBreakerState>) -> Finding {
    let closed = state == Some(CircuitBreakerState::Closed);
    let found = state.map_or("it does not exist".to_owned(), |state| format!("{state:?}"));
    require(closed, found)
}

fn flapping_is_survived(seen: &Evidence) -> Finding {
    let (placed, orders) = placed_in(seen, FLAPPING);
    require(
        placed * 100 >= orders * 95 && orders > 0,
        format!("{placed} of {orders}"),
    )
}

/// How many orders of a phase were placed at once, of how many.
fn placed_in(seen: &Evidence, phase: usize) -> (usize, usize) {
    let stories = of_phase(&seen.stories, phase);
    let placed = |answer: &&Answer| answer.is_placed();
    (
        first_answers(&stories).filter(placed).count(),
        stories.len(),
    )
}
