//! Every route and every status over real HTTP, on this machine.

use reqwest::{Client, Method, RequestBuilder, Response};
use resilient::http::{Access, Actor, Options, STREAMS, router};
use resilient::{
    BulkheadPolicy, CircuitBreakerPolicy, CircuitBreakerState, HISTORY_CAPACITY, Override,
    RateLimitPolicy, Rejected, RetryPolicy, TimeoutPolicy, circuit_breaker, fallback, policy,
    registry, retry, timeout,
};
use serde_json::{Value, json};
use std::error::Error;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

type Found<T> = Result<T, Box<dyn Error>>;

/// Tests that switch everything off or fill the history, and those that would notice it.
static ALONE: Mutex<()> = Mutex::const_new(());

#[timeout("http.search", 8s)]
#[circuit_breaker("http.search", failure_rate = 50%, window = 20)]
#[retry("http.search", 3)]
async fn search() -> Result<u32, Rejected> {
    Ok(1)
}

/// A router at an address of its own, and who asks it.
struct Asked {
    address: String,
    http: Client,
}

impl Asked {
    async fn of(app: axum::Router, path: &str) -> Found<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}{path}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, app).await });
        let http = Client::builder().no_proxy().build()?;
        Ok(Self { address, http })
    }

    async fn with(options: Options) -> Found<Self> {
        Self::of(axum::Router::new().nest("/ops", router(options)), "/ops").await
    }

    /// Whoever says who he is may do everything; "reader" only reads.
    async fn by_name() -> Found<Self> {
        Self::with(Options::new().title("shop").authorise(by_name)).await
    }

    fn request(&self, method: Method, path: &str, user: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.address));
        request.header("x-user", user)
    }

    async fn get(&self, path: &str) -> Found<Response> {
        Ok(self.request(Method::GET, path, "ana").send().await?)
    }

    async fn json(&self, path: &str) -> Found<Value> {
        let answer = self.get(path).await?;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/json");
        Ok(answer.json().await?)
    }

    /// What a POST comes to: its status, and its body.
    async fn post(&self, path: &str, body: &Value) -> Found<(u16, Value)> {
        answered(self.request(Method::POST, path, "ana").json(body)).await
    }

    async fn patch(&self, path: &str, version: &str, body: &Value) -> Found<(u16, Value)> {
        let request = self.request(Method::PATCH, path, "ana");
        answered(request.header("if-match", version).json(body)).await
    }
}

fn by_name(request: &axum::http::request::Parts, access: Access) -> Option<Actor> {
    let user = request.headers.get("x-user")?.to_str().ok()?;
    let may = user == "ana" || user == "reader" && access == Access::Read;
    may.then(|| Actor::new(user))
}

async fn answered(request: RequestBuilder) -> Found<(u16, Value)> {
    let answer = request.send().await?;
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    Ok((status, answer.json().await?))
}

fn breaker(name: &'static str) -> &'static resilient::CircuitBreaker {
    let policy = policy(name).circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(5));
    policy.register().expect("each test has its own names");
    registry().circuit_breaker(name).expect("just registered")
}

fn named(kind: &str, name: &str) -> String {
    format!("/policy?kind={kind}&name={name}")
}

#[tokio::test]
async fn without_an_authoriser_everybody_reads_and_nobody_steers() -> Found<()> {
    let _alone = ALONE.lock().await;
    let breaker = breaker("http.plain");
    let asked = Asked::with(Options::new()).await?;
    for path in [
        "",
        "/overview",
        "/snapshot",
        "/graph",
        "/findings",
        "/events",
        "/metrics",
    ] {
        assert_eq!(asked.get(path).await?.status(), 200, "{path}");
    }
    let overview = asked.json("/overview").await?;
    assert_eq!(
        overview["access"],
        json!({ "keys": false, "control": false, "actor": null })
    );
    let reason = json!({ "reason": "a drill" });
    for deed in ["force_open", "disable", "metrics_only", "reset"] {
        let path = format!("/policy/{deed}?kind=circuit_breaker&name=http.plain");
        assert_eq!(asked.post(&path, &reason).await?.0, 404, "{deed}");
    }
    assert_eq!(asked.post("/disable_all", &reason).await?.0, 404);
    assert_eq!(asked.post("/enable_all", &reason).await?.0, 404);
    let change = json!({ "set": { "open_for": "1s" }, "reason": "r" });
    let path = named("circuit_breaker", "http.plain");
    assert_eq!(asked.patch(&path, "*", &change).await?.0, 404);
    assert_eq!(breaker.state(), CircuitBreakerState::Closed);
    Ok(())
}

