//! The message server's process: arguments, start-up, run.

use std::process::ExitCode;

fn main() -> ExitCode {
    yoshi_service::run_server("message-server", message_server::run)
}
