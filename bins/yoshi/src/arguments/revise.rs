//! The options of `revise`: those of `send`, none of which must be there.

use std::path::PathBuf;

use clap::Args;
use yoshi_protocol::When;

use super::answer::Target;
use super::send::{CompletionArgument, KindArgument, PrivacyArgument};
use super::value::{LEVELS, WHEN, effort, importance, when};

const HELP: &str = "\
What is not named stays. Options that can be given several times replace all that the task has. \
Whoever has answered is asked again, unless only importance, labels, links, completion or privacy \
change. If the task has been revised since the revision that you saw, nothing is changed, the \
task is shown as it stands, and the exit code is 1.";

pub(crate) fn help() -> String {
    format!("{HELP}\n\n{WHEN}")
}

#[derive(Debug, Args)]
pub(crate) struct ReviseArguments {
    /// The revision that you saw [default: the one that stands now]
    #[arg(long, value_name = "N")]
    pub(crate) revision: Option<u32>,
    /// What is wanted, in one line
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
    /// What is wanted, at length, in Markdown
    #[arg(long, value_name = "TEXT")]
    pub(crate) body: Option<String>,
    /// The same, from a file; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "body")]
    pub(crate) body_file: Option<PathBuf>,
    /// What kind of answer is wanted
    #[arg(long, value_enum)]
    pub(crate) kind: Option<KindArgument>,
    /// What to choose between, for --kind decide; 2 to 10 times
    #[arg(long = "option", value_name = "TEXT")]
    pub(crate) options: Vec<String>,
    /// Nothing to choose between
    #[arg(long, conflicts_with = "options")]
    pub(crate) no_options: bool,
    /// When it is wanted; see WHEN below
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub(crate) due: Option<When>,
    /// It has no due date
    #[arg(long, conflicts_with = "due")]
    pub(crate) no_due: bool,
    /// Not before
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub(crate) start: Option<When>,
    /// It may be begun at once
    #[arg(long, conflicts_with = "start")]
    pub(crate) no_start: bool,
    /// When an answer (yes, no, later) is wanted: a moment, not a day
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub(crate) respond_by: Option<When>,
    /// An answer is wanted at no certain time
    #[arg(long, conflicts_with = "respond_by")]
    pub(crate) no_respond_by: bool,
    #[arg(long, value_name = "LEVEL", value_parser = importance, help = LEVELS)]
    pub(crate) importance: Option<u8>,
    /// Your estimate, for example 90m or 2h
    #[arg(long, value_name = "TIME", value_parser = effort)]
    pub(crate) effort: Option<u32>,
    /// No estimate
    #[arg(long, conflicts_with = "effort")]
    pub(crate) no_effort: bool,
    /// A label that everybody sees; may be given several times
    #[arg(long = "label", value_name = "TEXT")]
    pub(crate) labels: Vec<String>,
    /// No labels
    #[arg(long, conflicts_with = "labels")]
    pub(crate) no_labels: bool,
    /// A web address (https, http, mailto) that belongs to it; may be given several times
    #[arg(long = "link", value_name = "URL")]
    pub(crate) links: Vec<String>,
    /// No web addresses
    #[arg(long, conflicts_with = "links")]
    pub(crate) no_links: bool,
    /// When several are asked: whose answers complete it
    #[arg(long, value_enum)]
    pub(crate) completion: Option<CompletionArgument>,
    /// Who may see it
    #[arg(long, value_enum)]
    pub(crate) privacy: Option<PrivacyArgument>,
    #[command(flatten)]
    pub(crate) target: Target,
}
