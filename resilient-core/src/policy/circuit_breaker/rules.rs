//! The settings of a circuit breaker as its machine uses them.

use super::settings::{CircuitBreakerPolicy, CircuitBreakerSettings};
use crate::backoff::{exponential, proportional};
use crate::setting::{Ramp, Share};
use crate::time::{Nanos, nanos};
use crate::window::{COARSE, CallWindow, FINE, TimeWindow, Window};
use std::sync::Arc;

/// What counts as too many failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureRule {
    /// So many without a success between them.
    InARow(u32),
    /// So many in the window.
    Among(u32),
    /// Such a share of the window.
    Rate(Share),
}

/// Which results are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WindowRule {
    None,
    Calls(u32),
    Time(Nanos),
}

/// How many probes have their places reserved from the beginning.
const RESERVED_PROBES: u32 = 16;

/// `open_backoff`, `open_jitter` and a throttled answer make no time longer than this.
const LONGEST_OPEN: Nanos = 600_000_000_000;

/// The settings as the machine uses them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rules {
    pub(super) failures: FailureRule,
    /// How long a slow call takes, and which share of slow calls is too much.
    pub(super) slow: Option<(Nanos, Share)>,
    pub(super) window: WindowRule,
    /// Below so many calls in the window no rate is judged.
    pub(super) min_calls: u64,
    pub(super) open_for: Nanos,
    pub(super) open_backoff: f64,
    pub(super) open_jitter: Share,
    pub(super) half_open_calls: u32,
    pub(super) half_open_for: Nanos,
    pub(super) success_threshold: u32,
    pub(super) ramp: Ramp,
    pub(super) obey_retry_after: bool,
    pub(super) count_rejections: bool,
    pub(super) enabled: bool,
    /// How fine a window of time slides.
    pub(super) buckets: Nanos,
}

impl Rules {
    pub(super) fn of(written: &CircuitBreakerPolicy) -> Self {
        let settings = CircuitBreakerSettings::of(written);
        let window = match (written.window_time, settings.window) {
            (Some(length), _) => WindowRule::Time(nanos(length)),
            (None, Some(length)) => WindowRule::Calls(length),
            (None, None) => WindowRule::None,
        };
        // More than a window of calls can hold would never be reached.
        let most = match window {
            WindowRule::Calls(length) => length,
            _ => u32::MAX,
        };
        let threshold = settings.failure_threshold.unwrap_or(1);
        Self {
            failures: match written.failure_rate {
                Some(rate) => FailureRule::Rate(rate),
                None if written.window.or(written.window_time.map(|_| 1)).is_some() => {
                    FailureRule::Among(threshold.min(most))
                }
                None => FailureRule::InARow(threshold),
            },
            slow: settings
                .slow_call
                .zip(settings.slow_call_rate)
                .map(|(slow_call, rate)| (nanos(slow_call), rate)),
            window,
            min_calls: settings.min_calls.unwrap_or(1).min(most).into(),
            open_for: nanos(settings.open_for),
            open_backoff: settings.open_backoff,
            open_jitter: settings.open_jitter,
            half_open_calls: settings.half_open_calls,
            half_open_for: nanos(settings.half_open_for),
            success_threshold: settings.success_threshold,
            ramp: settings.ramp.unwrap_or(Ramp::new(&[])),
            obey_retry_after: settings.obey_retry_after,
            count_rejections: settings.count_rejections,
            enabled: settings.enabled,
            buckets: FINE,
        }
    }

    /// The same for an instance, of which there may be many: its window of time takes less memory.
    pub(super) fn of_an_instance(&self) -> Arc<Self> {
        Arc::new(Self {
            buckets: COARSE,
            ..*self
        })
    }

    /// The window with nothing in it, if there is one.
    pub(super) fn empty_window(&self) -> Option<Window> {
        match self.window {
            WindowRule::None => None,
            WindowRule::Calls(length) => {
                let with_slow = self.slow.is_some();
                Some(Window::Calls(CallWindow::new(length, with_slow)))
            }
            WindowRule::Time(length) => Some(Window::Time(TimeWindow::new(length, self.buckets))),
        }
    }

    /// For how many probes there is room before any of them comes.
    pub(super) fn reserved_probes(&self) -> usize {
        RESERVED_PROBES.min(self.half_open_calls) as usize
    }

    fn longest_open(&self) -> Nanos {
        LONGEST_OPEN.max(self.open_for)
    }

    /// How long it is open when that was lengthened so many times, before jitter.
    pub(super) fn lengthened(&self, times: u32) -> Nanos {
        match times {
            0 => self.open_for,
            times => exponential(self.open_for, self.open_backoff, times.saturating_add(1))
                .min(self.longest_open()),
        }
    }

    /// How long it is open when the callee asked for so long, or, if it did not, when that was
    /// lengthened so many times and this number was drawn.
    pub(super) fn open_time(&self, asked: Option<Nanos>, lengthened: u32, random: u64) -> Nanos {
        if let (Some(asked), true) = (asked, self.obey_retry_after) {
            return asked.min(self.longest_open());
        }
        proportional(self.lengthened(lengthened), self.open_jitter, random).min(self.longest_open())
    }
}
