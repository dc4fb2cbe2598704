//! The command line of Yoshi, for people, operators and scripts.

use std::process::ExitCode;

fn main() -> ExitCode {
    yoshi::run()
}
