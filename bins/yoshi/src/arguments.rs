//! The commands and their options. What they mean is in the files of the commands.

mod answer;
mod find;
mod list;
mod options;
mod recover;
mod revise;
mod send;
mod upkeep;
mod value;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use yoshi_protocol::{AccountName, ServerId};

use crate::inbox::{INBOX, SENT};
use crate::operate;

pub(crate) use answer::{AnswerCommand, DoneArguments};
pub(crate) use find::FindArguments;
pub(crate) use list::{Chosen, ListArguments, StateArgument};
pub(crate) use options::{Account, Acting, Common, Connection};
pub(crate) use recover::{LogName, RecoverArguments};
pub(crate) use revise::ReviseArguments;
pub(crate) use send::SendArguments;
pub(crate) use upkeep::{DrainArguments, ResyncArguments};
pub(crate) use value::TaskGiven;
use value::{TASK, account, server, task_given};

const SETTINGS_HELP: &str = "\
Connection settings come from options, then from the environment, then from the
file in YOSHI_ENV_FILE, else from `.run/yoshi.env` in this folder or one above it:
  YOSHI_NATS_URL                     address of NATS
  YOSHI_NATS_CA                      authorities to trust for TLS, a PEM file
  YOSHI_CLIENT_PASSWORD_FILE         password of the NATS user `client`
  YOSHI_OPERATOR_PASSWORD_FILE       of `operator`: servers, accounts, {drain,resync,destroy}-server
  YOSHI_PROVISIONER_PASSWORD_FILE    of `provisioner`: provision
  YOSHI_RECOVERY_PASSWORD_FILE       of `recovery`: recover-log
An account's password comes from --password-stdin, YOSHI_PASSWORD, or a prompt;
never from an option. `login` keeps a token, which later commands use.

