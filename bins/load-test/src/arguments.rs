//! What can be asked of it.

use clap::Parser;
use yoshi_protocol::limit::{BODY_BYTES_MAX, RECIPIENTS_MAX};

const EXAMPLES: &str = "\
It creates accounts of its own (load-…). They and their tasks stay: use a system that may keep them.
Without options it sends from 64 accounts to the system that it finds, and measures for 10 s.

Examples:
  load-test --senders 64 --seconds 10             64 senders, each one task at a time
  load-test --rate 2000 --seconds 30              2,000 tasks per second, however long each takes
  load-test --senders 1 --recipients 5 --json

NATS is found as `yoshi` finds it: YOSHI_NATS_URL and YOSHI_CLIENT_PASSWORD_FILE, from the
environment or from `.run/yoshi.env` in this folder or one above it.

Exit codes: 0 every check passed; 1 a check failed, or no send succeeded; 2 wrong usage;
3 there was no result: NATS, the accounts or the final retrieval failed.";

/// Sends synthetic tasks, measures, and checks that none was lost.
#[derive(Debug, Clone, Parser)]
#[command(name = "load-test", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Arguments {
    /// Accounts that send. Without --rate, each sends its next task when it has the last one's answer
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub(crate) senders: u32,
    /// Tasks per second, from all senders in turn; latencies count from when each was due
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rate: Option<u32>,
    /// Recipients of each task
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=RECIPIENTS_MAX as i64))]
    pub(crate) recipients: u32,
    /// Bytes of each task's body
    #[arg(long, default_value_t = 400, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=BODY_BYTES_MAX as i64))]
    pub(crate) body_bytes: u32,
    /// How long to measure
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) seconds: u32,
    /// How long to send before measuring; what is sent then is checked, too
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=3_600))]
    pub(crate) warm_up_seconds: u32,
    /// Connections to NATS, used in turn
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) connections: u32,
    /// Accounts besides, to which some tasks go, and which look until they see them
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=16))]
    pub(crate) observers: u32,
    /// How the names of the accounts begin; accounts of an earlier run are used again
    /// if `YOSHI_LOAD_TEST_PASSWORD` holds their password [default: new accounts]
    #[arg(long, value_name = "TEXT")]
    pub(crate) accounts_prefix: Option<String>,
    /// Decides bodies and recipients [default: another one each time]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// How long a send, or any other call, may try, in seconds
    #[arg(long, default_value_t = 15, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) timeout: u32,
    /// Address of NATS; several are separated by commas
    #[arg(long, env = "YOSHI_NATS_URL", value_name = "URL")]
    pub(crate) nats_url: Option<String>,
    /// Print JSON with stable fields
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn options_are_bounded() {
        Arguments::command().debug_assert();
        let parse = |line: &[&str]| {
            Arguments::try_parse_from(std::iter::once("load-test").chain(line.iter().copied()))
        };
        let closed = parse(&["--senders", "256"]).unwrap();
        assert_eq!(
            (closed.senders, closed.rate, closed.connections),
            (256, None, 4)
        );
        assert_eq!(parse(&["--rate", "500", "--json"]).unwrap().rate, Some(500));
        for line in [
            &["--senders", "0"][..],
            &["--rate", "0"],
            &["--recipients", "101"],
            &["--body-bytes", "65537"],
            &["--seconds", "0"],
            &["--seconds", "-1"],
            &["more"],
        ] {
            assert_eq!(parse(line).expect_err("refused").exit_code(), 2, "{line:?}");
        }
    }
}
