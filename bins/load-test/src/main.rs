//! Publishes synthetic tasks, measures, and checks that none was lost.

use std::process::ExitCode;

use clap::Parser;
use load_test::Arguments;

fn main() -> ExitCode {
    load_test::run(&Arguments::parse())
}
