//! Histories that break one promise each: a checker that does not see them proves nothing.

mod accounts;
mod changes;
mod sides;

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Harm, check};
use crate::history::{Call, Inbox, Outcome, Record, Seen};
use crate::rest::{AccountEvent, MessageServer, Rest, TaskRow};

/// A good history with its system at rest: three servers, a sender, two
/// readers, one task to one of them, then one to both.
struct Good {
    records: Vec<Record>,
    rest: Rest,
}

fn record(second: u64, call: Call, outcome: Outcome) -> Record {
    Record {
        process: 1,
        invoked: Duration::from_secs(second),
        ended: Duration::from_millis(second * 1_000 + 500),
        call,
        outcome,
    }
}

fn send(payload: &str, to: &[&str]) -> Call {
    Call::Send {
        account: "ana".into(),
        payload: payload.into(),
        to: to.iter().map(|to| (*to).into()).collect(),
    }
}

fn accounted(number: u64) -> Outcome {
    Outcome::Accounted {
        number,
        position: number * 1_024,
        hash: format!("hash {number}"),
    }
}

fn queued() -> Outcome {
    Outcome::Queued {
        server: "ms1".into(),
    }
}

fn seen(payload: &str, number: u64, to: &[&str]) -> Seen {
    Seen {
        payload: payload.into(),
        sender: "ana".into(),
        number,
        position: number * 1_024,
        hash: format!("hash {number}"),
        recipients: to.iter().map(|to| (*to).into()).collect(),
    }
}

fn row(payload: &str, number: u64) -> TaskRow {
    TaskRow {
        payload: payload.into(),
        sender: "ana".into(),
        number,
        position: number * 1_024,
        epoch: 7,
        hash: format!("hash {number}"),
    }
}

fn poll(since: u64) -> Call {
    Call::Poll {
        account: "bo".into(),
        session: 9,
        since,
    }
}

fn page(tasks: Vec<Seen>, cursor: u64) -> Outcome {
    Outcome::Page {
        tasks,
        cursor,
        more: false,
        behind: false,
    }
}

fn event(position: u64, epoch: u64, primary: Option<&str>, created: Option<&str>) -> AccountEvent {
    AccountEvent {
        position,
        epoch,
        primary: primary.map(Into::into),
        created: created.map(Into::into),
    }
}

fn good() -> Good {
    let both = &["bo", "cy"][..];
    let (one, two) = (seen("p1", 1, &["bo"]), seen("p2", 2, both));
    let create = Call::Create {
        account: "ana".into(),
        password: "old".into(),
    };
    let change = Call::ChangePassword {
        account: "ana".into(),
        old: "old".into(),
        new: "new".into(),
    };
    let records = vec![
        record(0, create, Outcome::Done),
        record(1, send("p1", &["bo"]), accounted(1)),
        record(2, poll(0), page(vec![one.clone()], 1_024)),
        record(
            3,
            send("p2", both),
            Outcome::Unknown {
                reason: String::new(),
            },
        ),
        record(4, send("p2", both), accounted(2)),
        record(5, poll(1_024), page(vec![two.clone()], 2_048)),
        record(
            6,
            send("p3", both),
            Outcome::Fail {
                code: "busy".into(),
            },
        ),
        record(7, change, Outcome::Done),
    ];
    let server = MessageServer {
        inboxes: BTreeMap::from([
            ("bo".into(), vec![one, two.clone()]),
            ("cy".into(), vec![two]),
        ]),
        tasks: vec![row("p1", 1), row("p2", 2)],
        changes: vec![],
    };
    let names = ["ms1", "ms2", "ms3"].map(String::from);
    let events = vec![
        event(1, 5, Some("rs1"), None),
        event(2, 5, None, Some("ana")),
        event(3, 6, Some("rs2"), None),
        event(4, 6, None, None),
    ];
    let rest = Rest {
        message_servers: names.map(|name| (name, server.clone())).into(),
        events: BTreeMap::from([("rs1".into(), events.clone()), ("rs2".into(), events)]),
        roots: BTreeMap::from([(1, "root".into()), (2, "root".into())]),
        log_ins: BTreeMap::from([
            (("ana".into(), "old".into()), false),
            (("ana".into(), "new".into()), true),
        ]),
        messages_equal: Some(Duration::from_secs(1)),
        accounts_equal: Some(Duration::from_secs(1)),
        ..Rest::default()
    };
    Good { records, rest }
}

impl Good {
    fn server(&mut self, name: &str) -> &mut MessageServer {
        self.rest.message_servers.get_mut(name).unwrap()
    }

    fn inbox(&mut self, name: &str, account: &str) -> &mut Vec<Seen> {
        self.server(name).inboxes.get_mut(account).unwrap()
    }
}

/// What the checker finds when a good history was spoiled.
fn spoiled(spoil: impl FnOnce(&mut Good)) -> Vec<(&'static str, Harm)> {
    let mut good = good();
    spoil(&mut good);
    let found = check(&good.records, &good.rest);
    found.iter().map(|one| (one.invariant, one.harm)).collect()
}

fn finds(invariant: &'static str, harm: Harm, spoil: impl FnOnce(&mut Good)) {
    let found = spoiled(spoil);
    assert!(found.contains(&(invariant, harm)), "{invariant}: {found:?}");
}

