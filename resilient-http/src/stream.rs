//! The live stream of events (`text/event-stream`).
//!
//! Nothing is kept for a client: whoever reads gets what is remembered after the last event he has seen.
//! So a client that does not read costs its place and nothing else, and what it has missed is told.

use crate::access::Door;
use crate::answer::{Refusal, typed};
use crate::read::{Asked, Shared, asked, event_for};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body::Frame;
use resilient_core::{Event, Events, History, registry};
use serde::Deserialize;
use serde_json::json;
use std::convert::Infallible;
use std::fmt::Write;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// How often a stream without events says that it is alive.
const PULSE: Duration = Duration::from_secs(15);

/// What tells this process from the one before it: positions begin anew with each.
static PROCESS: LazyLock<u64> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0))
});

/// What is wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Every refusal, retry and fallback too.
    #[serde(default)]
    all: bool,
    /// Where to begin; a browser that connects again says it in `Last-Event-ID`.
    after: Option<u64>,
}

pub(crate) async fn stream(
    State(door): Shared,
    query: Asked<Wanted>,
    request: Parts,
) -> Result<Response, Refusal> {
    door.read(&request)?;
    door.own_pages_only(&request)?;
    let wanted = asked(query)?;
    let Ok(place) = Arc::clone(&door.streams).try_acquire_owned() else {
        return Ok(full());
    };
    let stream = Stream::new(&door, &wanted, &request, place);
    // An id without an event: who loses the connection before anything happens knows where he was.
    let begin = format!("retry: 2000\nid: {}-{}\n\n", *PROCESS, stream.position);
    Ok(typed(
        "text/event-stream",
        Body::new(Chunks(Box::pin(stream.next(begin)))),
    ))
}

fn full() -> Response {
    let error = format!("there are {} streams already", crate::STREAMS);
    let mut response = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error).into_response();
    let seconds = HeaderValue::from_static("30");
    response.headers_mut().insert(RETRY_AFTER, seconds);
    response
}

struct Stream {
    position: u64,
    /// What is told before anything else, for example that there was another process before this one.
    foreword: Option<String>,
    /// What is not remembered, for who wants everything.
    all: Option<Events>,
    is_caught_up: bool,
    missed: u64,
    shows_keys: bool,
    _place: OwnedSemaphorePermit,
}

impl Stream {
    fn new(door: &Door, wanted: &Wanted, request: &Parts, place: OwnedSemaphorePermit) -> Self {
        let last = request.headers.get("last-event-id");
        let last = last.and_then(|last| last.to_str().ok()).and_then(|last| {
            let (process, position) = last.split_once('-')?;
            Some((process.parse::<u64>().ok()?, position.parse::<u64>().ok()?))
        });
        let newest = registry().history(u64::MAX).position();
        let (process, seen) = last.unwrap_or((*PROCESS, wanted.after.unwrap_or(newest)));
        // Whoever has seen more than there is has seen it before the program was started again.
        let is_foreign = process != *PROCESS || seen > newest;
        Self {
            position: if is_foreign { 0 } else { seen },
            foreword: is_foreign.then(|| "event: restarted\ndata: {}\n\n".to_owned()),
            all: wanted.all.then(|| registry().events()),
            is_caught_up: false,
            missed: 0,
            shows_keys: door.shows_keys(request),
            _place: place,
        }
    }

    /// The next text, after `before` if that is not empty.
    async fn next(mut self, mut before: String) -> (Self, Bytes) {
        if let Some(foreword) = self.foreword.take() {
            before.push_str(&foreword);
        }
        if before.is_empty() {
            let happens = timeout(PULSE, self.happens()).await;
            before = happens.unwrap_or_else(|_| ": alive\n\n".to_owned());
        }
        (self, before.into())
    }

    /// What happens next.
    async fn happens(&mut self) -> String {
        if self.all.is_none() || !self.is_caught_up {
            let history = match self.all {
                None => registry().next_history(self.position).await,
                Some(_) => registry().history(self.position),
            };
            self.is_caught_up = true;
            if !history.events.is_empty() {
                return self.remembered(history);
            }
        }
        loop {
            let Some(all) = &mut self.all else {
                return String::new();
            };
            let event = all.next().await;
            let missed = all.missed();
            let mut text = String::new();
            if missed > self.missed {
                text.push_str(&lagged(missed - self.missed));
                self.missed = missed;
            }
            if event.what.is_remembered() {
                // It is in the history too, which knows its place; unless it was told before.
                let mut history = registry().history(self.position);
                let place = history
                    .events
                    .iter()
                    .position(|one| one.number == event.number);
                if let Some(place) = place {
                    history.events.truncate(place + 1);
                    text.push_str(&self.remembered(history));
                }
            } else {
                // It has no id: nobody can come back to what is not remembered.
                text.push_str(&self.written(&event));
            }
            if !text.is_empty() {
                return text;
            }
        }
    }

    fn remembered(&mut self, history: History) -> String {
        let mut text = String::new();
        if let Some(missed) = history.after.checked_sub(self.position).filter(|n| *n > 0) {
            text.push_str(&lagged(missed));
        }
        self.position = history.position();
        for (at, event) in (history.after + 1..).zip(history.events) {
            let _ = write!(text, "id: {}-{at}\n{}", *PROCESS, self.written(&event));
        }
        text
    }

    fn written(&self, event: &Event) -> String {
        let name = event.what.name();
        format!(
            "event: {name}\ndata: {}\n\n",
            event_for(event, self.shows_keys)
        )
    }
}

fn lagged(missed: u64) -> String {
    format!("event: lagged\ndata: {}\n\n", json!({ "missed": missed }))
}

/// One text after another, each made when the one before has been taken.
struct Chunks(Pin<Box<dyn Future<Output = (Stream, Bytes)> + Send>>);

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.as_mut().poll(context).map(|(stream, text)| {
            self.0 = Box::pin(stream.next(String::new()));
            Some(Ok(Frame::data(text)))
        })
    }
}
