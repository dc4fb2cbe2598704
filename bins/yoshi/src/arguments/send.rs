//! The options of `send`, which are the fields of a task.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use yoshi_protocol::{AccountName, Completion, Kind, Privacy, TaskId, When};

use super::options::{Acting, Connection};
use super::value::{LEVELS, WHEN, account, effort, importance, task, when};

const EXAMPLES: &str = "\
Examples:
  yoshi send 'Ship 1.2' --to ana
  yoshi send 'Read the draft' --to ana,bo --kind read --due friday --body-file draft.md
  yoshi send 'Ship on Monday?' --to ana --kind decide --option ship --option 'wait a week' \\
      --importance high --respond-by 'mon 16:00'

After an unknown outcome (exit code 3), the same command with the --id that was shown settles it, \
and never sends twice.";

pub(crate) fn help() -> String {
    format!("{WHEN}\n\n{EXAMPLES}")
}

#[derive(Debug, Args)]
pub(crate) struct SendArguments {
    /// What is wanted, in one line
    pub(crate) title: String,
    /// Whom to ask; may be given several times, or with commas
    #[arg(long, required = true, value_delimiter = ',', value_name = "ACCOUNT", value_parser = account)]
    pub(crate) to: Vec<AccountName>,
    /// What is wanted, at length, in Markdown
    #[arg(long, value_name = "TEXT")]
    pub(crate) body: Option<String>,
    /// The same, from a file; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "body")]
    pub(crate) body_file: Option<PathBuf>,
    /// What kind of answer is wanted
    #[arg(long, value_enum, default_value = "do")]
    pub(crate) kind: KindArgument,
    /// What to choose between, for --kind decide; 2 to 10 times
    #[arg(long = "option", value_name = "TEXT")]
    pub(crate) options: Vec<String>,
    /// When it is wanted; see WHEN below
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub(crate) due: Option<When>,
    /// Not before
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub(crate) start: Option<When>,
    /// When an answer (yes, no, later) is wanted: a moment, not a day
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub(crate) respond_by: Option<When>,
    #[arg(long, default_value = "normal", value_name = "LEVEL", value_parser = importance, help = LEVELS)]
    pub(crate) importance: u8,
    /// Your estimate, for example 90m or 2h
    #[arg(long, value_name = "TIME", value_parser = effort)]
    pub(crate) effort: Option<u32>,
    /// A label; may be given several times
    #[arg(long = "label", value_name = "TEXT")]
    pub(crate) labels: Vec<String>,
    /// A web address (https, http, mailto) that belongs to it; may be given several times
    #[arg(long = "link", value_name = "URL")]
    pub(crate) links: Vec<String>,
    /// When several are asked: whose answers complete it
    #[arg(long, value_enum, default_value = "all")]
    pub(crate) completion: CompletionArgument,
    /// Who may see it
    #[arg(long, value_enum, default_value = "private")]
    pub(crate) privacy: PrivacyArgument,
    /// The task that it is a part of
    #[arg(long, value_name = "TASK", value_parser = task)]
    pub(crate) parent: Option<TaskId>,
    /// The task that must be done before it
    #[arg(long, value_name = "TASK", value_parser = task)]
    pub(crate) depends_on: Option<TaskId>,
    /// The task's id, to send the same task again after an unknown outcome
    #[arg(long, value_name = "UUID", value_parser = task)]
    pub(crate) id: Option<TaskId>,
    #[command(flatten)]
    pub(crate) acting: Acting,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// A choice of the command line for each of the protocol's, so that the
/// compiler tells when the protocol gains one.
macro_rules! choices {
    ($($name:ident for $wire:ident { $($variant:ident),* })*) => {$(
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
        pub(crate) enum $name { $($variant),* }

        impl From<$name> for $wire {
            fn from(choice: $name) -> Self {
                match choice { $($name::$variant => Self::$variant),* }
            }
        }
    )*};
}

choices! {
    KindArgument for Kind { Do, Decide, Answer, Review, Read, Note }
    CompletionArgument for Completion { Any, All, Each }
    PrivacyArgument for Privacy { Public, Private, Confidential }
}
