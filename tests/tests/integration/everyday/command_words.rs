//! What `yoshi` says to people: how a task is named, what was done, what is missing,
//! and what the columns of piped rows are.

use std::process::Output;

use super::shell::{PASSWORD, Shell, run};

/// What a command prints for people, if it succeeds.
async fn told(shell: &Shell, account: &str, line: &[&str]) -> Output {
    let mut command = shell.command("yoshi", line);
    command.args(["--account", account]);
    command.env("YOSHI_PASSWORD", PASSWORD);
    let output = run(command).await;
    assert!(output.status.success(), "{output:?}");
    output
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

async fn sent(shell: &Shell, from: &str, line: &[&str]) -> String {
    let sent = shell.acts(from, line, 0).await;
    sent["task"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_task_is_named_by_the_end_of_its_id() {
    let shell = Shell::open().await;
    let ana = shell.register("ana").await;
    let one = sent(&shell, &ana, &["send", "one", "--to", &ana]).await;
    let two = sent(&shell, &ana, &["send", "two", "--to", &ana]).await;
    assert_eq!(one[..8], two[..8], "a beginning tells nothing apart");
    let shown = shell.acts(&ana, &["show", &one[28..]], 0).await;
    assert_eq!(
        (&shown["id"], &shown["title"]),
        (&one.into(), &"one".into())
    );
    let done = told(&shell, &ana, &["accept", &two[28..].to_uppercase()]).await;
    let words = text(&done.stdout);
    assert!(
        words.starts_with(&format!("you accepted task {two} (your")),
        "{words}"
    );
    let gone = shell.acts(&ana, &["show", "000000000000"], 1).await;
    assert_eq!(gone["error"]["code"], "not_found");
}

#[tokio::test]
async fn as_many_servers_hold_a_task_as_its_receipt_said() {
    let shell = Shell::open().await;
    let (ana, ben) = (shell.register("ana").await, shell.register("ben").await);
    for _ in 0..4 {
        let receipt = shell.acts(&ana, &["send", "x", "--to", &ben], 0).await;
        let (task, mut said) = (receipt["task"].clone(), receipt["accounted_for"].clone());
        let said = said.as_array_mut().unwrap();
        said.sort_by_key(ToString::to_string);
        let show = ["show", task.as_str().unwrap()];
        let shown = shell.acts(&ben, &show, 0).await;
        let mut held_by = shown["held_by"].as_array().unwrap().clone();
        held_by.sort_by_key(ToString::to_string);
        assert_eq!(&held_by, said);
        let inbox = shell.acts(&ben, &["inbox", "--all"], 0).await;
        let newest = inbox["tasks"].as_array().unwrap().last().unwrap();
        assert_eq!(
            (&newest["id"], newest["held_by"].as_array().unwrap().len()),
            (&task, said.len())
        );
    }
}

#[tokio::test]
async fn what_came_back_is_called_the_same_everywhere() {
    let shell = Shell::open().await;
    let (ana, ben, cy) = (
        shell.register("ana").await,
        shell.register("ben").await,
        shell.register("cy").await,
    );
    let to = format!("{ben},{cy}");
    let task = sent(&shell, &ana, &["send", "Ship", "--to", &to]).await;
    shell.acts(&cy, &["start", &task], 0).await;
    shell
        .acts(&ben, &["decline", &task, "--reason", "ill"], 0)
        .await;
    let row = told(&shell, &ana, &["sent"]).await;
    assert!(text(&row.stdout).contains("\tdeclined\t"), "{row:?}");
    let shown = told(&shell, &ana, &["show", &task]).await;
    assert!(
        text(&shown.stdout).contains("declined: its sender"),
        "{shown:?}"
    );
    assert!(!text(&shown.stdout).contains("in-process; "), "{shown:?}");
}

#[tokio::test]
async fn days_are_named_as_on_the_website_and_the_past_is_said() {
    let shell = Shell::open().await;
    let ana = shell.register("ana").await;
    for due in ["friday", "tomorrow", "mon 16:00", "24 dec"] {
        let task = sent(&shell, &ana, &["send", due, "--to", &ana, "--due", due]).await;
        let shown = shell.acts(&ana, &["show", &task], 0).await;
        assert!(
            shown["due"].as_str().unwrap().starts_with("20"),
            "{due}: {shown}"
        );
    }
    let late = ["send", "late", "--to", &ana, "--due", "2020-01-31"];
    let output = told(&shell, &ana, &late).await;
    assert_eq!(
        text(&output.stderr),
        "yoshi: due 2020-01-31 is in the past\n"
    );
    let task = text(&output.stdout).split(' ').nth(3).unwrap();
    let revise = ["revise", task, "--due", "2020-02-01"];
    let output = told(&shell, &ana, &revise).await;
    assert!(
        text(&output.stderr).contains("due 2020-02-01 is in the past"),
        "{output:?}"
    );
    // Nothing about a date that was not given now.
    let output = told(&shell, &ana, &["revise", task, "--title", "later"]).await;
    assert!(output.stderr.is_empty(), "{output:?}");
    let error = shell
        .yoshi(&["send", "x", "--to", "a", "--due", "some day"])
        .await;
    assert_eq!(error.status.code(), Some(2));
    assert!(text(&error.stderr).contains("fri 16:00"), "{error:?}");
}

#[tokio::test]
async fn piped_rows_have_the_columns_that_help_names_and_no_others() {
    let shell = Shell::open().await;
    let ana = shell.register("ana").await;
    for line in [&["inbox"][..], &["sent"], &["find", "zzz"]] {
        let output = told(&shell, &ana, line).await;
        assert!(
            output.stdout.is_empty() && output.stderr.is_empty(),
            "{line:?}: {output:?}"
        );
    }
    sent(&shell, &ana, &["send", "x", "--to", &ana]).await;
    for command in ["inbox", "sent", "find"] {
        let rows = told(&shell, &ana, &[command]).await;
        has_columns(&shell, command, &rows, 9).await;
    }
    for (command, columns) in [("servers", 11), ("accounts", 3)] {
        let rows = shell.yoshi(&[command]).await;
        has_columns(&shell, command, &rows, columns).await;
    }
}

async fn has_columns(shell: &Shell, command: &str, rows: &Output, columns: usize) {
    let help = shell.yoshi(&[command, "--help"]).await;
    let help = text(&help.stdout);
    let (_, named) = help
        .split_once("separated by tabs:\n  ")
        .unwrap_or_else(|| panic!("{help}"));
    let named = named.lines().next().unwrap().split(", ").count();
    assert_eq!(named, columns, "{command}: {help}");
    for row in text(&rows.stdout).lines() {
        assert_eq!(row.split('\t').count(), columns, "{command}: {row}");
    }
    assert!(!rows.stdout.is_empty(), "{command}");
}
