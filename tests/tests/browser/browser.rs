//! A browser window as a value: what a person does in it, and sees.
//!
//! chromedriver may call a navigation done before the new page is there, on a busy
//! machine above all. So [`Browser::go`] waits for the new document itself, and
//! what may be asked twice is asked again if a navigation came between.

mod window;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use yoshi_tests::eventually;

use crate::website::{PASSWORD, Website};

/// How long a page, or a change of one, may take to appear on a busy machine.
pub(crate) const SEEN_WITHIN: Duration = Duration::from_secs(40);
/// How often a command is given that may be given twice.
pub(super) const TRIES_MAX: u32 = 5;
/// When the page was born, as long as it is not loaded: a negative number.
const BORN: &str =
    "return document.readyState === 'complete' ? performance.timeOrigin : -performance.timeOrigin";
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
    /// Who is registered in it; empty if nobody is.
    pub(crate) name: String,
}

/// A browser for each of these people, who are registered and look at their list;
/// none without a browser on this machine.
pub(crate) async fn people<const N: usize>(names: [&str; N]) -> Option<[Browser; N]> {
    let website = Website::open().await?;
    let mut browsers = Vec::with_capacity(N);
    for prefix in names {
        let mut browser = Browser::open(&website).await;
        browser.register(&Website::name(prefix)).await;
        browsers.push(browser);
    }
    browsers.try_into().ok()
}

impl Browser {
    /// Ends the browser.
    pub(crate) async fn close(self) {
        drop(self);
    }

    /// Opens an address of the website, and waits until its page is there, whole.
    pub(crate) async fn go(&self, path: &str) {
        let born = self.run(BORN).await.as_f64().map(f64::abs);
        let url = format!("http://{}{path}", self.address);
        self.ask_again("POST", "/url", &json!({"url": url})).await;
        eventually(&format!("{path} is loaded"), SEEN_WITHIN, async || {
            let body = json!({"script": BORN, "args": []});
            let now = self.try_ask("POST", "/execute/sync", &body).await?;
            match now.as_f64() {
                Some(now) if now > 0.0 && Some(now) != born => Ok(()),
                now => Err(format!("the page of {now:?} after that of {born:?}")),
            }
        })
        .await;
    }

    /// The path and query of the page.
    pub(crate) async fn path(&self) -> String {
        let url = self.ask_again("GET", "/url", &Value::Null).await;
        let url = url.as_str().expect("an address is text").to_owned();
        let (_, rest) = url.split_once("://").expect("it has a scheme");
        rest.find('/')
            .map_or(String::new(), |at| rest[at..].to_owned())
    }

    /// Runs a function's body in the page: one that may run twice.
    pub(crate) async fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.ask_again("POST", "/execute/sync", &body).await
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
        self.touch(css, "click", &json!({})).await;
    }

    pub(crate) async fn write(&self, css: &str, text: &str) {
        self.touch(css, "value", &json!({"text": text})).await;
    }

    /// Does something with an element. News may put another one in its place
    /// between finding and touching it: nothing is done then, and it is found again.
    async fn touch(&self, css: &str, how: &str, body: &Value) {
        for _ in 1..TRIES_MAX {
            let path = format!("/element/{}/{how}", self.find(css).await);
            match self.try_ask("POST", &path, body).await {
                Ok(_) => return,
                Err(error) if error.contains("stale element reference") => {}
                Err(error) => panic!("{css}: {error}"),
            }
        }
        panic!("{css} is replaced again and again");
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
    pub(crate) async fn register(&mut self, name: &str) {
        name.clone_into(&mut self.name);
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
            .ask_again("POST", "/se/log", &json!({"type": "browser"}))
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
        let cookies = self.ask_again("GET", "/cookie", &Value::Null).await;
        let pairs = cookies.as_array().expect("a list").iter().map(|cookie| {
            let text = |name: &str| cookie[name].as_str().unwrap_or_default().to_owned();
            format!("{}={}", text("name"), text("value"))
        });
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// The same, each with its attributes.
    pub(crate) async fn cookie(&self, name: &str) -> Value {
        self.ask_again("GET", &format!("/cookie/{name}"), &Value::Null)
            .await
    }

    /// Makes who is registered here an administrator, and waits until the website knows.
    pub(crate) async fn is_appointed(&self) {
        self.website.appoint(&self.name);
        eventually("the website has read the names", SEEN_WITHIN, async || {
            self.go("/admin/accounts").await;
            match self.text("h1").await?.as_str() {
                "Administration" => Ok(()),
                other => Err(other.to_owned()),
            }
        })
        .await;
    }

    /// The titles of the list, in its order.
    pub(crate) async fn titles(&self) -> Vec<String> {
        const TITLES: &str = "return [...document.querySelectorAll('.row-title')].map(a => a.firstChild.textContent)";
        let titles = self.run(TITLES).await;
        let titles = titles.as_array().expect("a list").iter();
        titles
            .map(|title| title.as_str().expect("text").trim().to_owned())
            .collect()
    }

    /// The proof that a form comes from this page's session.
    pub(crate) async fn form_token(&self) -> String {
        let token = self
            .run("return document.querySelector('[name=form_token]').value")
            .await;
        token.as_str().expect("a form").to_owned()
    }

    /// Where the first task of the list leads to.
    pub(crate) async fn first_task(&self) -> String {
        self.sees(".row-title", "").await;
        let to = self
            .run("return document.querySelector('.row-title').getAttribute('href')")
            .await;
        to.as_str().expect("an address").to_owned()
    }

    /// The website that it looks at.
    pub(crate) const fn website(&self) -> &Arc<Website> {
        &self.website
    }
}

impl Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "browser at {}", self.address)
    }
}
