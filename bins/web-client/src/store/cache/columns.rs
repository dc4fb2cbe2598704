//! A batch of cached tasks, column by column: one statement for all of them.
//! Each column stands here once: its Rust type, the type it travels as, and what
//! Postgres makes of it.

use std::sync::LazyLock;

use tokio_postgres::types::ToSql;
use uuid::Uuid;
use yoshi_client::Task;
use yoshi_protocol::message::task::{Ask, AskState, TaskStatus};
use yoshi_protocol::{AccountName, cbor};

use crate::clock;
use crate::word;

macro_rules! columns {
    ($($name:ident: $rust:ty = $sql:literal, $made:literal;)+) => {
        /// One array for each column.
        #[derive(Default)]
        pub(super) struct Columns {
            $($name: Vec<$rust>,)+
        }

        impl Columns {
            /// Name, type, and what is made of it.
            const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $sql, $made),)+];

            /// The arrays, in the order of [`Columns::ALL`].
            pub(super) fn arrays(&self) -> impl Iterator<Item = &(dyn ToSql + Sync)> {
                [$(&self.$name as &(dyn ToSql + Sync),)+].into_iter()
            }
        }
    };
}

// Lists travel as lines: arrays of arrays must all be of one length.
columns! {
    id: Uuid = "uuid", "id";
    sender: String = "text", "sender";
    number: i64 = "bigint", "number";
    position: i64 = "bigint", "position";
    changed: i64 = "bigint", "changed";
    sent_at: i64 = "bigint", "sent_at";
    hash: Vec<u8> = "bytea", "hash";
    title: String = "text", "title";
    kind: &'static str = "text", "kind";
    importance: i16 = "smallint", "importance";
    due: Option<String> = "text", "due";
    due_at: Option<i64> = "bigint", "due_at";
    due_civil: Option<i64> = "bigint", "due_civil";
    start_at: Option<i64> = "bigint", "start_at";
    start_civil: Option<i64> = "bigint", "start_civil";
    labels: String = "text", "string_to_array(labels, E'\\n')";
    recipients: String = "text", "string_to_array(recipients, E'\\n')";
    content: Vec<u8> = "bytea", "content";
    asks: Vec<u8> = "bytea", "asks";
    held_by: String = "text", "string_to_array(held_by, E'\\n')::uuid[]";
    state: &'static str = "text", "state";
    answered: i16 = "smallint", "answered";
    settled: bool = "boolean", "settled";
    status: &'static str = "text", "status";
    needs_sender: bool = "boolean", "needs_sender";
    revision: i64 = "bigint", "revision";
    comments: i64 = "bigint", "comments";
    reminders: i64 = "bigint", "reminders";
    percent: i16 = "smallint", "percent";
    states: String = "text", "string_to_array(states, E'\\n')";
    note: Vec<u8> = "bytea", "note";
    unread: bool = "boolean", "unread";
    own_labels: String = "text", "string_to_array(own_labels, E'\\n')";
    snoozed_at: Option<i64> = "bigint", "snoozed_at";
    snoozed_civil: Option<i64> = "bigint", "snoozed_civil";
}

