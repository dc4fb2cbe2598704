//! The commands and their options. What they mean is in the files of the commands.

mod send;
mod value;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use yoshi_protocol::{AccountName, Position, ServerId, TaskId};

pub(crate) use send::SendArguments;
use value::{account, position, seconds, server, task};

const SETTINGS_HELP: &str = "\
Connection settings come from options, then from the environment, then from the
file in YOSHI_ENV_FILE, else from `.run/yoshi.env` in this folder or one above it:
  YOSHI_NATS_URL                     address of NATS
  YOSHI_NATS_CA                      authorities to trust for TLS, a PEM file
  YOSHI_CLIENT_PASSWORD_FILE         password of the NATS user `client`
  YOSHI_OPERATOR_PASSWORD_FILE       of `operator`: servers, accounts, destroy-server
  YOSHI_PROVISIONER_PASSWORD_FILE    of `provisioner`: provision
An account's password comes from --password-stdin, YOSHI_PASSWORD, or a prompt;
never from an option. `login` keeps a token, which later commands use.

Exit codes:
  0  done (send: every live server holds the task)
  1  refused by a server, or not found
  2  wrong usage, or a setting is missing
  3  no clear answer in time: it may have happened, or not; standard error says which
  4  cannot connect to NATS
  5  bad input: a task that breaks a rule, bytes that are no CBOR, a file that cannot be read
  6  not logged in, or the password or token is not the account's
  7  queued: one server holds the task, and it is not accounted for yet
  8  provision: what exists differs from the definitions";

/// A to-do list protocol: send tasks, and see what is asked of you.
#[derive(Debug, Parser)]
#[command(name = "yoshi", version, after_help = SETTINGS_HELP, max_term_width = 100)]
#[command(
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Common {
    /// Print JSON with stable fields
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Address of NATS; several are separated by commas
    #[arg(long, global = true, env = "YOSHI_NATS_URL", value_name = "URL")]
    pub(crate) nats_url: Option<String>,
    /// Authorities to trust for TLS to NATS
    #[arg(long, global = true, env = "YOSHI_NATS_CA", value_name = "PEM FILE")]
    pub(crate) nats_ca: Option<PathBuf>,
    /// The account to act as; not needed if one is logged in
    #[arg(long, global = true, env = "YOSHI_ACCOUNT", value_name = "NAME", value_parser = account)]
    pub(crate) account: Option<AccountName>,
    /// Read the account's password from the first line of standard input
    #[arg(long, global = true)]
    pub(crate) password_stdin: bool,
    /// How long to try, in seconds
    #[arg(long, global = true, default_value = "15", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    pub(crate) fn write_global(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create an account
    Register(Who),
    /// Get a token, and keep it for later commands
    Login(Who),
    /// End the token of `login`
    Logout(Who),
    /// Change the password; every token of the account ends
    #[command(
        after_help = "With --password-stdin, the first line is the password until \
        now and the second the new one.\nElse YOSHI_PASSWORD and YOSHI_NEW_PASSWORD, or prompts."
    )]
    Passwd(Who),
    /// Send a task to one or several accounts
    #[command(after_help = send::EXAMPLES)]
    Send(Box<SendArguments>),
    /// Show the tasks that were sent to the account
    Inbox(ListArguments),
    /// Show the tasks that the account sent
    Sent(ListArguments),
    /// Show one task that the account sent or received
    Show(ShowArguments),
    /// Show the message servers, for operators
    Servers,
    /// List accounts, disable or enable one, for operators
    Accounts(AccountsArguments),
    /// Take a message server out of the system for good, for operators
    DestroyServer(DestroyArguments),
    /// Turn CBOR on standard input into readable text
    #[command(
        after_help = "For example: nats sub 'yoshi.>' --translate 'yoshi decode'\n\
        Credentials, passwords, tokens and their hashes are shown as \"***\"."
    )]
    Decode(DecodeArguments),
    /// Create the streams and buckets, for whoever sets the system up
    #[command(
        after_help = "What exists already is left alone; if it differs from its \
        definition, that is reported, and nothing is changed."
    )]
    Provision(ProvisionArguments),
}

#[derive(Debug, Args)]
pub(crate) struct Who {
    /// The account [default: --account]
    #[arg(value_name = "ACCOUNT", value_parser = account)]
    pub(crate) name: Option<AccountName>,
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Only what changed after this cursor of an earlier answer
    #[arg(long, default_value = "0", value_name = "CURSOR", value_parser = position)]
    pub(crate) since: Position,
    /// At most so many tasks
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
    /// Go on showing tasks as they come, until Ctrl-C; with --json, one per line
    #[arg(long, short)]
    pub(crate) watch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The task's id
    #[arg(value_parser = task)]
    pub(crate) task: TaskId,
}

#[derive(Debug, Args)]
pub(crate) struct AccountsArguments {
    /// Only names after this one
    #[arg(long, value_name = "NAME", value_parser = account)]
    pub(crate) after: Option<AccountName>,
    /// At most so many
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) limit: u32,
    /// Disable this account: nobody may use it or send to it, and its tokens end
    #[arg(long, value_name = "NAME", value_parser = account, conflicts_with_all = ["enable", "after"])]
    pub(crate) disable: Option<AccountName>,
    /// Enable this account again
    #[arg(long, value_name = "NAME", value_parser = account, conflicts_with = "after")]
    pub(crate) enable: Option<AccountName>,
}

#[derive(Debug, Args)]
pub(crate) struct DestroyArguments {
    /// The server's id, as `yoshi servers` shows it
    #[arg(value_parser = server)]
    pub(crate) server: ServerId,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DecodeArguments {
    /// Never break the text into lines
    #[arg(long)]
    pub(crate) one_line: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProvisionArguments {
    /// The folder with the definitions, one JSON file per stream
    #[arg(long, default_value = "nats/definitions", value_name = "DIR")]
    pub(crate) definitions: PathBuf,
    /// Copies of each stream, instead of what the definitions say
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=5))]
    pub(crate) replicas: Option<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("yoshi").chain(line.iter().copied()))
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn good_lines_parse() {
        for line in [
            &["register", "ana"][..],
            &["--account", "ana", "register"],
            &[
                "inbox", "--json", "--since", "7168", "--limit", "3", "--watch",
            ],
            &["servers", "--timeout", "3"],
            &["accounts", "--disable", "ana"],
            &["send", "Ship 1.2", "--to", "ana,bo", "--to", "cy"],
            &["decode", "--one-line"],
            &["provision", "--replicas", "3"],
        ] {
            assert!(parse(line).is_ok(), "{line:?}");
        }
    }

    #[test]
    fn bad_lines_are_usage_errors() {
        for line in [
            &[][..],
            &["register", "Ana"],
            &["inbox", "--since", "-1"],
            &["inbox", "--limit", "0"],
            &["servers", "--timeout", "0"],
            &["show", "not-an-id"],
            &["send", "Ship 1.2"],
            &["send", "Ship 1.2", "--to", "a.b"],
            &["send", "x", "--to", "a", "--body", "b", "--body-file", "-"],
            &["accounts", "--disable", "a", "--enable", "b"],
            &["login", "ana", "--password", "secret"],
            &["provision", "--replicas", "0"],
        ] {
            let error = parse(line).expect_err("must be refused");
            assert_eq!(error.exit_code(), 2, "{line:?}");
        }
    }
}