#[test]
fn a_good_history_passes() {
    assert_eq!(spoiled(|_| {}), []);
}

#[test]
fn i1_a_lost_task() {
    finds("I1", Harm::Lost, |good| {
        good.inbox("ms2", "bo").remove(0);
    });
    finds("I1", Harm::Lost, |good| {
        for name in ["ms1", "ms2", "ms3"] {
            good.inbox(name, "cy").clear();
        }
    });
    // Queued by one server, and never let in.
    let queue = |good: &mut Good| good.records[6].outcome = queued();
    finds("I1", Harm::Lost, queue);
    let wiped = spoiled(|good| {
        queue(good);
        good.rest.wiped = true;
    });
    assert_eq!(wiped, []);
}

#[test]
fn i2_an_invented_task() {
    for payload in ["p3", "p4"] {
        finds("I2", Harm::Other, |good| {
            good.inbox("ms1", "bo")
                .push(seen(payload, 3, &["bo", "cy"]));
        });
    }
    finds("I2", Harm::Other, |good| {
        good.inbox("ms1", "cy").insert(0, seen("p1", 1, &["bo"]));
    });
    finds("I2", Harm::Other, |good| {
        good.records[2].outcome = page(vec![seen("p4", 1, &["bo"])], 1_024);
    });
}

#[test]
fn i3_a_doubled_task() {
    finds("I3", Harm::Doubled, |good| {
        good.inbox("ms3", "bo").push(seen("p1", 3, &["bo"]));
    });
    finds("I3", Harm::Doubled, |good| {
        let again = record(8, send("p1", &["bo"]), accounted(3));
        good.records.push(again);
    });
    finds("I3", Harm::Doubled, |good| {
        good.server("ms1").tasks.push(row("p1", 3));
    });
}

#[test]
fn i4_another_order() {
    finds("I4", Harm::Reordered, |good| {
        good.inbox("ms2", "bo").reverse();
    });
    finds("I4", Harm::Reordered, |good| {
        good.server("ms2").tasks[1].number = 3;
    });
    finds("I4", Harm::Reordered, |good| {
        good.server("ms2").tasks[0].hash = "another".into();
    });
}

#[test]
fn i5_a_later_task_before_an_earlier_one() {
    finds("I5", Harm::Reordered, |good| {
        good.records[1].outcome = accounted(2);
        good.records[4].outcome = accounted(1);
    });
}

#[test]
fn i6_a_poll_that_skips_or_repeats() {
    finds("I6", Harm::Lost, |good| {
        good.records[5].outcome = page(vec![], 2_048);
    });
    finds("I6", Harm::Reordered, |good| {
        good.records[5].call = poll(0);
        good.records[5].outcome = page(good.inbox("ms1", "bo").clone(), 2_048);
    });
    finds("I6", Harm::Reordered, |good| {
        let tasks = vec![seen("p1", 1, &["bo"]), seen("p2", 2, &["bo", "cy"])];
        good.records[5].outcome = page(tasks, 2_048);
    });
}

#[test]
fn i7_a_poll_that_does_not_show_what_was_accounted_for() {
    let stale = |behind| {
        spoiled(|good| {
            good.records[5].outcome = Outcome::Page {
                tasks: vec![],
                cursor: 1_024,
                more: false,
                behind,
            };
        })
    };
    assert_eq!(stale(false), [("I7", Harm::Lost)]);
    assert_eq!(stale(true), []);
}

#[test]
fn i8_half_of_a_task_to_several() {
    finds("I8", Harm::Lost, |good| {
        good.inbox("ms1", "cy").clear();
    });
    let pair = |second| pair(Duration::ZERO, second, 2 * 1_024, false);
    finds("I8", Harm::Lost, |good| good.records.push(pair(vec![])));
    let whole = pair(vec![seen("p2", 2, &["bo", "cy"])]);
    assert_eq!(spoiled(|good| good.records.push(whole)), []);
}

/// Bo's inbox on the first server, which holds the task to both, then Cy's.
fn pair(asked: Duration, second: Vec<Seen>, cursor: u64, behind: bool) -> Record {
    let inbox = |tasks| Inbox {
        asked,
        tasks,
        cursor,
        behind,
    };
    let call = Call::Pair {
        server: "ms1".into(),
        first: "bo".into(),
        second: "cy".into(),
    };
    let first = vec![seen("p2", 2, &["bo", "cy"])];
    let both = Outcome::Both {
        first: inbox(first),
        second: inbox(second),
    };
    record(9, call, both)
}

#[test]
fn i7_a_server_that_is_asked_directly_and_is_stale() {
    let whole = || vec![seen("p2", 2, &["bo", "cy"])];
    let late = Duration::from_secs(9);
    let stale =
        |asked, behind| spoiled(|good| good.records.push(pair(asked, whole(), 1_024, behind)));
    let missed = ("I7", Harm::Lost);
    assert_eq!(stale(late, false), [missed, missed]);
    assert_eq!(stale(late, true), []);
    assert_eq!(stale(Duration::ZERO, false), []);
}

#[test]
fn i1_what_is_out_of_reach_when_the_time_is_up() {
    finds("I1", Harm::Lost, |good| {
        good.rest.unreachable.push("ms1 refuses".into());
    });
}
