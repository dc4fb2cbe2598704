//! A delivered task and a page of them, decoded for programs.

use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::task::{Ask, ClientPolled, Note, ServerApplied, TaskStatus, TaskView};
use yoshi_protocol::{AccountName, Millis, NewTask, Position, ServerId};

/// A task as it now stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// What its sender made, or last revised.
    pub new_task: NewTask,
    /// Who sent it.
    pub sender: AccountName,
    /// The sender's own number of it: 1, 2, 3 … without gaps.
    pub number: u64,
    /// Its place in the log.
    pub position: Position,
    /// The place of its latest change.
    pub changed: Position,
    /// When its sender's home took it.
    pub sent_at: Millis,
    /// How it stands with each recipient.
    pub asks: Vec<Ask>,
    /// How it stands as a whole; it follows from `asks`.
    pub status: TaskStatus,
    /// Recipients have declined, and the others cannot complete it.
    pub needs_sender: bool,
    /// 0 at the send, one more at each revision.
    pub revision: u32,
    /// How many comments it has.
    pub comments: u32,
    /// How often the sender has reminded.
    pub reminders: u32,
    /// What the account that asked has noted for itself.
    pub mine: Note,
    /// The head of the sender's hash chain after the send.
    pub hash: [u8; 32],
    /// The servers that are known to hold it as it stands here, by the word
    /// of the server that answered.
    pub held_by: Vec<ServerId>,
    /// The servers that are there and of which that is not known, by its word:
    /// it hears from the others some 250 ms late.
    pub lagging: Vec<ServerId>,
}

/// A page of an account's tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polled {
    /// In ascending order of `changed`.
    pub tasks: Vec<Task>,
    /// Where the next poll continues.
    pub cursor: Position,
    /// Whether there is more after `cursor` already.
    pub more: bool,
    /// The server that answered cannot reach the log: it may lack the newest tasks.
    pub behind: bool,
}

impl Polled {
    /// Decodes an answer to a poll from `since`, and holds it to what every
    /// answer promises: tasks in order, and a cursor that never goes back.
    pub(crate) fn new(polled: ClientPolled, since: Position) -> Result<Self, String> {
        let in_order = polled.tasks.is_sorted_by(|a, b| a.changed < b.changed);
        let first = polled
            .tasks
            .first()
            .map_or(polled.cursor, |task| task.changed);
        let last = polled.tasks.last().map_or(since, |task| task.changed);
        if !in_order || polled.cursor < since.max(last) {
            return Err("tasks or cursor out of order".to_owned());
        }
        if !polled.tasks.is_empty() && first <= since {
            return Err(format!(
                "a task at {first}, although only later than {since} was asked"
            ));
        }
        let tasks = polled
            .tasks
            .into_iter()
            .map(|view| Task::new(view, &polled.servers));
        Ok(Self {
            tasks: tasks.collect::<Result<_, _>>()?,
            cursor: polled.cursor,
            more: polled.more,
            behind: polled.behind,
        })
    }
}

impl Task {
    /// Decodes a task. Its rules are not checked again: a newer release may
    /// allow more than this one.
    pub(crate) fn new(view: TaskView, servers: &[ServerApplied]) -> Result<Self, String> {
        let new_task: NewTask = cbor::decode(&view.task, Bound::TASK)
            .map_err(|error| format!("task {} of {}: {error}", view.number, view.sender))?;
        let (holds, lags): (Vec<_>, Vec<_>) = servers
            .iter()
            .partition(|server| server.applied >= view.changed);
        let ids = |servers: Vec<&ServerApplied>| servers.iter().map(|server| server.id).collect();
        Ok(Self {
            new_task,
            sender: view.sender,
            number: view.number,
            position: view.position,
            changed: view.changed,
            sent_at: view.sent_at,
            asks: view.asks,
            status: view.status,
            needs_sender: view.needs_sender,
            revision: view.revision,
            comments: view.comments,
            reminders: view.reminders,
            mine: view.mine,
            hash: view.hash.into_array(),
            held_by: ids(holds),
            lagging: ids(lags),
        })
    }

    /// Takes in what a later answer says of the servers. What held the task still does.
    pub(crate) fn hear(&mut self, servers: &[ServerApplied]) {
        let changed = self.changed;
        let holds = |id: &ServerId| {
            let mut servers = servers.iter();
            servers.any(|server| server.id == *id && server.applied >= changed)
        };
        let (holds, lags) = self.lagging.drain(..).partition(holds);
        self.lagging = lags;
        self.held_by.extend::<Vec<_>>(holds);
        self.held_by.sort_unstable();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_bytes::{ByteArray, ByteBuf};

    pub(crate) fn view(changed: u64) -> TaskView {
        let ana = AccountName::new("ana").unwrap();
        TaskView {
            asks: Vec::new(),
            hash: ByteArray::new([1; 32]),
            mine: Note::default(),
            task: ByteBuf::from(cbor::encode(&NewTask::new("Ship", vec![ana.clone()]))),
            number: changed,
            sender: ana,
            status: TaskStatus::NeedsAction,
            changed: Position(changed),
            sent_at: Millis(0),
            comments: 0,
            position: Position(changed),
            revision: 0,
            reminders: 0,
            needs_sender: false,
        }
    }

    fn page(changed: &[u64], cursor: u64) -> ClientPolled {
        ClientPolled {
            more: false,
            tasks: changed.iter().copied().map(view).collect(),
            behind: false,
            cursor: Position(cursor),
            servers: [5, 9]
                .map(|applied| ServerApplied {
                    id: ServerId::random(),
                    applied: Position(applied),
                })
                .to_vec(),
        }
    }

    #[test]
    fn held_by_those_that_are_far_enough() {
        let answer = page(&[4, 7], 9);
        let ids: Vec<_> = answer.servers.iter().map(|server| server.id).collect();
        let polled = Polled::new(answer, Position(2)).unwrap();
        assert_eq!(polled.tasks[0].held_by, ids);
        assert_eq!(polled.tasks[1].held_by, ids[1..]);
        assert!(polled.tasks[0].lagging.is_empty());
        assert_eq!(polled.tasks[1].lagging, ids[..1]);
        assert_eq!(polled.tasks[1].new_task.title, "Ship");
    }

    #[test]
    fn a_later_answer_tells_of_more_holders_and_never_of_fewer() {
        let servers = page(&[], 9).servers;
        let [slow, quick] = [servers[0].id, servers[1].id];
        let mut task = Task::new(view(7), &servers).unwrap();
        let later = |slow_applied: u64, quick_applied: u64| {
            [(slow, slow_applied), (quick, quick_applied)].map(|(id, applied)| ServerApplied {
                id,
                applied: Position(applied),
            })
        };
        task.hear(&later(6, 6));
        assert_eq!(
            (&task.held_by[..], &task.lagging[..]),
            (&[quick][..], &[slow][..])
        );
        task.hear(&later(7, 6));
        let mut both = vec![slow, quick];
        both.sort_unstable();
        assert_eq!((task.held_by, task.lagging), (both, Vec::new()));
    }

    #[test]
    fn an_answer_that_goes_back_is_refused() {
        for (changed, cursor, since) in [
            (&[4, 3][..], 9, 2),
            (&[4, 4], 9, 2),
            (&[4], 3, 2),
            (&[2], 9, 2),
            (&[], 1, 2),
        ] {
            let answer = page(changed, cursor);
            assert!(Polled::new(answer, Position(since)).is_err(), "{changed:?}");
        }
        assert!(Polled::new(page(&[], 2), Position(2)).is_ok());
    }
}
