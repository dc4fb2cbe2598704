//! The command line of Yoshi, for people, operators and scripts.

use std::process::ExitCode;

use clap::Parser;
use yoshi::Arguments;

fn main() -> ExitCode {
    yoshi::run(Arguments::parse())
}
