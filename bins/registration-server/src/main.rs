//! The registration server: arguments, the shared start-up, then [`registration_server::run`].

use std::process::ExitCode;

fn main() -> ExitCode {
    yoshi_service::run_server("registration-server", registration_server::run)
}
