//! Holds a history and the system at rest to the promise. Linear in both, and
//! written apart from the servers' own checks.
//!
//! I12 and I14 need the run's own measurements, and are judged in `verdict`.

mod accounts;
mod changes;
mod homes;
mod order;
mod polls;
mod sends;
mod sides;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::history::Record;
use crate::rest::Rest;

/// All databases are equal so long after the last heal, at the latest (I13).
pub(crate) const EQUAL_WITHIN: Duration = Duration::from_secs(60);

/// What a violation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Harm {
    Lost,
    Doubled,
    Reordered,
    Other,
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Which: `I1` for example.
    pub(crate) invariant: &'static str,
    pub(crate) harm: Harm,
    pub(crate) text: String,
}

impl Violation {
    fn new(invariant: &'static str, harm: Harm, text: String) -> Self {
        Self {
            invariant,
            harm,
            text,
        }
    }
}

/// Everything that is wrong.
pub(crate) fn check(records: &[Record], rest: &Rest) -> Vec<Violation> {
    let mut found = Vec::new();
    let sends = sends::Sends::collect(records, &mut found);
    sends.check(rest, &mut found);
    let changes = changes::Changes::collect(records, &mut found);
    changes.check(records, &sends, rest, &mut found);
    order::check(&sends, &changes, rest, &mut found);
    polls::check(records, &sends, rest, &mut found);
    accounts::check(records, rest, &mut found);
    homes::check(rest, &mut found);
    sides::check(records, rest, &mut found);
    for text in &rest.unreachable {
        let text = format!("out of reach: {text}");
        found.push(Violation::new("I1", Harm::Lost, text));
    }
    for (what, equal) in [
        ("message servers", rest.messages_equal),
        ("registration servers", rest.accounts_equal),
    ] {
        if equal.is_none_or(|after| after > EQUAL_WITHIN) {
            let text = format!("the rows of the {what} are not equal in time: {equal:?}");
            found.push(Violation::new("I13", Harm::Other, text));
        }
    }
    found
}
