//! What `yoshi` says when something is wrong, and when not everything is shown.

use std::fs::File;
use std::process::Output;

use serde_json::Value;
use yoshi_tests::place;

use super::shell::{Shell, json, run};

fn error_of(output: &Output, exit: i32) -> (String, String) {
    let error = json(output, exit)["error"].take();
    assert_eq!(error["exit"], exit, "{error}");
    let text = |key: &str| error[key].as_str().unwrap_or_else(|| panic!("{error}"));
    (text("code").to_owned(), text("message").to_owned())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn every_error_is_json_with_a_code() {
    let shell = Shell::open().await;
    let ana = shell.register("ana").await;
    for line in [
        &["--json"][..],
        &["send", "no recipient", "--json"],
        &["bogus", "--json"],
        &["decode", "--account", "ana", "--json"],
        &["inbox", "--json"],
    ] {
        let (code, message) = error_of(&shell.yoshi(line).await, 2);
        assert_eq!(code, "usage", "{line:?}: {message}");
    }
    let closed = format!("127.0.0.1:{}", place::free_port());
    let elsewhere = shell.acts(&ana, &["inbox", "--nats-url", &closed], 4).await;
    assert_eq!(elsewhere["error"]["code"], "unreachable");
    let mut unset = shell.command("yoshi", &["inbox", "--json"]);
    // Nothing stands in this one, nor is another one looked for then.
    let nothing = shell.scratch.path().join("nothing.env");
    File::create(&nothing).unwrap();
    unset
        .env_remove("YOSHI_NATS_URL")
        .env("YOSHI_ENV_FILE", nothing);
    assert_eq!(error_of(&run(unset).await, 2).0, "settings");
    let gone = ["show", "ffffffff"];
    assert_eq!(
        shell.acts(&ana, &gone, 1).await["error"]["code"],
        "not_found"
    );
}

#[tokio::test]
async fn who_is_logged_in_where_is_told() {
    let shell = Shell::open().await;
    let (ana, ben) = (shell.register("ana").await, shell.register("ben").await);
    let logout = ["logout", &ana, "--json"];
    let (code, message) = error_of(&shell.yoshi(&logout).await, 6);
    assert_eq!(code, "not_logged_in", "{message}");
    shell.acts(&ana, &["login"], 0).await;
    let own = ["inbox", "--json"];
    json(&shell.yoshi(&own).await, 0);
    shell.acts(&ben, &["login"], 0).await;
    let (code, message) = error_of(&shell.yoshi(&own).await, 2);
    assert!(
        code == "usage" && message.contains(&format!("{ana}, {ben}")),
        "{message}"
    );
    // A log-in belongs to an address; where NATS is not, that is what is wrong.
    for line in [&["inbox"][..], &["logout"], &["send", "x", "--to", &ana]] {
        let at = ["--json", "--account", &ana, "--nats-url", "127.0.0.1:1"];
        let wrong = [line, &at[..]].concat();
        let (code, message) = error_of(&shell.yoshi(&wrong).await, 4);
        assert_eq!(code, "unreachable", "{line:?}");
        assert!(
            message.starts_with("cannot connect to NATS at 127.0.0.1:1"),
            "{message}"
        );
        assert!(
            message.contains(&format!("logged in: {ana} at ")),
            "{message}"
        );
    }
    for url in [
        "nats://127.0.0.1:99999",
        "http://127.0.0.1:1",
        "not an address",
    ] {
        let wrong = ["inbox", "--json", "--account", &ana, "--nats-url", url];
        let (code, message) = error_of(&shell.yoshi(&wrong).await, 2);
        assert_eq!(code, "usage", "{url}: {message}");
        assert!(
            message.contains("check YOSHI_NATS_URL, or --nats-url"),
            "{message}"
        );
    }
    // The same NATS by another name: nobody is logged in there.
    let urls = shell.system.nats.urls().replace("127.0.0.1", "localhost");
    let other = ["inbox", "--json", "--account", &ana, "--nats-url", &urls];
    let (code, message) = error_of(&shell.yoshi(&other).await, 6);
    assert_eq!(code, "not_logged_in");
    assert!(
        message.contains("not logged in at nats://localhost"),
        "{message}"
    );
    json(&shell.yoshi(&logout).await, 0);
    error_of(&shell.yoshi(&logout).await, 6);
}

#[tokio::test]
async fn a_cursor_ahead_of_every_server_is_no_outage() {
    let shell = Shell::open().await;
    let ana = shell.register("ana").await;
    let ahead = ["inbox", "--since", "99999999999999", "--timeout", "3"];
    let error = shell.acts(&ana, &ahead, 3).await["error"].take();
    assert_eq!(error["code"], "behind", "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.starts_with("the server has only applied up to position"),
        "{error}"
    );
    assert!(
        message.contains("before your cursor 99999999999999"),
        "{error}"
    );
    assert_eq!(error["may_have_happened"], false);
}

#[tokio::test]
async fn a_task_that_makes_no_sense_is_not_sent() {
    let shell = Shell::open().await;
    let ana = shell.register("ana").await;
    for (field, options) in [
        ("due", &["--due", "2026-12-01T10:00[Mars/Base]"][..]),
        ("links", &["--link", "javascript:alert(1)"]),
        (
            "options",
            &["--kind", "decide", "--option", "a", "--option", "a"],
        ),
        ("start", &["--start", "2026-12-02", "--due", "2026-12-01"]),
    ] {
        let line = [&["send", "x", "--to", &ana], options].concat();
        let error = shell.acts(&ana, &line, 5).await["error"].take();
        assert_eq!(error["code"], "invalid_task", "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("{field}: ")), "{error}");
    }
    assert_eq!(
        shell.acts(&ana, &["sent"], 0).await["tasks"],
        Value::Array(Vec::new())
    );
}

#[tokio::test]
async fn lists_say_that_there_is_more() {
    let shell = Shell::open().await;
    let ana = shell.register("ana").await;
    shell.register("ben").await;
    let page = json(
        &shell.yoshi(&["accounts", "--limit", "1", "--json"]).await,
        0,
    );
    assert_eq!(
        (page["accounts"].as_array().unwrap().len(), &page["more"]),
        (1, &true.into())
    );
    let piped = shell.yoshi(&["accounts", "--limit", "1"]).await;
    assert_eq!(text(&piped.stdout).lines().count(), 1);
    assert!(
        text(&piped.stderr).contains("there are more: --after "),
        "{piped:?}"
    );
    let mut ids = Vec::new();
    for line in [["send", "one", "--to", &ana], ["send", "two", "--to", &ana]] {
        let line = [&line[..], &["--importance", "high"]].concat();
        ids.push(
            shell.acts(&ana, &line, 0).await["task"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    shell.acts(&ana, &["login"], 0).await;
    let coloured = [
        "inbox",
        "--account",
        &ana,
        "--limit",
        "1",
        "--color",
        "always",
    ];
    let piped = shell.yoshi(&coloured).await;
    assert!(text(&piped.stdout).contains("\u{1b}[33mhigh"), "{piped:?}");
    assert!(
        text(&piped.stderr).contains("there are more: --since "),
        "{piped:?}"
    );
    // Enough of an id to tell it from the other is enough.
    let apart = (4..36)
        .find(|end| ids[0][..*end] != ids[1][..*end])
        .unwrap();
    let shown = shell.acts(&ana, &["show", &ids[0][..apart]], 0).await;
    assert_eq!(
        (&shown["id"], &shown["title"]),
        (&Value::from(ids[0].clone()), &"one".into())
    );
    let both = shell.acts(&ana, &["show", &ids[0][..4]], 2).await;
    assert_eq!(both["error"]["code"], "ambiguous");
}

#[tokio::test]
async fn a_lacking_line_of_passwd_is_explained() {
    let shell = Shell::open().await;
    let ana = shell.register("ana").await;
    let path = shell.scratch.path().join("password");
    std::fs::write(&path, "only one line\n").unwrap();
    let mut passwd = shell.command("yoshi", &["passwd", &ana, "--password-stdin", "--json"]);
    passwd.stdin(File::open(&path).unwrap());
    let (code, message) = error_of(&run(passwd).await, 5);
    assert_eq!(code, "input");
    assert!(message.contains("two lines"), "{message}");
}
