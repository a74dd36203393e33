//! A real browser, driven by the W3C `WebDriver` protocol: just enough of it for these tests.

#![allow(dead_code, reason = "each test program needs some of it")]

use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::time::sleep;

pub(crate) type Found<T> = Result<T, Box<dyn Error>>;

/// Says that a browser must be there: without one, the tests fail instead of passing over.
const REQUIRED: &str = "RESILIENT_BROWSER_TESTS";

/// How long anything on the page may take to appear.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the window looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) is_dark: bool,
}

pub(crate) const DESKTOP: Window = Window {
    width: 1400,
    height: 1000,
    is_dark: false,
};

/// A browser with one window. Dropped, its processes end.
pub(crate) struct Browser {
    driver: Child,
    http: Client,
    session: String,
    profile: PathBuf,
}

impl Browser {
    /// `None`, with a notice, if there is no browser on this machine and none is required.
    pub(crate) async fn open(window: Window) -> Found<Option<Self>> {
        if !is_there("chromium") || !is_there("chromedriver") {
            assert!(
                env::var_os(REQUIRED).is_none(),
                "{REQUIRED} is set, but chromium and chromedriver are not installed"
            );
            eprintln!(
                "notice: chromium and chromedriver are not installed, so the page was not tried"
            );
            return Ok(None);
        }
        // Somebody else may take the port before the driver does; then the driver ends, and is told so.
        let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let profile = env::temp_dir().join(format!("resilient-page-{}-{port}", std::process::id()));
        let mut browser = Self {
            driver,
            http: Client::builder().no_proxy().build()?,
            session: format!("http://127.0.0.1:{port}"),
            profile,
        };
        let begun = Instant::now();
        while browser.call(Method::GET, "/status", None).await.is_err() {
            if begun.elapsed() > PATIENCE || browser.driver.try_wait()?.is_some() {
                return Err("chromedriver does not answer".into());
            }
            sleep(Duration::from_millis(50)).await;
        }
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": browser.arguments(window) },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        }}});
        let session = browser
            .call(Method::POST, "/session", Some(capabilities))
            .await?;
        let id = session["sessionId"].as_str().ok_or("no session")?;
        browser.session = format!("{}/session/{id}", browser.session);
        let scheme = if window.is_dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser
            .command("Emulation.setEmulatedMedia", &media)
            .await?;
        let metrics = json!({
            "width": window.width,
            "height": window.height,
            "deviceScaleFactor": 1,
            "mobile": window.width < 600,
        });
        browser
            .command("Emulation.setDeviceMetricsOverride", &metrics)
            .await?;
        Ok(Some(browser))
    }

