//! Which of the tasks that were polled are shown.

use yoshi_client::{AskState, Task, TaskStatus, View};
use yoshi_protocol::{AccountName, Kind};

use crate::arguments::{Chosen, StateArgument};
use crate::output::has_come;

/// Chooses among the tasks of one list of an account.
pub(super) struct Filter<'a> {
    pub(super) view: View,
    pub(super) account: &'a AccountName,
    pub(super) chosen: &'a Chosen,
    /// Whether what is finished or snoozed is left out.
    pub(super) only_open: bool,
}

impl Filter<'_> {
    /// Whether every task passes.
    pub(super) fn is_none(&self) -> bool {
        !self.only_open && !self.is_chosen()
    }

    /// Whether a filter was given, beside `--all`.
    pub(super) fn is_chosen(&self) -> bool {
        let Chosen {
            all: _,
            state,
            kind,
            importance,
            from,
            to,
            label,
        } = self.chosen;
        let none = state.is_empty()
            && kind.is_empty()
            && importance.is_none()
            && from.is_empty()
            && to.is_empty()
            && label.is_empty();
        !none
    }

    /// Whether a task is shown.
    pub(super) fn passes(&self, task: &Task) -> bool {
        let (new, chosen) = (&task.new_task, self.chosen);
        let any = |of: &[AccountName], name: &AccountName| of.is_empty() || of.contains(name);
        let kinds: Vec<Kind> = chosen.kind.iter().map(|kind| (*kind).into()).collect();
        let states = &chosen.state;
        let mut labels = chosen.label.iter();
        (kinds.is_empty() || kinds.contains(&new.kind))
            && chosen
                .importance
                .is_none_or(|level| (level.min(1)..=level).contains(&new.importance))
            && any(&chosen.from, &task.sender)
            && (chosen.to.is_empty() || new.recipients.iter().any(|name| any(&chosen.to, name)))
            && labels.all(|label| new.labels.contains(label) || task.mine.labels.contains(label))
            && (states.is_empty() || states.iter().any(|state| self.stands(task, *state)))
            && !(self.only_open && (self.is_finished(task) || self.is_snoozed(task)))
    }

    fn own(&self, task: &Task) -> Option<AskState> {
        own(task, self.view, self.account)
    }

    fn stands(&self, task: &Task, wanted: StateArgument) -> bool {
        let (ask, status) = meaning(wanted);
        if self.view == View::Sent {
            // Whole tasks are never accepted, declined, closed or withdrawn: somebody's part is.
            return match status {
                Some(status) => task.status == status,
                None => task.asks.iter().any(|one| Some(one.state) == ask),
            };
        }
        match ask {
            Some(ask) => self.own(task) == Some(ask),
            None => Some(task.status) == status,
        }
    }

    /// Whether there is nothing left to do: for the account, or for anybody.
    fn is_finished(&self, task: &Task) -> bool {
        match self.own(task) {
            Some(state) => !matches!(
                state,
                AskState::NeedsAction | AskState::Accepted | AskState::InProcess
            ),
            None => matches!(task.status, TaskStatus::Completed | TaskStatus::Cancelled),
        }
    }

    fn is_snoozed(&self, task: &Task) -> bool {
        let until = task.mine.snoozed_until.as_ref();
        self.view != View::Sent && until.is_some_and(|until| !has_come(until))
    }
}

/// How the account's own ask stands, in its inbox.
pub(super) fn own(task: &Task, view: View, account: &AccountName) -> Option<AskState> {
    if view == View::Sent {
        return None;
    }
    let own = task.asks.iter().find(|ask| ask.recipient == *account);
    own.map(|ask| ask.state)
}

/// What a word of the command line means of one ask, and of a whole task.
pub(crate) const fn meaning(state: StateArgument) -> (Option<AskState>, Option<TaskStatus>) {
    match state {
        StateArgument::NeedsAction => (Some(AskState::NeedsAction), Some(TaskStatus::NeedsAction)),
        StateArgument::Accepted => (Some(AskState::Accepted), None),
        StateArgument::InProcess => (Some(AskState::InProcess), Some(TaskStatus::InProcess)),
        StateArgument::Completed => (Some(AskState::Completed), Some(TaskStatus::Completed)),
        StateArgument::Declined => (Some(AskState::Declined), None),
        StateArgument::Closed => (Some(AskState::Closed), None),
        StateArgument::Withdrawn => (Some(AskState::Withdrawn), None),
        StateArgument::Cancelled => (None, Some(TaskStatus::Cancelled)),
    }
}
