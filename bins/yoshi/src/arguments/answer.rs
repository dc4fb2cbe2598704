//! The commands that do something with a task that is sent, and their options.

use clap::{Args, Subcommand};
use yoshi_protocol::{AccountName, ChangeId, When};

use super::options::{Acting, Connection};
use super::revise::ReviseArguments;
use super::value::{TaskGiven, account, change, percent, task_given, when};

const DONE_HELP: &str = "\
What is demanded depends on the kind of the task:
  do          nothing; --text says something about it
  decide      --option, one of the task's options; --text says why
  answer      --text
  review      --approve, or --changes with --text
  read, note  nothing";

/// What is done with a task.
#[derive(Debug, Subcommand)]
pub(crate) enum AnswerCommand {
    /// Take a task on
    Accept(Target),
    /// Do not take a task on, or give it back
    Decline(DeclineArguments),
    /// Say that you have begun
    Start(Target),
    /// Say how far you are
    Progress(ProgressArguments),
    /// Complete a task, with the answer that its kind demands
    #[command(after_help = DONE_HELP)]
    Done(DoneArguments),
    /// Take your latest step with a task back
    Undo(Target),
    /// Change a task that you sent
    #[command(after_help = super::revise::HELP)]
    Revise(Box<ReviseArguments>),
    /// Say that you no longer want a task that you sent
    Withdraw(WithdrawArguments),
    /// Ask again those who completed or declined, or from whom it was withdrawn
    Reopen(ReopenArguments),
    /// Remind those who are not done with a task that you sent
    Remind(Target),
    /// Say something about a task, to everybody whom it concerns
    Comment(CommentArguments),
    /// Put a task out of your own sight for a while; the due date stays
    Snooze(SnoozeArguments),
    /// Give a task labels that only you see, instead of those it has
    Label(LabelArguments),
    /// Note that you have read a task; only you see that
    Read(ReadArguments),
}

/// A task, and who does something with it.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The task's id, or the beginning of it that no other task of the account shares
    #[arg(value_parser = task_given)]
    pub(crate) task: TaskGiven,
    /// The change's id, to ask for the same change again after an unknown outcome
    #[arg(long, value_name = "UUID", value_parser = change)]
    pub(crate) id: Option<ChangeId>,
    #[command(flatten)]
    pub(crate) acting: Acting,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct DeclineArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct ProgressArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    /// How much is done: 0 to 99
    #[arg(value_name = "PERCENT", value_parser = percent)]
    pub(crate) percent: u8,
}

#[derive(Debug, Args)]
pub(crate) struct DoneArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    /// What you choose
    #[arg(long, value_name = "TEXT")]
    pub(crate) option: Option<String>,
    /// What you say, in Markdown
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// It is good as it is
    #[arg(long)]
    pub(crate) approve: bool,
    /// It needs changes
    #[arg(long, conflicts_with = "approve")]
    pub(crate) changes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WithdrawArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    /// From whom; everybody if none is named
    #[arg(long, value_delimiter = ',', value_name = "ACCOUNT", value_parser = account)]
    pub(crate) from: Vec<AccountName>,
    /// Why
    #[arg(long, default_value = "", value_name = "TEXT", hide_default_value = true)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct ReopenArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Whom to ask again; everybody if none is named
    #[arg(long, value_delimiter = ',', value_name = "ACCOUNT", value_parser = account)]
    pub(crate) to: Vec<AccountName>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct CommentArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    /// What you say, in Markdown
    pub(crate) text: String,
}

#[derive(Debug, Args)]
pub(crate) struct SnoozeArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Until when: a day or a date-time
    #[arg(value_name = "WHEN", value_parser = when, required_unless_present = "end")]
    pub(crate) until: Option<When>,
    /// Show it again now
    #[arg(long, conflicts_with = "until")]
    pub(crate) end: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LabelArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The labels; none takes all away
    #[arg(value_name = "LABEL")]
    pub(crate) labels: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ReadArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Note that you have not
    #[arg(long)]
    pub(crate) unread: bool,
}

impl AnswerCommand {
    /// The task, and who does something with it.
    pub(crate) fn target(&self) -> &Target {
        match self {
            Self::Accept(target)
            | Self::Start(target)
            | Self::Undo(target)
            | Self::Remind(target) => target,
            Self::Decline(arguments) => &arguments.target,
            Self::Progress(arguments) => &arguments.target,
            Self::Done(arguments) => &arguments.target,
            Self::Revise(arguments) => &arguments.target,
            Self::Withdraw(arguments) => &arguments.target,
            Self::Reopen(arguments) => &arguments.target,
            Self::Comment(arguments) => &arguments.target,
            Self::Snooze(arguments) => &arguments.target,
            Self::Label(arguments) => &arguments.target,
            Self::Read(arguments) => &arguments.target,
        }
    }
}
