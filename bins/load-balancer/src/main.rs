//! Arguments, then the shared bootstrap, then [`load_balancer::serve`].

use std::process::ExitCode;

fn main() -> ExitCode {
    yoshi_service::run_server("load-balancer", load_balancer::serve)
}
