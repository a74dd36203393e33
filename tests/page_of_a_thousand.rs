//! The page with a thousand policies, and on a phone: it stays usable, by keyboard alone too.

#[path = "page/browser.rs"]
mod browser;
#[path = "page/served.rs"]
mod served;

use browser::{Browser, DESKTOP, Found, Window};
use resilient::http::Options;
use resilient::{
    BulkheadPolicy, CircuitBreakerPolicy, Rate, RateLimitPolicy, TimeoutPolicy, policy, registry,
};
use served::served;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_policies_stay_usable_on_a_phone_too() -> Found<()> {
    let Some(browser) = Browser::open(DESKTOP).await? else {
        return Ok(());
    };
    for number in 0..400 {
        policy(format!("host-{number:03}.example"))
            .circuit_breaker(CircuitBreakerPolicy::new())
            .register()?;
    }
    for number in 0..200 {
        policy(format!("tenant-{number:03}"))
            .bulkhead(BulkheadPolicy::new().limit(number + 1).queue(5))
            .timeout(TimeoutPolicy::new().duration(Duration::from_secs(2)))
            .rate_limit(RateLimitPolicy::new().rate(Rate::new(100, Duration::from_secs(1))))
            .register()?;
    }
    for number in [17, 230, 391] {
        let name = format!("host-{number:03}.example");
        let breaker = registry().circuit_breaker(&name).ok_or("it is known")?;
        breaker.force_open("a drill");
    }
    let shop = served(Options::new().title("a large shop")).await?;
    browser.go(&shop).await?;
    browser
        .wait_for("document.querySelectorAll('.tile').length >= 1000")
        .await?;
    browser
        .wait_for("document.querySelector('.kind .tile').textContent.includes('FORCED OPEN')")
        .await?;
    browser.picture("thousand").await?;

    // From the key to the next picture, for each letter typed.
    let slowest = browser
        .script(
            "const search = document.querySelector('#search'); let slowest = 0;
             return (async () => {
               for (const text of ['h', 'ho', 'host-3', 'host-39', 'host-391', '']) {
                 const begun = performance.now();
                 search.value = text;
                 search.dispatchEvent(new Event('input', { bubbles: true }));
                 await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
                 slowest = Math.max(slowest, performance.now() - begun);
               }
               return slowest;
             })()",
        )
        .await?;
    let slowest = slowest.as_f64().ok_or("a number")?;
    eprintln!("the slowest letter took {slowest:.0} ms");
    assert!(slowest < 500.0, "a letter takes {slowest} ms");

    // By keyboard alone: to the search, a name, the first tile, its details, and back.
    browser.press("/").await?;
    browser.press("host-391").await?;
    browser
        .wait_for("document.querySelector('#shown').innerText.startsWith('1 of')")
        .await?;
    browser.press("\u{e004}\u{e004}\u{e004}").await?; // Tab: kind, the switch, the tile
    browser
        .wait_for("document.activeElement.textContent === 'host-391.example'")
        .await?;
    browser.press("\u{e007}").await?; // Enter
    browser
        .wait_for("document.querySelector('dialog').open")
        .await?;
    browser.press("\u{e00c}").await?; // Escape
    browser
        .wait_for("document.activeElement.textContent === 'host-391.example'")
        .await?;
    browser
        .script("document.querySelector('#search').value = ''")
        .await?;
    browser.click("#unhealthy").await?;
    browser
        .wait_for("!document.querySelector('.kind[data-kind=bulkhead]:not([hidden])')")
        .await?;
    browser.close().await?;

    let phone = Window {
        width: 360,
        height: 740,
        is_dark: false,
    };
    let Some(browser) = Browser::open(phone).await? else {
        return Ok(());
    };
    browser.go(&shop).await?;
    browser
        .wait_for("document.querySelectorAll('.tile').length >= 1000")
        .await?;
    browser.picture("phone").await?;
    let overflow = "return document.documentElement.scrollWidth - innerWidth";
    assert_eq!(
        browser.script(overflow).await?,
        0,
        "nothing is cut off at the side"
    );
    browser.close().await
}
