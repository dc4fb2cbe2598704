//! Deciding from memory comes to what deciding from rows comes to.

use proptest::prelude::*;
use uuid::Uuid;
use yoshi_protocol::{Millis, NewTask, Position, TaskId, cbor};

use super::*;
use crate::rules::{Earlier, Outcome};

const PEOPLE: [&str; 3] = ["ana", "bo", "cy"];

fn entry(person: usize, id: u128, epoch: u64, title: &str, at: u64) -> Decoded {
    let account = AccountName::new(PEOPLE[person]).unwrap();
    let mut task = NewTask::new(title, vec![AccountName::new("di").unwrap()]);
    task.id = TaskId(Uuid::from_u128(id));
    Decoded::Send(SendEntry {
        position: Position(at),
        at: Millis(0),
        epoch: Epoch(epoch),
        account,
        content: cbor::encode(&task).into(),
        task,
    })
}

fn apply(mut set: WorkingSet, batch: Vec<Decoded>) -> (Vec<Outcome>, crate::rules::Changes) {
    let outcomes = batch.into_iter().map(|entry| match entry {
        Decoded::Send(entry) => set.apply(Some(entry)),
        Decoded::Change(_) | Decoded::Unreadable => set.apply(None),
    });
    let outcomes = outcomes.collect();
    (outcomes, set.into_changes())
}

/// A server that reads everything, or one that remembers.
#[derive(Default)]
struct Server {
    accounts: HashMap<AccountName, Account>,
    sends: HashMap<TaskId, Earlier>,
    memory: Remembered,
    spared: usize,
    failed: usize,
}

impl Server {
    fn read(&mut self, batch: Vec<Decoded>) -> Vec<Outcome> {
        let set = WorkingSet::new(self.accounts.clone(), self.sends.clone());
        let sent: Vec<_> = batch.iter().filter_map(Decoded::sent).collect();
        let (outcomes, changes) = apply(set, batch);
        self.write(changes, &sent);
        outcomes
    }

    fn write(&mut self, changes: crate::rules::Changes, sent: &[TaskId]) {
        self.memory.keep(&changes.accounts, sent);
        self.accounts.extend(changes.accounts);
        for send in changes.sends {
            let earlier = Earlier {
                sender: send.sender,
                content: send.content,
                proof: crate::rules::Proof {
                    number: send.number,
                    position: send.position,
                    hash: send.hash,
                },
            };
            assert!(
                self.sends.insert(send.id, earlier).is_none(),
                "written twice"
            );
        }
    }

    /// As the replica does it.
    fn remember(&mut self, entries: &dyn Fn() -> Vec<Decoded>) -> Vec<Outcome> {
        let batch = entries();
        if !self.memory.is_enough_for(&batch) {
            return self.read(batch);
        }
        let sent: Vec<_> = batch.iter().filter_map(Decoded::sent).collect();
        let (outcomes, changes) = apply(self.memory.working_set(&batch), batch);
        let is_new = |send: &crate::rules::Send| !self.sends.contains_key(&send.id);
        if !changes.sends.iter().all(is_new) {
            // The unique key of the table.
            self.memory = Remembered::default();
            self.failed += 1;
            return self.read(entries());
        }
        self.spared += 1;
        self.write(changes, &sent);
        outcomes
    }
}

proptest! {
    #[test]
    fn memory_spares_reads_and_changes_nothing(
        batches in prop::collection::vec(
            prop::collection::vec((0..3_usize, 0..40_u128, 0..3_u64, 0..2_usize), 1..5), 1..30)
    ) {
        let (mut reading, mut remembering) = (Server::default(), Server::default());
        let mut at = 0;
        for (epoch, batch) in batches.into_iter().enumerate() {
            at += 10;
            let entries = || batch.iter().zip(at..).map(|(&(person, id, behind, title), at)| {
                let epoch = (epoch as u64 / 4 + 2).saturating_sub(behind / 2);
                entry(person, id, epoch, ["one", "two"][title], at)
            }).collect::<Vec<_>>();
            prop_assert_eq!(reading.read(entries()), remembering.remember(&entries));
            prop_assert_eq!(&reading.accounts, &remembering.accounts);
            prop_assert_eq!(reading.sends.len(), remembering.sends.len());
        }
    }
}

#[test]
fn a_known_account_needs_nothing_read() {
    let mut server = Server::default();
    server.remember(&|| vec![entry(0, 1, 5, "one", 1)]);
    assert_eq!(server.spared, 0, "nothing is known at first");
    server.remember(&|| vec![entry(0, 2, 5, "two", 2), entry(0, 3, 5, "three", 3)]);
    assert_eq!(server.spared, 1);
    server.remember(&|| vec![entry(0, 2, 5, "two", 4)]);
    assert_eq!(server.spared, 1, "a repetition is looked up");
    assert_eq!(server.failed, 0, "before it fails");
}

#[test]
fn one_task_sent_again_and_again_fails_once() {
    let mut server = Server::default();
    server.remember(&|| vec![entry(0, 1, 5, "one", 1)]);
    // Long ago, as far as the memory goes.
    server.memory.tasks.clear();
    for at in 2..9 {
        server.remember(&|| vec![entry(0, 1, 5, "one", at)]);
    }
    assert_eq!((server.failed, server.spared), (1, 0));
}

#[test]
fn what_only_the_tasks_tell_is_not_decided_from_memory() {
    let mut server = Server::default();
    server.remember(&|| vec![entry(0, 1, 5, "one", 1)]);
    let memory = &server.memory;
    assert!(memory.is_enough_for(&[entry(0, 2, 5, "two", 2)]));
    assert!(
        !memory.is_enough_for(&[entry(0, 2, 4, "two", 2)]),
        "a stale epoch"
    );
    assert!(
        !memory.is_enough_for(&[entry(1, 2, 5, "two", 2)]),
        "a new account"
    );
    assert!(!memory.is_enough_for(&[Decoded::Unreadable]));
    let twice = [entry(0, 2, 5, "two", 2), entry(0, 2, 5, "two", 3)];
    assert!(!memory.is_enough_for(&twice), "an id that comes twice");
}

#[test]
fn memory_is_bounded() {
    let account = Account {
        epoch: Epoch(1),
        number: 1,
        head: [0; 32],
        latest: None,
    };
    let mut memory = Remembered::default();
    for batch in 0..40_usize {
        let accounts = (0..1_000).map(|index| {
            let name = format!("a{batch}-{index}");
            (AccountName::new(&name).unwrap(), account)
        });
        let ids = (0..1_000).map(|index| TaskId(Uuid::from_u128(batch as u128 * 1_000 + index)));
        memory.keep(&accounts.collect(), &ids.collect::<Vec<_>>());
        assert!(memory.accounts.len() <= KEPT_MAX && memory.tasks.len() <= KEPT_MAX);
    }
}
