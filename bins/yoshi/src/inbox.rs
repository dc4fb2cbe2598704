//! `inbox` and `sent`.

mod chosen;
mod row;

use std::time::Duration;

use serde::Serialize;
use yoshi_client::{Polled, Task, View};
use yoshi_protocol::Position;
use yoshi_protocol::limit::POLL_TASKS_MAX;

use crate::arguments::ListArguments;
use crate::asker::Asker;
use crate::exit::{Exit, Failure};
use crate::output::{self, Layout, PrintedTask};
use crate::settings::Settings;

use chosen::Filter;

pub(crate) use chosen::meaning;
pub(crate) use row::{INBOX, SENT, table};

/// How often `--watch` asks.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// What `inbox --json` and `sent --json` print.
#[derive(Debug, Serialize)]
struct PrintedPage<'a> {
    tasks: Vec<PrintedTask<'a>>,
    cursor: Position,
    more: bool,
    behind: bool,
}

pub(crate) async fn inbox(settings: &Settings, arguments: &ListArguments) -> Result<Exit, Failure> {
    list(settings, arguments, View::Inbox).await
}

pub(crate) async fn sent(settings: &Settings, arguments: &ListArguments) -> Result<Exit, Failure> {
    list(settings, arguments, View::Sent).await
}

async fn list(settings: &Settings, arguments: &ListArguments, view: View) -> Result<Exit, Failure> {
    let asker = Asker::new(settings).await?;
    let chosen = &arguments.chosen;
    let from_the_beginning = arguments.since == Position::ZERO;
    let filter = Filter {
        view,
        account: &asker.account,
        chosen,
        // After a cursor, the end of a task is news.
        only_open: !chosen.all && chosen.state.is_empty() && from_the_beginning,
    };
    if arguments.watch {
        return tokio::select! {
            outcome = watch(settings, &asker, filter, arguments.since) => outcome,
            interrupted = tokio::signal::ctrl_c() => match interrupted {
                Ok(()) => Ok(Exit::Done),
                Err(error) => Err(Failure::local("waiting for Ctrl-C", &error)),
            },
        };
    }
    let mut page = asker
        .collect(&filter, arguments.since, arguments.limit as usize)
        .await?;
    asker.hear_of_holders(&mut page.tasks).await;
    if settings.json {
        return output::json(&PrintedPage {
            tasks: page.tasks.iter().map(PrintedTask::from).collect(),
            cursor: page.cursor,
            more: page.more,
            behind: page.behind,
        });
    }
    print_page(&page, &filter, arguments.since)
}

impl Asker {
    /// Up to `limit` tasks that pass the filter, in as many polls as it takes.
    /// The cursor is behind everything that was looked at, and before what was not.
    async fn collect(
        &self,
        filter: &Filter<'_>,
        since: Position,
        limit: usize,
    ) -> Result<Polled, Failure> {
        let mut page = Polled {
            tasks: Vec::new(),
            cursor: since,
            more: true,
            behind: false,
        };
        while page.more && page.tasks.len() < limit {
            let wanted = limit - page.tasks.len();
            let asked = match filter.is_none() {
                true => u32::try_from(wanted).unwrap_or(POLL_TASKS_MAX),
                false => POLL_TASKS_MAX,
            };
            let next = self.poll(filter.view, page.cursor, asked).await?;
            page.cursor = next.cursor;
            page.more = next.more;
            page.behind |= next.behind;
            let passing = next.tasks.into_iter().filter(|task| filter.passes(task));
            page.tasks.extend(passing);
        }
        if page.tasks.len() > limit {
            page.tasks.truncate(limit);
            page.more = true;
            page.cursor = page.tasks.last().map_or(since, |task| task.changed);
        }
        Ok(page)
    }
}

