//! The web client: arguments, the shared start-up, then [`web_client::run`].

use std::process::ExitCode;

fn main() -> ExitCode {
    yoshi_service::run_server("web-client", web_client::run)
}
