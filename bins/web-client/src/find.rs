//! Searching (`FIND_TASKS`): the account's home looks through both of its lists, so
//! that the website finds what every other client finds.

use std::collections::HashSet;

use yoshi_client::{Error as ClientError, Filter, Found, List, Position, Query, Task};
use yoshi_protocol::{AccountName, Credential, ErrorCode};

use crate::app::App;
use crate::limit::{FIND_WITHIN, PAGE_TASKS};
use crate::store::list::Row;

/// A page of what was found.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// The latest sent first.
    pub rows: Vec<Row>,
    /// Before which position the next page goes on; none after the last one.
    pub next: Option<Position>,
    /// Tasks may be missing: the home has not looked through everything.
    pub behind: bool,
}

/// Why nothing was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The text has no word, or too many.
    #[error("the text cannot be looked for")]
    Text,
    /// So many tasks hold these words that the home gave up.
    #[error("the search takes too long")]
    TooMany,
    /// The home gave no answer.
    #[error("the account's home gives no answer")]
    OutOfReach,
}

impl App {
    /// A page of the account's tasks that hold a text, those before a position.
    /// Everything up to `known` is looked through.
    ///
    /// # Errors
    /// [`Error`]
    pub(crate) async fn find(
        &self,
        account: &AccountName,
        credential: &Credential,
        text: &str,
        before: Option<Position>,
        known: Position,
    ) -> Result<Page, Error> {
        let client = self.client.clone().with_deadline(FIND_WITHIN);
        let query = |list| Query {
            limit: PAGE_TASKS.unsigned_abs().try_into().unwrap_or(u32::MAX),
            before,
            known,
            ..Query::new(Filter {
                text: Some(text.to_owned()),
                ..Filter::of(list)
            })
        };
        let (inbox, sent) = (query(List::Inbox), query(List::Sent));
        let (inbox, sent) = tokio::join!(
            client.find(account, credential, &inbox),
            client.find(account, credential, &sent),
        );
        let inbox = inbox.map_err(|error| failure(account, &error))?;
        let sent = sent.map_err(|error| failure(account, &error))?;
        Ok(merged(account, inbox, sent))
    }
}

/// One page of two: no further than both are known, and each task once.
fn merged(account: &AccountName, inbox: Found, sent: Found) -> Page {
    let shown = usize::try_from(PAGE_TASKS).unwrap_or(usize::MAX);
    let behind = inbox.behind || sent.behind;
    // Below the place where one list goes on, only the other one is known.
    let floor = inbox.cursor.max(sent.cursor);
    let mut tasks: Vec<Task> = [inbox.tasks, sent.tasks].concat();
    tasks.sort_by_key(|task| std::cmp::Reverse(task.position));
    let mut seen = HashSet::new();
    tasks.retain(|task| Some(task.position) >= floor && seen.insert(task.position));
    let cut = tasks.len() > shown;
    tasks.truncate(shown);
    let next = match tasks.last() {
        Some(last) if cut => Some(last.position),
        _ => floor,
    };
    Page {
        rows: tasks
            .into_iter()
            .map(|task| Row::of(account, task))
            .collect(),
        next,
        behind,
    }
}

fn failure(account: &AccountName, error: &ClientError) -> Error {
    let code = match error {
        ClientError::Refused(reply) => Some(reply.code),
        _ => None,
    };
    match code {
        Some(ErrorCode::InvalidQuery) => Error::Text,
        Some(ErrorCode::TooLarge) => Error::TooMany,
        _ => {
            tracing::warn!(%account, "a search of {account} fails: {error}");
            Error::OutOfReach
        }
    }
}
