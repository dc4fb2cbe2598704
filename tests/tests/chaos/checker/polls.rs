//! Readers: successive polls skip and repeat nothing (I6), show what was
//! accounted for before (I7), and never half of a task to several (I8).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::sends::Sends;
use super::{Harm, Violation};
use crate::history::{Call, Outcome, Record, Seen};
use crate::rest::Rest;

pub(crate) fn check(records: &[Record], sends: &Sends, rest: &Rest, found: &mut Vec<Violation>) {
    let accounted = Accounted::collect(sends);
    let mut sessions: HashMap<u64, u64> = HashMap::new();
    for record in records {
        match (&record.call, &record.outcome) {
            (
                Call::Poll {
                    account,
                    session,
                    since,
                },
                Outcome::Page {
                    tasks,
                    cursor,
                    more,
                    behind,
                },
            ) => {
                let before = sessions.insert(*session, *cursor).unwrap_or(*since);
                if before != *since || cursor < since {
                    let text = format!(
                        "session {session} of {account}: from {before} to {since}, then {cursor}"
                    );
                    found.push(Violation::new("I6", Harm::Reordered, text));
                }
                for seen in tasks {
                    found.extend(sends.check_seen("a poll", account, seen));
                }
                contiguous(account, (*since, *cursor), tasks, rest, found);
                let due = accounted.before(account, record.invoked);
                if !more && !behind && *cursor < due.0 {
                    let text = format!(
                        "{account}: asked at {:?}, answered up to {cursor}, but {} was accounted for at {}",
                        record.invoked, due.1, due.0
                    );
                    found.push(Violation::new("I7", Harm::Lost, text));
                }
            }
            (
                Call::Pair {
                    server,
                    first,
                    second,
                },
                Outcome::Both {
                    first: seen_first,
                    second: seen_second,
                },
            ) => halves(server, (first, seen_first), (second, seen_second), found),
            _ => {}
        }
    }
}

/// A page holds just what the list at rest holds between its ends.
fn contiguous(
    account: &str,
    (since, cursor): (u64, u64),
    tasks: &[Seen],
    rest: &Rest,
    found: &mut Vec<Violation>,
) {
    let list = rest
        .message_servers
        .values()
        .find_map(|server| server.inboxes.get(account));
    let Some(list) = list else { return };
    let from = list.partition_point(|seen| seen.position <= since);
    let to = list.partition_point(|seen| seen.position <= cursor);
    let expected = &list[from..to.max(from)];
    if expected != tasks {
        let lacks = expected.iter().find(|seen| !tasks.contains(seen));
        let has = tasks.iter().find(|seen| !expected.contains(seen));
        let text = format!(
            "{account}: a page from {since} to {cursor} lacks {lacks:?}, and has {has:?} too much"
        );
        let harm = if lacks.is_some() {
            Harm::Lost
        } else {
            Harm::Reordered
        };
        found.push(Violation::new("I6", harm, text));
    }
}

/// What the first list held is in the second, which was read later.
fn halves(
    server: &str,
    (first, seen_first): (&str, &[Seen]),
    (second, seen_second): (&str, &[Seen]),
    found: &mut Vec<Violation>,
) {
    let held: HashSet<&str> = seen_second.iter().map(|seen| &*seen.payload).collect();
    for seen in seen_first {
        let to_both = seen.recipients.iter().any(|to| to == second);
        if to_both && !held.contains(&*seen.payload) {
            let text = format!(
                "{server}: {} was with {first}, not with {second}",
                seen.payload
            );
            found.push(Violation::new("I8", Harm::Lost, text));
        }
    }
}

/// For each account, when what was accounted for, and the highest until then.
struct Accounted(HashMap<String, Vec<(Duration, u64, String)>>);

impl Accounted {
    fn collect(sends: &Sends) -> Self {
        let mut all: HashMap<String, Vec<(Duration, u64, String)>> = HashMap::new();
        for (payload, send) in &sends.0 {
            let Some(ok) = &send.accounted else { continue };
            for to in &send.to {
                let entry = (ok.at, ok.position, payload.clone());
                all.entry(to.clone()).or_default().push(entry);
            }
        }
        for list in all.values_mut() {
            list.sort_unstable();
            let mut highest = (0, String::new());
            for (_, position, payload) in list {
                if *position > highest.0 {
                    highest = (*position, payload.clone());
                } else {
                    (*position, *payload) = highest.clone();
                }
            }
        }
        Self(all)
    }

    /// The highest position that was accounted for before a moment, and whose.
    fn before(&self, account: &str, moment: Duration) -> (u64, &str) {
        let list = self.0.get(account).map_or(&[][..], Vec::as_slice);
        let count = list.partition_point(|(at, _, _)| *at < moment);
        match count.checked_sub(1) {
            Some(last) => (list[last].1, &list[last].2),
            None => (0, ""),
        }
    }
}
