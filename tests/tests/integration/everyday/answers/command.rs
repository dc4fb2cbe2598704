//! The same through `yoshi`, as people and scripts use it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::shell::{Shell, keys};

const RECEIPT_FIELDS: [&str; 6] = [
    "change",
    "task",
    "number",
    "position",
    "outcome",
    "accounted_for",
];

fn ids(page: &Value) -> Vec<&Value> {
    let tasks = page["tasks"].as_array().unwrap();
    tasks.iter().map(|task| &task["id"]).collect()
}

#[tokio::test]
async fn a_person_accepts_completes_and_reads_the_history() {
    let shell = Shell::open().await;
    let (ana, ben) = (shell.register("ana").await, shell.register("ben").await);
    let line = ["send", "Ship?", "--to", &ben, "--kind", "decide"];
    let options = ["--option", "ship", "--option", "wait"];
    let sent = shell.acts(&ana, &[&line[..], &options].concat(), 0).await;
    let task = sent["task"].as_str().unwrap();
    // The only task of theirs: the beginning of its id is enough.
    let short = &task[..18];
    let receipt = shell.acts(&ben, &["accept", short], 0).await;
    assert_eq!(keys(&receipt), BTreeSet::from(RECEIPT_FIELDS));
    assert_eq!(
        (&receipt["task"], &receipt["number"]),
        (&sent["task"], &json!(1))
    );
    assert_eq!(receipt["outcome"], "accounted");
    assert_eq!(receipt["accounted_for"].as_array().unwrap().len(), 3);
    let change = receipt["change"].as_str().unwrap();
    let again = shell
        .acts(&ben, &["accept", short, "--id", change], 0)
        .await;
    assert_eq!(again["number"], 1);
    shell.acts(&ben, &["accept", short], 1).await;
    shell.acts(&ana, &["comment", short, "well?"], 0).await;
    let wrong = shell.acts(&ben, &["done", short, "--text", "yes"], 5).await;
    assert_eq!(wrong["error"]["code"], "invalid_task");
    let fly = shell
        .acts(&ben, &["done", short, "--option", "fly"], 5)
        .await;
    assert_eq!(fly["error"]["code"], "invalid_task");
    let done = ["done", short, "--option", "ship", "--text", "at last"];
    shell.acts(&ben, &done, 0).await;

    let shown = shell.acts(&ana, &["show", task], 0).await;
    assert_eq!(shown["status"], "completed");
    assert_eq!(shown["comments"], 1);
    assert_eq!(shown["asks"][0]["state"], "completed");
    let answer = json!({
        "answer": "decided", "text": "at last", "option": "ship", "verdict": null
    });
    assert_eq!(shown["asks"][0]["answer"], answer);
    let history = shell.acts(&ana, &["history", short], 0).await;
    let steps = history["steps"].as_array().unwrap();
    let verbs: Vec<_> = steps.iter().map(|step| &step["verb"]).collect();
    assert_eq!(verbs, ["send", "accept", "comment", "done"]);
    assert_eq!(steps[2]["detail"]["text"], "well?");
    assert_eq!(steps[3]["detail"], answer);
    let words = shell.words(&ana, &["history", short]).await;
    assert!(
        words.contains(&format!("{ben} completed it: ship: at last")),
        "{words}"
    );
    let stranger = shell.register("cleo").await;
    shell.acts(&stranger, &["history", task], 1).await;
    shell.acts(&stranger, &["accept", task], 1).await;
}

