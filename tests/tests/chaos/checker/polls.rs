//! Readers: successive polls skip and repeat nothing (I6), show what was
//! accounted for before (I7), and never half of a task to several (I8).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::sends::Sends;
use super::{Harm, Violation};
use crate::history::{Call, Inbox, Outcome, Record, Seen};
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
                if !more && !behind {
                    let place = format!("{account}, asked");
                    found.extend(accounted.missed(&place, account, record.invoked, *cursor));
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
            ) => {
                for (account, inbox) in [(first, seen_first), (second, seen_second)] {
                    if !inbox.behind {
                        let place = format!("{account}, asked of {server}");
                        let (asked, cursor) = (inbox.asked, inbox.cursor);
                        found.extend(accounted.missed(&place, account, asked, cursor));
                    }
                }
                let (first, second) = ((&**first, seen_first), (&**second, seen_second));
                halves(server, first, second, found);
            }
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
    (first, seen_first): (&str, &Inbox),
    (second, seen_second): (&str, &Inbox),
    found: &mut Vec<Violation>,
) {
    let held: HashSet<&str> = seen_second
        .tasks
        .iter()
        .map(|seen| &*seen.payload)
        .collect();
    for seen in &seen_first.tasks {
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

    /// Whether an answer that is up to date lacks what was accounted for before
    /// it was asked for.
    fn missed(
        &self,
        place: &str,
        account: &str,
        asked: Duration,
        cursor: u64,
    ) -> Option<Violation> {
        let (position, payload) = self.before(account, asked);
        (cursor < position).then(|| {
            let text = format!(
                "{place} at {asked:?}, answers up to {cursor}, but {payload} was accounted for at {position}"
            );
            Violation::new("I7", Harm::Lost, text)
        })
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
