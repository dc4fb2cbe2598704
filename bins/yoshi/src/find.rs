//! `find`: the tasks of an account that pass some filters, and hold some words.

use jiff::Zoned;
use serde::Serialize;
use yoshi_client::{Filter, Found, Levels, List, Query, View};
use yoshi_protocol::limit::POLL_TASKS_MAX;
use yoshi_protocol::{Position, When};

use crate::arguments::FindArguments;
use crate::asker::Asker;
use crate::exit::{Exit, Failure};
use crate::inbox;
use crate::output::{self, PrintedTask};
use crate::settings::Settings;

/// What `find --json` prints.
#[derive(Debug, Serialize)]
struct PrintedPage<'a> {
    tasks: Vec<PrintedTask<'a>>,
    /// For `--before`; null after the last page.
    cursor: Option<Position>,
    more: bool,
    behind: bool,
    indexed: Position,
}

pub(crate) async fn find(settings: &Settings, arguments: &FindArguments) -> Result<Exit, Failure> {
    let filter = filter(arguments, &Zoned::now());
    // What the server would refuse, too.
    let invalid = |error| Failure::input(error).coded("invalid_query");
    filter.check().map_err(invalid)?;
    let asker = Asker::new(settings).await?;
    let query = Query {
        before: arguments.before,
        ..Query::new(filter)
    };
    let mut found = asker.collect_found(query, arguments.limit as usize).await?;
    asker.hear_of_holders(&mut found.tasks).await;
    if settings.json {
        return output::json(&PrintedPage {
            tasks: found.tasks.iter().map(PrintedTask::from).collect(),
            cursor: found.cursor,
            more: found.cursor.is_some(),
            behind: found.behind,
            indexed: found.indexed,
        });
    }
    let view = match arguments.asked {
        true => View::Sent,
        false => View::Inbox,
    };
    inbox::table(&found.tasks, view, &asker.account).print()?;
    if found.tasks.is_empty() {
        output::hint(nothing(arguments));
    }
    if found.behind {
        output::note(
            "the server that answered has not looked through the newest tasks: some may be missing",
        );
    }
    if let Some(cursor) = found.cursor {
        output::note(&format!("there may be more: --before {cursor}"));
    }
    Ok(Exit::Done)
}

/// What to say where nothing is found, and what to do next.
const fn nothing(arguments: &FindArguments) -> &'static str {
    match arguments.asked {
        true => "nothing found; try fewer words or filters, or without --asked what you received",
        false => "nothing found; try fewer words or filters, or with --asked what you sent",
    }
}

impl Asker {
    /// Up to `limit` tasks, in as many pages as it takes: as far as the server of
    /// each of them had looked through.
    async fn collect_found(&self, query: Query, limit: usize) -> Result<Found, Failure> {
        let mut tasks = Vec::new();
        let (mut behind, mut indexed) = (false, Position(u64::MAX));
        let mut next = query;
        loop {
            let wanted = limit - tasks.len();
            next.limit =
                u32::try_from(wanted).map_or(POLL_TASKS_MAX, |all| all.min(POLL_TASKS_MAX));
            let (account, credential) = (&self.account, &self.credential);
            let mut page = self.client.find(account, credential, &next).await?;
            let after = next.after(&page);
            tasks.append(&mut page.tasks);
            behind |= page.behind;
            indexed = indexed.min(page.indexed);
            match after {
                Some(after) if tasks.len() < limit => next = after,
                Some(_) | None => {
                    return Ok(Found {
                        tasks,
                        cursor: page.cursor,
                        indexed,
                        behind,
                    });
                }
            }
        }
    }
}

/// The filter that is meant; `now` is what the clock of whoever asks shows.
fn filter(arguments: &FindArguments, now: &Zoned) -> Filter {
    let list = match arguments.asked {
        true => List::Sent,
        false => List::Inbox,
    };
    let (mut states, mut statuses) = (Vec::new(), Vec::new());
    for state in &arguments.state {
        // As in `inbox` and `sent`: an ask of one's own, or the whole task where it can stand so.
        match (list, inbox::meaning(*state)) {
            (List::Inbox, (Some(state), _)) | (List::Sent, (Some(state), None)) => {
                states.push(state)
            }
            (_, (_, Some(status))) => statuses.push(status),
            (_, (None, None)) => {}
        }
    }
    let text = arguments.text.join(" ");
    let mut people = arguments.from.clone();
    people.extend(arguments.to.iter().cloned());
    Filter {
        now: Some(When::Floating(now.datetime())),
        list,
        text: (!arguments.text.is_empty()).then_some(text),
        kinds: arguments.kind.iter().map(|kind| (*kind).into()).collect(),
        labels: arguments.label.clone(),
        people,
        states,
        snoozed: match (arguments.snoozed, arguments.awake) {
            (false, false) => None,
            (snoozed, _) => Some(snoozed),
        },
        statuses,
        due_after: arguments.due_after.clone(),
        due_before: arguments.due_before.clone(),
        importance: arguments.importance.map(|level| Levels {
            to: level,
            from: level.min(1),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use yoshi_client::{AskState, TaskStatus};

    use crate::arguments::{Arguments, Command};

    fn meant(line: &str) -> Filter {
        let words = std::iter::once("yoshi").chain(line.split(' '));
        let Command::Find(arguments) = Arguments::try_parse_from(words).unwrap().command else {
            panic!("{line} is no search");
        };
        let now = "2026-11-27T16:00:00[UTC]".parse().unwrap();
        filter(&arguments, &now)
    }

    #[test]
    fn a_line_as_a_filter() {
        let now = "2026-11-27T16:00:00".parse().ok();
        let everything = Filter {
            now: now.clone(),
            ..Filter::of(List::Inbox)
        };
        assert_eq!(meant("find"), everything);
        let filter = meant("find ship mon --from ana,bo --importance high --awake --label x");
        assert_eq!(filter.text.as_deref(), Some("ship mon"));
        assert_eq!(filter.people.len(), 2);
        assert_eq!(filter.importance, Some(Levels { to: 3, from: 1 }));
        assert_eq!(
            (filter.snoozed, filter.labels),
            (Some(false), vec!["x".to_owned()])
        );
        assert_eq!(
            meant("find --importance 0").importance,
            Some(Levels { to: 0, from: 0 })
        );
        assert_eq!(meant("find --snoozed").snoozed, Some(true));
    }

    #[test]
    fn states_are_meant_as_in_the_lists() {
        let received = meant("find --state completed,cancelled");
        assert_eq!(received.states, [AskState::Completed]);
        assert_eq!(received.statuses, [TaskStatus::Cancelled]);
        let sent = meant("find --asked --state completed,declined");
        assert_eq!(sent.list, List::Sent);
        assert_eq!(sent.states, [AskState::Declined]);
        assert_eq!(sent.statuses, [TaskStatus::Completed]);
    }
}