#[tokio::test]
async fn the_authoriser_decides_and_names_the_actor() -> Found<()> {
    let _alone = ALONE.lock().await;
    let breaker = breaker("http.authorised");
    let asked = Asked::by_name().await?;
    let path = "/policy/force_open?kind=circuit_breaker&name=http.authorised";
    let body = json!({ "reason": "a drill", "lasting": "10m" });
    for (user, read, control) in [
        ("nobody", 403, 403),
        ("reader", 200, 403),
        ("ana", 200, 200),
    ] {
        let reading = asked.request(Method::GET, "/overview", user).send().await?;
        assert_eq!(reading.status(), read, "{user}");
        let steering = asked.request(Method::POST, path, user).json(&body);
        assert_eq!(answered(steering).await?.0, control, "{user}");
    }
    let seen = breaker.snapshot().overridden.ok_or("it is forced open")?;
    let by = Override::because("a drill")
        .by("ana")
        .lasting(Duration::from_secs(600));
    assert_eq!(seen.by, by);

    let claimed = json!({ "reason": "a drill", "actor": "somebody else" });
    let (status, answer) = asked.post(path, &claimed).await?;
    assert_eq!(status, 422, "{answer}");
    assert!(
        answer["error"]
            .as_str()
            .is_some_and(|error| error.contains("actor"))
    );
    Ok(())
}

#[tokio::test]
async fn a_breaker_is_steered_by_hand() -> Found<()> {
    let _alone = ALONE.lock().await;
    let breaker = breaker("http.steered");
    let asked = Asked::by_name().await?;
    for (deed, state) in [
        ("force_open", "forced_open"),
        ("disable", "disabled"),
        ("metrics_only", "metrics_only"),
        ("reset", "closed"),
    ] {
        let path = format!("/policy/{deed}?kind=circuit_breaker&name=http.steered");
        let (status, answer) = asked.post(&path, &json!({ "reason": "a drill" })).await?;
        assert_eq!((status, &answer["live"]["state"]), (200, &json!(state)));
    }
    assert_eq!(breaker.state(), CircuitBreakerState::Closed);

    let steer =
        |deed: &str, kind: &str, name: &str| format!("/policy/{deed}?kind={kind}&name={name}");
    let reason = json!({ "reason": "a drill" });
    for (path, status) in [
        (steer("reset", "circuit_breaker", "http.stered"), 404),
        (steer("reset", "circuit_braker", "http.steered"), 404),
        (steer("melt", "circuit_breaker", "http.steered"), 404),
        (steer("reset", "timeout", "http.search"), 422),
        ("/policy/reset".to_owned(), 400),
        (
            "/policy/reset?kind=circuit_breaker&nmae=http.steered".to_owned(),
            400,
        ),
    ] {
        assert_eq!(asked.post(&path, &reason).await?.0, status, "{path}");
    }
    assert!(
        registry().circuit_breaker("http.stered").is_none(),
        "never created"
    );
    let path = steer("force_open", "circuit_breaker", "http.steered");
    for wrong in [
        json!({}),
        json!({ "reason": "  " }),
        json!({ "reason": "x".repeat(501) }),
        json!({ "reason": 5 }),
        json!({ "reason": "r", "lasting": "0s" }),
        json!({ "reason": "r", "lasting": 10 }),
        json!({ "reason": "r", "lasting": "soon" }),
        json!({ "reason": "r", "until": "tomorrow" }),
        json!(["r"]),
    ] {
        assert_eq!(asked.post(&path, &wrong).await?.0, 422, "{wrong}");
    }
    let endless = json!({ "reason": "r", "lasting": "10m" });
    let path = steer("reset", "circuit_breaker", "http.steered");
    assert_eq!(
        asked.post(&path, &endless).await?.0,
        422,
        "a reset has no end"
    );
    assert_eq!(
        breaker.state(),
        CircuitBreakerState::Closed,
        "nothing has changed"
    );
    Ok(())
}

