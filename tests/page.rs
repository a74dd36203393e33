//! The page in a real browser: what it shows, what it steers, and what it never does.
//!
//! Pictures of the main states are left in `target/screenshots`.

#[path = "page/browser.rs"]
mod browser;
#[path = "page/served.rs"]
mod served;

use browser::{Browser, DESKTOP, Found, Window};
use resilient::http::{Access, Actor, Options};
use resilient::{
    BulkheadPolicy, Changes, CircuitBreaker, CircuitBreakerPolicy, CircuitBreakerState, Frame,
    Rate, RateLimitPolicy, Rejected, Verdict, bulkhead, circuit_breaker, fallback, hedge, policy,
    registry, retry, timeout,
};
use served::served;
use std::time::Duration;
use tokio::sync::Mutex;

/// One browser at a time: they share the registry, and this machine.
static ALONE: Mutex<()> = Mutex::const_new(());

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("it does not answer")]
    Down,
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

#[fallback(value = 0)]
#[timeout("page.price", 5s)]
#[circuit_breaker("page.pricing", failure_threshold = 3, open_for = 60s)]
#[retry("page.pricing", 2, backoff = fixed(1ms))]
#[bulkhead("page.pricing", 20, queue = 10)]
async fn price(is_up: bool) -> Result<u32, Error> {
    if is_up { Ok(7) } else { Err(Error::Down) }
}

fn with_control() -> Options {
    Options::new()
        .title("shop")
        .authorise(|_, _| Some(Actor::new("ana")))
}

fn tile(name: &str) -> String {
    format!(
        "[...document.querySelectorAll('.tile')].find((tile) => tile.querySelector('.open-tile').textContent === {name:?})"
    )
}

fn labelled(label: &str) -> String {
    format!("document.querySelector('.tile[aria-label={label:?}]')")
}

