//! Servers that died are shown as silent, until they are back or destroyed.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use yoshi_protocol::ServerId;
use yoshi_tests::{System, SystemSettings, eventually, place};

use super::draining::yoshi;

const SEEN_WITHIN: Duration = Duration::from_secs(20);

/// Kind, id, and what else is said of each server that gives no answer.
async fn silent(system: &System) -> Vec<(String, String, Value)> {
    let shown = yoshi(system, &["servers"], 0).await;
    let lists = ["servers", "registration_servers"].map(|list| shown[list].as_array().unwrap());
    let all = lists.into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.filter(|server| server["state"] == "silent")
        .map(|server| (text(&server["kind"]), text(&server["id"]), server.clone()))
        .collect()
}

/// Waits until those that give no answer are these.
async fn are_silent(system: &System, expected: &[(&str, &str)]) {
    eventually("the silent ones are shown", SEEN_WITHIN, async || {
        let silent = silent(system).await;
        let found: Vec<_> = silent
            .iter()
            .map(|(kind, id, _)| (&kind[..], &id[..]))
            .collect();
        match found == expected {
            true => Ok(()),
            false => Err(format!("{silent:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn a_dead_server_is_shown_until_it_is_back_or_destroyed() {
    let mut system = System::start(SystemSettings::default()).await;
    let shown = yoshi(&system, &["servers"], 0).await;
    assert!(silent(&system).await.is_empty(), "{shown}");
    let primary = shown["primary_rs"]["id"].as_str().unwrap().to_owned();
    let backup = match system.id("rs1").await.to_string() == primary {
        true => "rs2",
        false => "rs1",
    };
    let (dead, lost) = (
        system.id("ms2").await.to_string(),
        system.id(backup).await.to_string(),
    );
    system.server("ms2").kill();
    // At once: the load balancers still take it for a live one.
    let found = silent(&system).await;
    let [(kind, id, server)] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!((&kind[..], id), ("message-server", &dead));
    assert_eq!(server["host"], "ms2");
    assert!(
        server["silent_since"].as_str().unwrap().ends_with('Z'),
        "{server}"
    );
    assert!(
        server["silent_millis"].as_u64().unwrap() >= 1_500,
        "{server}"
    );

    system.server(backup).kill();
    let both = [
        ("message-server", &dead[..]),
        ("registration-server", &lost[..]),
    ];
    are_silent(&system, &both).await;
    says_so_to_people(&system, &dead).await;

    system.server(backup).start();
    are_silent(&system, &both[..1]).await;
    // Load balancers that have never heard it know of it by the servers' word.
    for name in ["lb1", "lb2"] {
        system.server(name).kill();
        system.server(name).start();
        system.server(name).ready().await;
    }
    are_silent(&system, &both[..1]).await;
    let found = silent(&system).await;
    assert!(found[0].2["host"].is_null(), "{found:?}");
    let stranger = ServerId::random().to_string();
    let refused = yoshi(&system, &["destroy-server", "--yes", &stranger], 1).await;
    assert_eq!(refused["error"]["code"], "unknown_server");
    yoshi(&system, &["destroy-server", "--yes", &dead], 0).await;
    are_silent(&system, &[]).await;
    let shown = yoshi(&system, &["servers"], 0).await;
    assert_eq!(shown["destroyed"], serde_json::json!([dead]));
}

/// Rows stay rows where they are piped, and what to do stands beside them.
async fn says_so_to_people(system: &System, dead: &str) {
    let mut command = Command::new(place::binary("yoshi"));
    command
        .arg("servers")
        .env("YOSHI_NATS_URL", system.nats.urls())
        .env("YOSHI_OPERATOR_PASSWORD_FILE", system.nats.password_file())
        .env_remove("YOSHI_ENV_FILE")
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    let (rows, words) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert_eq!(rows.lines().count(), 5, "{rows}");
    let row = rows.lines().find(|row| row.starts_with(dead)).unwrap();
    let cells: Vec<_> = row.split('\t').collect();
    assert_eq!((cells.len(), cells[2], cells[3]), (11, "ms2", "silent"));
    assert!(cells[10].starts_with("20"), "{row}");
    assert!(
        words.contains(&format!("ms2 ({dead}): no answer since ")),
        "{words}"
    );
    assert_eq!(words.lines().count(), 2, "{words}");
}
