//! The rules of homes.

use super::*;

fn name(text: &str) -> AccountName {
    AccountName::new(text).unwrap()
}

fn at(server: ServerId, epoch: u64) -> Affinity {
    Affinity {
        epoch: Epoch(epoch),
        server,
    }
}

#[test]
fn the_highest_epoch_counts_whatever_order_it_comes_in() {
    let (one, two) = (ServerId::random(), ServerId::random());
    let mut homes = Homes::default();
    homes.stored(name("ana"), at(one, 5), 1);
    homes.stored(name("ana"), at(two, 6), 2);
    homes.stored(name("ana"), at(one, 5), 1);
    assert_eq!(homes.get(&name("ana")), Some(at(two, 6)));
    assert_eq!((homes.accounts_of(one), homes.accounts_of(two)), (0, 1));
    // The same again is counted once.
    homes.stored(name("ana"), at(two, 6), 2);
    assert_eq!(homes.accounts_of(two), 1);
}

#[test]
fn a_deleted_entry_keeps_its_epoch_as_the_floor() {
    let one = ServerId::random();
    let mut homes = Homes::default();
    homes.stored(name("ana"), at(one, 5), 1);
    homes.deleted(&name("ana"), 2);
    homes.stored(name("ana"), at(one, 5), 1);
    assert_eq!(homes.get(&name("ana")), None);
    assert_eq!(homes.accounts_of(one), 0);
    let standing = Standing {
        epoch: Some(Epoch(5)),
        revision: 2,
    };
    assert_eq!(homes.standing(&name("ana")), standing);
    homes.stored(name("ana"), at(one, 6), 3);
    homes.deleted(&name("ana"), 2);
    assert_eq!(homes.get(&name("ana")), Some(at(one, 6)));
}

#[test]
fn a_lost_bucket_starts_again_at_revision_zero_above_the_old_epoch() {
    let one = ServerId::random();
    let mut homes = Homes::default();
    homes.stored(name("ana"), at(one, 5), 900);
    homes.absent(&name("ana"));
    let standing = Standing {
        epoch: Some(Epoch(5)),
        revision: 0,
    };
    assert_eq!(homes.standing(&name("ana")), standing);
    homes.stored(name("ana"), at(one, 7), 1);
    assert_eq!(homes.standing(&name("ana")).revision, 1);
    assert_eq!(homes.accounts_of(one), 1);
}

#[test]
fn a_deleted_entry_of_an_unknown_account_can_be_written_over() {
    let one = ServerId::random();
    let mut homes = Homes::default();
    homes.deleted(&name("ana"), 4);
    homes.deleted(&name("ana"), 3);
    let standing = Standing {
        epoch: None,
        revision: 4,
    };
    assert_eq!(homes.standing(&name("ana")), standing);
    homes.stored(name("ana"), at(one, 5), 5);
    assert_eq!(homes.standing(&name("ana")).revision, 5);
    // With the bucket lost, it begins again.
    homes.deleted(&name("ben"), 6);
    homes.absent(&name("ben"));
    assert_eq!(homes.standing(&name("ben")), Standing::default());
}

#[test]
fn an_entry_of_a_later_release_takes_the_home_away_until_it_is_replaced() {
    let one = ServerId::random();
    let mut homes = Homes::default();
    homes.stored(name("ana"), at(one, 5), 1);
    homes.unreadable(name("ana"), 3);
    assert!(homes.is_unreadable(&name("ana")));
    assert_eq!(homes.get(&name("ana")), None);
    assert_eq!(homes.accounts_of(one), 0);
    assert!(homes.homed_at(|_| true, 4).is_empty());
    // What came before it changes nothing, nor does the same again.
    homes.stored(name("ana"), at(one, 6), 2);
    homes.deleted(&name("ana"), 2);
    homes.unreadable(name("ana"), 3);
    assert!(homes.is_unreadable(&name("ana")));
    homes.stored(name("ana"), at(one, 7), 4);
    assert!(!homes.is_unreadable(&name("ana")));
    assert_eq!(homes.get(&name("ana")), Some(at(one, 7)));
    // It comes late.
    homes.unreadable(name("ana"), 3);
    assert_eq!(homes.get(&name("ana")), Some(at(one, 7)));
    // Of an account that was not known before.
    homes.unreadable(name("ben"), 5);
    assert!(homes.is_unreadable(&name("ben")));
    homes.deleted(&name("ben"), 6);
    assert!(!homes.is_unreadable(&name("ben")));
    assert_eq!(homes.standing(&name("ben")).revision, 6);
}

