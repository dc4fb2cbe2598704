//! The commands that do something with a task that is sent, and their options.

use clap::{Args, Subcommand};
use yoshi_protocol::{AccountName, ChangeId, When};

use super::options::{Acting, Connection};
use super::revise::ReviseArguments;
use super::value::{TASK, TaskGiven, WHEN, account, change, percent, task_given, when};

const DONE_HELP: &str = "\
What is demanded depends on the kind of the task:
  do          done TASK                          --text says something about it
  decide      done TASK --option TEXT            one of the task's options; --text says why
  answer      done TASK --text TEXT
  review      done TASK --approve                or done TASK --changes --text TEXT
  read, note  done TASK";

/// What is done with a task.
#[derive(Debug, Subcommand)]
pub(crate) enum AnswerCommand {
    /// Take a task on: accept TASK
    Accept(Target),
    /// Do not take a task on, or give it back: decline TASK --reason TEXT
    Decline(DeclineArguments),
    /// Say that you have begun: start TASK
    Start(Target),
    /// Say how far you are: progress TASK PERCENT
    Progress(ProgressArguments),
    /// Complete a task, with the answer that its kind demands: done TASK ...
    #[command(after_help = DONE_HELP)]
    Done(DoneArguments),
    /// Take your latest step with a task back: undo TASK
    Undo(Target),
    /// Change a task that you sent: revise TASK ...
    #[command(after_help = super::revise::help())]
    Revise(Box<ReviseArguments>),
    /// Say that you no longer want a task that you sent: withdraw TASK
    Withdraw(WithdrawArguments),
    /// Ask again who completed, declined, or was withdrawn from: reopen TASK --reason TEXT
    Reopen(ReopenArguments),
    /// Remind those who are not done with a task that you sent: remind TASK
    Remind(Target),
    /// Say something about a task, to everybody whom it concerns: comment TASK TEXT
    Comment(CommentArguments),
    /// Put a task out of your own sight for a while; the due date stays: snooze TASK WHEN
    #[command(after_help = WHEN)]
    Snooze(SnoozeArguments),
    /// Give a task labels that only you see, instead of those it has: label TASK LABEL ...
    Label(LabelArguments),
    /// Note that you have read a task; only you see that: read TASK
    Read(ReadArguments),
}

/// A task, and who does something with it. It stands last in each command, so that
/// the command's own options do not go under its headings.
#[derive(Debug, Args)]
pub(crate) struct Target {
    #[arg(index = 1, value_parser = task_given, help = TASK)]
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
    /// Why; everybody whom the task concerns reads it
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct ProgressArguments {
    /// How much is done: 0 to 99
    #[arg(index = 2, value_name = "PERCENT", value_parser = percent)]
    pub(crate) percent: u8,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct DoneArguments {
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
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct WithdrawArguments {
    /// From whom; everybody if none is named
    #[arg(long, value_delimiter = ',', value_name = "ACCOUNT", value_parser = account)]
    pub(crate) from: Vec<AccountName>,
    /// Why
    #[arg(
        long,
        default_value = "",
        value_name = "TEXT",
        hide_default_value = true
    )]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct ReopenArguments {
    /// Whom to ask again; everybody if none is named
    #[arg(long, value_delimiter = ',', value_name = "ACCOUNT", value_parser = account)]
    pub(crate) to: Vec<AccountName>,
    /// Why; everybody whom the task concerns reads it
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct CommentArguments {
    /// What you say, in Markdown
    #[arg(index = 2)]
    pub(crate) text: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct SnoozeArguments {
    /// Until when; see WHEN below
    #[arg(index = 2, value_name = "WHEN", value_parser = when, required_unless_present = "end")]
    pub(crate) until: Option<When>,
    /// Show it again now
    #[arg(long, conflicts_with = "until")]
    pub(crate) end: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct LabelArguments {
    /// The labels; none takes all away
    #[arg(index = 2, value_name = "LABEL")]
    pub(crate) labels: Vec<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct ReadArguments {
    /// Note that you have not
    #[arg(long)]
    pub(crate) unread: bool,
    #[command(flatten)]
    pub(crate) target: Target,
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
