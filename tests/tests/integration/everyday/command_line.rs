//! `yoshi` and `load-test` as processes, as people and scripts use them.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use futures::StreamExt;
use serde_json::Value;
use yoshi_protocol::cbor;
use yoshi_protocol::message::roster::QueryLbForMs;
use yoshi_tests::person::fresh_name;
use yoshi_tests::place;
use yoshi_tests::{User, eventually};

use super::shell::{RUN_WITHIN, Shell, json, keys, run};

/// How long until a server hears from the others how far they are.
const HEARD_WITHIN: Duration = Duration::from_secs(5);

/// What stands in a task's JSON.
const TASK_FIELDS: [&str; 31] = [
    "id",
    "sender",
    "number",
    "position",
    "changed",
    "sent_at",
    "title",
    "body",
    "kind",
    "options",
    "importance",
    "due",
    "start",
    "respond_by",
    "effort_minutes",
    "labels",
    "links",
    "completion",
    "privacy",
    "parent",
    "depends_on",
    "recipients",
    "asks",
    "status",
    "needs_sender",
    "revision",
    "comments",
    "reminders",
    "mine",
    "held_by",
    "hash",
];

#[tokio::test]
async fn a_person_registers_sends_and_reads() {
    let shell = Shell::open().await;
    let (ana, ben) = (shell.register("ana").await, shell.register("ben").await);
    let line = ["send", "Ship 1.2", "--to", &ben, "--due", "2026-12-01"];
    let sent = shell.acts(&ana, &line, 0).await;
    let fields = ["task", "number", "position", "outcome", "accounted_for"];
    assert_eq!(keys(&sent), BTreeSet::from(fields));
    assert_eq!(sent["number"], 1);
    assert_eq!(sent["outcome"], "accounted");
    assert_eq!(sent["accounted_for"].as_array().unwrap().len(), 3);

    let inbox = shell.acts(&ben, &["inbox"], 0).await;
    let fields = ["tasks", "cursor", "more", "behind"];
    assert_eq!(keys(&inbox), BTreeSet::from(fields));
    assert_eq!(inbox["more"], false);
    assert_eq!(inbox["behind"], false);
    let [task] = inbox["tasks"].as_array().unwrap().as_slice() else {
        panic!("{inbox}");
    };
    assert_eq!(keys(task), BTreeSet::from(TASK_FIELDS));
    assert_eq!(task["id"], sent["task"]);
    assert_eq!(task["position"], sent["position"]);
    assert_eq!(task["title"], "Ship 1.2");
    assert_eq!(task["sender"], ana);
    assert_eq!(task["due"], "2026-12-01");
    assert_eq!(task["kind"], "do");
    assert_eq!(task["asks"][0]["recipient"], ben);
    assert_eq!(task["asks"][0]["state"], "needs_action");
    let shown = ["show", task["id"].as_str().unwrap()];
    eventually("all are known to hold it", HEARD_WITHIN, async || {
        let shown = shell.acts(&ben, &shown, 0).await;
        assert_eq!(shown["hash"], task["hash"]);
        match shown["held_by"].as_array().unwrap().len() {
            3 => Ok(()),
            _ => Err(shown["held_by"].to_string()),
        }
    })
    .await;
    let later = ["inbox", "--since", &inbox["cursor"].to_string()];
    let later = shell.acts(&ben, &later, 0).await;
    assert_eq!(later["tasks"], Value::Array(Vec::new()));
    let own = shell.acts(&ana, &["sent"], 0).await;
    assert_eq!(own["tasks"][0]["id"], sent["task"]);
}

#[tokio::test]
async fn a_log_in_is_kept_until_the_log_out() {
    let shell = Shell::open().await;
    let ana = shell.register("ana").await;
    let inbox = ["inbox", "--account", &ana, "--json"];
    json(&shell.yoshi(&inbox).await, 6);
    shell.acts(&ana, &["login"], 0).await;
    json(&shell.yoshi(&inbox).await, 0);
    let send = ["send", "to myself", "--to", &ana, "--account", &ana];
    let words = String::from_utf8(shell.yoshi(&send).await.stdout).unwrap();
    assert!(words.contains("accounted for by 3 servers"), "{words}");
    json(
        &shell.yoshi(&["logout", "--account", &ana, "--json"]).await,
        0,
    );
    json(&shell.yoshi(&inbox).await, 6);
}

