//! Searching an account's tasks, page by page.

use yoshi_protocol::limit::POLL_TASKS_MAX;
use yoshi_protocol::message::find::{Filter, FindTasks, List, TasksFound};
use yoshi_protocol::subject::ClientVerb;
use yoshi_protocol::{AccountName, Credential, Position};

use crate::client::Client;
use crate::error::Error;
use crate::retry::Effect;
use crate::task::Task;

/// A search, and which page of what it finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Which tasks.
    pub filter: Filter,
    /// How many on a page, at most 500.
    pub limit: u32,
    /// Only tasks that were sent before this position: [`Found::cursor`] of the
    /// previous page. None for the first page.
    pub before: Option<Position>,
    /// What was accounted for up to here must be looked through: the position of a
    /// receipt, for example. Zero if it does not matter.
    pub known: Position,
}

/// A page of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The latest sent first. A page may have none, and the next one some.
    pub tasks: Vec<Task>,
    /// Where the next page continues; none after the last one.
    pub cursor: Option<Position>,
    /// What was sent or revised up to here was looked through.
    pub indexed: Position,
    /// Tasks may be missing: the server that answered cannot reach the log, or has
    /// not looked through everything that it has.
    pub behind: bool,
}

impl Query {
    /// The first page of everything in a list.
    #[must_use]
    pub fn of(list: List) -> Self {
        Self::new(Filter::of(list))
    }

    /// The first page of what passes a filter.
    #[must_use]
    pub fn new(filter: Filter) -> Self {
        Self {
            filter,
            limit: POLL_TASKS_MAX,
            before: None,
            known: Position::ZERO,
        }
    }

    /// The same search, for what comes after a page; none after the last one.
    #[must_use]
    pub fn after(&self, page: &Found) -> Option<Self> {
        page.cursor.map(|cursor| Self {
            before: Some(cursor),
            ..self.clone()
        })
    }
}

impl Client {
    /// `FIND_TASKS`: a page of the account's tasks that pass a filter, the latest
    /// sent first. A task's place is that of its send: pages that follow each
    /// other never repeat a task, and never skip one that passed all the while,
    /// whatever is sent or changed meanwhile, and whichever server answers.
    ///
    /// ```no_run
    /// # use yoshi_client::{Client, Error, Filter, List, Query};
    /// # use yoshi_protocol::{AccountName, Credential};
    /// # async fn example(client: Client, bo: AccountName, credential: Credential) -> Result<(), Error> {
    /// let mut page = Some(Query::new(Filter {
    ///     text: Some("release note".to_owned()),
    ///     due_before: "2026-12-01".parse().ok(),
    ///     ..Filter::of(List::Inbox)
    /// }));
    /// while let Some(query) = page {
    ///     let found = client.find(&bo, &credential, &query).await?;
    ///     for task in &found.tasks {
    ///         println!("{} from {}", task.new_task.title, task.sender);
    ///     }
    ///     page = query.after(&found);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error`]. A filter that breaks a rule is
    /// [`yoshi_protocol::ErrorCode::InvalidQuery`]; a search that takes too long is
    /// [`yoshi_protocol::ErrorCode::TooLarge`].
    pub async fn find(
        &self,
        account: &AccountName,
        credential: &Credential,
        query: &Query,
    ) -> Result<Found, Error> {
        query
            .filter
            .check()
            .map_err(|error| Error::Refused(error.into()))?;
        let request = FindTasks {
            known: query.known,
            limit: query.limit,
            before: query.before,
            filter: query.filter.clone(),
            credential: credential.clone(),
        };
        let found: TasksFound = self
            .call(account, ClientVerb::Find, Effect::Reads, &request)
            .await?;
        Found::new(found, query.before).map_err(|reason| Error::Malformed {
            reason,
            may_have_happened: false,
        })
    }
}

impl Found {
    /// Decodes an answer, and holds it to what every answer promises: tasks in
    /// order, all before `before`, and a cursor that goes on.
    fn new(found: TasksFound, before: Option<Position>) -> Result<Self, String> {
        let places = || found.tasks.iter().map(|task| task.position);
        let first = places().next().or(found.cursor);
        let goes_on = match (first, before) {
            (Some(first), Some(before)) => first < before,
            (None, _) | (_, None) => true,
        };
        let last = places().next_back();
        let ends = match (last, found.cursor) {
            (Some(last), Some(cursor)) => cursor <= last,
            (None, _) | (_, None) => true,
        };
        if !goes_on || !ends || !places().is_sorted_by(|a, b| a > b) {
            return Err("tasks or cursor out of order".to_owned());
        }
        let tasks = found.tasks.into_iter();
        let tasks = tasks.map(|view| Task::new(view, &found.servers));
        Ok(Self {
            tasks: tasks.collect::<Result<_, _>>()?,
            cursor: found.cursor,
            indexed: found.indexed,
            behind: found.behind,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::tests::view;

    fn page(positions: &[u64], cursor: Option<u64>) -> TasksFound {
        TasksFound {
            tasks: positions.iter().copied().map(view).collect(),
            behind: false,
            cursor: cursor.map(Position),
            indexed: Position(9),
            servers: Vec::new(),
        }
    }

    #[test]
    fn an_answer_that_would_repeat_tasks_is_refused() {
        for (positions, cursor, before) in [
            (&[4, 7][..], None, None),
            (&[4, 4], None, None),
            (&[7, 4], Some(5), None),
            (&[7, 4], Some(4), Some(7)),
            (&[], Some(7), Some(7)),
        ] {
            let found = Found::new(page(positions, cursor), before.map(Position));
            assert!(found.is_err(), "{positions:?} {cursor:?} {before:?}");
        }
        for (positions, cursor, before) in [
            (&[7, 4][..], Some(4), Some(8)),
            (&[7, 4], Some(2), None),
            (&[], None, Some(7)),
            (&[], Some(3), Some(7)),
        ] {
            let found = Found::new(page(positions, cursor), before.map(Position));
            assert_eq!(found.unwrap().tasks.len(), positions.len());
        }
    }

    #[test]
    fn the_next_page_goes_on_behind_the_last() {
        let query = Query::of(List::Sent);
        let more = Found::new(page(&[7, 4], Some(4)), None).unwrap();
        assert_eq!(query.after(&more).unwrap().before, Some(Position(4)));
        let last = Found::new(page(&[7, 4], None), None).unwrap();
        assert_eq!(query.after(&last), None);
    }
}
