//! A task by the end or the beginning of its id.

use std::collections::BTreeMap;

use yoshi_client::View;
use yoshi_protocol::limit::POLL_TASKS_MAX;
use yoshi_protocol::{Position, TaskId};

use super::Asker;
use crate::exit::Failure;
use crate::output;

/// Polls of each list in which a part of an id is looked for.
const PAGES_MAX: usize = 200;
/// Tasks that an ambiguous part of an id names.
const CANDIDATES_MAX: usize = 5;

impl Asker {
    /// The only task in the account's lists whose id ends or begins so.
    pub(super) async fn only_with(&self, part: &str) -> Result<TaskId, Failure> {
        let mut found = BTreeMap::new();
        for view in [View::Inbox, View::Sent] {
            self.add_those_with(part, view, &mut found).await?;
        }
        only(&found, part)?
            .ok_or_else(|| self.no_such(&format!("task whose id ends or begins with {part}")))
    }

    /// Looks through one list.
    async fn add_those_with(
        &self,
        part: &str,
        view: View,
        found: &mut BTreeMap<TaskId, String>,
    ) -> Result<(), Failure> {
        let mut since = Position::ZERO;
        for _ in 0..PAGES_MAX {
            let page = self.poll(view, since, POLL_TASKS_MAX).await?;
            let tasks = page.tasks.iter().map(|task| &task.new_task);
            found.extend(
                tasks
                    .filter(|task| has(task.id, part))
                    .map(|task| (task.id, output::clean_line(&task.title))),
            );
            since = page.cursor;
            if !page.more {
                return Ok(());
            }
        }
        let what = "the account has too many tasks to look for a part of an id";
        Err(Failure::usage(what, "give the whole id"))
    }
}

/// Whether an id ends or begins so.
fn has(id: TaskId, part: &str) -> bool {
    let id = id.to_string();
    id.ends_with(part) || id.starts_with(part)
}

/// The only one of the tasks; none if there is none.
fn only(found: &BTreeMap<TaskId, String>, part: &str) -> Result<Option<TaskId>, Failure> {
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
    let what = format!("the ids of {count} end or begin with {part}");
    Err(Failure::usage(what, candidates.join("\n  ")).coded("ambiguous"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn ends_and_beginnings_count_and_what_stands_between_does_not() {
        let id = "01935b7e-0000-7000-8000-0000aaaa0001".parse().unwrap();
        for (part, expected) in [("aaaa0001", true), ("0193", true), ("7000", false)] {
            assert_eq!(has(id, part), expected, "{part}");
        }
    }

    #[test]
    fn a_part_means_one_task_or_says_which_it_could_mean() {
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
            words.starts_with("the ids of 7 tasks end or begin with 0193"),
            "{words}"
        );
        assert_eq!(words.lines().count(), 1 + CANDIDATES_MAX + 1, "{words}");
    }
}