#[tokio::test]
async fn exit_codes_tell_what_went_wrong() {
    let shell = Shell::open().await;
    let ana = shell.register("ana").await;
    let nobody = fresh_name("nobody").to_string();
    let wrong = shell.acts_by("not the secret", &ana, &["inbox"], 6).await;
    assert_eq!(wrong["error"]["code"], "unauthenticated");
    let unknown = shell.acts(&ana, &["send", "x", "--to", &nobody], 1).await;
    assert_eq!(unknown["error"]["code"], "unknown_recipients");
    assert_eq!(unknown["error"]["names"], serde_json::json!([nobody]));
    let taken = shell.acts(&ana, &["register"], 1).await;
    assert_eq!(taken["error"]["code"], "account_exists");
    shell
        .acts(&ana, &["send", "two\nlines", "--to", &ana], 5)
        .await;
    let usage = shell.yoshi(&["send", "no recipient"]).await;
    assert_eq!(usage.status.code(), Some(2));
    let closed = format!("127.0.0.1:{}", place::free_port());
    let elsewhere = ["inbox", "--nats-url", &closed, "--timeout", "2"];
    shell.acts(&ana, &elsewhere, 4).await;
    shell.acts(&ana, &["inbox"], 0).await;
}

#[tokio::test]
async fn an_operator_sees_servers_and_accounts() {
    let shell = Shell::open().await;
    let ana = shell.register("ana").await;
    let servers = json(&shell.yoshi(&["servers", "--json"]).await, 0);
    assert_eq!(servers["servers"].as_array().unwrap().len(), 3, "{servers}");
    let accounts = json(&shell.yoshi(&["accounts", "--json"]).await, 0);
    assert_eq!(keys(&accounts), BTreeSet::from(["accounts", "more"]));
    let listed = accounts["accounts"].as_array().unwrap();
    assert!(listed.iter().any(|account| account["name"] == *ana));
    for (option, exit) in [("--disable", 6), ("--enable", 0)] {
        json(&shell.yoshi(&["accounts", option, &ana, "--json"]).await, 0);
        shell.acts(&ana, &["inbox"], exit).await;
    }
}

async fn decoded(shell: &Shell, bytes: &[u8]) -> Output {
    let path = shell.scratch.path().join("captured");
    std::fs::write(&path, bytes).unwrap();
    let mut command = shell.command("yoshi", &["decode", "--one-line"]);
    command.stdin(File::open(Path::new(&path)).unwrap());
    run(command).await
}

#[tokio::test]
async fn a_captured_message_is_decoded() {
    let shell = Shell::open().await;
    let operator = shell.system.nats.connect(User::Operator).await;
    let mut pings = operator
        .subscribe(yoshi_protocol::subject::MS_PING)
        .await
        .unwrap();
    let ping = tokio::time::timeout(RUN_WITHIN, pings.next())
        .await
        .unwrap()
        .unwrap();
    let text = decoded(&shell, &ping.payload).await;
    assert!(text.status.success(), "{text:?}");
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("\"serving\"") && text.contains("\"incarnation\""),
        "{text}"
    );
    let query = decoded(&shell, &cbor::encode(&QueryLbForMs {})).await;
    assert_eq!(String::from_utf8(query.stdout).unwrap().trim(), "{}");
    assert_eq!(decoded(&shell, b"\xff").await.status.code(), Some(5));
}

#[tokio::test]
async fn a_small_load_passes_its_own_checks() {
    let shell = Shell::open().await;
    let arguments = [
        "--senders",
        "4",
        "--seconds",
        "2",
        "--warm-up-seconds",
        "1",
        "--json",
    ];
    let report = json(&run(shell.command("load-test", &arguments)).await, 0);
    assert_eq!(report["passed"], true, "{report}");
    assert_eq!(
        (&report["violations"], &report["sends"]["refused"]),
        (&Value::from(0), &Value::from(0))
    );
    assert!(
        report["sends"]["accounted"].as_u64().unwrap() > 4,
        "{report}"
    );
}