#[test]
fn an_older_entry_of_the_leader_is_written_over_above_what_was_known() {
    let (one, two) = (ServerId::random(), ServerId::random());
    for (older, newer) in [(3, 9), (900, 9)] {
        let mut homes = Homes::default();
        homes.stored(name("ana"), at(two, 8), newer);
        homes.held(&name("ana"), Held::Home(at(one, 5)), older);
        assert_eq!(homes.get(&name("ana")), Some(at(two, 8)), "it still serves");
        let standing = Standing {
            epoch: Some(Epoch(8)),
            revision: older,
        };
        assert_eq!(homes.standing(&name("ana")), standing);
        assert_eq!((homes.accounts_of(one), homes.accounts_of(two)), (0, 1));
        homes.stored(name("ana"), at(one, 9), older + 1);
        assert_eq!(homes.get(&name("ana")), Some(at(one, 9)));
    }
}

#[test]
fn what_the_leader_holds_counts_below_the_known_revision_too() {
    let one = ServerId::random();
    let mut homes = Homes::default();
    homes.stored(name("ana"), at(one, 5), 8);
    homes.held(&name("ana"), Held::Marker, 3);
    assert_eq!(homes.get(&name("ana")), None);
    assert_eq!(homes.standing(&name("ana")).revision, 3);
    homes.held(&name("ana"), Held::Home(at(one, 5)), 2);
    assert_eq!(homes.get(&name("ana")), Some(at(one, 5)));
    assert_eq!(homes.accounts_of(one), 1);
    homes.held(&name("ana"), Held::Unreadable, 1);
    assert!(homes.is_unreadable(&name("ana")));
    homes.held(&name("ana"), Held::Home(at(one, 6)), 1);
    assert!(!homes.is_unreadable(&name("ana")));
    assert_eq!(homes.get(&name("ana")), Some(at(one, 6)));
    // Of an account of which a marker was known.
    homes.deleted(&name("ben"), 8);
    homes.held(&name("ben"), Held::Marker, 2);
    assert_eq!(homes.standing(&name("ben")).revision, 2);
}

#[test]
fn a_home_that_was_outlived_is_none_until_a_later_one_comes() {
    let (one, two) = (ServerId::random(), ServerId::random());
    let mut homes = Homes::default();
    homes.stored(name("ana"), at(one, 5), 3);
    assert!(!homes.outlived(name("ana"), Epoch(5)), "its own epoch");
    assert_eq!(homes.get(&name("ana")), Some(at(one, 5)));
    assert!(homes.outlived(name("ana"), Epoch(8)));
    assert!(!homes.outlived(name("ana"), Epoch(8)), "the same again");
    assert_eq!(homes.get(&name("ana")), None);
    let standing = Standing {
        epoch: Some(Epoch(8)),
        revision: 3,
    };
    assert_eq!(homes.standing(&name("ana")), standing);
    // Another load balancer that does not know it either.
    homes.stored(name("ana"), at(two, 7), 4);
    assert_eq!(homes.get(&name("ana")), None);
    homes.stored(name("ana"), at(two, 9), 5);
    assert_eq!(homes.get(&name("ana")), Some(at(two, 9)));
    assert!(homes.outlived.is_empty());
    // Of an account that is not known at all.
    assert!(homes.outlived(name("ben"), Epoch(8)));
    assert_eq!(homes.standing(&name("ben")).epoch, Some(Epoch(8)));
}

#[test]
fn a_bucket_made_anew_is_followed_from_its_first_revision() {
    let one = ServerId::random();
    let mut homes = Homes::default();
    homes.stored(name("ana"), at(one, 5), 900);
    homes.unreadable(name("ben"), 901);
    homes.begin_anew();
    assert_eq!(homes.get(&name("ana")), Some(at(one, 5)), "it still serves");
    assert_eq!(homes.standing(&name("ana")).revision, 0);
    assert!(!homes.is_unreadable(&name("ben")));
    homes.stored(name("ben"), at(one, 6), 1);
    assert_eq!(homes.get(&name("ben")), Some(at(one, 6)));
    homes.deleted(&name("ana"), 2);
    assert_eq!(homes.get(&name("ana")), None);
}

#[test]
fn accounts_of_lost_servers_are_found_within_the_bound() {
    let (one, two) = (ServerId::random(), ServerId::random());
    let mut homes = Homes::default();
    for index in 0..10 {
        homes.stored(name(&format!("a{index}")), at(one, 5), 1);
    }
    homes.stored(name("b"), at(two, 5), 1);
    assert_eq!(homes.homed_at(|server| server == one, 4).len(), 4);
    assert_eq!(homes.homed_at(|server| server == two, 4), [name("b")]);
}
