//! The control of a run: damage that its own checker must notice.

use yoshi_tests::System;

use crate::checker;
use crate::history::Record;
use crate::rest::Rest;

/// The server that is spoiled.
const CONTROLLED: &str = "ms2";

/// One server forgets whom it gave the first tasks, at
/// least one of which was accounted for.
pub(super) async fn delete_rows(system: &System) {
    let forget =
        "DELETE FROM ask WHERE changed IN (SELECT changed FROM ask ORDER BY changed LIMIT 20)";
    system.database(CONTROLLED).rows(forget).await;
}

/// What the checker should have noticed of the deleted rows, and did not.
pub(super) fn unnoticed(records: &[Record], mut spoiled: Rest) -> Vec<String> {
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
    missed
        .map(|invariant| format!("deleted rows break {invariant}, and that was not noticed"))
        .collect()
}