#[tokio::test]
async fn what_is_not_control_of_ours_is_refused_before_it_is_read() -> Found<()> {
    let _alone = ALONE.lock().await;
    let breaker = breaker("http.refused");
    let asked = Asked::by_name().await?;
    let path = "/policy/force_open?kind=circuit_breaker&name=http.refused";
    let post = || asked.request(Method::POST, path, "ana");
    let fine = r#"{ "reason": "a drill" }"#;

    let plain = post().header("content-type", "text/plain").body(fine);
    assert_eq!(answered(plain).await?.0, 415);
    assert_eq!(answered(post().body(fine)).await?.0, 415);
    for (header, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let foreign = post()
            .header(header, value)
            .json(&json!({ "reason": "a drill" }));
        assert_eq!(answered(foreign).await?.0, 403, "{header}: {value}");
    }
    let as_json = || post().header("content-type", "application/json; charset=utf-8");
    let long = format!("{{ \"reason\": \"{}\" }}", "x".repeat(16 * 1024));
    assert_eq!(answered(as_json().body(long)).await?.0, 413);
    let (status, answer) = answered(as_json().body("{\n  \"reason\": }")).await?;
    assert_eq!(
        (status, &answer["line"], &answer["column"]),
        (400, &json!(2), &json!(13))
    );
    for broken in ["", "{", "{\"reason\": \"a\"} x", "\u{1}"] {
        assert_eq!(answered(as_json().body(broken)).await?.0, 400, "{broken:?}");
    }
    let get = asked
        .get("/policy/force_open?kind=circuit_breaker&name=http.refused")
        .await?;
    assert_eq!(get.status(), 405);
    assert_eq!(asked.get("/nothing").await?.status(), 404);
    assert_eq!(
        breaker.state(),
        CircuitBreakerState::Closed,
        "nothing has changed"
    );

    let own = asked.address.trim_end_matches("/ops").to_owned();
    let ours = as_json()
        .header("origin", own)
        .header("sec-fetch-site", "same-origin");
    assert_eq!(answered(ours.body(fine)).await?.0, 200);
    Ok(())
}

#[tokio::test]
async fn settings_change_at_the_version_that_was_looked_at() -> Found<()> {
    let _alone = ALONE.lock().await;
    let defined =
        policy("http.changed").timeout(TimeoutPolicy::new().duration(Duration::from_secs(8)));
    defined.register()?;
    let asked = Asked::by_name().await?;
    let path = named("timeout", "http.changed");
    let duration = || {
        registry()
            .timeout("http.changed")
            .and_then(resilient::Timeout::duration)
    };
    let seen = asked.get(&path).await?;
    let tag = seen.headers()["etag"].to_str()?.to_owned();
    let shorter =
        json!({ "set": { "duration": "4s" }, "reason": "they are slow", "lasting": "1h" });

    let dry = format!("{path}&dry_run=true");
    let (status, answer) = asked.patch(&dry, &tag, &shorter).await?;
    assert_eq!((status, &answer["changes"][0]["to"]), (200, &json!("4s")));
    let no_version = asked.request(Method::PATCH, &path, "ana").json(&shorter);
    assert_eq!(answered(no_version).await?.0, 428);
    assert_eq!(
        asked.patch(&path, "7", &shorter).await?.0,
        400,
        "a tag has quotes"
    );
    assert_eq!(
        asked
            .patch(&format!("{path}&dry_run=no"), &tag, &shorter)
            .await?
            .0,
        400
    );
    assert_eq!(
        duration(),
        Some(Duration::from_secs(8)),
        "nothing has changed"
    );

    let (status, answer) = asked.patch(&path, &tag, &shorter).await?;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(duration(), Some(Duration::from_secs(4)));
    let (status, answer) = asked.patch(&path, &tag, &shorter).await?;
    assert_eq!(status, 412, "somebody was quicker");
    let now: Value = asked.get(&path).await?.json().await?;
    assert_eq!(answer["version"], now["version"]);
    let by = json!({ "reason": "they are slow", "actor": "ana", "lasting_ms": 3_600_000 });
    assert_eq!(
        now["settings"][0]["source"],
        json!({ "from": "override", "by": by })
    );

    for (wrong, told) in [
        (
            json!({ "set": { "duration": "0s" }, "reason": "r" }),
            "duration",
        ),
        (
            json!({ "set": { "duration": 4 }, "reason": "r" }),
            "with its unit",
        ),
        (
            json!({ "set": { "length": "4s" }, "reason": "r" }),
            "enabled",
        ),
        (json!({ "take_back": ["length"], "reason": "r" }), "enabled"),
        (json!({ "set": { "duration": "4s" } }), "why"),
        (json!({ "set": {}, "reason": "r" }), "nothing is to change"),
        (
            json!({ "set": { "duration": null }, "reason": "r" }),
            "did not match",
        ),
        (
            json!({ "set": { "duration": "4s" }, "take_back": ["duration"], "reason": "r" }),
            "which is meant",
        ),
    ] {
        let (status, answer) = asked.patch(&path, "*", &wrong).await?;
        assert_eq!(status, 422, "{wrong}");
        assert!(
            answer.to_string().contains(told),
            "{told:?} is missing in {answer}"
        );
    }
    let nobody = named("timeout", "http.chnaged");
    assert_eq!(asked.patch(&nobody, "*", &shorter).await?.0, 404);
    assert!(
        registry().timeout("http.chnaged").is_none(),
        "never created"
    );
    assert_eq!(
        duration(),
        Some(Duration::from_secs(4)),
        "nothing has changed"
    );

    let back = json!({ "take_back": ["duration"], "reason": "they are well" });
    assert_eq!(asked.patch(&path, "*", &back).await?.0, 200);
    assert_eq!(duration(), Some(Duration::from_secs(8)));
    Ok(())
}

