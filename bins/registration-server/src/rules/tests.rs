//! The rules, one by one; then any order, repetition and split of operations.

mod copies;
mod recall;

use std::collections::BTreeMap;

use proptest::prelude::*;
use uuid::Uuid;
use yoshi_protocol::Millis;

use super::*;

/// A database: what the working sets are read from and written to.
#[derive(Debug, Clone, Default, PartialEq)]
struct Database {
    primary: Primary,
    accounts: BTreeMap<AccountName, Account>,
    tokens: BTreeMap<TokenHash, Token>,
    events: BTreeMap<Position, (Uuid, Entry)>,
}

impl Database {
    /// Applies one batch as the machine does: all of it through one working set.
    fn apply(&mut self, batch: &[(Position, Entry)]) -> Vec<Outcome> {
        let mut set = self.working_set();
        let outcomes = batch
            .iter()
            .map(|(position, entry)| apply(&mut set, *position, Some(entry)))
            .collect();
        self.write(&set, batch);
        outcomes
    }

    /// What an interruption hid, as the machine recalls it.
    fn recall(&self, batch: &[(Position, Entry)]) -> Vec<Option<Outcome>> {
        let set = self.working_set();
        batch
            .iter()
            .map(|(position, entry)| recall(&set, *position, Some(entry)))
            .collect()
    }

    /// All that is there.
    fn working_set(&self) -> WorkingSet {
        let mut set = WorkingSet::new(self.primary);
        for (position, (id, entry)) in &self.events {
            let (position, operation) = (*position, entry.operation.clone());
            set.load_done(
                *id,
                Done {
                    position,
                    operation,
                },
            );
        }
        for (name, account) in &self.accounts {
            set.load_account(name.clone(), account.clone());
        }
        for (hash, token) in &self.tokens {
            set.load_token(*hash, token.clone());
        }
        set
    }

    /// Writes the difference, and checks that it changes as many rows as it says.
    fn write(&mut self, set: &WorkingSet, batch: &[(Position, Entry)]) {
        for (position, id) in set.recorded() {
            let (_, entry) = batch.iter().find(|(at, _)| at == position).unwrap();
            let before = self.events.insert(*position, (*id, entry.clone()));
            assert!(before.is_none());
        }
        for (name, account) in set.created_accounts() {
            let before = self.accounts.insert(name.clone(), account.clone());
            assert!(before.is_none());
        }
        for (name, account) in set.changed_accounts() {
            let before = self.accounts.insert(name.clone(), account.clone());
            assert!(before.is_some());
        }
        for hash in set.ended_tokens() {
            assert!(self.tokens.remove(&hash).is_some());
        }
        for (hash, token) in set.new_tokens() {
            assert!(self.accounts.contains_key(&token.account));
            assert!(self.tokens.insert(hash, token.clone()).is_none());
        }
        if let Some(primary) = set.changed_primary() {
            self.primary = primary;
        }
    }
}

/// A database with its log's end.
struct World {
    database: Database,
    next: u64,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            database: Database::default(),
            next: 1,
        };
        let claim = Operation::Primary(server(1));
        assert_eq!(world.put(1_000, 10, claim), applied(1));
        world
    }

    fn put(&mut self, id: u128, epoch: u64, operation: Operation) -> Outcome {
        let position = Position(self.next);
        self.next += 1;
        self.database
            .apply(&[(position, entry(id, epoch, operation))])[0]
    }
}

fn server(number: u128) -> ServerId {
    ServerId(Uuid::from_u128(number))
}

fn name(text: &str) -> AccountName {
    AccountName::new(text).unwrap()
}

fn entry(id: u128, epoch: u64, operation: Operation) -> Entry {
    Entry {
        at: Millis(0),
        id: Uuid::from_u128(id),
        epoch: Epoch(epoch),
        operation,
    }
}

fn password(account: &str, hash: &str) -> NewPassword {
    NewPassword {
        account: name(account),
        hash: hash.to_owned(),
    }
}

fn create(account: &str, hash: &str) -> Operation {
    Operation::Create(password(account, hash))
}

fn change(account: &str, hash: &str) -> Operation {
    Operation::ChangePassword(password(account, hash))
}

fn log_in(account: &str, token: u8) -> Operation {
    Operation::LogIn {
        account: name(account),
        token: TokenHash([token; 32]),
        expires_at: Millis(5),
    }
}

fn log_out(account: &str, token: u8) -> Operation {
    Operation::LogOut {
        account: name(account),
        token: TokenHash([token; 32]),
    }
}

fn set(account: &str, disabled: bool) -> Operation {
    Operation::Set {
        account: name(account),
        disabled,
    }
}

fn applied(position: u64) -> Outcome {
    Outcome::Applied(Position(position))
}

