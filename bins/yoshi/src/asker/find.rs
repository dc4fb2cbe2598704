//! A task by the beginning of its id.

use std::collections::BTreeMap;

use yoshi_client::View;
use yoshi_protocol::limit::POLL_TASKS_MAX;
use yoshi_protocol::{Position, TaskId};

use super::Asker;
use crate::exit::Failure;
use crate::output;

/// Polls of each list in which a prefix is looked for.
const PAGES_MAX: usize = 200;
/// Tasks that an ambiguous prefix names.
const CANDIDATES_MAX: usize = 5;

impl Asker {
    /// The only task in the account's lists whose id begins so.
    pub(super) async fn only_with(&self, prefix: &str) -> Result<TaskId, Failure> {
        let mut found = BTreeMap::new();
        for view in [View::Inbox, View::Sent] {
            self.add_those_with(prefix, view, &mut found).await?;
        }
        only(&found, prefix)?
            .ok_or_else(|| self.no_such(&format!("task whose id begins with {prefix}")))
    }

    /// Looks through one list.
    async fn add_those_with(
        &self,
        prefix: &str,
        view: View,
        found: &mut BTreeMap<TaskId, String>,
    ) -> Result<(), Failure> {
        let mut since = Position::ZERO;
        for _ in 0..PAGES_MAX {
            let page = self.poll(view, since, POLL_TASKS_MAX).await?;
            let tasks = page.tasks.iter().map(|task| &task.new_task);
            found.extend(
                tasks
                    .filter(|task| task.id.to_string().starts_with(prefix))
                    .map(|task| (task.id, output::clean_line(&task.title))),
            );
            since = page.cursor;
            if !page.more {
                return Ok(());
            }
        }
        let what = "the account has too many tasks to look for the beginning of an id";
        Err(Failure::usage(what, "give the whole id"))
    }
}

/// The only one of the tasks; none if there is none.
fn only(found: &BTreeMap<TaskId, String>, prefix: &str) -> Result<Option<TaskId>, Failure> {
    if found.len() <= 1 {
        return Ok(found.keys().next().copied());
    }
    let mut candidates: Vec<_> = found
        .iter()
        .take(CANDIDATES_MAX)
        .map(|(id, title)| format!("{id}  {title}"))
        .collect();
    if found.len() > CANDIDATES_MAX {
        candidates.push("…".to_owned());
    }
    let count = output::count(found.len(), "task");
    let what = format!("the ids of {count} begin with {prefix}");
    Err(Failure::usage(what, candidates.join("\n  ")).coded("ambiguous"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_prefix_means_one_task_or_says_which_it_could_mean() {
        let ids: Vec<_> = (0..7).map(|_| TaskId::fresh()).collect();
        let titled = |count: usize| -> BTreeMap<_, _> {
            ids.iter()
                .take(count)
                .map(|id| (*id, "Ship".to_owned()))
                .collect()
        };
        assert_eq!(only(&titled(0), "0193").unwrap(), None);
        assert_eq!(only(&titled(1), "0193").unwrap(), Some(ids[0]));
        let failure = only(&titled(7), "0193").unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        let words = failure.words();
        assert!(
            words.starts_with("the ids of 7 tasks begin with 0193"),
            "{words}"
        );
        assert_eq!(words.lines().count(), 1 + CANDIDATES_MAX + 1, "{words}");
    }
}
