//! Pictures of the main pages, for people to look at: light, dark, on a phone.

use std::fs;

use yoshi_client::Client;
use yoshi_protocol::{AccountName, Credential, Kind, NewTask, Password};
use yoshi_tests::{SystemSettings, place};

use crate::browser::Browser;
use crate::website::Website;

/// Unfolds what a sender asks, and the filters that are in use.
const UNFOLD: &str = "for (const fold of document.querySelectorAll(\"details:has(form[data-key='w']), \
     details.filters:has(.count)\")) fold.open = true; document.querySelector(\"details[open]:has(form[data-key='w'])\")?.scrollIntoView({block: 'center'})";

#[tokio::test]
async fn pictures_of_the_main_pages() {
    // The names are short, and nobody else's: the system is this test's own.
    let Some(website) = Website::alone(SystemSettings::default()).await else {
        return;
    };
    let name = "mara".to_owned();
    let mut browser = Browser::open(&website).await;
    browser.go("/log-in").await;
    browser.picture("log-in-light").await;
    browser.register(&name).await;
    browser.picture("empty-light").await;
    let task = fill(&website, &name).await;
    browser.go("/").await;
    browser
        .send(&format!("@{name} pack for the offsite by friday"))
        .await;
    browser
        .send("@jonas @li review: the budget for spring by friday")
        .await;
    browser.go("/asked").await;
    let own = browser.first_task().await;
    browser.is_appointed().await;
    for (mode, dark) in [("light", false), ("dark", true)] {
        browser.dark(dark).await;
        for (size, width, height, phone) in [("", 1200, 860, false), ("-phone", 390, 844, true)] {
            browser.width(width, height, phone).await;
            for (page, path) in [
                ("for-me", "/".to_owned()),
                ("asked", "/asked".to_owned()),
                ("task", task.clone()),
                ("own-task", own.clone()),
                ("new", "/new".to_owned()),
                ("settings", "/settings".to_owned()),
                ("filtered", "/?kind=decide&importance=high".to_owned()),
                ("accounts", "/admin/accounts".to_owned()),
                ("disable", "/admin/accounts/jonas".to_owned()),
                ("servers", "/admin/servers".to_owned()),
            ] {
                browser.go(&path).await;
                browser.run(UNFOLD).await;
                browser.picture(&format!("{page}-{mode}{size}")).await;
            }
        }
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
    /// `target/screenshots/<name>.png`
    async fn picture(&self, name: &str) {
        let shot = self
            .chromium(
                "Page.captureScreenshot",
                serde_json::json!({"format": "png"}),
            )
            .await;
        let bytes = decode(shot["data"].as_str().expect("a picture is text"));
        let folder = place::workspace().join("target/screenshots");
        fs::create_dir_all(&folder).expect("target can be written to");
        fs::write(folder.join(format!("{name}.png")), bytes).expect("a picture can be written");
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
