//! How a service goes wrong when it is told to.

use crate::seed::one_in;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What is wrong with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Healthy,
    /// Half of the connections break without an answer, the others hang until it is over.
    Dead,
    /// Nothing is answered until the hang is over.
    Hang,
    /// A fifth of the calls is answered with 503. And of every forty keys one is stuck: its first
    /// calls are answered long after their callers have gone.
    Flapping,
}

/// How many calls under a stuck key are late: as many as a caller tries.
const STUCK: u32 = 3;
/// How late they are, in times of the service's usual delay.
const LATE: u32 = 1_000;

/// The switch by which a service is made to fail. Clones switch the same service.
#[derive(Clone)]
pub(crate) struct Switch {
    fault: watch::Sender<Fault>,
    delay: Duration,
    calls: Arc<Mutex<HashMap<String, u32>>>,
}

impl Switch {
    /// A healthy service that takes `delay` for an answer.
    pub(crate) fn new(delay: Duration) -> Self {
        let (fault, _) = watch::channel(Fault::Healthy);
        Self {
            fault,
            delay,
            calls: Arc::default(),
        }
    }

    /// What is wrong with the service now.
    pub(crate) fn fault(&self) -> Fault {
        *self.fault.borrow()
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Does the `work` of one call, or fails at it as the switch says.
    ///
    /// It runs in a task of its own, since a real service does not stop working because its caller
    /// has gone. And a call that fails may have done its work all the same: every other one that
    /// hangs does it before it hangs, the others some time after, when nobody waits any more and it
    /// may have been undone already; so does what is stuck; every other 503 is a lie as well.
    pub(crate) async fn answer<A: IntoResponse>(
        &self,
        key: &str,
        work: impl FnOnce() -> A + Send + 'static,
    ) -> Response {
        let fault = self.fault();
        let number = self.count(key);
        let call = format!("{key} {number}");
        if fault == Fault::Dead && one_in(2, &format!("break {call}")) {
            // It ends the task of the connection, and no panic hook hears of it.
            std::panic::resume_unwind(Box::new("the service is dead"));
        }
        let is_stuck = number <= STUCK && one_in(40, &format!("stuck {key}"));
        let flaps = one_in(5, &format!("flap {call}"));
        let work_first = one_in(2, &format!("work first {call}"));
        let switch = self.clone();
        let task = tokio::spawn(async move {
            tokio::time::sleep(switch.delay).await;
            match fault {
                Fault::Hang if work_first => {
                    let answer = work().into_response();
                    switch.is_over(fault).await;
                    answer
                }
                Fault::Hang | Fault::Dead => {
                    switch.is_over(fault).await;
                    tokio::time::sleep(switch.delay * 10).await;
                    work().into_response()
                }
                Fault::Flapping if is_stuck => {
                    tokio::time::sleep(switch.delay * LATE).await;
                    work().into_response()
                }
                Fault::Flapping if flaps => {
                    if work_first {
                        work();
                    }
                    StatusCode::SERVICE_UNAVAILABLE.into_response()
                }
                Fault::Healthy | Fault::Flapping => work().into_response(),
            }
        });
        task.await.expect("no work of a service panics")
    }

    /// Waits until something else is wrong, or nothing.
    async fn is_over(&self, fault: Fault) {
        // An error would mean that the switch is gone, and it is right here.
        let _ = self.fault.subscribe().wait_for(|now| *now != fault).await;
    }

    /// Counts the calls under one key, so that chance does not depend on the order of calls.
    fn count(&self, key: &str) -> u32 {
        let mut calls = self.calls.lock().expect("nothing panics while it counts");
        let count = calls.entry(key.to_owned()).or_default();
        *count += 1;
        *count
    }
}

/// Serves `router` on a free port of this machine: its address.
pub(crate) async fn serve(router: Router) -> std::io::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}"))
}
