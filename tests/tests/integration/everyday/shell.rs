//! `yoshi` and `load-test` as processes that find the shared system.

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use yoshi_tests::System;
use yoshi_tests::person::fresh_name;
use yoshi_tests::place;
use yoshi_tests::scratch::Scratch;

use super::system;

pub(super) const RUN_WITHIN: Duration = Duration::from_secs(60);
pub(super) const PASSWORD: &str = "correct horse battery";

/// A shell in which `yoshi` finds the system.
pub(super) struct Shell {
    pub(super) system: std::sync::Arc<System>,
    pub(super) scratch: Scratch,
}

impl Shell {
    pub(super) async fn open() -> Self {
        Self {
            system: system().await,
            scratch: Scratch::new("shell"),
        }
    }

    pub(super) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(place::binary(program));
        let password_file = self.system.nats.password_file();
        command
            .args(arguments)
            .current_dir(self.scratch.path())
            .env("XDG_STATE_HOME", self.scratch.path())
            .env("YOSHI_NATS_URL", self.system.nats.urls())
            .env("YOSHI_CLIENT_PASSWORD_FILE", &password_file)
            .env("YOSHI_OPERATOR_PASSWORD_FILE", &password_file)
            .env_remove("YOSHI_ENV_FILE")
            .env_remove("YOSHI_ACCOUNT")
            .env_remove("YOSHI_PASSWORD")
            .stdin(std::process::Stdio::null());
        command
    }

    pub(super) async fn yoshi(&self, arguments: &[&str]) -> Output {
        run(self.command("yoshi", arguments)).await
    }

    /// The JSON of a command that acts as an account, and ends with that code.
    pub(super) async fn acts(&self, account: &str, arguments: &[&str], exit: i32) -> Value {
        self.acts_by(PASSWORD, account, arguments, exit).await
    }

    /// The same, with this password in the environment.
    pub(super) async fn acts_by(
        &self,
        password: &str,
        account: &str,
        line: &[&str],
        exit: i32,
    ) -> Value {
        let mut command = self.command("yoshi", line);
        command.args(["--json", "--account", account]);
        command.env("YOSHI_PASSWORD", password);
        json(&run(command).await, exit)
    }

    /// What a command prints for people, however it ends.
    pub(super) async fn words(&self, account: &str, line: &[&str]) -> String {
        let mut command = self.command("yoshi", line);
        command.args(["--account", account]);
        command.env("YOSHI_PASSWORD", PASSWORD);
        String::from_utf8(run(command).await.stdout).unwrap()
    }

    /// Registers an account.
    pub(super) async fn register(&self, prefix: &str) -> String {
        let name = fresh_name(prefix).to_string();
        self.acts(&name, &["register"], 0).await;
        name
    }
}

pub(super) async fn run(mut command: Command) -> Output {
    let ended = tokio::task::spawn_blocking(move || command.output());
    let output = tokio::time::timeout(RUN_WITHIN, ended).await;
    output.expect("it ends in time").unwrap().unwrap()
}

/// Its JSON, if it ended with that code.
pub(super) fn json(output: &Output, exit: i32) -> Value {
    let shown = format!("{output:?}");
    assert_eq!(output.status.code(), Some(exit), "{shown}");
    let text = if exit == 0 {
        &output.stdout
    } else {
        &output.stderr
    };
    serde_json::from_slice(text).unwrap_or_else(|error| panic!("{error}: {shown}"))
}

pub(super) fn keys(value: &Value) -> BTreeSet<&str> {
    let map = value.as_object().expect("it is an object");
    map.keys().map(String::as_str).collect()
}
