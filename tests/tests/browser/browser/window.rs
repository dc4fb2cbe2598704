//! The browser behind a window: its start and end, and the commands it is given.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use yoshi_tests::eventually;

use super::{Browser, TRIES_MAX};
use crate::website::Website;

/// How long a browser may take to start.
const STARTED_WITHIN: Duration = Duration::from_secs(90);
/// How long chromedriver may wait for a page, and for a script.
const PAGE_MILLIS_MAX: u64 = 90_000;
const SCRIPT_MILLIS_MAX: u64 = 60_000;
/// The pause between two of them.
const TRY_AGAIN: Duration = Duration::from_millis(200);

impl Browser {
    pub(crate) async fn open(website: &Arc<Website>) -> Self {
        let options = json!({
            "binary": website.driver.chromium,
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--window-size=1200,860", "--lang=en-GB"],
        });
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "timeouts": {"pageLoad": PAGE_MILLIS_MAX, "script": SCRIPT_MILLIS_MAX},
            "goog:loggingPrefs": {"browser": "ALL"}}}});
        let made = eventually("a browser starts", STARTED_WITHIN, async || {
            website.driver.ask("POST", "/session", &wanted).await
        })
        .await;
        let browser = Self {
            website: Arc::clone(website),
            session: made["sessionId"].as_str().expect("it has an id").to_owned(),
            address: website.address.clone(),
            name: String::new(),
        };
        browser.width(1200, 860, false).await;
        browser
    }

    pub(super) async fn try_ask(
        &self,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<Value, String> {
        let path = format!("/session/{}{path}", self.session);
        self.website.driver.ask(method, &path, body).await
    }

    /// A command that must not be given twice.
    pub(super) async fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.try_ask(method, path, body).await;
        answer.unwrap_or_else(|error| panic!("{error}"))
    }

    /// A command that may be given twice: it is, if a navigation came between.
    pub(super) async fn ask_again(&self, method: &str, path: &str, body: &Value) -> Value {
        for _ in 1..TRIES_MAX {
            match self.try_ask(method, path, body).await {
                Ok(answer) => return answer,
                Err(error) if is_passing(&error) => tokio::time::sleep(TRY_AGAIN).await,
                Err(error) => panic!("{error}"),
            }
        }
        self.ask(method, path, body).await
    }

    /// A command of Chromium's own protocol; those that are given here may be given twice.
    pub(crate) async fn chromium(&self, command: &str, parameters: Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.ask_again("POST", "/goog/cdp/execute", &body).await
    }

    pub(crate) async fn width(&self, width: u32, height: u32, phone: bool) {
        let scale = if phone { 2 } else { 1 };
        self.chromium(
            "Emulation.setDeviceMetricsOverride",
            json!({
            "width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone}),
        )
        .await;
        let touched = json!({"enabled": phone});
        self.chromium("Emulation.setTouchEmulationEnabled", touched)
            .await;
    }

    pub(crate) async fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        self.chromium(
            "Emulation.setEmulatedMedia",
            json!({
            "features": [{"name": "prefers-color-scheme", "value": value}]}),
        )
        .await;
    }

    pub(crate) async fn without_scripts(&self) {
        self.chromium(
            "Emulation.setScriptExecutionDisabled",
            json!({"value": true}),
        )
        .await;
    }
}

/// Whether a command failed for what passes by itself: the page was about to be
/// another one, or the machine is slow.
fn is_passing(error: &str) -> bool {
    [
        "aborted by navigation",
        "Not attached to an active page",
        "timeout",
        "no such execution context",
        "target frame detached",
        "no answer",
    ]
    .iter()
    .any(|part| error.contains(part))
}

/// Also when a test fails: chromedriver's end would leave the browser behind.
impl Drop for Browser {
    fn drop(&mut self) {
        let path = format!("/session/{}", self.session);
        if let Err(error) = self.website.driver.end(&path) {
            eprintln!("a browser is left behind: {error}");
        }
    }
}