/// What to say where there is nothing to show, and what to do next.
fn nothing(filter: &Filter<'_>, since: Position) -> String {
    let account = filter.account;
    let (list, nothing) = match filter.view {
        View::Sent => ("sent", format!("nothing that {account} sent is open")),
        _ => ("inbox", format!("nothing to do for {account}")),
    };
    if filter.is_chosen() {
        return format!("nothing in {list} of {account} passes these filters; try fewer, or --all");
    }
    match (since, filter.only_open, filter.view) {
        (Position::ZERO, true, _) => {
            format!("{nothing}; `yoshi {list} --all` shows also what is finished or snoozed")
        }
        (Position::ZERO, false, View::Sent) => {
            format!("{account} has sent nothing yet; `yoshi send 'What you want' --to NAME` does")
        }
        (Position::ZERO, false, _) => {
            format!("nothing was sent to {account} yet; `yoshi inbox --watch` waits for it")
        }
        _ => format!("nothing in {list} of {account} has changed after {since}"),
    }
}

/// Prints tasks as they come. A server that cannot be reached for a while is
/// told of once, and asked again.
async fn watch(
    settings: &Settings,
    asker: &Asker,
    mut filter: Filter<'_>,
    since: Position,
) -> Result<Exit, Failure> {
    let mut layout = None;
    let mut cursor = since;
    let mut troubled = false;
    loop {
        match asker.poll(filter.view, cursor, POLL_TASKS_MAX).await {
            Ok(mut page) => {
                troubled = false;
                cursor = page.cursor;
                page.tasks.retain(|task| filter.passes(task));
                print_arrivals(settings, &page.tasks, &filter, &mut layout)?;
                if page.more {
                    continue;
                }
                // From here on everything is news.
                filter.only_open = false;
            }
            Err(failure) if failure.is_passing() => {
                if !troubled {
                    failure.report(settings.json);
                }
                troubled = true;
            }
            Err(failure) => return Err(failure),
        }
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

fn print_arrivals(
    settings: &Settings,
    tasks: &[Task],
    filter: &Filter<'_>,
    layout: &mut Option<Layout>,
) -> Result<Exit, Failure> {
    if settings.json {
        for task in tasks {
            output::json(&PrintedTask::from(task))?;
        }
        return Ok(Exit::Done);
    }
    table(tasks, filter.view, filter.account).print_below(layout)
}

fn print_page(page: &Polled, filter: &Filter<'_>, since: Position) -> Result<Exit, Failure> {
    table(&page.tasks, filter.view, filter.account).print()?;
    if page.tasks.is_empty() {
        output::hint(&nothing(filter, since));
    }
    if page.behind {
        output::note("the server that answered cannot reach the log: newer tasks may be missing");
    }
    if page.more {
        output::note(&format!("there are more: --since {}", page.cursor));
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Chosen;
    use yoshi_protocol::AccountName;

    #[test]
    fn an_empty_list_says_what_to_do_next() {
        let account = &AccountName::new("ana").unwrap();
        let said = |view, only_open, importance, since| {
            let chosen = &Chosen {
                importance,
                ..Chosen::default()
            };
            let filter = Filter {
                view,
                account,
                chosen,
                only_open,
            };
            nothing(&filter, Position(since))
        };
        for (words, expected) in [
            (
                said(View::Inbox, true, None, 0),
                "nothing to do for ana; `yoshi inbox --all`",
            ),
            (
                said(View::Sent, true, None, 0),
                "nothing that ana sent is open; `yoshi sent --all`",
            ),
            (
                said(View::Inbox, false, None, 0),
                "nothing was sent to ana yet",
            ),
            (
                said(View::Sent, false, None, 0),
                "ana has sent nothing yet; `yoshi send",
            ),
            (
                said(View::Inbox, true, Some(3), 0),
                "nothing in inbox of ana passes",
            ),
            (
                said(View::Inbox, false, None, 9),
                "nothing in inbox of ana has changed after 9",
            ),
        ] {
            assert!(words.starts_with(expected), "{words}");
        }
    }
}
