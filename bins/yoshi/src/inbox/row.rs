//! A task as a row of `inbox`, `sent` and `find`.

use yoshi_client::{AskState, Task, View};
use yoshi_protocol::AccountName;

use super::chosen::own;
use crate::output::{self, Columns, Table};

const INBOX: Columns = Columns {
    header: &[
        "TASK",
        "FROM",
        "NUMBER",
        "SENT",
        "IMPORTANCE",
        "DUE",
        "SERVERS",
        "STATE",
        "TITLE",
    ],
    usual: &[36, 12, 6, 16, 10, 16, 7, 12, 40],
    expendable: &[2, 4, 3, 6, 5],
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
        "STATUS",
        "TITLE",
    ],
    ..INBOX
};

/// A table of tasks.
pub(crate) fn table(tasks: &[Task], view: View, account: &AccountName) -> Table {
    let mut table = Table::new(if view == View::Sent { &SENT } else { &INBOX });
    for task in tasks {
        table.row(row(task, view, account));
    }
    table
}

fn row(task: &Task, view: View, account: &AccountName) -> Vec<String> {
    let new = &task.new_task;
    let (other, stands) = if view == View::Sent {
        let names: Vec<_> = new.recipients.iter().map(AccountName::as_str).collect();
        (names.join(","), as_a_whole(task))
    } else {
        let own = own(task, view, account);
        let own = own.map_or_else(|| output::word(&task.status), |own| output::word(&own));
        (task.sender.to_string(), own)
    };
    vec![
        new.id.to_string(),
        other,
        task.number.to_string(),
        output::local(task.sent_at),
        output::importance(new.importance).to_owned(),
        output::moment(new.due.as_ref()),
        task.held_by.len().to_string(),
        stands,
        output::clean_line(&new.title),
    ]
}

/// The status, with how many of several are done, or that the sender must decide.
fn as_a_whole(task: &Task) -> String {
    if task.needs_sender {
        return "declined".to_owned();
    }
    let word = output::word(&task.status);
    let done = task
        .asks
        .iter()
        .filter(|ask| ask.state == AskState::Completed);
    match (done.count(), task.asks.len()) {
        (0, _) | (_, 1) => word,
        (done, all) => format!("{word} {done}/{all}"),
    }
}
