//! The numbers of all policies, for whatever the program has installed as recorder of the facade
//! `metrics`.
//!
//! What is published, and when, is in `docs/metrics.md` of the repository.

use metrics::{Key, Label, Level, Metadata, Recorder, SharedString, Unit, with_recorder};
use resilient_core::registry;
use resilient_core::series::{FAMILIES, Family, Number, Series, Sort, each};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

const METADATA: Metadata<'static> =
    Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

/// Tells the recorder what each family says, and in which unit. Once is enough, after the recorder has been
/// installed.
pub fn describe() {
    with_recorder(|recorder| {
        for family in FAMILIES {
            describe_one(recorder, family);
        }
    });
}

fn describe_one(recorder: &dyn Recorder, family: &Family) {
    let name = family.name.into();
    let is_time = family.name.contains("_seconds");
    let unit = Some(if is_time { Unit::Seconds } else { Unit::Count });
    let help = SharedString::const_str(family.help);
    match family.sort {
        Sort::Counter => recorder.describe_counter(name, unit, help),
        Sort::Gauge => recorder.describe_gauge(name, unit, help),
    }
}

/// Gives the recorder the present numbers of all policies, those included that were never called.
///
/// Nothing is counted in a call for this: it reads the registry. Call it before the recorder is read out,
/// or let [`run`] call it again and again. Counters are set to what has been counted since the program
/// started, never added to: it does not matter how often it is called. A gauge that has nothing to say is
/// `NaN`. Without a recorder nothing happens.
///
/// ```
/// use metrics_exporter_prometheus::PrometheusBuilder;
/// use resilient_core::{BulkheadPolicy, policy};
///
/// let recorder = PrometheusBuilder::new().build_recorder();
/// let scraped = recorder.handle();
/// policy("search").bulkhead(BulkheadPolicy::new().limit(3)).register()?;
///
/// metrics::with_local_recorder(&recorder, resilient_metrics::publish);
/// let text = scraped.render();
/// assert!(text.contains("resilient_bulkhead_limit{policy=\"search\"} 3"));
/// let refused = "resilient_bulkhead_calls_total{policy=\"search\",outcome=\"rejected\"} 0";
/// assert!(text.contains(refused), "it was never called");
/// # Ok::<(), resilient_core::RegisterError>(())
/// ```
pub fn publish() {
    let policies = registry().snapshot().policies;
    with_recorder(|recorder| each(&policies, |series| publish_one(recorder, series)));
}

#[allow(
    clippy::cast_precision_loss,
    reason = "gauges are floating-point numbers"
)]
fn publish_one(recorder: &dyn Recorder, series: Series<'_>) {
    let labels = series.labels.iter();
    let labels = labels.map(|(name, value)| Label::from_static_parts(name, value));
    let key = Key::from_parts(series.family.name, labels.collect::<Vec<_>>());
    match series.family.sort {
        Sort::Counter => {
            let counted = match series.number {
                Some(Number::Count(count)) => count,
                Some(Number::Seconds(time)) => time.as_secs(),
                None => 0,
            };
            recorder.register_counter(&key, &METADATA).absolute(counted);
        }
        Sort::Gauge => {
            let number = match series.number {
                Some(Number::Count(count)) => count as f64,
                Some(Number::Seconds(time)) => time.as_secs_f64(),
                None => f64::NAN,
            };
            recorder.register_gauge(&key, &METADATA).set(number);
        }
    }
}

/// Describes everything, and publishes at once and then after each `every`, for as long as it is polled.
///
/// # Panics
///
/// If `every` is zero, or there is no tokio runtime with its timer enabled.
///
/// # Cancel safety
///
/// Dropping it ends it; what was published stays with the recorder.
pub async fn run(every: Duration) {
    describe();
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        publish();
    }
}
