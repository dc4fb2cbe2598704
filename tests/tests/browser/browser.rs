//! A browser window as a value: what a person does in it, and sees.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use yoshi_tests::eventually;

use crate::website::{PASSWORD, Website};

/// How long a page, or a change of one, may take to appear on a busy machine.
pub(crate) const SEEN_WITHIN: Duration = Duration::from_secs(20);
/// What `WebDriver` calls an element's reference.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// Keys without a letter, as `WebDriver` says them.
pub(crate) const ENTER: &str = "\u{e007}";
pub(crate) const ESCAPE: &str = "\u{e00c}";

/// A window of a browser of its own: nobody shares its cookies.
pub(crate) struct Browser {
    website: Arc<Website>,
    session: String,
    pub(crate) address: String,
}

impl Browser {
    pub(crate) async fn open(website: &Arc<Website>) -> Self {
        let options = json!({
            "binary": website.driver.chromium,
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--window-size=1200,860", "--lang=en-GB"],
        });
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"}}}});
        let made = website.driver.ask("POST", "/session", &wanted).await;
        let made = made.expect("a browser starts");
        let browser = Self {
            website: Arc::clone(website),
            session: made["sessionId"].as_str().expect("it has an id").to_owned(),
            address: website.address.clone(),
        };
        browser.width(1200, 860, false).await;
        browser
    }

    /// Ends the browser.
    pub(crate) async fn close(self) {
        drop(self);
    }

    async fn try_ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let path = format!("/session/{}{path}", self.session);
        self.website.driver.ask(method, &path, body).await
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.try_ask(method, path, body).await;
        answer.unwrap_or_else(|error| panic!("{error}"))
    }

    /// A command of Chromium's own protocol.
    pub(crate) async fn chromium(&self, command: &str, parameters: Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.ask("POST", "/goog/cdp/execute", &body).await
    }

    pub(crate) async fn width(&self, width: u32, height: u32, phone: bool) {
        let scale = if phone { 2 } else { 1 };
        self.chromium(
            "Emulation.setDeviceMetricsOverride",
            json!({
            "width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone}),
        )
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

    /// Opens an address of the website.
    pub(crate) async fn go(&self, path: &str) {
        let url = format!("http://{}{path}", self.address);
        self.ask("POST", "/url", &json!({"url": url})).await;
    }

    /// The path and query of the page.
    pub(crate) async fn path(&self) -> String {
        let url = self.ask("GET", "/url", &Value::Null).await;
        let url = url.as_str().expect("an address is text").to_owned();
        let (_, rest) = url.split_once("://").expect("it has a scheme");
        rest.find('/')
            .map_or(String::new(), |at| rest[at..].to_owned())
    }

    /// Runs a function's body in the page.
    pub(crate) async fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.ask("POST", "/execute/sync", &body).await
    }

    async fn try_find(&self, css: &str) -> Result<String, String> {
        let body = json!({"using": "css selector", "value": css});
        let found = self.try_ask("POST", "/element", &body).await?;
        Ok(found[ELEMENT].as_str().unwrap_or_default().to_owned())
    }

    async fn find(&self, css: &str) -> String {
        eventually(&format!("{css} is there"), SEEN_WITHIN, async || {
            self.try_find(css).await
        })
        .await
    }

    pub(crate) async fn click(&self, css: &str) {
        let path = format!("/element/{}/click", self.find(css).await);
        self.ask("POST", &path, &json!({})).await;
    }

    pub(crate) async fn write(&self, css: &str, text: &str) {
        let path = format!("/element/{}/value", self.find(css).await);
        self.ask("POST", &path, &json!({"text": text})).await;
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        let strokes: Vec<_> = keys
            .chars()
            .flat_map(|key| {
                let key = key.to_string();
                [
                    json!({"type": "keyDown", "value": key}),
                    json!({"type": "keyUp", "value": key}),
                ]
            })
            .collect();
        let actions = json!({"actions": [{"type": "key", "id": "keys", "actions": strokes}]});
        self.ask("POST", "/actions", &actions).await;
    }

    /// The text of an element, as a person reads it.
    pub(crate) async fn text(&self, css: &str) -> Result<String, String> {
        let path = format!("/element/{}/text", self.try_find(css).await?);
        let text = self.try_ask("GET", &path, &Value::Null).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until an element says something.
    pub(crate) async fn sees(&self, css: &str, words: &str) {
        eventually(&format!("{css} says {words:?}"), SEEN_WITHIN, async || {
            let text = self.text(css).await?;
            match text.contains(words) {
                true => Ok(()),
                false => Err(format!("{text:?} at {}", self.path().await)),
            }
        })
        .await;
    }

    /// Registers an account, and is logged in then.
    pub(crate) async fn register(&self, name: &str) {
        self.go("/register").await;
        self.write("#account", name).await;
        self.write("#password", PASSWORD).await;
        self.write("#again", PASSWORD).await;
        self.click("form button[type=submit]").await;
        self.sees("h1", "For me").await;
    }

    pub(crate) async fn log_in(&self, name: &str, password: &str) {
        self.go("/log-in").await;
        self.write("#account", name).await;
        self.write("#password", password).await;
        self.click("form button[type=submit]").await;
    }

    /// Sends a line, and waits until it is said to be sent.
    pub(crate) async fn send(&self, line: &str) {
        self.go("/").await;
        self.write("#quick", &format!("{line} ")).await;
        self.click(".quick button[value=send]").await;
        self.sees(".notice", "Sent").await;
    }

    /// Fails if the page has complained: a script that was refused, an error in ours.
    pub(crate) async fn is_calm(&self) {
        let log = self
            .ask("POST", "/se/log", &json!({"type": "browser"}))
            .await;
        let lines = log.as_array().cloned().unwrap_or_default();
        let bad: Vec<_> = lines
            .iter()
            .filter(|line| line["level"] == "SEVERE")
            .filter_map(|line| line["message"].as_str())
            // Forms that are refused say so by their status.
            .filter(|message| !message.contains("Failed to load resource"))
            .collect();
        assert!(bad.is_empty(), "{bad:#?}");
    }

    /// The cookies of the page, as a header says them.
    pub(crate) async fn cookies(&self) -> String {
        let cookies = self.ask("GET", "/cookie", &Value::Null).await;
        let pairs = cookies.as_array().expect("a list").iter().map(|cookie| {
            let text = |name: &str| cookie[name].as_str().unwrap_or_default().to_owned();
            format!("{}={}", text("name"), text("value"))
        });
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// The same, each with its attributes.
    pub(crate) async fn cookie(&self, name: &str) -> Value {
        self.ask("GET", &format!("/cookie/{name}"), &Value::Null)
            .await
    }
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

impl Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "browser at {}", self.address)
    }
}