fn rejected(code: ErrorCode) -> Outcome {
    Outcome::Rejected(code)
}

#[test]
fn a_name_is_given_once_and_an_id_has_one_result() {
    let mut world = World::new();
    assert_eq!(world.put(1, 10, create("ana", "one")), applied(2));
    assert_eq!(world.put(1, 10, create("ana", "other salt")), applied(2));
    assert_eq!(
        world.put(2, 10, create("ana", "two")),
        rejected(ErrorCode::AccountExists)
    );
    assert_eq!(
        world.put(1, 10, create("bea", "one")),
        rejected(ErrorCode::IdReused)
    );
    assert_eq!(
        world.put(1, 10, set("ana", true)),
        rejected(ErrorCode::IdReused)
    );
    let database = &world.database;
    assert_eq!(database.accounts[&name("ana")].password_hash, "one");
    assert_eq!((database.accounts.len(), database.events.len()), (1, 2));
}

#[test]
fn a_new_password_ends_all_tokens() {
    let mut world = World::new();
    world.put(1, 10, create("ana", "one"));
    world.put(2, 10, create("bea", "one"));
    world.put(3, 10, log_in("ana", 1));
    world.put(4, 10, log_in("ana", 2));
    world.put(5, 10, log_in("bea", 3));
    assert_eq!(world.put(6, 10, change("ana", "two")), applied(7));
    assert_eq!(world.put(6, 10, change("ana", "two again")), applied(7));
    let database = &world.database;
    assert_eq!(database.accounts[&name("ana")].password_hash, "two");
    let left: Vec<&AccountName> = database
        .tokens
        .values()
        .map(|token| &token.account)
        .collect();
    assert_eq!(left, [&name("bea")]);
}

#[test]
fn nobody_uses_an_unknown_or_disabled_account() {
    let mut world = World::new();
    world.put(1, 10, create("ana", "one"));
    world.put(2, 10, log_in("ana", 1));
    assert_eq!(world.put(3, 10, set("ana", true)), applied(4));
    assert!(world.database.tokens.is_empty());
    for (id, who) in [(4, "ana"), (6, "bea")] {
        assert_eq!(
            world.put(id, 10, log_in(who, 2)),
            rejected(ErrorCode::Unauthenticated)
        );
        assert_eq!(
            world.put(id + 1, 10, change(who, "two")),
            rejected(ErrorCode::Unauthenticated)
        );
    }
    assert_eq!(
        world.put(8, 10, set("bea", true)),
        rejected(ErrorCode::UnknownAccount)
    );
    assert_eq!(world.database.events.len(), 4);
    assert_eq!(world.put(9, 10, set("ana", false)), applied(10));
    assert_eq!(
        world.put(3, 10, set("ana", true)),
        applied(4),
        "a late retry"
    );
    assert!(!world.database.accounts[&name("ana")].disabled);
}

#[test]
fn only_its_own_account_ends_a_token() {
    let mut world = World::new();
    world.put(1, 10, create("ana", "one"));
    world.put(2, 10, create("bea", "one"));
    world.put(3, 10, log_in("ana", 1));
    let events = world.database.events.len();
    assert_eq!(world.put(4, 10, log_out("bea", 1)), applied(5));
    assert_eq!(world.put(5, 10, log_out("ana", 9)), applied(6));
    assert_eq!(world.database.events.len(), events, "without effect");
    assert_eq!(world.database.tokens.len(), 1);
    assert_eq!(world.put(6, 10, log_out("ana", 1)), applied(7));
    assert!(world.database.tokens.is_empty());
}

#[test]
fn the_oldest_tokens_end_when_there_are_too_many() {
    let mut world = World::new();
    world.put(1, 10, create("ana", "one"));
    for number in 0..=TOKENS_PER_ACCOUNT_MAX {
        let number = u8::try_from(number).unwrap();
        world.put(100 + u128::from(number), 10, log_in("ana", number));
    }
    let tokens = &world.database.tokens;
    assert_eq!(tokens.len(), TOKENS_PER_ACCOUNT_MAX);
    assert!(!tokens.contains_key(&TokenHash([0; 32])));
    assert!(tokens.contains_key(&TokenHash([1; 32])));
}

#[test]
fn a_deposed_primary_changes_nothing() {
    let mut world = World::new();
    world.put(1, 10, create("ana", "one"));
    assert_eq!(
        world.put(2, 10, Operation::Primary(server(2))),
        rejected(ErrorCode::NotPrimary),
        "an epoch is given once"
    );
    assert_eq!(world.put(3, 11, Operation::Primary(server(2))), applied(4));
    for epoch in [10, 12] {
        assert_eq!(
            world.put(4, epoch, create("bea", "one")),
            rejected(ErrorCode::NotPrimary)
        );
    }
    assert_eq!(
        world.put(1, 10, create("ana", "one")),
        applied(2),
        "known already"
    );
    assert_eq!(world.put(4, 11, create("bea", "one")), applied(8));
    assert_eq!(world.database.primary.server, Some(server(2)));
}