#[tokio::test]
async fn a_sender_revises_what_they_saw_and_a_conflict_shows_what_stands() {
    let shell = Shell::open().await;
    let (ana, ben) = (shell.register("ana").await, shell.register("ben").await);
    let line = ["send", "Ship", "--to", &ben, "--due", "2026-12-01"];
    let sent = shell.acts(&ana, &line, 0).await;
    let task = sent["task"].as_str().unwrap();
    let revise = ["revise", task, "--no-due", "--title", "Ship 1.2"];
    shell.acts(&ana, &revise, 0).await;
    let shown = shell.acts(&ben, &["show", task], 0).await;
    assert_eq!(
        (&shown["due"], &shown["title"]),
        (&Value::Null, &json!("Ship 1.2"))
    );
    assert_eq!(shown["revision"], 1);
    let stale = ["revise", task, "--title", "Ship 1.3", "--revision", "0"];
    let refused = shell.acts(&ana, &stale, 1).await;
    assert_eq!(refused["error"]["code"], "conflict");
    let words = shell.words(&ana, &stale).await;
    assert!(
        words.contains("Ship 1.2") && words.contains("revised:"),
        "{words}"
    );
    shell.acts(&ana, &["revise", task], 5).await;
    shell.acts(&ben, &revise, 1).await;
    let link = ["revise", task, "--link", "javascript:alert(1)"];
    shell.acts(&ana, &link, 5).await;
    shell.acts(&ana, &["withdraw", task], 0).await;
    shell
        .acts(&ana, &["reopen", task, "--reason", "again"], 0)
        .await;
    shell.acts(&ana, &["remind", task], 0).await;
}

#[tokio::test]
async fn lists_leave_out_what_is_finished_and_take_filters() {
    let shell = Shell::open().await;
    let (ana, ben) = (shell.register("ana").await, shell.register("ben").await);
    let send = async |title: &str, more: &[&str]| {
        let line = ["send", title, "--to", &ben];
        let sent = shell.acts(&ana, &[&line[..], more].concat(), 0).await;
        sent["task"].clone()
    };
    let first = send("first", &["--importance", "high"]).await;
    let second = send("second", &["--kind", "read"]).await;
    let third = send("third", &["--label", "release", "--importance", "0"]).await;
    let inbox = async |more: &[&str]| {
        let page = shell.acts(&ben, &[&["inbox"], more].concat(), 0).await;
        assert_eq!(page["more"], more.contains(&"1"), "{page}");
        page
    };
    let id = |task: &Value| task.as_str().unwrap().to_owned();
    let begun = inbox(&[]).await;
    assert_eq!(ids(&begun), [&first, &second, &third]);
    shell.acts(&ben, &["done", &id(&second)], 0).await;
    assert_eq!(ids(&inbox(&[]).await), [&first, &third]);
    assert_eq!(ids(&inbox(&["--all"]).await), [&first, &third, &second]);
    assert_eq!(ids(&inbox(&["--state", "completed"]).await), [&second]);
    assert_eq!(ids(&inbox(&["--importance", "high"]).await), [&first]);
    assert_eq!(ids(&inbox(&["--importance", "0"]).await), [&third]);
    assert_eq!(ids(&inbox(&["--label", "release"]).await), [&third]);
    assert_eq!(ids(&inbox(&["--kind", "read", "--all"]).await), [&second]);
    assert!(ids(&inbox(&["--from", &ben]).await).is_empty());
    // After a cursor, an end is news; and a cut list goes on where it was cut.
    let cursor = begun["cursor"].to_string();
    assert_eq!(ids(&inbox(&["--since", &cursor]).await), [&second]);
    let cut = inbox(&["--limit", "1"]).await;
    assert_eq!(ids(&cut), [&first]);
    let cursor = cut["cursor"].to_string();
    assert_eq!(ids(&inbox(&["--since", &cursor]).await), [&third, &second]);
    shell
        .acts(&ben, &["snooze", &id(&first), "2999-01-01"], 0)
        .await;
    shell.acts(&ben, &["label", &id(&first), "home"], 0).await;
    assert_eq!(ids(&inbox(&[]).await), [&third]);
    assert_eq!(ids(&inbox(&["--all", "--label", "home"]).await), [&first]);
    let sent = shell.acts(&ana, &["sent", "--to", &ben], 0).await;
    assert_eq!(ids(&sent), [&first, &third]);
    let words = shell.words(&ana, &["sent", "--all"]).await;
    assert!(words.contains("completed"), "{words}");
}