Errors go to standard error. With --json, an error is one JSON object there:
  {\"error\": {\"exit\", \"code\", \"names\", \"message\", \"may_have_happened\"}}
`code` never changes its meaning. It is a server's own (PROTOCOL.md lists them), or one of
usage, settings, not_logged_in, ambiguous, input, refused, unreachable, timeout, bad_answer,
differs.

Exit codes:
  0  done (a task or change: every live server that serves holds it)
  1  refused by a server, or not found
  2  wrong usage, a setting is missing or no address, or destroy-server was not confirmed
  3  no clear answer in time: it may have happened, or not; standard error says which
  4  cannot connect to NATS; also if nobody is logged in at an address where NATS is not
  5  bad input: a task that breaks a rule, bytes that are no CBOR, a file that cannot be read
  6  not logged in at this address, or the password or token is not the account's
  7  queued, NOT safe yet: the log is out of reach, and one server alone holds the task
  8  provision: what exists differs from the definitions";

/// A to-do list protocol: send tasks, and see what is asked of you.
#[derive(Debug, Parser)]
#[command(name = "yoshi", version, after_help = SETTINGS_HELP, max_term_width = 100)]
#[command(
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create an account
    Register(Who),
    /// Get a token, and keep it for later commands
    Login(Who),
    /// End the token of `login`
    Logout(LogoutArguments),
    /// Change the password; every token of the account ends
    #[command(
        after_help = "With --password-stdin, standard input holds two lines: the password \
        until now, and the new one.\nElse YOSHI_PASSWORD and YOSHI_NEW_PASSWORD, or prompts."
    )]
    Passwd(Who),
    /// Send a task to one or several accounts
    #[command(after_help = send::help())]
    Send(Box<SendArguments>),
    /// Show the tasks that were sent to the account
    #[command(after_help = list::help(&INBOX))]
    Inbox(Box<ListArguments>),
    /// Show the tasks that the account sent
    #[command(after_help = list::help(&SENT))]
    Sent(Box<ListArguments>),
    /// Search in all tasks of the account, finished or not: words, filters, or both
    #[command(after_help = find::help())]
    Find(Box<FindArguments>),
    /// Show one task that the account sent or received
    Show(ShowArguments),
    /// Show what was done with a task, in order, with all comments
    History(ShowArguments),
    #[command(flatten)]
    Answer(AnswerCommand),
    /// Show the servers that keep a log and how they stand, silent ones too, for operators
    #[command(after_help = operate::servers_help())]
    Servers(ServersArguments),
    /// List accounts, disable or enable one, for operators
    #[command(after_help = operate::ACCOUNTS.help())]
    Accounts(AccountsArguments),
    /// Move a message server's accounts to others, for operators
    #[command(
        after_help = "The server takes nothing new and its accounts move, until it starts again or \
        --undo.\nNothing is lost: every server holds every task. `destroy-server` is for good."
    )]
    DrainServer(DrainArguments),
    /// Have a message server forget its tasks and fill its database anew, for operators
    #[command(
        after_help = "It takes them from the log, or from another message server, and serves again \
        then.\nIts identity stays, and so does what waits in its outbox."
    )]
    ResyncServer(ResyncArguments),
    /// Take a message server out of the system for good, for operators
    DestroyServer(DestroyArguments),
    /// Make a lost log anew from what the servers hold, for whoever may delete streams
    #[command(
        after_help = "It changes nothing while the log is whole, or while a server that others know \
        does not answer.\nThe servers level themselves and take up the new log; positions go on \
        beyond all earlier ones."
    )]
    RecoverLog(RecoverArguments),
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
    #[command(flatten)]
    pub(crate) acting: Acting,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct LogoutArguments {
    /// The account [default: --account]
    #[arg(value_name = "ACCOUNT", value_parser = account)]
    pub(crate) name: Option<AccountName>,
    #[command(flatten)]
    pub(crate) account: Account,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    #[arg(value_parser = task_given, help = TASK)]
    pub(crate) task: TaskGiven,
    #[command(flatten)]
    pub(crate) acting: Acting,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct ServersArguments {
    #[command(flatten)]
    pub(crate) connection: Connection,
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
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct DestroyArguments {
    /// The server's id, as `yoshi servers` shows it
    #[arg(value_parser = server)]
    pub(crate) server: ServerId,
    /// Do it even if tasks wait in its outbox: they will never be delivered
    #[arg(long)]
    pub(crate) force: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
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
    #[command(flatten)]
    pub(crate) connection: Connection,
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
            &["register", "--account", "ana", "--timeout", "3"],
            &["--json", "logout", "ana", "--nats-url", "x:4222"],
            &["show", "01935b7e"],
            &["show", "01935b7e-0000-7000-8000-000000000001"],
            &[
                "inbox", "--json", "--since", "7168", "--limit", "3", "--watch",
            ],
            &["servers", "--timeout", "3"],
            &["accounts", "--disable", "ana"],
            &["send", "Ship 1.2", "--to", "ana,bo", "--to", "cy"],
            &["decode", "--one-line"],
            &["provision", "--replicas", "3"],
            &["recover-log", "tasks", "--yes"],
            &[
                "inbox",
                "--all",
                "--state",
                "accepted,declined",
                "--label",
                "x",
            ],
            &["decline", "01935b7e", "--reason", "no time"],
            &["progress", "01935b7e", "40%"],
            &["revise", "01935b7e", "--no-due", "--revision", "2"],
            &["withdraw", "01935b7e", "--from", "ana,bo"],
            &["snooze", "01935b7e", "--end"],
            &["label", "01935b7e"],
            &["history", "01935b7e"],
            &["find"],
            &[
                "find",
                "ship",
                "mon",
                "--from",
                "ana,bo",
                "--due-before",
                "tomorrow",
            ],
            &[
                "find", "--asked", "--to", "ana", "--state", "declined", "--before", "7168",
            ],
            &[
                "find",
                "--importance",
                "high",
                "--kind",
                "decide",
                "--awake",
            ],
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
            &["recover-log"],
            &["recover-log", "everything"],
            &["decline", "01935b7e"],
            &["reopen", "01935b7e"],
            &["progress", "01935b7e", "100"],
            &["done", "01935b7e", "--approve", "--changes"],
            &["revise", "01935b7e", "--due", "today", "--no-due"],
            &["snooze", "01935b7e"],
            &["find", "--to", "ana"],
            &["find", "--asked", "--from", "ana"],
            &["find", "--awake", "--snoozed"],
            &["find", "--due-after", "some day"],
            // What means nothing to a command is not taken by it.
            &["decode", "--account", "ana"],
            &["decode", "--timeout", "3"],
            &["servers", "--account", "ana"],
            &["accounts", "--password-stdin"],
            &["logout", "--password-stdin"],
        ] {
            let error = parse(line).expect_err("must be refused");
            assert_eq!(error.exit_code(), 2, "{line:?}");
        }
    }
}
