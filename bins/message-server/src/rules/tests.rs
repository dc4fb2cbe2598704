//! The rules, one by one, and under random entries in random batches.

use proptest::prelude::*;
use uuid::Uuid;
use yoshi_protocol::cbor;

use super::*;

fn name(text: &str) -> AccountName {
    AccountName::new(text).unwrap()
}

fn entry(account: &str, id: u128, epoch: u64, title: &str, at: u64) -> SendEntry {
    let mut task = NewTask::new(title, vec![name("bo")]);
    task.id = TaskId(Uuid::from_u128(id));
    SendEntry {
        position: Position(at),
        at: Millis(0),
        epoch: Epoch(epoch),
        account: name(account),
        content: cbor::encode(&task).into(),
        task,
    }
}

fn sent(outcome: Outcome) -> Proof {
    match outcome {
        Outcome::Sent(proof) => proof,
        other => panic!("{other:?}"),
    }
}

#[test]
fn numbers_count_per_account_and_the_chain_covers_each_entry() {
    let mut set = WorkingSet::default();
    let first = sent(set.apply(Some(entry("ana", 1, 5, "one", 1))));
    let other = sent(set.apply(Some(entry("cy", 2, 5, "one", 2))));
    let second = sent(set.apply(Some(entry("ana", 3, 5, "two", 3))));
    assert_eq!((first.number, other.number, second.number), (1, 1, 2));
    let content = entry("ana", 3, 5, "two", 3).content;
    assert_eq!(second.hash, chain(&first.hash, 2, &content));
}

#[test]
fn the_same_id_gives_the_first_receipt_whatever_the_epoch() {
    let mut set = WorkingSet::default();
    let first = sent(set.apply(Some(entry("ana", 1, 5, "one", 1))));
    sent(set.apply(Some(entry("ana", 2, 9, "two", 2))));
    assert_eq!(sent(set.apply(Some(entry("ana", 1, 5, "one", 3)))), first);
    assert_eq!(set.into_changes().sends.len(), 2);
}

#[test]
fn an_id_with_other_content_or_of_another_sender_is_refused() {
    let mut set = WorkingSet::default();
    sent(set.apply(Some(entry("ana", 1, 5, "one", 1))));
    let reused = Outcome::Rejected(ErrorCode::IdReused);
    assert_eq!(set.apply(Some(entry("ana", 1, 5, "two", 2))), reused);
    assert_eq!(set.apply(Some(entry("cy", 1, 5, "one", 3))), reused);
}

#[test]
fn a_lower_epoch_is_fenced_and_changes_nothing() {
    let mut set = WorkingSet::default();
    sent(set.apply(Some(entry("ana", 1, 5, "one", 1))));
    let stale = Outcome::Rejected(ErrorCode::StaleEpoch);
    assert_eq!(set.apply(Some(entry("ana", 2, 4, "two", 2))), stale);
    assert_eq!(
        sent(set.apply(Some(entry("ana", 2, 6, "two", 3)))).number,
        2
    );
    assert_eq!(set.apply(None), Outcome::Rejected(ErrorCode::Malformed));
    assert_eq!(set.into_changes().sends.len(), 2);
}

/// What a database would hold after the changes.
#[derive(Default)]
struct Database {
    accounts: HashMap<AccountName, Account>,
    earlier: HashMap<TaskId, Earlier>,
}

impl Database {
    fn apply(&mut self, batch: &[SendEntry]) -> Vec<Outcome> {
        let mut set = WorkingSet::new(self.accounts.clone(), self.earlier.clone());
        let outcomes = batch
            .iter()
            .map(|entry| set.apply(Some(entry.clone())))
            .collect();
        let changes = set.into_changes();
        self.accounts.extend(changes.accounts);
        for send in changes.sends {
            let proof = Proof {
                number: send.number,
                position: send.position,
                hash: send.hash,
            };
            let earlier = Earlier {
                sender: send.sender,
                content: send.content,
                proof,
            };
            assert!(
                self.earlier.insert(send.id, earlier).is_none(),
                "a task is sent once"
            );
        }
        outcomes
    }
}

proptest! {
    /// However the log is cut into batches, every server comes to the same
    /// outcomes and accounts, numbers have no gap, and epochs never fall.
    #[test]
    fn servers_agree_whatever_their_batches(
        log in prop::collection::vec((0..3_u8, 0..12_u128, 0..4_u64, 0..2_u8), 1..60),
        cuts in prop::collection::vec(1..9_usize, 60),
    ) {
        let log: Vec<_> = log
            .into_iter()
            .zip(1..)
            .map(|((who, id, epoch, title), at)| {
                entry(&format!("a{who}"), id, epoch, &format!("t{title}"), at)
            })
            .collect();
        let mut one = Database::default();
        let outcomes = one.apply(&log);
        let mut other = Database::default();
        let (mut rest, mut cuts, mut again) = (&log[..], cuts.into_iter().cycle(), Vec::new());
        while !rest.is_empty() {
            let (batch, tail) = rest.split_at(cuts.next().unwrap().min(rest.len()));
            again.extend(other.apply(batch));
            rest = tail;
        }
        prop_assert_eq!(&outcomes, &again);
        prop_assert_eq!(&one.accounts, &other.accounts);
        for (account, state) in &one.accounts {
            let mut numbers: Vec<_> = one
                .earlier
                .values()
                .filter(|earlier| earlier.sender == *account)
                .map(|earlier| earlier.proof.number)
                .collect();
            numbers.sort_unstable();
            prop_assert_eq!(numbers, (1..=state.number).collect::<Vec<_>>());
        }
    }
}
