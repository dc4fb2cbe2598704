//! `inbox` and `sent`.

use std::time::Duration;

use serde::Serialize;
use yoshi_client::{Client, Polled, Task, View};
use yoshi_protocol::limit::POLL_TASKS_MAX;
use yoshi_protocol::{AccountName, Credential, Position};

use crate::arguments::ListArguments;
use crate::exit::{Exit, Failure};
use crate::output::{self, Columns, Layout, PrintedTask, Table};
use crate::secret;
use crate::settings::Settings;
use crate::who::acting;

/// How often `--watch` asks.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// What to do when every server is behind a cursor.
const AHEAD: &str = "a cursor belongs to the system that it comes from; --since 0 begins anew";

const INBOX: Columns = Columns {
    header: &[
        "TASK",
        "FROM",
        "NUMBER",
        "SENT",
        "IMPORTANCE",
        "DUE",
        "SERVERS",
        "TITLE",
    ],
    usual: &[36, 12, 6, 16, 10, 16, 7, 40],
    expendable: &[2, 4, 3, 5, 6],
    ids_can_be_short: true,
};
const SENT: Columns = Columns {
    header: &[
        "TASK",
        "TO",
        "NUMBER",
        "SENT",
        "IMPORTANCE",
        "DUE",
        "SERVERS",
        "TITLE",
    ],
    ..INBOX
};

/// What `inbox --json` and `sent --json` print.
#[derive(Debug, Serialize)]
struct PrintedPage<'a> {
    tasks: Vec<PrintedTask<'a>>,
    cursor: Position,
    more: bool,
    behind: bool,
}

/// An account that asks, and of whom.
pub(crate) struct Asker {
    pub(crate) client: Client,
    pub(crate) account: AccountName,
    pub(crate) credential: Credential,
}

pub(crate) async fn inbox(settings: &Settings, arguments: &ListArguments) -> Result<Exit, Failure> {
    list(settings, arguments, View::Inbox).await
}

pub(crate) async fn sent(settings: &Settings, arguments: &ListArguments) -> Result<Exit, Failure> {
    list(settings, arguments, View::Sent).await
}

async fn list(settings: &Settings, arguments: &ListArguments, view: View) -> Result<Exit, Failure> {
    let asker = Asker::new(settings).await?;
    if arguments.watch {
        return tokio::select! {
            outcome = watch(settings, &asker, view, arguments.since) => outcome,
            interrupted = tokio::signal::ctrl_c() => match interrupted {
                Ok(()) => Ok(Exit::Done),
                Err(error) => Err(Failure::local("waiting for Ctrl-C", &error)),
            },
        };
    }
    let page = asker
        .collect(view, arguments.since, arguments.limit)
        .await?;
    if settings.json {
        return output::json(&PrintedPage {
            tasks: page.tasks.iter().map(PrintedTask::from).collect(),
            cursor: page.cursor,
            more: page.more,
            behind: page.behind,
        });
    }
    print_page(&page, view)
}

impl Asker {
    pub(crate) async fn new(settings: &Settings) -> Result<Self, Failure> {
        let account = acting(settings)?;
        let credential = secret::credential(settings, &account)?;
        Ok(Self {
            client: settings.client().await?,
            account,
            credential,
        })
    }

    pub(crate) async fn poll(
        &self,
        view: View,
        since: Position,
        limit: u32,
    ) -> Result<Polled, Failure> {
        let limit = limit.min(POLL_TASKS_MAX);
        self.client
            .poll(&self.account, &self.credential, view, since, limit)
            .await
            .map_err(|error| Failure::from(error).advise_if_behind(AHEAD))
    }

    /// Up to `limit` tasks, in as many polls as it takes.
    async fn collect(&self, view: View, since: Position, limit: u32) -> Result<Polled, Failure> {
        let mut page = self.poll(view, since, limit).await?;
        loop {
            let got = u32::try_from(page.tasks.len()).unwrap_or(u32::MAX);
            if !page.more || got >= limit {
                return Ok(page);
            }
            let next = self.poll(view, page.cursor, limit - got).await?;
            page.tasks.extend(next.tasks);
            page.cursor = next.cursor;
            page.more = next.more;
            page.behind |= next.behind;
        }
    }
}

/// Prints tasks as they come. A server that cannot be reached for a while is
/// told of once, and asked again.
async fn watch(
    settings: &Settings,
    asker: &Asker,
    view: View,
    since: Position,
) -> Result<Exit, Failure> {
    let mut layout = None;
    let mut cursor = since;
    let mut troubled = false;
    loop {
        match asker.poll(view, cursor, POLL_TASKS_MAX).await {
            Ok(page) => {
                troubled = false;
                cursor = page.cursor;
                print_arrivals(settings, &page.tasks, view, &mut layout)?;
                if page.more {
                    continue;
                }
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
    view: View,
    layout: &mut Option<Layout>,
) -> Result<Exit, Failure> {
    if settings.json {
        for task in tasks {
            output::json(&PrintedTask::from(task))?;
        }
        return Ok(Exit::Done);
    }
    table(tasks, view).print_below(layout)
}

fn print_page(page: &Polled, view: View) -> Result<Exit, Failure> {
    if page.tasks.is_empty() && output::to_terminal() {
        output::lines("no tasks")?;
    } else {
        table(&page.tasks, view).print()?;
    }
    if page.behind {
        output::note("the server that answered cannot reach the log: newer tasks may be missing");
    }
    if page.more {
        output::note(&format!("there are more: --since {}", page.cursor));
    }
    Ok(Exit::Done)
}

fn table(tasks: &[Task], view: View) -> Table {
    let mut table = Table::new(if view == View::Sent { &SENT } else { &INBOX });
    for task in tasks {
        table.row(row(task, view));
    }
    table
}

fn row(task: &Task, view: View) -> Vec<String> {
    let new = &task.new_task;
    let other = if view == View::Sent {
        let names: Vec<_> = new.recipients.iter().map(AccountName::as_str).collect();
        names.join(",")
    } else {
        task.sender.to_string()
    };
    vec![
        new.id.to_string(),
        other,
        task.number.to_string(),
        output::local(task.sent_at),
        output::importance(new.importance).to_owned(),
        output::moment(new.due.as_ref()),
        task.held_by.len().to_string(),
        output::clean_line(&new.title),
    ]
}
