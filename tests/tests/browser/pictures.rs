//! The pictures of the README, `target/screenshots/*.png`, to be copied to
//! `bins/web-client/pictures`; those of everything are made by `accessibility`.

use std::fs;

use serde_json::{Value, json};
use yoshi_client::Client;
use yoshi_protocol::{AccountName, Credential, Kind, NewTask, Password};
use yoshi_tests::{SystemSettings, place};

use crate::browser::Browser;
use crate::website::Website;

#[tokio::test]
async fn pictures_of_the_readme() {
    // The names are short, and nobody else's: the system is this test's own.
    let Some(website) = Website::alone(SystemSettings::default()).await else {
        return;
    };
    let name = "mara".to_owned();
    let mut browser = Browser::open(&website).await;
    browser.register(&name).await;
    let task = fill(&website, &name).await;
    browser.go("/").await;
    browser
        .send(&format!("@{name} pack for the offsite by friday"))
        .await;
    for (picture, path, dark, width, height, phone) in [
        ("for-me-light", "/", false, 1200, 860, false),
        ("for-me-light-phone", "/", false, 390, 844, true),
        ("task-dark", task.as_str(), true, 1200, 860, false),
    ] {
        browser.dark(dark).await;
        browser.width(width, height, phone).await;
        browser.go(path).await;
        browser.picture(picture).await;
    }
    browser.close().await;
}

/// Some colleagues, and what they want.
async fn fill(website: &Website, name: &str) -> String {
    let client = website.client().await;
    let mut shown = String::new();
    let to = vec![AccountName::new(name).expect("it is a name")];
    for (who, title, kind, importance, due, label) in [
        (
            "jonas",
            "Ship 1.2 on Monday?",
            Kind::Decide,
            3,
            "2026-11-27",
            "release",
        ),
        (
            "li",
            "Which regions do we launch in first?",
            Kind::Answer,
            1,
            "",
            "launch",
        ),
        (
            "jonas",
            "The new import, before it is merged",
            Kind::Review,
            5,
            "2031-05-02",
            "backend",
        ),
        (
            "priya",
            "Minutes of the architecture round",
            Kind::Read,
            9,
            "",
            "minutes",
        ),
    ] {
        let (who, credential) = colleague(&client, who).await;
        let mut task = NewTask::new(title, to.clone());
        (task.kind, task.importance) = (kind, importance);
        task.due = due.parse().ok();
        task.labels = vec![label.to_owned()];
        if kind == Kind::Decide {
            task.options = vec!["ship".to_owned(), "wait a week".to_owned()];
            task.body = "The **release notes** are done. Still open:\n\n- the migration took 4 minutes on a copy\n\
                         - two reports of [slow search](https://issues.example/412)\n\n> I would ship."
                .to_owned();
            shown = format!("/task/{}", task.id);
        }
        let sent = client.send(&who, &credential, task).await;
        sent.expect("it is sent");
    }
    shown
}

/// A colleague, registered if nobody was before.
async fn colleague(client: &Client, name: &str) -> (AccountName, Credential) {
    let name = AccountName::new(name).expect("it is a name");
    let password = Password::new("a colleague's password".to_owned());
    // The second task of somebody finds the account there.
    drop(client.create_account(&name, &password).await);
    let logged_in = client.log_in(&name, &password).await;
    let token = logged_in.expect("a colleague can log in").token;
    (name, Credential::Token(token))
}

impl Browser {
    /// What the window shows, as `target/screenshots/<name>.png`.
    async fn picture(&self, name: &str) {
        self.capture(name, json!({"format": "png"})).await;
    }

    /// The same of the whole page, however long it is.
    pub(crate) async fn whole_picture(&self, name: &str) {
        let metrics = self.chromium("Page.getLayoutMetrics", json!({})).await;
        let size = &metrics["cssContentSize"];
        let clip =
            json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1});
        let all = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        self.capture(name, all).await;
    }

    async fn capture(&self, name: &str, how: Value) {
        let shot = self.chromium("Page.captureScreenshot", how).await;
        let bytes = decode(shot["data"].as_str().expect("a picture is text"));
        let file = place::workspace().join(format!("target/screenshots/{name}.png"));
        let folder = file.parent().expect("it is in a folder");
        fs::create_dir_all(folder).expect("target can be written to");
        fs::write(file, bytes).expect("a picture can be written");
    }
}

/// Base64, as RFC 4648 says.
fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for char in text.bytes().filter(|byte| *byte != b'=') {
        let value = match char {
            b'A'..=b'Z' => char - b'A',
            b'a'..=b'z' => char - b'a' + 26,
            b'0'..=b'9' => char - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            other => panic!("not base64: {other}"),
        };
        bits = (bits << 6) | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).expect("eight bits"));
        }
    }
    bytes
}
