//! One rate limit for each key.

use super::{RateLimitPolicy, RateLimiter, RateLimiterSnapshot};
use crate::key::{Key, StoredKey};
use crate::keyed::{Instance, Keyed, Keys, Role};
use crate::policy::Policy;
use crate::setting::Kind;
use crate::sync::Ordering;
use crate::time::Nanos;

impl RateLimiter {
    /// The same with what its instances have counted.
    pub(super) fn look_with_keys(&self) -> RateLimiterSnapshot {
        let mut snapshot = self.look();
        if let Some((keys, counts)) = self.role.keys().and_then(Keys::snapshot) {
            snapshot.keys = Some(keys);
            snapshot.admitted += counts.admitted;
            snapshot.rejected += counts.rejected;
            snapshot.waited += counts.waited;
            snapshot.abandoned += counts.abandoned;
        }
        snapshot
    }

    /// The instance for `key`: a rate limit of its own, with the same settings, for one tenant or one
    /// host. While nothing limits the calls it is this one itself.
    ///
    /// There are at most [`max_keys`](RateLimitPolicy::max_keys) instances. One of which nothing is
    /// taken gives its place to another key, so a drained bucket is never refilled; where there is none,
    /// further keys share one. Nothing is allocated for a key that has an instance.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use resilient_core::{LivePolicy, Rate, RateLimitPolicy, RateLimiter};
    /// use std::time::Duration;
    ///
    /// let one_an_hour = RateLimitPolicy::new().rate(Rate::new(1, Duration::from_secs(3600)));
    /// let limiter = RateLimiter::new("export", &one_an_hour);
    /// assert!(limiter.keyed("acme").admit().await.is_ok());
    /// assert!(limiter.keyed("acme").admit().await.is_err());
    /// assert!(limiter.keyed("umbra").admit().await.is_ok(), "another tenant");
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// Where [`Key::write`] does; nothing has happened then.
    #[inline]
    pub fn keyed(&self, key: &(impl Key + ?Sized)) -> Keyed<'_, Self> {
        if self.is_unlimited() {
            return Keyed::base(self);
        }
        self.role.keyed(self, self.name, key)
    }

    /// The instance for `key`, to be looked at; `None` if there is none now.
    pub fn with_key(&self, key: &(impl Key + ?Sized)) -> Option<Keyed<'_, Self>> {
        self.role.with_key(self, key)
    }

    /// What can be seen of the instances, by their keys, the overflow among them.
    pub fn key_snapshots(&self) -> Vec<(StoredKey, RateLimiterSnapshot)> {
        self.role.each(Self::look)
    }
}

/// What a rate limit counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RateLimiterCounts {
    admitted: u64,
    rejected: u64,
    waited: u64,
    abandoned: u64,
}

impl Instance for RateLimiter {
    type Written = RateLimitPolicy;
    type Counts = RateLimiterCounts;

    const KIND: Kind = <RateLimitPolicy as Policy>::KIND;

    fn instance(name: &'static str, written: &RateLimitPolicy, key: StoredKey) -> Self {
        Self::new_as(name, written, Role::Instance(key))
    }

    fn configure(&self, written: &RateLimitPolicy) {
        self.take_over(written);
    }

    fn is_fresh(&self, now: Nanos) -> bool {
        let mut configured = self.configured.lock();
        match configured.window(now) {
            Some(window) => window.is_untouched(now),
            None => configured.plausible(self.state(), now).0 <= now,
        }
    }

    fn is_refusing(&self, now: Nanos) -> bool {
        let mut configured = self.configured.lock();
        configured.written.is_some()
            && match configured.window(now) {
                Some(window) => window.available(now) == 0,
                None => self.state().available(self.pace(), now) == 0,
            }
    }

    fn count(&self, sum: &mut RateLimiterCounts) {
        sum.admitted += self.admitted.sum();
        sum.rejected += self.rejected.load(Ordering::Relaxed);
        sum.waited += self.waited.load(Ordering::Relaxed);
        sum.abandoned += self.abandoned.load(Ordering::Relaxed);
    }
}
