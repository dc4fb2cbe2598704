//! `yoshi find`, for people and for programs.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::shell::{Shell, keys};

/// What Ana asks of Ben, in this order.
const SENDS: [&[&str]; 3] = [
    &[
        "send",
        "Ship on Monday",
        "--importance",
        "high",
        "--due",
        "2026-11-27",
        "--label",
        "x",
    ],
    &[
        "send",
        "Ship on Tuesday",
        "--kind",
        "read",
        "--due",
        "2026-11-28",
    ],
    &["send", "Tidy up"],
];

fn titles(page: &Value) -> Vec<&str> {
    let tasks = page["tasks"].as_array().unwrap().iter();
    tasks.map(|task| task["title"].as_str().unwrap()).collect()
}

/// A shell, Ana and Ben, once the tasks are sent.
async fn open() -> (Shell, String, String) {
    let shell = Shell::open().await;
    let (ana, ben) = (shell.register("ana").await, shell.register("ben").await);
    for line in SENDS {
        let line = [line, &["--to", ben.as_str()]].concat();
        shell.acts(&ana, &line, 0).await;
    }
    (shell, ana, ben)
}

#[tokio::test]
async fn every_filter_is_an_option() {
    let (shell, ana, ben) = open().await;
    for (line, expected) in [
        (
            &["find"][..],
            &["Tidy up", "Ship on Tuesday", "Ship on Monday"][..],
        ),
        (&["find", "ship"], &["Ship on Tuesday", "Ship on Monday"]),
        (&["find", "--importance", "high"], &["Ship on Monday"]),
        (&["find", "--due-before", "2026-11-28"], &["Ship on Monday"]),
        (&["find", "--due-after", "2026-11-27"], &["Ship on Tuesday"]),
        (&["find", "--kind", "read,decide"], &["Ship on Tuesday"]),
        (&["find", "--label", "x"], &["Ship on Monday"]),
        (&["find", "--from", &ana, "tidy"], &["Tidy up"]),
        (&["find", "--from", &ben], &[]),
        (&["find", "--state", "accepted"], &[]),
        (&["find", "--snoozed"], &[]),
        (&["find", "--asked"], &[]),
    ] {
        let found = shell.acts(&ben, line, 0).await;
        assert_eq!(titles(&found), expected, "{line:?}");
    }
    let line = ["find", "--asked", "--to", &ben, "ship"];
    let sent = shell.acts(&ana, &line, 0).await;
    assert_eq!(titles(&sent), ["Ship on Tuesday", "Ship on Monday"]);
}

#[tokio::test]
async fn people_and_programs_search() {
    let (shell, _, ben) = open().await;
    let inbox = shell.acts(&ben, &["inbox"], 0).await;
    let found = shell.acts(&ben, &["find", "ship", "mon"], 0).await;
    let fields = BTreeSet::from(["tasks", "cursor", "more", "behind", "indexed"]);
    assert_eq!(keys(&found), fields);
    assert_eq!(found["tasks"][0]["id"], inbox["tasks"][0]["id"]);
    assert_eq!(keys(&found["tasks"][0]), keys(&inbox["tasks"][0]));
    assert!(found["cursor"].is_null() && found["more"] == false && found["behind"] == false);

    let first = shell.acts(&ben, &["find", "--limit", "2"], 0).await;
    assert_eq!(titles(&first), ["Tidy up", "Ship on Tuesday"]);
    assert_eq!(first["more"], true);
    let cursor = first["cursor"].to_string();
    let line = ["find", "--limit", "2", "--before", &cursor];
    let rest = shell.acts(&ben, &line, 0).await;
    assert_eq!(titles(&rest), ["Ship on Monday"]);

    let shown = shell.words(&ben, &["find", "ship"]).await;
    let rows: Vec<_> = shown.lines().collect();
    let inbox = shell.words(&ben, &["inbox", "--kind", "read"]).await;
    assert_eq!(rows.len(), 2, "{shown}");
    assert_eq!(rows[0], inbox.trim_end());
    let refused = shell.acts(&ben, &["find", "?!"], 5).await;
    assert_eq!(refused["error"]["code"], "invalid_query");
}
