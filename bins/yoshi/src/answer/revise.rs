//! A revision, from the options of `revise`.

use std::path::Path;

use yoshi_client::Task;
use yoshi_protocol::{Revise, When};

use crate::arguments::ReviseArguments;
use crate::exit::Failure;
use crate::output;
use crate::send::{clock, read_body};
use crate::settings::Settings;

/// What changes of a task that was looked at.
///
/// # Errors
/// A file that cannot be read, or what no task can be.
pub(super) fn of(
    settings: &Settings,
    task: &Task,
    arguments: ReviseArguments,
) -> Result<Revise, Failure> {
    let body = match (arguments.body, &arguments.body_file) {
        (Some(body), _) => Some(body),
        (None, Some(path)) if path == Path::new("-") && settings.password_stdin => {
            return Err(Failure::usage(
                "standard input cannot be both the body and the password",
                "use YOSHI_PASSWORD, or `yoshi login` before",
            ));
        }
        (None, Some(path)) => Some(read_body(path)?),
        (None, None) => None,
    };
    let mut revise = Revise {
        due: unless(arguments.no_due, arguments.due),
        body,
        kind: arguments.kind.map(Into::into),
        links: list(arguments.no_links, arguments.links),
        start: unless(arguments.no_start, arguments.start),
        title: arguments.title,
        effort: unless(arguments.no_effort, arguments.effort),
        labels: list(arguments.no_labels, arguments.labels),
        options: list(arguments.no_options, arguments.options),
        privacy: arguments.privacy.map(Into::into),
        revision: arguments.revision.unwrap_or(task.revision),
        completion: arguments.completion.map(Into::into),
        importance: arguments.importance,
        respond_by: unless(arguments.no_respond_by, arguments.respond_by),
    };
    let revised = clock::checked(revise.apply(&task.new_task))?;
    revised.check()?;
    if !settings.json {
        let given = |set: &Option<Option<When>>| set.clone().flatten();
        let (due, respond_by) = (given(&revise.due), given(&revise.respond_by));
        output::note_past([("due", due.as_ref()), ("respond-by", respond_by.as_ref())]);
    }
    // Zones by their proper names, where they were given.
    revise.due = revise.due.map(|_| revised.due);
    revise.start = revise.start.map(|_| revised.start);
    revise.respond_by = revise.respond_by.map(|_| revised.respond_by);
    Ok(revise)
}

/// A field that may be unset.
fn unless<T>(unset: bool, given: Option<T>) -> Option<Option<T>> {
    if unset { Some(None) } else { given.map(Some) }
}

/// A list that is replaced as a whole.
fn list(emptied: bool, given: Vec<String>) -> Option<Vec<String>> {
    (emptied || !given.is_empty()).then_some(given)
}