#[tokio::test]
async fn everything_is_switched_off_and_on_again() -> Found<()> {
    let _alone = ALONE.lock().await;
    let asked = Asked::by_name().await?;
    let body = json!({ "reason": "is it us?", "lasting": "5m" });
    let (status, answer) = asked.post("/disable_all", &body).await?;
    assert_eq!(
        (status, &answer["all_disabled"]["actor"]),
        (200, &json!("ana"))
    );
    assert_eq!(
        asked.json("/overview").await?["all_disabled"]["reason"],
        "is it us?"
    );
    let (status, answer) = asked
        .post("/enable_all", &json!({ "reason": "it was them" }))
        .await?;
    assert_eq!((status, answer), (200, json!({ "all_disabled": null })));
    Ok(())
}

#[tokio::test]
async fn what_is_shown_is_the_same_everywhere_and_numbers_are_numbers() -> Found<()> {
    let _alone = ALONE.lock().await;
    policy("http.shown")
        .bulkhead(BulkheadPolicy::new().limit(8))
        .rate_limit(RateLimitPolicy::new().rate(resilient::Rate::new(100, Duration::from_secs(1))))
        .retry(RetryPolicy::new().attempts(4))
        .register()?;
    let asked = Asked::by_name().await?;
    assert_eq!(search().await, Ok(1));

    let open = breaker("http.open");
    open.force_open("a drill");
    let one = asked.json(&named("circuit_breaker", "http.open")).await?;
    let live = &one["live"];
    assert_eq!(live["why"], "a drill");
    assert!(live["since_ms"].is_number() && live["time_in"]["forced_open_ms"].is_number());
    assert_eq!(
        (&live["next_probe_in_ms"], &live["window"]),
        (&Value::Null, &Value::Null)
    );
    let setting = |key: &str| {
        let mut settings = one["settings"].as_array().into_iter().flatten();
        settings.find(|one| one["key"] == key).cloned()
    };
    let written = json!({ "key": "failure_threshold", "value": 5, "source": { "from": "code" } });
    assert_eq!(setting("failure_threshold"), Some(written));
    let default = json!({ "key": "open_for", "value": "30s", "source": { "from": "default" } });
    assert_eq!(setting("open_for"), Some(default));
    assert_eq!(
        setting("failure_rate").ok_or("it is a setting")?["value"],
        Value::Null
    );

    let overview = asked.json("/overview").await?;
    let policies = overview["policies"].as_array().ok_or("a list")?;
    let of = |kind: &str, name: &str| {
        policies
            .iter()
            .find(|one| one["kind"] == kind && one["name"] == name)
    };
    let seen = of("circuit_breaker", "http.open").ok_or("it is listed")?;
    assert_eq!(
        seen["attention"],
        json!({ "level": "alarm", "because": "forced open: a drill" })
    );
    assert_eq!(seen["live"]["state"], live["state"], "as everywhere");
    let rate = &of("rate_limit", "http.shown").ok_or("it is listed")?["live"]["rate"];
    assert_eq!(*rate, json!({ "count": 100, "per_ms": 1000 }));
    assert_eq!(
        of("retry", "http.shown").ok_or("it is listed")?["attempts"],
        4
    );
    let attributes = of("circuit_breaker", "http.search").ok_or("it is listed")?;
    let source = attributes["rule"][0]["source"].as_str().ok_or("a text")?;
    assert_eq!(attributes["places"], json!([source]));
    assert!(source.starts_with("tests/http.rs:"), "{source}");

    let explained = asked.json("/function?name=http::search").await?;
    assert_eq!(explained["worst_case_ms"], 8000);
    assert_eq!(
        explained["layers"][1]["settings"][0],
        json!({
            "key": "failure_rate",
            "value": "50%",
            "source": { "from": "attribute", "file": "tests/http.rs", "line": explained["line"] },
        })
    );
    assert_eq!(
        asked.get("/function?name=http::serach").await?.status(),
        404
    );
    let graph = asked.json("/graph").await?;
    let edges = graph["edges"].as_array().ok_or("a list")?.iter();
    let edges = edges.filter(|edge| edge["function"] == "http::search");
    let kinds: Vec<_> = edges
        .map(|edge| edge["kind"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(kinds, ["timeout", "circuit_breaker", "retry"]);

    let metrics = asked.get("/metrics").await?;
    assert_eq!(
        metrics.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let metrics = metrics.text().await?;
    for line in [
        "resilient_circuit_breaker_state{policy=\"http.open\",state=\"forced_open\"} 1",
        "resilient_circuit_breaker_calls_total{policy=\"http.search\",outcome=\"success\"} 1",
        "resilient_bulkhead_limit{policy=\"http.shown\"} 8",
    ] {
        assert!(
            metrics.lines().any(|one| one == line),
            "{line} is missing in {metrics}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_page_loads_nothing_and_forbids_the_rest() -> Found<()> {
    let nested = Asked::with(Options::new()).await?;
    let first = nested.get("").await?;
    let policy = first.headers()["content-security-policy"]
        .to_str()?
        .to_owned();
    let nonce = policy.split_once("script-src 'nonce-").ok_or("a nonce")?.1;
    let nonce = nonce.split_once('\'').ok_or("a nonce")?.0.to_owned();
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("content-type", "text/html; charset=utf-8"),
    ] {
        assert_eq!(first.headers()[name], value);
    }
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    let html = first.text().await?;
    assert_eq!(
        html.matches(&format!("nonce=\"{nonce}\"")).count(),
        2,
        "one style, one script"
    );
    let again = nested.get("").await?.headers()["content-security-policy"].clone();
    assert_ne!(again.to_str()?, policy, "a nonce is used once");
    for outside in ["src=", "@import", "url(", "http://", "https://"] {
        let html = html.replace("http://www.w3.org/2000/svg", "");
        assert!(!html.contains(outside), "{outside}");
    }
    let json = nested.get("/overview").await?.headers()["content-security-policy"].clone();
    assert_eq!(json.to_str()?, "default-src 'none'; frame-ancestors 'none'");

    let service = axum::Router::new().nest_service("/ops", router(Options::new()));
    let service = Asked::of(service, "/ops").await?;
    for path in ["", "/", "/overview"] {
        assert_eq!(service.get(path).await?.status(), 200, "{path}");
    }
    let alone = Asked::of(router(Options::new()), "").await?;
    assert_eq!(alone.get("/").await?.status(), 200);
    Ok(())
}

/// A stream that was opened, and what has come of it so far.
struct Stream {
    answer: Response,
    text: String,
}

impl Stream {
    async fn open(asked: &Asked, path: &str, last: Option<&str>) -> Found<Self> {
        Self::open_as(asked, path, last, "ana").await
    }

    async fn open_as(asked: &Asked, path: &str, last: Option<&str>, user: &str) -> Found<Self> {
        let mut request = asked.request(Method::GET, path, user);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = request.send().await?;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let mut stream = Self {
            answer,
            text: String::new(),
        };
        stream.until("retry: 2000\nid: ").await?;
        Ok(stream)
    }

    /// Reads on until `wanted` has come.
    async fn until(&mut self, wanted: &str) -> Found<()> {
        let read = async {
            while !self.text.contains(wanted) {
                let chunk = self.answer.chunk().await?.ok_or("the stream has ended")?;
                self.text.push_str(std::str::from_utf8(&chunk)?);
            }
            Ok(())
        };
        let read = tokio::time::timeout(Duration::from_secs(20), read).await;
        read.map_err(|_| format!("{wanted:?} never came: {}", self.text))?
    }

    /// The id of the newest event.
    fn last(&self) -> Found<String> {
        let mut ids = self
            .text
            .lines()
            .rev()
            .filter_map(|line| line.strip_prefix("id: "));
        Ok(ids.next().ok_or("no id")?.to_owned())
    }
}

#[tokio::test]
async fn the_stream_tells_what_happens_and_is_taken_up_again() -> Found<()> {
    let _alone = ALONE.lock().await;
    let breaker = breaker("http.streamed");
    let asked = Asked::by_name().await?;
    let mut stream = Stream::open(&asked, "/events/stream", None).await?;
    breaker.force_open("first");
    stream.until("\"reason\":\"first\"").await?;
    assert!(stream.text.contains("event: transition\n"));
    let last = stream.last()?;
    drop(stream);
    breaker.reset("meanwhile");
    let mut again = Stream::open(&asked, "/events/stream", Some(&last)).await?;
    again.until("\"reason\":\"reset: meanwhile\"").await?;
    assert!(
        !again.text.contains("\"reason\":\"first\""),
        "only what is new"
    );

    for _ in 0..HISTORY_CAPACITY {
        breaker.force_open("flood");
        breaker.reset("flood");
    }
    let mut late = Stream::open(&asked, "/events/stream", Some(&last)).await?;
    late.until("event: lagged\ndata: {\"missed\":").await?;
    late.until("event: transition").await?;
    let mut other = Stream::open(&asked, "/events/stream", Some("1-5")).await?;
    other.until("event: restarted").await?;
    let ahead = format!("/events/stream?after={}", u64::MAX);
    let mut ahead = Stream::open(&asked, &ahead, None).await?;
    ahead.until("event: restarted").await?;
    ahead.until("event: transition").await?;
    other.until("event: transition").await?;

    let events = asked.json("/events").await?;
    assert_eq!(
        events["events"].as_array().map(Vec::len),
        Some(HISTORY_CAPACITY)
    );
    let position = events["position"].as_u64().ok_or("a number")?;
    let none = asked.json(&format!("/events?after={position}")).await?;
    assert_eq!(none["events"], json!([]));

    let mut all = Stream::open(&asked, "/events/stream?all=true", None).await?;
    breaker.force_open("closed for the night");
    assert!(breaker.admit(&resilient::Frame::new()).is_err());
    all.until("event: rejected").await?;
    assert!(all.text.contains("closed for the night"));
    assert_eq!(asked.get("/events/stream?al=true").await?.status(), 400);
    Ok(())
}

#[tokio::test]
async fn the_thirty_third_stream_is_refused_until_one_has_gone() -> Found<()> {
    let asked = Asked::by_name().await?;
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        streams.push(Stream::open(&asked, "/events/stream", None).await?);
    }
    let refused = asked.get("/events/stream").await?;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(
        asked.get("/overview").await?.status(),
        200,
        "all else is answered"
    );
    streams.pop();
    // The server learns of it when it looks at the connection.
    for _ in 0..200 {
        if asked.get("/events/stream").await?.status() == 200 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("no place came free".into())
}

#[tokio::test]
async fn a_page_of_somebody_else_gets_no_stream() -> Found<()> {
    let asked = Asked::by_name().await?;
    let foreign = asked.request(Method::GET, "/events/stream", "ana");
    let foreign = foreign
        .header("sec-fetch-site", "cross-site")
        .send()
        .await?;
    assert_eq!(foreign.status(), 403);
    Ok(())
}

#[tokio::test]
async fn the_keys_of_events_are_shown_to_those_who_may_see_them() -> Found<()> {
    let _alone = ALONE.lock().await;
    let breaker = breaker("http.keyed.events");
    let asked = Asked::by_name().await?;
    let mut ana = Stream::open(&asked, "/events/stream", None).await?;
    let mut reader = Stream::open_as(&asked, "/events/stream", None, "reader").await?;
    for _ in 0..5 {
        let acme = breaker.keyed("acme");
        acme.admit(&resilient::Frame::new())?
            .settle(resilient::Verdict::Failure);
    }
    let opened = "\"to\":\"open\"";
    ana.until(opened).await?;
    assert!(ana.text.contains("\"key\":\"acme\""), "{}", ana.text);
    reader.until(opened).await?;
    assert!(reader.text.contains("\"key\":null"), "{}", reader.text);
    assert!(!reader.text.contains("acme"), "{}", reader.text);

    for (user, key) in [("ana", json!("acme")), ("reader", Value::Null)] {
        let events = asked.request(Method::GET, "/events", user).send().await?;
        let events: Value = events.json().await?;
        let events = events["events"].as_array().ok_or("a list")?;
        let opened = events
            .iter()
            .find(|event| event["policy"] == "http.keyed.events");
        assert_eq!(opened.ok_or("it is remembered")?["key"], key, "{user}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_its_stream_holds_up_nobody_and_is_told_what_it_missed()
-> Found<()> {
    let _alone = ALONE.lock().await;
    let breaker = breaker("http.slow.client");
    let asked = Asked::by_name().await?;
    let mut slow = Stream::open(&asked, "/events/stream?all=true", None).await?;
    breaker.force_open("a flood");
    for _ in 0..40 {
        for _ in 0..1000 {
            assert!(breaker.admit(&resilient::Frame::new()).is_err());
        }
        tokio::task::yield_now().await;
    }
    let mut quick = Stream::open(&asked, "/events/stream", None).await?;
    breaker.reset("the flood is over");
    quick.until("the flood is over").await?;
    assert_eq!(asked.get("/overview").await?.status(), 200);
    slow.until("event: lagged\ndata: {\"missed\":").await?;
    Ok(())
}

#[tokio::test]
async fn a_recovery_that_failed_is_told_apart_from_the_outage_and_a_probe_from_the_wait()
-> Found<()> {
    let _alone = ALONE.lock().await;
    let settings = CircuitBreakerPolicy::new()
        .failure_threshold(1)
        .open_for(Duration::from_millis(1))
        .half_open_for(Duration::from_secs(60));
    policy("http.probed").circuit_breaker(settings).register()?;
    let breaker = registry()
        .circuit_breaker("http.probed")
        .ok_or("it is registered")?;
    let asked = Asked::by_name().await?;
    let address = named("circuit_breaker", "http.probed");
    assert_eq!(asked.json(&address).await?["live"]["outage"], Value::Null);
    let frame = resilient::Frame::new();
    breaker.admit(&frame)?.settle(resilient::Verdict::Failure);
    tokio::time::sleep(Duration::from_millis(5)).await;
    breaker.admit(&frame)?.settle(resilient::Verdict::Failure);
    tokio::time::sleep(Duration::from_millis(5)).await;
    let live = &asked.json(&address).await?["live"];
    let why = "a probe failed, 0 had succeeded (success_threshold = 2)";
    assert_eq!(live["why"], why);
    let first = "1 of the last 1 call failed (failure_threshold = 1)";
    let outage = &live["outage"];
    assert_eq!(
        (&outage["why"], &outage["reopened"]),
        (&json!(first), &json!(1))
    );
    assert!(
        outage["since_ms"].as_f64() > live["since_ms"].as_f64(),
        "{live}"
    );
    let probing = |live: &Value| {
        let fields = [
            "probes_inside",
            "probes_allowed",
            "probes_succeeded",
            "probes_needed",
        ];
        fields.map(|field| live[field].clone())
    };
    assert_eq!(probing(live), [json!(0), json!(1), json!(0), json!(2)]);
    assert_eq!(
        (&live["next_probe_in_ms"], &live["place_free_in_ms"]),
        (&json!(0), &Value::Null)
    );
    let _probe = breaker.admit(&frame)?;
    let live = &asked.json(&address).await?["live"];
    assert_eq!(probing(live), [json!(1), json!(1), json!(0), json!(2)]);
    assert_eq!(live["next_probe_in_ms"], Value::Null, "nobody knows");
    assert!(live["place_free_in_ms"].as_f64() > Some(50_000.0), "{live}");
    let overview = asked.json("/overview").await?;
    let mut policies = overview["policies"].as_array().into_iter().flatten();
    let seen = policies.find(|one| one["name"] == "http.probed");
    let because = &seen.ok_or("it is listed")?["attention"]["because"];
    let because = because.as_str().unwrap_or_default();
    assert!(
        because.contains(why) && because.contains(first),
        "{because}"
    );
    breaker.reset("the test is over");
    Ok(())
}

#[derive(Debug, PartialEq)]
struct Down;

#[fallback("http.standing", stale = 10m, key = article)]
async fn standing(article: u32, is_up: bool) -> Result<u32, Down> {
    if is_up { Ok(article) } else { Err(Down) }
}

#[tokio::test]
async fn a_fallback_is_an_alarm_only_if_nobody_gets_an_answer() -> Found<()> {
    let _alone = ALONE.lock().await;
    let asked = Asked::by_name().await?;
    let attention = async || -> Found<Value> {
        let overview = asked.json("/overview").await?;
        let mut policies = overview["policies"].as_array().into_iter().flatten();
        let seen = policies.find(|one| one["name"] == "http.standing");
        Ok(seen.ok_or("it is listed")?["attention"].clone())
    };
    assert_eq!(attention().await?, Value::Null);
    let told = |level: &str, because: &str| json!({ "level": level, "because": because });
    assert!(standing(1, false).await.is_err(), "nothing is kept");
    let once = "1 call failed in the last minute";
    assert_eq!(attention().await?, told("notice", once));
    assert!(standing(1, false).await.is_err());
    let twice = "2 calls failed in the last minute";
    assert_eq!(attention().await?, told("alarm", twice));
    assert_eq!(standing(2, true).await, Ok(2));
    assert_eq!(standing(2, false).await, Ok(2), "as it was");
    let mixed = "2 calls failed in the last minute, 1 answered";
    assert_eq!(attention().await?, told("notice", mixed));
    Ok(())
}

#[tokio::test]
async fn a_window_stands_still_while_nothing_is_recorded() -> Found<()> {
    let _alone = ALONE.lock().await;
    let settings = CircuitBreakerPolicy::new().failure_threshold(1).window(10);
    policy("http.window").circuit_breaker(settings).register()?;
    let breaker = registry().circuit_breaker("http.window");
    let breaker = breaker.ok_or("it is registered")?;
    let frame = resilient::Frame::new();
    breaker.admit(&frame)?.settle(resilient::Verdict::Failure);
    let asked = Asked::by_name().await?;
    let path = named("circuit_breaker", "http.window");
    let calls = async || -> Found<Value> {
        Ok(asked.json(&path).await?["live"]["window"]["calls"].clone())
    };
    assert_eq!(calls().await?, 1);
    breaker.disable("a drill");
    breaker.admit(&frame)?.settle(resilient::Verdict::Failure);
    assert_eq!(calls().await?, 1, "nothing is recorded");
    breaker.reset("the test is over");
    assert_eq!(calls().await?, 0);
    Ok(())
}

#[tokio::test]
async fn who_does_not_judge_results_has_no_good_ones() -> Found<()> {
    let _alone = ALONE.lock().await;
    policy("http.unjudged")
        .bulkhead(BulkheadPolicy::new().limit(8))
        .register()?;
    let asked = Asked::by_name().await?;
    asked.json("/overview").await?;
    let bulkhead = registry().bulkhead("http.unjudged");
    let frame = resilient::Frame::new();
    drop(bulkhead.ok_or("it is registered")?.try_admit(&frame)?);
    let overview = asked.json("/overview").await?;
    let mut policies = overview["policies"].as_array().into_iter().flatten();
    let limit = policies.find(|one| one["name"] == "http.unjudged");
    let limit = limit.ok_or("it is listed")?;
    let newest = |name: &str| limit["recent"][name][29].clone();
    assert_eq!(newest("let_through"), 1);
    assert_eq!(newest("refused"), 0);
    assert_eq!((newest("good"), newest("bad")), (Value::Null, Value::Null));
    assert_eq!(
        (&limit["places"], &limit["overridden"]),
        (&json!([]), &json!([]))
    );
    Ok(())
}
