//! Histories that break a promise about accounts, primaries, homes, or databases.

use super::{finds, record, spoiled};
use crate::checker::Harm;
use crate::history::{Call, Outcome};

#[test]
fn i9_a_lost_account_or_password() {
    let key = |password: &str| ("ana".to_owned(), password.to_owned());
    finds("I9", Harm::Lost, |good| {
        good.rest.log_ins.insert(key("new"), false);
    });
    finds("I9", Harm::Other, |good| {
        good.rest.log_ins.insert(key("old"), true);
    });
    finds("I9", Harm::Lost, |good| {
        good.rest.events.get_mut("rs2").unwrap()[1].created = None;
    });
    finds("I9", Harm::Doubled, |good| {
        good.rest.events.get_mut("rs2").unwrap()[3].created = Some("ana".into());
    });
    let log_in = |second, password: &str, outcome| {
        let call = Call::LogIn {
            account: "ana".into(),
            password: password.into(),
        };
        record(second, call, outcome)
    };
    let refused = || Outcome::Fail {
        code: "unauthenticated".into(),
    };
    finds("I9", Harm::Lost, |good| {
        good.records.push(log_in(8, "new", refused()))
    });
    finds("I9", Harm::Other, |good| {
        good.records.push(log_in(8, "old", Outcome::Done))
    });
    let right = spoiled(|good| {
        good.records.push(log_in(8, "old", refused()));
        good.records.push(log_in(9, "new", Outcome::Done));
    });
    assert_eq!(right, []);
}

#[test]
fn i9_a_change_of_unknown_outcome_leaves_both_passwords_open() {
    for (old, new) in [(true, false), (false, true)] {
        let found = spoiled(|good| {
            good.records[7].outcome = Outcome::Unknown {
                reason: String::new(),
            };
            good.rest.log_ins.insert(("ana".into(), "old".into()), old);
            good.rest.log_ins.insert(("ana".into(), "new".into()), new);
        });
        assert_eq!(found, []);
    }
}

#[test]
fn i10_two_primaries() {
    finds("I10", Harm::Other, |good| {
        good.rest.events.get_mut("rs1").unwrap()[2].epoch = 5;
    });
    finds("I10", Harm::Other, |good| {
        good.rest.events.get_mut("rs1").unwrap()[3].epoch = 5;
    });
}

#[test]
fn i11_two_homes() {
    finds("I11", Harm::Other, |good| {
        good.rest.roots.insert(2, "another".into());
    });
    finds("I11", Harm::Other, |good| {
        good.server("ms1").tasks[1].epoch = 6;
    });
}

#[test]
fn i13_databases_that_stay_different() {
    finds("I13", Harm::Other, |good| good.rest.messages_equal = None);
    finds("I13", Harm::Other, |good| {
        good.rest.accounts_equal = Some(2 * crate::checker::EQUAL_WITHIN);
    });
}
