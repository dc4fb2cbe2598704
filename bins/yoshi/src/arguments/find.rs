//! The options of `find`.

use clap::Args;
use yoshi_protocol::{AccountName, Position, When};

use crate::inbox::INBOX;

use super::list::{StateArgument, rows};
use super::options::{Acting, Connection};
use super::send::KindArgument;
use super::value::{AT_LEAST, WHEN, account, importance, position, when};

const HELP: &str = "\
A task is found if it holds every word, in its title, body, options, links, labels or people, in any \
order and in any case; the last word may be the beginning of one. The latest sent comes first. What is \
finished or snoozed is found, too.
Examples:
  yoshi find ship mon
  yoshi find --from ana --due-before 2026-12-01 --state needs-action,accepted
  yoshi find --asked --to bo --importance high release";

pub(crate) fn help() -> String {
    let rows = rows(&INBOX);
    format!("{HELP}\n\n{WHEN}\n\n{rows}\nWith --asked, TO and STATUS instead of FROM and STATE.")
}

#[derive(Debug, Args)]
pub(crate) struct FindArguments {
    /// Words to look for
    pub(crate) text: Vec<String>,
    /// Among the tasks that the account sent, instead of those that it received
    #[arg(long)]
    pub(crate) asked: bool,
    /// How it stands: with you, or with --asked as a whole or with somebody
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) state: Vec<StateArgument>,
    /// What kind of answer is wanted
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) kind: Vec<KindArgument>,
    /// Who sent it
    #[arg(long, value_delimiter = ',', value_name = "ACCOUNT", value_parser = account, conflicts_with = "asked")]
    pub(crate) from: Vec<AccountName>,
    /// Who is asked, with --asked
    #[arg(long, value_delimiter = ',', value_name = "ACCOUNT", value_parser = account, requires = "asked")]
    pub(crate) to: Vec<AccountName>,
    #[arg(long, value_name = "LEVEL", value_parser = importance, help = AT_LEAST)]
    pub(crate) importance: Option<u8>,
    /// Due before this day or moment, as clocks show it
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub(crate) due_before: Option<When>,
    /// Due after this day or moment, as clocks show it
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub(crate) due_after: Option<When>,
    /// A label of the sender's, or of your own; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Vec<String>,
    /// Only what you have snoozed
    #[arg(long)]
    pub(crate) snoozed: bool,
    /// Only what you have not snoozed
    #[arg(long, conflicts_with = "snoozed")]
    pub(crate) awake: bool,
    /// At most so many tasks
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
    /// Only what was sent before this cursor of an earlier answer: the next page
    #[arg(long, value_name = "CURSOR", value_parser = position)]
    pub(crate) before: Option<Position>,
    #[command(flatten)]
    pub(crate) acting: Acting,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
