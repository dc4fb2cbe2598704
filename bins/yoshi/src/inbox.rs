//! `inbox`, `sent` and `show`.

use std::time::Duration;

use serde::Serialize;
use yoshi_client::{Client, Polled, Task, View};
use yoshi_protocol::limit::POLL_TASKS_MAX;
use yoshi_protocol::{AccountName, Credential, Position};

use crate::account::acting;
use crate::arguments::{ListArguments, ShowArguments};
use crate::exit::{Exit, Failure};
use crate::output::{self, PrintedTask, Table};
use crate::secret;
use crate::settings::Settings;

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

/// An account that asks, and of whom.
struct Asker {
    client: Client,
    account: AccountName,
    credential: Credential,
    view: View,
}

pub(crate) async fn inbox(settings: &Settings, arguments: &ListArguments) -> Result<Exit, Failure> {
    list(settings, arguments, View::Inbox).await
}

pub(crate) async fn sent(settings: &Settings, arguments: &ListArguments) -> Result<Exit, Failure> {
    list(settings, arguments, View::Sent).await
}

pub(crate) async fn show(settings: &Settings, arguments: &ShowArguments) -> Result<Exit, Failure> {
    let asker = Asker::new(settings, View::Task(arguments.task)).await?;
    let found = asker
        .client
        .show(&asker.account, &asker.credential, arguments.task)
        .await?;
    let Some(task) = found else {
        return Err(Failure::here(
            Exit::Refused,
            format!(
                "{} neither sent nor received a task {}",
                asker.account, arguments.task
            ),
            "",
        ));
    };
    if settings.json {
        output::json(&PrintedTask::from(&task))
    } else {
        output::lines(&output::details(&task))
    }
}

async fn list(settings: &Settings, arguments: &ListArguments, view: View) -> Result<Exit, Failure> {
    let asker = Asker::new(settings, view).await?;
    if arguments.watch {
        return tokio::select! {
            outcome = watch(settings, &asker, arguments.since) => outcome,
            interrupted = tokio::signal::ctrl_c() => match interrupted {
                Ok(()) => Ok(Exit::Done),
                Err(error) => Err(Failure::local("waiting for Ctrl-C", &error)),
            },
        };
    }
    let page = asker.collect(arguments.since, arguments.limit).await?;
    if settings.json {
        return output::json(&PrintedPage {
            tasks: page.tasks.iter().map(PrintedTask::from).collect(),
            cursor: page.cursor,
            more: page.more,
            behind: page.behind,
        });
    }
    print_page(settings, &page, view)
}

impl Asker {
    async fn new(settings: &Settings, view: View) -> Result<Self, Failure> {
        let account = acting(settings)?;
        let credential = secret::credential(settings, &account)?;
        Ok(Self {
            client: settings.client().await?,
            account,
            credential,
            view,
        })
    }

    async fn poll(&self, since: Position, limit: u32) -> Result<Polled, Failure> {
        let limit = limit.min(POLL_TASKS_MAX);
        Ok(self
            .client
            .poll(&self.account, &self.credential, self.view, since, limit)
            .await?)
    }

    /// Up to `limit` tasks, in as many polls as it takes.
    async fn collect(&self, since: Position, limit: u32) -> Result<Polled, Failure> {
        let mut page = self.poll(since, limit).await?;
        loop {
            let got = u32::try_from(page.tasks.len()).unwrap_or(u32::MAX);
            if !page.more || got >= limit {
                return Ok(page);
            }
            let next = self.poll(page.cursor, limit - got).await?;
            page.tasks.extend(next.tasks);
            page.cursor = next.cursor;
            page.more = next.more;
            page.behind |= next.behind;
        }
    }
}

/// Prints tasks as they come. A server that cannot be reached for a while is
/// told of once, and asked again.
async fn watch(settings: &Settings, asker: &Asker, since: Position) -> Result<Exit, Failure> {
    let mut cursor = since;
    let mut troubled = false;
    loop {
        match asker.poll(cursor, POLL_TASKS_MAX).await {
            Ok(page) => {
                troubled = false;
                cursor = page.cursor;
                for task in &page.tasks {
                    print_arrival(settings, task)?;
                }
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

fn print_arrival(settings: &Settings, task: &Task) -> Result<Exit, Failure> {
    if settings.json {
        return output::json(&PrintedTask::from(task));
    }
    output::lines(&row(task, View::Inbox).join(if output::to_terminal() { "  " } else { "\t" }))
}

fn print_page(settings: &Settings, page: &Polled, view: View) -> Result<Exit, Failure> {
    let other = if view == View::Sent { "TO" } else { "FROM" };
    let header = [
        "TASK",
        other,
        "NUMBER",
        "SENT",
        "IMPORTANCE",
        "DUE",
        "SERVERS",
        "TITLE",
    ];
    let mut table = Table::new(&header).expendable(&[2, 4, 3, 5]);
    for task in &page.tasks {
        table.row(row(task, view));
    }
    if page.tasks.is_empty() && output::to_terminal() {
        output::lines("no tasks")?;
    } else {
        table.print()?;
    }
    if output::to_terminal() {
        if page.behind {
            output::lines(
                "the server that answered cannot reach the log: newer tasks may be missing",
            )?;
        }
        if page.more {
            output::lines(&format!("there are more: --since {}", page.cursor))?;
        }
    }
    debug_assert!(!settings.json, "programs get JSON");
    Ok(Exit::Done)
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
