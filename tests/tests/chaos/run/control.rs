//! The control of a run: damage that its own checker must notice.

use yoshi_tests::System;

use crate::checker::{self, Violation};
use crate::history::{Call, Record};
use crate::rest::Rest;

/// The server that is spoiled.
const CONTROLLED: &str = "ms2";

/// One server forgets whom it gave the first tasks, at least one of which was
/// accounted for, and the first change. Answers the id of that change.
pub(super) async fn delete_rows(system: &System) -> Option<String> {
    let database = system.database(CONTROLLED);
    let forget =
        "DELETE FROM ask WHERE changed IN (SELECT changed FROM ask ORDER BY changed LIMIT 20)";
    database.rows(forget).await;
    let forget = "DELETE FROM change WHERE position = (SELECT min(position) FROM change) \
                  RETURNING id::text";
    let rows = database.rows(forget).await;
    rows.first().map(|row| row.get(0))
}

/// What the checker should have noticed of the deleted rows, and did not.
pub(super) fn unnoticed(
    records: &[Record],
    mut spoiled: Rest,
    change: Option<&str>,
) -> Vec<String> {
    // A server that compares itself with its neighbours may have refused by then.
    let refused = spoiled
        .unreachable
        .drain(..)
        .any(|text| text.starts_with(CONTROLLED));
    let found = checker::check(records, &spoiled);
    let noticed = |invariant: &str| {
        let found = found.iter().any(|found| found.invariant == invariant);
        found || (invariant == "I1" && refused)
    };
    let missed = ["I1", "I4", "I13"]
        .into_iter()
        .filter(|invariant| !noticed(invariant));
    let missed =
        missed.map(|invariant| format!("deleted rows break {invariant}, and that was not noticed"));
    missed
        .chain(change.and_then(|id| unnamed(records, &found, id)))
        .collect()
}

/// The change that is gone must be named: lost if its success was reported, and
/// different from server to server in any case.
fn unnamed(records: &[Record], found: &[Violation], change: &str) -> Option<String> {
    let is_it = |record: &&Record| matches!(&record.call, Call::Change { id, .. } if id == change);
    let mut tries = records.iter().filter(is_it);
    let broken: &[_] = match tries.any(|record| record.outcome.is_ok()) {
        true => &["I1", "I4"],
        false => &["I4"],
    };
    let names = |invariant: &&str| {
        let mut found = found.iter().filter(|found| found.invariant == *invariant);
        found.any(|found| found.text.contains(change))
    };
    (!broken.iter().all(names))
        .then(|| format!("the change {change} is gone, and that was not noticed"))
}