fn breaker(name: &str) -> String {
    format!("document.querySelector('.tile[aria-label=\"circuit breaker {name}\"]')")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_goes_red_and_tells_why_and_is_steered() -> Found<()> {
    let _alone = ALONE.lock().await;
    let Some(browser) = Browser::open(DESKTOP).await? else {
        return Ok(());
    };
    let shop = served(with_control()).await?;
    for _ in 0..20 {
        assert_eq!(price(true).await.ok(), Some(7));
    }
    browser.go(&shop).await?;
    is_well(&browser).await?;
    for _ in 0..6 {
        assert_eq!(price(false).await.ok(), Some(0), "the fallback answers");
    }
    is_red_and_tells_why(&browser).await?;
    shows_where_its_threshold_was_set(&browser).await?;
    is_reset(&browser).await?;
    refuses_what_is_no_duration(&browser).await?;
    turns_grey_when_nobody_answers(&browser).await?;
    browser.close().await
}

async fn is_well(browser: &Browser) -> Found<()> {
    let tile = breaker("page.pricing");
    browser
        .wait_for(&format!("{tile}?.textContent.includes('closed')"))
        .await?;
    browser
        .wait_for("document.querySelectorAll('#functions details').length > 0")
        .await?;
    browser.picture("healthy").await?;
    Ok(())
}

async fn is_red_and_tells_why(browser: &Browser) -> Found<()> {
    let tile = breaker("page.pricing");
    browser
        .wait_for(&format!("{tile}.textContent.includes('OPEN')"))
        .await?;
    let text = browser.script(&format!("return {tile}.innerText")).await?;
    let text = text.as_str().unwrap_or_default();
    for told in [
        "3 of the last 3 calls failed (failure_threshold = 3): 3 × transient Error",
        "tried again in",
        "affects page::price",
        "set at tests/page.rs:",
    ] {
        assert!(text.contains(told), "{told:?} is missing in {text}");
    }
    let verdict = browser
        .script("return document.querySelector('#verdict').innerText")
        .await?;
    assert!(
        verdict
            .as_str()
            .is_some_and(|verdict| verdict.contains("attention")),
        "{verdict}"
    );
    browser
        .wait_for("document.querySelector('#changes').innerText.includes('page.pricing')")
        .await?;
    browser.picture("open").await?;
    Ok(())
}

async fn shows_where_its_threshold_was_set(browser: &Browser) -> Found<()> {
    browser
        .click("[aria-label='circuit breaker page.pricing'] .open-tile")
        .await?;
    browser
        .wait_for("document.querySelector('dialog table tr.decides')")
        .await?;
    browser
        .wait_for("document.querySelector('dialog .stack [aria-current]')")
        .await?;
    browser.picture("detail").await?;
    let decides = browser
        .script("return document.querySelector('tr.decides').innerText")
        .await?;
    assert!(
        decides
            .as_str()
            .is_some_and(|row| row.contains("attribute at tests/page.rs")),
        "{decides}"
    );
    browser.press("\u{e00c}").await?; // Escape
    browser
        .wait_for("!document.querySelector('dialog').open")
        .await?;
    Ok(())
}

/// A reset asks for a reason, and is done by whom the authoriser named.
async fn is_reset(browser: &Browser) -> Found<()> {
    let tile = breaker("page.pricing");
    browser
        .click("[aria-label='circuit breaker page.pricing'] .actions button")
        .await?;
    browser
        .wait_for("document.querySelector('dialog form input')")
        .await?;
    browser
        .type_into("dialog form input", "the price list is back")
        .await?;
    browser.picture("control").await?;
    browser.click("dialog form button.main").await?;
    browser
        .wait_for(&format!("{tile}.textContent.includes('closed')"))
        .await?;
    let breaker = registry()
        .circuit_breaker("page.pricing")
        .ok_or("it is known")?;
    assert_eq!(breaker.state(), CircuitBreakerState::Closed);
    let changes = "document.querySelector('#changes').innerText";
    browser
        .wait_for(&format!(
            "{changes}.includes('the price list is back, by ana')"
        ))
        .await?;
    Ok(())
}

async fn refuses_what_is_no_duration(browser: &Browser) -> Found<()> {
    browser.script("[...document.querySelectorAll('dialog td button')].find((one) => one.ariaLabel === 'Change open_for').click()").await?;
    let value = "dialog table form input";
    browser
        .script("document.querySelector('dialog table form input').value = ''")
        .await?;
    browser.type_into(value, "soon").await?;
    browser
        .script("document.querySelectorAll('dialog table form input')[1].value = 'a slip'")
        .await?;
    browser.click("dialog table form button.main").await?;
    browser.wait_for("document.querySelector('dialog table form .error').innerText.includes('a duration with its unit')").await?;
    assert!(
        browser
            .complaints()
            .await?
            .iter()
            .all(|one| one["source"] == "network"),
        "only the 422"
    );
    Ok(())
}

async fn turns_grey_when_nobody_answers(browser: &Browser) -> Found<()> {
    browser
        .script("document.querySelector('dialog').close()")
        .await?;
    browser.disconnect().await?;
    browser
        .wait_for("document.body.classList.contains('stale')")
        .await?;
    let freshness = browser
        .script("return document.querySelector('#freshness').innerText")
        .await?;
    assert!(
        freshness
            .as_str()
            .is_some_and(|told| told.contains("these values are old")),
        "{freshness}"
    );
    browser.picture("stale").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_steer_sees_no_button_and_nothing_is_asked_of_others() -> Found<()> {
    let _alone = ALONE.lock().await;
    let Some(browser) = Browser::open(Window {
        is_dark: true,
        ..DESKTOP
    })
    .await?
    else {
        return Ok(());
    };
    let name = "<img src=x onerror=alert(1)> & \u{202e}\u{1f600} naïve \"name\"";
    let policies = policy(name).circuit_breaker(CircuitBreakerPolicy::new());
    policies.register()?;
    let odd = registry().circuit_breaker(name).ok_or("it is known")?;
    odd.force_open("<script>alert(2)</script>");
    let reader = |_: &axum::http::request::Parts, access| {
        (access == Access::Read).then(|| Actor::new("a reader"))
    };
    let shop = served(Options::new().title("<b>shop</b>").authorise(reader)).await?;
    browser.go(&shop).await?;
    let tile = tile(name);
    browser
        .wait_for(&format!("{tile}?.innerText.includes('FORCED OPEN')"))
        .await?;
    browser
        .wait_for(&format!(
            "{tile}.innerText.includes('<script>alert(2)</script>')"
        ))
        .await?;
    browser
        .wait_for("document.querySelector('#title').innerText === '<b>shop</b>'")
        .await?;
    let parsed = "return document.querySelectorAll('img, main script, h1 b').length";
    assert_eq!(browser.script(parsed).await?, 0, "names are texts");
    assert_eq!(
        browser
            .script("return document.querySelectorAll('.actions button').length")
            .await?,
        0
    );
    assert_eq!(
        browser
            .script("return document.querySelector('#all-off').hidden")
            .await?,
        true
    );
    browser.picture("dark").await?;

    browser
        .script(&format!("{tile}.querySelector('.open-tile').click()"))
        .await?;
    browser
        .wait_for("document.querySelector('dialog table tbody tr')")
        .await?;
    assert_eq!(
        browser
            .script("return document.querySelectorAll('dialog td button, dialog form').length")
            .await?,
        0
    );
    let refused = browser
        .script("return fetch('resilience/policy/reset?kind=circuit_breaker&name=page.pricing', { method: 'POST', body: '{\"reason\":\"r\"}', headers: { 'content-type': 'application/json' } }).then((answer) => answer.status)")
        .await?;
    assert_eq!(refused, 403);

    let requests = browser.requests().await?;
    // The browser's own first page comes from itself.
    let ours = ["data:", "chrome://", &shop];
    let is_foreign = |url: &&String| !ours.iter().any(|ours| url.starts_with(ours));
    let foreign: Vec<_> = requests.iter().filter(is_foreign).collect();
    assert!(requests.len() > 3 && foreign.is_empty(), "{foreign:?}");
    let complaints = browser.complaints().await?;
    let other = complaints.iter().filter(|one| {
        !one["message"]
            .as_str()
            .is_some_and(|text| text.contains("403"))
    });
    assert_eq!(other.count(), 0, "{complaints:?}");
    odd.reset("the test is over");
    browser.close().await
}

#[hedge("page.hedged", 1ms)]
async fn slow() -> Result<u32, Error> {
    tokio::time::sleep(Duration::from_millis(20)).await;
    Ok(7)
}

#[retry("page.retried", 3, backoff = fixed(1ms), budget = 50%)]
async fn retried(is_up: bool) -> Result<u32, Error> {
    if is_up { Ok(7) } else { Err(Error::Down) }
}

#[fallback("page.remembered", stale = 10m, key = article)]
async fn remembered(article: u32, is_up: bool) -> Result<u32, Error> {
    if is_up { Ok(article) } else { Err(Error::Down) }
}

#[timeout("page.cut", 1ms)]
async fn cut() -> Result<u32, Error> {
    std::future::pending().await
}

/// Something to see of every kind.
async fn something_of_every_kind() -> Found<()> {
    assert_eq!(slow().await?, 7);
    assert_eq!(retried(true).await?, 7);
    assert!(retried(false).await.is_err());
    assert_eq!(remembered(3, true).await?, 3);
    assert_eq!(remembered(3, false).await?, 3, "as it was");
    assert!(remembered(4, false).await.is_err(), "never seen");
    assert!(cut().await.is_err());
    let minute = Duration::from_secs(60);
    policy("page.limited")
        .rate_limit(RateLimitPolicy::new().rate(Rate::new(3, minute)).burst(3))
        .bulkhead(BulkheadPolicy::new().limit(2).queue(4))
        .register()?;
    let limit = registry()
        .rate_limit("page.limited")
        .ok_or("it is registered")?;
    for _ in 0..3 {
        limit.try_admit()?;
    }
    assert!(limit.try_admit().is_err());
    policy("page.keyed")
        .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(1))
        .register()?;
    let keyed = registry()
        .circuit_breaker("page.keyed")
        .ok_or("it is registered")?;
    for (tenant, verdict) in [("acme", Verdict::Failure), ("umbra", Verdict::Success)] {
        let instance = keyed.keyed(tenant);
        instance.admit(&Frame::new())?.settle(verdict);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_shows_what_matters_of_it() -> Found<()> {
    let _alone = ALONE.lock().await;
    let Some(browser) = Browser::open(DESKTOP).await? else {
        return Ok(());
    };
    something_of_every_kind().await?;
    let bulkhead = registry()
        .bulkhead("page.limited")
        .ok_or("it is registered")?;
    let frame = Frame::new();
    let _inside = bulkhead.try_admit(&frame)?;
    browser.go(&served(with_control()).await?).await?;
    for (label, told) in [
        ("hedge page.hedged", &["hedged 1"][..]),
        (
            "retry page.retried",
            &[
                "load at most ×3",
                "in the last 10 s ×",
                "budget left",
                "extra attempts 2",
                "given up 1",
            ],
        ),
        (
            "fallback page.remembered",
            &["answered stale 1", "nothing kept 1"],
        ),
        ("timeout page.cut", &["after 1 ms", "cut off 1"]),
        ("rate limit page.limited", &["0 of 3 left", "refused 1"]),
        (
            "bulkhead page.limited",
            &["1 of 2 inside", "waiting 0 of 4"],
        ),
        (
            "circuit breaker page.keyed",
            &["keys 2 of", "refusing for 1 key"],
        ),
    ] {
        let tile = format!("document.querySelector('.tile[aria-label={label:?}]')");
        browser.wait_for(&format!("{tile} !== null")).await?;
        let text = browser.script(&format!("return {tile}.innerText")).await?;
        let text = text.as_str().unwrap_or_default();
        for told in told {
            assert!(
                text.contains(told),
                "{label}: {told:?} is missing in {text}"
            );
        }
        assert!(!text.contains("acme"), "keys are not shown");
    }
    let filled = "[...document.querySelectorAll('.meter')].filter((one) => !one.hidden).length";
    let filled = browser.script(&format!("return {filled}")).await?;
    assert!(
        filled.as_u64().is_some_and(|meters| meters >= 2),
        "{filled}"
    );
    browser.picture("every-kind").await?;
    browser.close().await
}

/// Registers a breaker that opens with the first failure, and opens it.
fn opened(name: &'static str, open_for: Duration) -> Found<&'static CircuitBreaker> {
    let settings = CircuitBreakerPolicy::new().failure_threshold(1);
    let settings = settings
        .open_for(open_for)
        .half_open_for(Duration::from_secs(60));
    policy(name).circuit_breaker(settings).register()?;
    let breaker = registry().circuit_breaker(name).ok_or("it is registered")?;
    breaker.admit(&Frame::new())?.settle(Verdict::Failure);
    Ok(breaker)
}

#[tokio::test(flavor = "multi_thread")]
async fn open_breakers_come_first_and_a_probe_is_told_from_the_wait_for_one() -> Found<()> {
    let _alone = ALONE.lock().await;
    let phone = Window {
        width: 390,
        height: 844,
        is_dark: true,
    };
    let Some(browser) = Browser::open(phone).await? else {
        return Ok(());
    };
    policy("page.a.full")
        .bulkhead(BulkheadPolicy::new().limit(1))
        .register()?;
    let full = registry().bulkhead("page.a.full").ok_or("it is known")?;
    let frame = Frame::new();
    let inside = full.try_admit(&frame)?;
    let probed = opened("page.m.probed", Duration::from_millis(1))?;
    let open = opened("page.z.open", Duration::from_secs(60))?;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let mut probe = probed.admit(&frame)?;
    browser.go(&served(with_control()).await?).await?;
    let tile = breaker("page.m.probed");
    let probed_says = |told: &str| format!("{tile}?.innerText.includes({told:?})");
    for what in [
        "probes inside 1 of 1 · succeeded 0 of 2",
        "if none answers, another probe in 1 min",
        "not closed since ",
    ] {
        browser.wait_for(&probed_says(what)).await?;
    }
    assert!(full.try_admit(&frame).is_err());
    let bulkhead = labelled("bulkhead page.a.full");
    let is_told = |told: &str| format!("{bulkhead}.innerText.includes({told:?})");
    browser
        .wait_for(&is_told("full: 1 call refused in the last minute"))
        .await?;
    let labels = "return [...document.querySelectorAll('.tile')].map((one) => one.ariaLabel)";
    let labels = browser.script(labels).await?;
    let place = |label: &str| labels.as_array()?.iter().position(|one| one == label);
    let first = place("circuit breaker page.z.open").ok_or("it is shown")?;
    let second = place("circuit breaker page.m.probed").ok_or("it is shown")?;
    let third = place("bulkhead page.a.full").ok_or("it is shown")?;
    assert!(first < second && second < third, "{labels}");
    let first = "document.querySelector('.tile').innerText";
    let first = browser.script(&format!("return {first}")).await?;
    assert!(
        first.as_str().is_some_and(|tile| tile.contains("OPEN")),
        "{first}"
    );
    let verdict = "return document.querySelector('#verdict').innerText";
    let verdict = browser.script(verdict).await?;
    let named = verdict
        .as_str()
        .is_some_and(|verdict| verdict.starts_with("Open: ") && verdict.contains("page.z.open"));
    assert!(named, "{verdict}");
    let height = "return document.querySelector('header').offsetHeight";
    let height = browser.script(height).await?;
    assert!(
        height.as_u64().is_some_and(|height| height <= 125),
        "{height}"
    );
    browser.picture("phone-open").await?;

    probe.settle(Verdict::Failure);
    drop(inside);
    for what in [
        "half-open",
        "a probe failed, 0 had succeeded (success_threshold = 2)",
        ", when 1 of the last 1 call failed (failure_threshold = 1) · opened again once",
        "next probe with the next call",
    ] {
        browser.wait_for(&probed_says(what)).await?;
    }
    let was_full = "was full: 1 call refused in the last minute";
    browser.wait_for(&is_told(was_full)).await?;
    let shown = format!("return [{bulkhead}.dataset.level, {bulkhead}.innerText]");
    let shown = browser.script(&shown).await?;
    assert_eq!(shown[0], "notice", "{shown}");
    let text = shown[1].as_str().unwrap_or_default();
    assert!(text.contains("0 of 1 inside"), "{text}");
    assert!(text.contains("0 let through, 1 refused"), "{text}");
    assert!(!text.contains("good"), "nobody judged it: {text}");
    open.reset("the test is over");
    probed.reset("the test is over");
    browser.close().await
}

const DIALOG: &str = "document.querySelector('dialog')";

/// Presses the button of the panel with this text.
async fn press_button(browser: &Browser, text: &str) -> Found<()> {
    let button = format!(
        "[...{DIALOG}.querySelectorAll('button')].find((one) => one.innerText === {text:?} || one.ariaLabel === {text:?})"
    );
    browser.wait_for(&format!("Boolean({button})")).await?;
    browser
        .script(&format!("{button}.focus(); {button}.click()"))
        .await?;
    Ok(())
}

async fn focus(browser: &Browser) -> Found<String> {
    let focus =
        "const at = document.activeElement; return at.ariaLabel || at.innerText || at.tagName";
    let focus = browser.script(focus).await?;
    Ok(focus.as_str().unwrap_or_default().to_owned())
}

/// In the headline, and with its kind in the title of its panel.
async fn is_named_as_letting_all_through(browser: &Browser) -> Found<()> {
    let verdict = "document.querySelector('#verdict').innerText";
    browser
        .wait_for(&format!(
            "{verdict}.includes('Letting all through: page.by.hand · ')"
        ))
        .await?;
    let heading = "return document.querySelector('#detail-title').innerText";
    assert_eq!(
        browser.script(heading).await?,
        "circuit breaker page.by.hand",
        "several policies may have one name"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_by_hand_says_until_when_and_is_taken_back() -> Found<()> {
    let _alone = ALONE.lock().await;
    let Some(browser) = Browser::open(DESKTOP).await? else {
        return Ok(());
    };
    let breaker = opened("page.by.hand", Duration::from_secs(60))?;
    browser.go(&served(with_control()).await?).await?;
    let tile = labelled("circuit breaker page.by.hand");
    let told = |told: &str| format!("{tile}?.innerText.includes({told:?})");
    browser.wait_for(&told("Let all through…")).await?;
    browser
        .script(&format!(
            "{tile}.querySelectorAll('.actions button')[1].click()"
        ))
        .await?;
    let form = "dialog form";
    browser
        .wait_for(&format!(
            "document.querySelector('{form}')?.innerText.includes('although it fails')"
        ))
        .await?;
    let lasting = browser
        .script(&format!(
            "return document.querySelector('{form} select').value"
        ))
        .await?;
    assert_eq!(lasting, "5m", "it has an end unless somebody wants none");

    // One form at a time, and Esc closes that first.
    press_button(&browser, "Change open_for").await?;
    let forms = format!("return {DIALOG}.querySelectorAll('form').length");
    assert_eq!(browser.script(&forms).await?, 1);
    browser.press("\u{e00c}").await?;
    assert_eq!(browser.script(&forms).await?, 0);
    assert_eq!(
        browser.script(&format!("return {DIALOG}.open")).await?,
        true
    );
    assert_eq!(focus(&browser).await?, "Change open_for");

    press_button(&browser, "Let all through…").await?;
    browser.type_into("dialog form input", "it is us").await?;
    browser.click("dialog form button.main").await?;
    let result = format!("({DIALOG}.querySelector('.result')?.innerText ?? '')");
    let done = "/^This breaker refuses nothing until [0-9:]{8}; other policies of its functions still may$/";
    browser.wait_for(&format!("{done}.test({result})")).await?;
    for what in [
        "letting all through",
        "; other policies of its functions still may",
    ] {
        browser.wait_for(&told(what)).await?;
    }
    is_named_as_letting_all_through(&browser).await?;
    assert_eq!(breaker.state(), CircuitBreakerState::Disabled);
    assert_ne!(focus(&browser).await?, "BODY");
    browser.picture("disabled").await?;

    press_button(&browser, "Take it back…").await?;
    assert_eq!(
        browser.script(&format!("return {result}")).await?,
        "",
        "another form is open"
    );
    browser
        .type_into("dialog form input", "it was not us")
        .await?;
    browser.click("dialog form button.main").await?;
    browser
        .wait_for(&format!(
            "/^Taken back at [0-9:]{{8}}: it is closed/.test({result})"
        ))
        .await?;
    assert_eq!(breaker.state(), CircuitBreakerState::Closed);
    let changes = "document.querySelector('#changes').innerText";
    browser
        .wait_for(&format!(
            "{changes}.includes('page.by.hand: letting all through was taken back, is closed')"
        ))
        .await?;
    browser
        .wait_for(&format!("{changes}.includes('it was not us, by ana')"))
        .await?;
    browser.wait_for(&told("closed")).await?;
    breaker.admit(&Frame::new())?.settle(Verdict::Failure);
    browser
        .wait_for(&format!(
            "/^Taken back at [0-9:]{{8}}; it opened again at /.test({result})"
        ))
        .await?;

    // Its tile has moved meanwhile.
    breaker.reset("it is well");
    browser.wait_for(&format!("{result} === ''")).await?;
    browser
        .wait_for(&format!(
            "{DIALOG}.querySelector('.now').innerText.startsWith('closed')"
        ))
        .await?;
    browser.press("\u{e00c}").await?;
    browser.wait_for(&format!("!{DIALOG}.open")).await?;
    assert_eq!(focus(&browser).await?, "page.by.hand");
    breaker.reset("the test is over");
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_stands_still_is_told_as_such_and_what_is_ignored_is_counted() -> Found<()> {
    let _alone = ALONE.lock().await;
    let Some(browser) = Browser::open(DESKTOP).await? else {
        return Ok(());
    };
    let settings = CircuitBreakerPolicy::new().failure_threshold(2).window(10);
    policy("page.window").circuit_breaker(settings).register()?;
    let breaker = registry()
        .circuit_breaker("page.window")
        .ok_or("it is registered")?;
    browser.go(&served(with_control()).await?).await?;
    let tile = labelled("circuit breaker page.window");
    let open_tile = format!("{tile}?.querySelector('.open-tile')");
    browser.wait_for(&open_tile).await?;
    browser.script(&format!("{open_tile}.click()")).await?;
    let row = |row: &str| {
        let rows = format!("{DIALOG}.querySelector('.now').innerText.replaceAll(/\\s+/g, ' ')");
        format!("{rows}.includes({row:?})")
    };
    browser.wait_for(&row("window 0 calls, 0 failed")).await?;

    let frame = Frame::new();
    for verdict in [
        Verdict::Success,
        Verdict::Ignored,
        Verdict::Ignored,
        Verdict::Failure,
        Verdict::Failure,
    ] {
        breaker.admit(&frame)?.settle(verdict);
    }
    assert!(breaker.admit(&frame).is_err());
    browser
        .wait_for(&row("when it opened 3 calls, 2 failed"))
        .await?;
    let seen = "1 good, 2 ignored, 2 failed, 1 refused";
    browser
        .wait_for(&format!("{tile}.innerText.includes({seen:?})"))
        .await?;
    browser.picture("ignored").await?;

    // By hand nothing is recorded either, and what it was before says nothing.
    breaker.force_open("a drill");
    browser.wait_for(&row("FORCED OPEN")).await?;
    assert_eq!(
        browser
            .script(&format!("return {}", row("calls, ")))
            .await?,
        false
    );
    let verdict = "document.querySelector('#verdict').innerText";
    browser
        .wait_for(&format!("{verdict}.includes('Forced open: page.window')"))
        .await?;
    breaker.reset("the test is over");
    browser.wait_for(&row("window 0 calls, 0 failed")).await?;
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_that_is_followed_by_an_opening_at_once_says_so() -> Found<()> {
    let _alone = ALONE.lock().await;
    let Some(browser) = Browser::open(DESKTOP).await? else {
        return Ok(());
    };
    let breaker = opened("page.reopened", Duration::from_secs(60))?;
    browser.go(&served(with_control()).await?).await?;
    let tile = labelled("circuit breaker page.reopened");
    let open_tile = format!("{tile}?.querySelector('.open-tile')");
    browser.wait_for(&open_tile).await?;
    browser.script(&format!("{open_tile}.click()")).await?;
    press_button(&browser, "Reset…").await?;
    browser
        .type_into("dialog form input", "they say it is back")
        .await?;
    // A callee that fails opens it before anybody looks.
    let fails = tokio::spawn(async move {
        while breaker.state() != CircuitBreakerState::Closed {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let frame = Frame::new();
        let call = breaker.admit(&frame);
        call.map(|mut call| call.settle(Verdict::Failure)).is_ok()
    });
    browser.click("dialog form button.main").await?;
    let result = format!("({DIALOG}.querySelector('.result')?.innerText ?? '')");
    let again = "/^Reset at [0-9:]{8}; it opened again (at once|at [0-9:]{8})$/";
    browser.wait_for(&format!("{again}.test({result})")).await?;
    assert!(fails.await?);
    let looked = "document.querySelector('#freshness').innerText.includes('live, 0 s')";
    tokio::time::sleep(Duration::from_millis(100)).await;
    browser.wait_for(looked).await?;
    assert_eq!(
        browser
            .script(&format!("return {again}.test({result})"))
            .await?,
        true,
        "until something else happens"
    );
    breaker.reset("the test is over");
    browser.wait_for(&format!("{result} === ''")).await?;
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn switching_all_off_says_what_follows_and_has_an_end() -> Found<()> {
    let _alone = ALONE.lock().await;
    let Some(browser) = Browser::open(DESKTOP).await? else {
        return Ok(());
    };
    browser.go(&served(with_control()).await?).await?;
    browser
        .wait_for("!document.querySelector('#all-off').hidden")
        .await?;
    browser.click("#all-off").await?;
    let form = "document.querySelector('dialog form')";
    for told in [
        "Nothing is refused, cut off, retried or bounded any more",
        "When the time below is over",
    ] {
        browser
            .wait_for(&format!("{form}?.innerText.includes({told:?})"))
            .await?;
    }
    let lasting = format!("return {form}.querySelector('select').value");
    assert_eq!(browser.script(&lasting).await?, "5m");
    browser.picture("all-off").await?;
    browser.type_into("dialog form input", "is it us?").await?;
    browser.click("dialog form button.main").await?;
    let banner = "document.querySelector('#all-disabled').innerText";
    let told = "All policies are switched off: is it us?, by ana, for 5 min";
    browser
        .wait_for(&format!("{banner}.includes({told:?})"))
        .await?;
    let is_off = registry().all_disabled().is_some();
    registry().enable_all("the test is over");
    assert!(is_off);
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_setting_is_shown_and_taken_back() -> Found<()> {
    let _alone = ALONE.lock().await;
    let Some(browser) = Browser::open(DESKTOP).await? else {
        return Ok(());
    };
    policy("page.changed")
        .bulkhead(BulkheadPolicy::new().limit(7))
        .register()?;
    let changes = Changes::new().set("limit", 3_i64);
    registry().reconfigure_with("bulkhead", "page.changed", &changes, "they are slow")?;
    let shop = served(with_control()).await?;
    browser.go(&shop).await?;
    let tile = labelled("bulkhead page.changed");
    browser
        .wait_for(&format!(
            "{tile}?.innerText.includes('changed by hand: limit')"
        ))
        .await?;
    browser
        .script(&format!("{tile}.querySelector('.open-tile').click()"))
        .await?;
    press_button(&browser, "Take back limit").await?;
    browser
        .type_into("dialog form input", "they are quick")
        .await?;
    browser.click("dialog form button.main").await?;
    let result = format!("{DIALOG}.querySelector('.result').innerText");
    browser
        .wait_for(&format!("{result}.includes('Taken back: limit = 7')"))
        .await?;
    browser
        .wait_for(&format!("{DIALOG}.querySelector('td button') !== null"))
        .await?;
    browser
        .wait_for("document.activeElement.ariaLabel === 'Change limit'")
        .await?;
    browser
        .wait_for(&format!("{tile}.innerText.includes('0 of 7 inside')"))
        .await?;
    let links = browser
        .script(
            "return [...document.querySelectorAll('dialog a, footer a')].map((one) => one.href)",
        )
        .await?;
    assert_eq!(
        links[1],
        format!("{shop}/policy?kind=bulkhead&name=page.changed")
    );
    assert_eq!(links[0], format!("{shop}/snapshot"));
    browser.press("\u{e00c}").await?;

    // What stands on a tile is found, and so is the file of its attribute.
    for (text, label) in [
        ("of 7 inside page.changed", "bulkhead page.changed"),
        ("tests/page.rs: page.cut", "timeout page.cut"),
    ] {
        browser.script(&format!("const search = document.querySelector('#search'); search.value = {text:?}; search.dispatchEvent(new Event('input'))")).await?;
        let shown = "return [...document.querySelectorAll('.tile')].filter((one) => !one.hidden && one.checkVisibility()).map((one) => one.ariaLabel)";
        assert_eq!(browser.script(shown).await?, serde_json::json!([label]));
    }
    browser.close().await
}
