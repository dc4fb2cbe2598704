//! A copy of the log without what has ended fills a neighbour as well as a whole one.

use std::collections::BTreeMap;

use uuid::Uuid;
use yoshi_protocol::Millis;

use super::super::*;

/// What a copy keeps of an entry: the entry, and where it ended.
type Copy = BTreeMap<Position, (Entry, Option<Position>)>;

fn applied(entries: impl IntoIterator<Item = (Position, Entry)>) -> (WorkingSet, Copy) {
    let (mut set, mut copy) = (WorkingSet::new(Primary::default()), Copy::new());
    for (position, entry) in entries {
        if apply(&mut set, position, Some(&entry)) == Outcome::Applied(position) {
            copy.insert(position, (entry, None));
        }
    }
    for (position, end) in set.ended() {
        copy.get_mut(position).expect("what ends was kept").1 = Some(*end);
    }
    (set, copy)
}

fn state(set: &WorkingSet) -> String {
    let accounts: Vec<_> = set.created_accounts().collect();
    let tokens: Vec<_> = set.new_tokens().collect();
    format!("{accounts:?} {tokens:?}")
}

fn token(number: u32) -> TokenHash {
    let mut hash = [0; 32];
    hash[..4].copy_from_slice(&number.to_be_bytes());
    TokenHash(hash)
}

fn log_in(number: u32, name: &str) -> Operation {
    Operation::LogIn {
        account: AccountName::new(name).unwrap(),
        token: token(number),
        expires_at: Millis(i64::MAX),
    }
}

fn log_out(number: u32, name: &str) -> Operation {
    Operation::LogOut {
        account: AccountName::new(name).unwrap(),
        token: token(number),
    }
}

/// Two accounts that log in often, and now and then do something else.
fn history(mut random: u64) -> Vec<(Position, Entry)> {
    let password = |name: &str| NewPassword {
        account: AccountName::new(name).unwrap(),
        hash: "hash".to_owned(),
    };
    let mut ops = vec![Operation::Primary(ServerId(Uuid::nil()))];
    ops.extend(["ana", "ben"].map(|name| Operation::Create(password(name))));
    for number in 0..700 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let name = if random >> 63 == 0 { "ana" } else { "ben" };
        let earlier = u32::try_from((random >> 20) % (u64::from(number) + 1)).unwrap();
        ops.push(match (random >> 40) % 600 {
            0 => Operation::ChangePassword(password(name)),
            disabled @ 1..12 => Operation::Set {
                account: AccountName::new(name).unwrap(),
                disabled: disabled == 1,
            },
            12..120 => log_out(earlier, name),
            _ => log_in(number, name),
        });
    }
    let entry = |(number, operation): (usize, Operation)| {
        let entry = Entry {
            at: Millis(0),
            id: Uuid::from_u128(number as u128 + 1),
            epoch: Epoch(1),
            operation,
        };
        (Position(number as u64 + 1), entry)
    };
    ops.into_iter().enumerate().map(entry).collect()
}

#[test]
fn what_has_ended_is_not_needed_to_fill_a_neighbour() {
    for seed in 0..20 {
        let history = history(seed);
        let (whole, copy) = applied(history.clone());
        assert!(copy.values().filter(|(_, ended)| ended.is_some()).count() > 200);
        for kept_after in [0, 100, 350, 600, 703].map(Position) {
            let kept = |copy: &Copy| -> Copy {
                let mut copy = copy.clone();
                copy.retain(|_, (_, ended)| ended.is_none_or(|ended| ended > kept_after));
                copy
            };
            let entries = |copy: Copy| copy.into_iter().map(|(at, (entry, _))| (at, entry));
            let (filled, again) = applied(entries(kept(&copy)));
            assert_eq!(state(&filled), state(&whole), "seed {seed}, {kept_after}");
            assert_eq!(again, kept(&copy), "seed {seed}, {kept_after}");
            // One that stands at the horizon already gets the rest.
            let before = history.iter().filter(|(at, _)| *at <= kept_after).cloned();
            let mut rest = kept(&copy);
            rest.retain(|at, _| *at > kept_after);
            let (continued, _) = applied(before.chain(entries(rest)));
            assert_eq!(
                state(&continued),
                state(&whole),
                "seed {seed}, {kept_after}"
            );
        }
    }
}

#[test]
fn who_stands_before_the_horizon_is_not_filled() {
    let applied = Position::in_block(ENDED_BLOCKS_KEPT + 10, 0);
    assert!(fills(Position::ZERO, applied));
    assert!(fills(Position::in_block(10, 0), applied));
    assert!(!fills(Position::in_block(9, 0), applied));
    assert!(fills(Position(5), Position(100)));
}
