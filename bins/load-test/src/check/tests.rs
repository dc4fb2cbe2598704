//! Planted violations: each must be found, and nothing else.

use super::*;

const PLAN: Plan = Plan {
    senders: 2,
    ring: 2,
    observers: 1,
    recipients: 1,
};

/// Four tasks of account 0 to account 1, each sent once the one before was
/// accounted for; and the lists as they should be.
fn healthy() -> (Vec<Record>, Vec<Lists>) {
    let records: Vec<_> = (1..=4)
        .map(|number| Record {
            id: TaskId::fresh(),
            sender: 0,
            first: 1,
            observer: None,
            due: number * 100,
            issued: number * 100,
            ended: number * 100 + 50,
            outcome: Outcome::Accounted {
                number,
                position: Position(number * 1024),
            },
        })
        .collect();
    let list: Vec<_> = records.iter().map(seen).collect();
    let lists = vec![
        Lists {
            inbox: Vec::new(),
            sent: list.clone(),
        },
        Lists {
            inbox: list,
            sent: Vec::new(),
        },
        Lists::default(),
    ];
    (records, lists)
}

fn seen(record: &Record) -> Seen {
    let Outcome::Accounted { number, position } = record.outcome else {
        panic!("only what was accounted for has a place");
    };
    Seen {
        id: record.id,
        number,
        position,
        changed: position,
        marked: true,
    }
}

fn found(plant: impl FnOnce(&mut Vec<Record>, &mut Vec<Lists>)) -> Vec<Found> {
    let (mut records, mut lists) = healthy();
    plant(&mut records, &mut lists);
    check(PLAN, &records, &lists).found()
}

#[test]
fn a_healthy_run_passes() {
    assert_eq!(found(|_, _| ()), []);
}

#[test]
fn a_missing_task_is_found() {
    assert_eq!(
        found(|_, lists| lists[1].inbox.retain(|seen| seen.number != 3)),
        [Found::Missing]
    );
    assert_eq!(
        found(|_, lists| lists[0].sent.retain(|seen| seen.number != 4)),
        [Found::Missing]
    );
}

#[test]
fn a_doubled_task_is_found() {
    let again = |_: &mut Vec<Record>, lists: &mut Vec<Lists>| {
        let mut again = lists[1].inbox[1];
        again.changed = Position(9 * 1024);
        lists[1].inbox.push(again);
    };
    assert_eq!(found(again), [Found::Doubled]);
    // One of unknown outcome may be there, but not twice either.
    let unclear = |records: &mut Vec<Record>, lists: &mut Vec<Lists>| {
        records[1].outcome = Outcome::Unclear;
        again(records, lists);
    };
    assert_eq!(found(unclear), [Found::Doubled]);
}

#[test]
fn a_reordered_list_is_found() {
    assert_eq!(
        found(|_, lists| lists[1].inbox.swap(1, 2)),
        [Found::OutOfOrder]
    );
}

#[test]
fn a_gap_in_the_numbers_is_found() {
    let gap = found(|records, lists| {
        for index in [2, 3] {
            let Outcome::Accounted { number, .. } = &mut records[index].outcome else {
                panic!("healthy");
            };
            *number += 1;
            lists[0].sent[index].number += 1;
            lists[1].inbox[index].number += 1;
        }
    });
    assert_eq!(
        gap,
        [Found::Gap {
            expected: 3,
            number: 4
        }]
    );
}

#[test]
fn an_overtaken_task_is_found() {
    let overtaken = found(|records, _| {
        // The last one was reported before the first one was sent.
        records[3].issued = 10;
        records[3].ended = 20;
    });
    assert_eq!(overtaken, [Found::Overtaken; 3]);
    // Sent before the other one's success was reported: either order will do.
    let concurrent = found(|records, _| records[3].issued = 10);
    assert_eq!(concurrent, []);
}

#[test]
fn a_task_that_should_not_be_there_is_found() {
    let stranger = |marked| {
        move |_: &mut Vec<Record>, lists: &mut Vec<Lists>| {
            lists[1].inbox.push(Seen {
                id: TaskId::fresh(),
                number: 77,
                position: Position(9 * 1024),
                changed: Position(9 * 1024),
                marked,
            });
        }
    };
    assert_eq!(found(stranger(true)), [Found::NeverSent]);
    assert_eq!(found(stranger(false)), []);
    assert_eq!(
        found(|records, _| records[0].outcome = Outcome::Refused),
        [Found::Refused; 2]
    );
    assert_eq!(
        found(|_, lists| {
            let task = lists[1].inbox[0];
            lists[2].inbox.push(task);
        }),
        [Found::Misdelivered]
    );
}

#[test]
fn a_receipt_that_lies_is_found() {
    let lied = found(|records, _| {
        records[1].outcome = Outcome::Accounted {
            number: 2,
            position: Position(5),
        };
    });
    assert!(lied.contains(&Found::NotAsReceipt), "{lied:?}");
}

#[test]
fn unknown_outcomes_may_be_there_or_not() {
    let unclear = |records: &mut Vec<Record>, _: &mut Vec<Lists>| {
        records[3].outcome = Outcome::Unclear;
    };
    assert_eq!(found(unclear), []);
    let absent = found(|records, lists| {
        records[3].outcome = Outcome::Queued;
        lists[0].sent.pop();
        lists[1].inbox.pop();
    });
    assert_eq!(absent, []);
}
