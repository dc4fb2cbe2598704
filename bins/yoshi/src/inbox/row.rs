//! A task as a row of `inbox`, `sent` and `find`.

use yoshi_client::{Task, View};
use yoshi_protocol::AccountName;

use super::chosen::own;
use crate::output::{self, Columns, Table};

pub(crate) const INBOX: Columns = Columns {
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
    usual: &[8, 12, 6, 16, 10, 16, 7, 12, 40],
    expendable: &[2, 4, 3, 6, 5],
    ids_can_be_short: true,
};
pub(crate) const SENT: Columns = Columns {
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
        (names.join(","), output::status(task))
    } else {
        let own = own(task, view, account);
        let own = own.map_or_else(|| output::status(task), |own| output::word(&own));
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