    fn arguments(&self, window: Window) -> Vec<String> {
        let fixed = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
        ];
        let mut arguments: Vec<_> = fixed.map(str::to_owned).to_vec();
        arguments.push(format!("--user-data-dir={}", self.profile.display()));
        arguments.push(format!("--window-size={},{}", window.width, window.height));
        arguments
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Found<Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.session));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let mut answer: Value = answer.json().await?;
        if !status.is_success() {
            return Err(answer["value"]["message"].to_string().into());
        }
        Ok(answer["value"].take())
    }

    /// A command of the browser's own protocol.
    async fn command(&self, command: &str, parameters: &Value) -> Found<Value> {
        let body = json!({ "cmd": command, "params": parameters });
        self.call(Method::POST, "/goog/cdp/execute", Some(body))
            .await
    }

    pub(crate) async fn go(&self, url: &str) -> Found<()> {
        self.call(Method::POST, "/url", Some(json!({ "url": url })))
            .await?;
        Ok(())
    }

    /// Runs a script, whose `return` is the answer.
    pub(crate) async fn script(&self, script: &str) -> Found<Value> {
        let body = json!({ "script": script, "args": [] });
        self.call(Method::POST, "/execute/sync", Some(body)).await
    }

    /// Waits until an expression is true on the page.
    pub(crate) async fn wait_for(&self, expression: &str) -> Found<()> {
        let begun = Instant::now();
        loop {
            if self
                .script(&format!("return Boolean({expression})"))
                .await?
                == true
            {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                let text = self.script("return document.body.innerText").await?;
                return Err(format!("never true: {expression}\non this page:\n{text}").into());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn element(&self, selector: &str) -> Found<String> {
        let body = json!({ "using": "css selector", "value": selector });
        let found = self.call(Method::POST, "/element", Some(body)).await?;
        let id = found.as_object().and_then(|found| found.values().next());
        Ok(id.and_then(Value::as_str).ok_or("no element")?.to_owned())
    }

    /// Clicks as a person does: what is covered by something else cannot be clicked.
    pub(crate) async fn click(&self, selector: &str) -> Found<()> {
        let id = self.element(selector).await?;
        let path = format!("/element/{id}/click");
        self.call(Method::POST, &path, Some(json!({}))).await?;
        Ok(())
    }

    /// Types into an element.
    pub(crate) async fn type_into(&self, selector: &str, text: &str) -> Found<()> {
        let id = self.element(selector).await?;
        let path = format!("/element/{id}/value");
        self.call(Method::POST, &path, Some(json!({ "text": text })))
            .await?;
        Ok(())
    }

    /// Presses keys where the focus is.
    pub(crate) async fn press(&self, keys: &str) -> Found<()> {
        let actions: Vec<_> = keys
            .chars()
            .flat_map(|key| {
                let value = key.to_string();
                [
                    json!({ "type": "keyDown", "value": value }),
                    json!({ "type": "keyUp", "value": value }),
                ]
            })
            .collect();
        let body = json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] });
        self.call(Method::POST, "/actions", Some(body)).await?;
        Ok(())
    }

    /// What the browser complains of since it was asked last: errors, and what a policy forbade.
    pub(crate) async fn complaints(&self) -> Found<Vec<Value>> {
        let log = self.log("browser").await?;
        Ok(log)
    }

    /// The addresses of all requests since it was asked last.
    pub(crate) async fn requests(&self) -> Found<Vec<String>> {
        let mut requests = Vec::new();
        for entry in self.log("performance").await? {
            let message = entry["message"].as_str().unwrap_or_default();
            let message: Value = serde_json::from_str(message)?;
            if message["message"]["method"] == "Network.requestWillBeSent" {
                let url = &message["message"]["params"]["request"]["url"];
                requests.push(url.as_str().unwrap_or_default().to_owned());
            }
        }
        Ok(requests)
    }

    async fn log(&self, kind: &str) -> Found<Vec<Value>> {
        let log = self
            .call(Method::POST, "/se/log", Some(json!({ "type": kind })))
            .await?;
        Ok(log.as_array().cloned().unwrap_or_default())
    }

    /// Takes the network away from the page.
    pub(crate) async fn disconnect(&self) -> Found<()> {
        let parameters = json!({
            "offline": true,
            "latency": 0,
            "downloadThroughput": 0,
            "uploadThroughput": 0,
        });
        self.command("Network.enable", &json!({})).await?;
        self.command("Network.emulateNetworkConditions", &parameters)
            .await?;
        Ok(())
    }

    /// Leaves a picture of the window in `target/screenshots`.
    pub(crate) async fn picture(&self, name: &str) -> Found<()> {
        let parameters = json!({ "format": "png" });
        let picture = self.command("Page.captureScreenshot", &parameters).await?;
        let picture = picture["data"].as_str().ok_or("no picture")?;
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("target"),
            PathBuf::from,
        );
        let folder = target.join("screenshots");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name).with_extension("png"), decoded(picture))?;
        Ok(())
    }

    /// Ends the session, and with it the browser.
    pub(crate) async fn close(self) -> Found<()> {
        self.call(Method::DELETE, "", None).await?;
        Ok(())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver takes its browser with it.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}

fn is_there(program: &str) -> bool {
    let paths = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

/// The bytes of a text in base 64.
fn decoded(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        let Some(value) = LETTERS.iter().position(|known| *known == letter) else {
            continue;
        };
        bits = bits << 6 | u32::try_from(value).expect("below 64");
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}