impl Columns {
    /// Adds a task as it stands in an account's cache.
    pub(super) fn push(&mut self, account: &AccountName, task: &Task) {
        let new = &task.new_task;
        let names: Vec<_> = new
            .recipients
            .iter()
            .map(|name| name.as_str().to_owned())
            .collect();
        let servers: Vec<_> = task.held_by.iter().map(ToString::to_string).collect();
        let (due_at, due_civil) = clock::keys(new.due.as_ref());
        let (start_at, start_civil) = clock::begin_keys(new.start.as_ref());
        self.id.push(new.id.0);
        self.sender.push(task.sender.to_string());
        self.number
            .push(i64::try_from(task.number).unwrap_or(i64::MAX));
        self.position.push(task.position.to_i64());
        self.changed.push(task.changed.to_i64());
        self.sent_at.push(task.sent_at.0);
        self.hash.push(task.hash.to_vec());
        self.title.push(new.title.clone());
        self.kind.push(word::kind(new.kind));
        self.importance.push(match new.importance {
            0 => 5,
            set => i16::from(set),
        });
        self.due.push(new.due.as_ref().map(ToString::to_string));
        self.due_at.push(due_at);
        self.due_civil.push(due_civil);
        self.start_at.push(start_at);
        self.start_civil.push(start_civil);
        self.push_standing(account, task);
        self.push_note(task);
        self.labels.push(new.labels.join("\n"));
        self.recipients.push(names.join("\n"));
        self.content.push(cbor::encode(new));
        self.asks.push(cbor::encode(&task.asks));
        self.held_by.push(servers.join("\n"));
    }

    fn push_standing(&mut self, account: &AccountName, task: &Task) {
        let asks = &task.asks;
        let mine = asks.iter().find(|ask| ask.recipient == *account);
        let answered = asks.iter().filter(|ask| ask.state != AskState::NeedsAction);
        self.state
            .push(mine.map_or("", |ask| word::state_name(ask.state)));
        self.answered
            .push(i16::try_from(answered.count()).unwrap_or(i16::MAX));
        self.settled.push(is_settled(task));
        self.status.push(word::status_name(task.status));
        self.needs_sender.push(task.needs_sender);
        self.revision.push(i64::from(task.revision));
        self.comments.push(i64::from(task.comments));
        self.reminders.push(i64::from(task.reminders));
        self.percent
            .push(mine.map_or(0, |ask: &Ask| i16::from(ask.percent)));
        let states: Vec<_> = asks.iter().map(|ask| word::state_name(ask.state)).collect();
        self.states.push(states.join("\n"));
    }

    fn push_note(&mut self, task: &Task) {
        let note = &task.mine;
        let (snoozed_at, snoozed_civil) = clock::begin_keys(note.snoozed_until.as_ref());
        self.note.push(cbor::encode(note));
        self.unread.push(!note.read);
        self.own_labels.push(note.labels.join("\n"));
        self.snoozed_at.push(snoozed_at);
        self.snoozed_civil.push(snoozed_civil);
    }
}

/// Whether nobody who was asked has anything left to do.
fn is_settled(task: &Task) -> bool {
    matches!(task.status, TaskStatus::Completed | TaskStatus::Cancelled)
        || task.asks.iter().all(|ask| word::is_settled(ask.state))
}

/// Stores a batch: $1 is the account, $2 whether it is asked, $3 whether it asks,
/// and the arrays follow. A row is only ever replaced by a later one.
pub(super) static PUT: LazyLock<String> = LazyLock::new(|| {
    let joined = |part: &dyn Fn(usize, &str, &str, &str) -> String| {
        let all = Columns::ALL.iter().enumerate();
        let parts: Vec<_> = all
            .map(|(index, (name, sql, made))| part(index, name, sql, made))
            .collect();
        parts.join(", ")
    };
    let names = joined(&|_, name, _, _| name.to_owned());
    let made = joined(&|_, _, _, made| made.to_owned());
    let arrays = joined(&|index, _, sql, _| format!("${}::{sql}[]", index + 4));
    let replaced = joined(&|_, name, _, _| format!("{name} = EXCLUDED.{name}"));
    [
        "-- put\nINSERT INTO cached_task AS old (account, received, sent, ",
        &names,
        ")\nSELECT $1, $2, $3, ",
        &made,
        "\nFROM UNNEST(",
        &arrays,
        ") AS new (",
        &names,
        ")\nON CONFLICT (account, id) DO UPDATE SET received = old.received OR EXCLUDED.received, \
         sent = old.sent OR EXCLUDED.sent, ",
        &replaced,
        "\nWHERE EXCLUDED.changed >= old.changed",
    ]
    .concat()
});
