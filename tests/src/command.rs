//! The command line as operators run it.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::place;
use crate::system::System;

/// How long a command may take: some wait until every server has done their part.
const COMMAND_WITHIN: Duration = Duration::from_secs(120);

/// Runs `yoshi` against a system, with the passwords of its operators.
///
/// # Panics
/// If it cannot be started, or does not end in time.
pub async fn operate(system: &System, arguments: &[&str]) -> Output {
    let password_file = system.nats.password_file();
    let mut command = Command::new(place::binary("yoshi"));
    command
        .args(arguments)
        .current_dir(place::workspace())
        .env("YOSHI_NATS_URL", system.nats.urls())
        .env("YOSHI_OPERATOR_PASSWORD_FILE", &password_file)
        .env("YOSHI_RECOVERY_PASSWORD_FILE", &password_file)
        .env_remove("YOSHI_ENV_FILE")
        .stdin(Stdio::null());
    let ended = tokio::task::spawn_blocking(move || command.output());
    tokio::time::timeout(COMMAND_WITHIN, ended)
        .await
        .expect("it ends in time")
        .expect("it does not panic")
        .expect("yoshi can be started")
}
