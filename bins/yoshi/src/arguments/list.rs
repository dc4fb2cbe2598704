//! The options of `inbox` and `sent`.

use clap::{Args, ValueEnum};
use yoshi_protocol::{AccountName, Position};

use crate::output::Columns;

use super::options::{Acting, Connection};
use super::send::KindArgument;
use super::value::{AT_LEAST, account, importance, position};

const HELP: &str = "\
What is finished, and in the inbox what is snoozed, is left out, unless --all or --state is given; \
after a cursor (--since, --watch) everything that changed is shown, because an end is news. \
Filters choose among what the servers gave: the cursor is that of everything that was looked at.";

/// What is true of the rows of `inbox`, `sent` and `find`.
const ROWS: &str = "\
On a terminal TASK is the end of the id, which every command takes; SENT and DUE are on your clock. \
SERVERS counts those that are known to hold the task as it stands. The server that answers hears of the \
others' commits up to 250 ms late: where one is missing, it is asked once more, after 300 ms.";

pub(crate) fn help(columns: &Columns) -> String {
    format!("{HELP}\n\n{}", rows(columns))
}

/// What the rows of tasks are.
pub(super) fn rows(columns: &Columns) -> String {
    format!("{ROWS}\n{}", columns.help())
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
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    #[command(flatten)]
    pub(crate) acting: Acting,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Which tasks to show. Each filter that is given must let a task through.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Chosen {
    /// Also what is finished or snoozed
    #[arg(long)]
    pub(crate) all: bool,
    /// How it stands: in the inbox with you, in sent as a whole or with somebody
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) state: Vec<StateArgument>,
    /// What kind of answer is wanted
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) kind: Vec<KindArgument>,
    #[arg(long, value_name = "LEVEL", value_parser = importance, help = AT_LEAST)]
    pub(crate) importance: Option<u8>,
    /// Who sent it
    #[arg(long, value_delimiter = ',', value_name = "ACCOUNT", value_parser = account)]
    pub(crate) from: Vec<AccountName>,
    /// Who is asked
    #[arg(long, value_delimiter = ',', value_name = "ACCOUNT", value_parser = account)]
    pub(crate) to: Vec<AccountName>,
    /// A label of the sender's, or of your own
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Vec<String>,
}

/// How a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateArgument {
    NeedsAction,
    Accepted,
    InProcess,
    Completed,
    Declined,
    Closed,
    Withdrawn,
    Cancelled,
}