#[test]
fn what_no_honest_primary_writes_is_refused() {
    let mut world = World::new();
    let malformed = rejected(ErrorCode::Malformed);
    let long = "x".repeat(PASSWORD_HASH_CHARS_MAX + 1);
    assert_eq!(world.put(1, 10, create("ana", &long)), malformed);
    assert_eq!(world.put(1, 10, create("ana", "ä")), malformed);
    let claim = Operation::Primary(server(3));
    assert_eq!(world.put(1, u64::MAX, claim), malformed);
    let mut set = WorkingSet::default();
    assert_eq!(apply(&mut set, Position(1), None), malformed);
    assert_eq!(world.database.events.len(), 1);
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let account = prop::sample::select(vec!["ana", "bea", "cleo"]);
    let op =
        (0_u8..12, account, 0_u8..4, any::<bool>()).prop_map(
            |(kind, who, number, flag)| match kind {
                0 => Operation::Primary(server(u128::from(number))),
                1..=3 => create(who, &format!("hash-{number}")),
                4..=5 => change(who, &format!("hash-{number}")),
                6..=8 => log_in(who, number),
                9..=10 => log_out(who, number),
                _ => set(who, flag),
            },
        );
    // Few ids and epochs, so that they meet.
    (op, 0_u128..40, 9_u64..12).prop_map(|(op, id, epoch)| entry(id, epoch, op))
}

fn numbered(entries: Vec<Entry>) -> Vec<(Position, Entry)> {
    let positions = (1..).map(Position);
    positions.zip(entries).collect()
}

proptest! {
    #[test]
    fn any_split_into_batches_ends_the_same(
        entries in prop::collection::vec(any_entry(), 1..60),
        sizes in prop::collection::vec(1_usize..9, 60),
    ) {
        let entries = numbered(entries);
        let mut whole = Database::default();
        let outcomes = whole.apply(&entries);
        let mut split = Database::default();
        let mut split_outcomes = Vec::new();
        let mut rest = &entries[..];
        for size in sizes {
            let (batch, later) = rest.split_at(size.min(rest.len()));
            split_outcomes.extend(split.apply(batch));
            rest = later;
        }
        prop_assert!(rest.is_empty());
        prop_assert_eq!(&outcomes, &split_outcomes);
        prop_assert_eq!(&whole, &split);

        // A neighbour that is filled from this database's copy of the log is equal to it.
        let copy: Vec<(Position, Entry)> = whole
            .events
            .iter()
            .map(|(position, (_, entry))| (*position, entry.clone()))
            .collect();
        let mut neighbour = Database::default();
        for outcome in neighbour.apply(&copy) {
            prop_assert!(matches!(outcome, Outcome::Applied(_)));
        }
        prop_assert_eq!(&whole, &neighbour);
    }

    #[test]
    fn whatever_is_repeated_changes_nothing(
        entries in prop::collection::vec(any_entry(), 1..40),
        repeats in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
    ) {
        let mut database = Database::default();
        let first = database.apply(&numbered(entries.clone()));
        let before = database.clone();
        let next = entries.len() as u64 + 1;
        for (repeat, position) in repeats.iter().zip(next..) {
            let index = repeat.index(entries.len());
            let recorded = before
                .events
                .values()
                .any(|(id, entry)| *id == entries[index].id && entry.operation == entries[index].operation);
            if !recorded {
                continue;
            }
            let again = database.apply(&[(Position(position), entries[index].clone())]);
            prop_assert_eq!(again[0], first_result(&before, &entries[index]));
            prop_assert!(first.contains(&again[0]));
        }
        prop_assert_eq!(database, before);
    }

    #[test]
    fn epochs_only_rise_and_every_token_has_a_usable_account(
        entries in prop::collection::vec(any_entry(), 1..60),
    ) {
        let mut database = Database::default();
        for single in numbered(entries) {
            let before = database.primary.epoch;
            database.apply(std::slice::from_ref(&single));
            prop_assert!(database.primary.epoch >= before);
            for token in database.tokens.values() {
                prop_assert!(!database.accounts[&token.account].disabled);
            }
        }
    }
}

fn first_result(database: &Database, entry: &Entry) -> Outcome {
    let found = database.events.iter().find(|(_, (id, _))| *id == entry.id);
    let (position, _) = found.unwrap();
    Outcome::Applied(*position)
}
