//! Reading everything back, page by page.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use yoshi_client::{Task, View};
use yoshi_protocol::Position;
use yoshi_protocol::limit::POLL_TASKS_MAX;

use crate::Failure;
use crate::load::Load;
use crate::record::{Lists, Seen};
use crate::report::progress;

/// Accounts read at a time.
const AT_ONCE: usize = 8;
/// A server that is behind is asked again so often, after such a pause.
const BEHIND_TRIES: u32 = 60;
const BEHIND_PAUSE: Duration = Duration::from_millis(500);

/// The lists of every account, by index.
pub(crate) async fn everything(load: &Load, quiet: bool) -> Result<Vec<Lists>, Failure> {
    let accounts = load.workload.plan().accounts();
    let progress = progress(quiet, accounts.into(), "accounts read back");
    let reading = (0..accounts).map(|account| {
        let progress = &progress;
        async move {
            let lists = Lists {
                inbox: list(load, account, View::Inbox).await?,
                sent: list(load, account, View::Sent).await?,
            };
            progress.inc(1);
            Ok::<_, Failure>(lists)
        }
    });
    let lists = stream::iter(reading).buffered(AT_ONCE).try_collect().await;
    progress.finish_and_clear();
    lists
}

async fn list(load: &Load, account: u32, view: View) -> Result<Vec<Seen>, Failure> {
    let (name, credential) = (
        load.workload.name(account),
        load.accounts.credential(account),
    );
    let failed = |reason: String| Failure::Retrieve {
        account: name.clone(),
        reason,
    };
    let mut seen = Vec::new();
    let mut cursor = Position::ZERO;
    let mut behind = 0;
    loop {
        let page = load
            .client(account)
            .poll(name, credential, view, cursor, POLL_TASKS_MAX)
            .await
            .map_err(|error| failed(error.to_string()))?;
        seen.extend(
            page.tasks
                .iter()
                .map(|task| seen_of(task, &load.workload.mark)),
        );
        if page.more && page.cursor == cursor {
            return Err(failed(format!(
                "the cursor stays at {cursor}, although there is more"
            )));
        }
        cursor = page.cursor;
        if page.more {
            continue;
        }
        if !page.behind {
            return Ok(seen);
        }
        behind += 1;
        if behind > BEHIND_TRIES {
            return Err(failed("the server stays behind the log".to_owned()));
        }
        tokio::time::sleep(BEHIND_PAUSE).await;
    }
}

fn seen_of(task: &Task, mark: &str) -> Seen {
    Seen {
        id: task.new_task.id,
        number: task.number,
        position: task.position,
        changed: task.changed,
        marked: task.new_task.title.starts_with(mark),
    }
}
