//! The root's rules, one by one, and under random schedules.

use std::collections::BTreeMap;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const BETA: Duration = Duration::from_secs(30);

fn server(number: u128) -> ServerId {
    ServerId(Uuid::from_u128(number))
}

fn life(number: u128) -> Incarnation {
    Incarnation(Uuid::from_u128(number))
}

fn peer(number: u128, applied: Position) -> Peer {
    Peer {
        id: server(number),
        incarnation: life(number),
        lost: false,
        stream: None,
        applied,
        counts: true,
        silence: Duration::ZERO,
    }
}

fn account(name: &str) -> AccountName {
    AccountName::new(name).unwrap()
}

fn root(peers: &[Peer]) -> Root<u32, &'static str> {
    let mut root = Root::new(server(1), BETA, Position::ZERO);
    root.set_peers(peers);
    root
}

fn ok(sequence: u64, count: usize) -> Vec<(Position, &'static str)> {
    (0..count)
        .map(|index| (Position::in_block(sequence, index), "ok"))
        .collect()
}

fn tickets(root: &mut Root<u32, &'static str>) -> Vec<u32> {
    root.done().into_iter().map(|(ticket, _)| ticket).collect()
}

/// The log is lost and recovered without server 3, which comes back with more of
/// the lost log than the new one has given out.
#[test]
fn a_position_of_another_log_makes_nobody_a_holder() {
    let (lost, log) = (life(100), life(101));
    let of = |stream, number, applied| Peer {
        stream: Some(stream),
        ..peer(number, applied)
    };
    let far = Position::end_of_block(900);
    let mut root = Root::new(server(1), BETA, Position::ZERO);
    root.follow(lost);
    root.set_peers(&[of(lost, 2, far), of(lost, 3, far)]);
    root.follow(log);
    let three = Peer {
        counts: false,
        ..of(lost, 3, far)
    };
    root.set_peers(&[of(log, 2, Position::end_of_block(4)), three]);
    root.submit(7, account("ana"), vec![1]).unwrap();
    root.next_block().unwrap();
    root.stored(5, Instant::now());
    root.outcomes(ok(5, 1));
    root.applied(Position::end_of_block(5));
    assert!(
        root.done().is_empty(),
        "what 2 had said was of the lost log"
    );
    root.accounted_in(Some(lost), (server(2), life(2)), far);
    root.accounted_in(Some(lost), (server(3), life(3)), far);
    assert!(root.done().is_empty());
    root.accounted_in(Some(log), (server(2), life(2)), Position::end_of_block(5));
    let done = root.done();
    let accounted = done[0].1.as_ref().unwrap();
    assert_eq!(accounted.accounted_for, [server(1), server(2)]);
    // Servers of an earlier release do not say of which log they speak.
    root.set_peers(&[peer(3, far)]);
    root.accounted_in(None, (server(3), life(3)), far);
    assert_eq!(root.peers.holders(server(1), far), [server(1), server(3)]);
}

/// The stream has lost its end and grown again: server 3 had applied other blocks there.
#[test]
fn whoever_had_applied_a_place_before_it_was_given_out_does_not_hold_it() {
    let far = Position::end_of_block(9);
    let mut root = root(&[peer(2, Position::end_of_block(4)), peer(3, far)]);
    root.submit(7, account("ana"), vec![1]).unwrap();
    root.next_block().unwrap();
    // As fast as the acknowledgement: this one has read the block.
    root.accounted(server(2), life(2), Position::end_of_block(5));
    root.stored(5, Instant::now());
    root.outcomes(ok(5, 1));
    root.applied(Position::end_of_block(5));
    root.accounted(server(3), life(3), far);
    assert!(
        root.done().is_empty(),
        "it is waited for, as it says that it serves"
    );
    root.set_peers(&[peer(2, Position::end_of_block(5))]);
    let done = root.done();
    let accounted = done[0].1.as_ref().unwrap();
    assert_eq!(accounted.accounted_for, [server(1), server(2)]);
    // It is filled anew, and begins another life.
    let anew = Peer {
        incarnation: life(33),
        ..peer(3, Position::end_of_block(5))
    };
    root.set_peers(&[peer(2, far), anew]);
    let holders = root.peers.holders(server(1), Position::in_block(5, 0));
    assert_eq!(holders, [server(1), server(2), server(3)]);
}

#[test]
fn success_waits_for_every_peer_that_counts() {
    let mut root = root(&[peer(2, Position::ZERO), peer(3, Position::ZERO)]);
    root.submit(7, account("ana"), vec![1]).unwrap();
    assert_eq!(root.next_block().unwrap().len(), 1);
    root.stored(5, Instant::now());
    root.outcomes(ok(5, 1));
    root.applied(Position::end_of_block(5));
    root.accounted(server(2), life(2), Position::end_of_block(5));
    assert!(root.done().is_empty());
    root.accounted(server(3), life(99), Position::end_of_block(5));
    assert!(
        root.done().is_empty(),
        "another life of the server proves nothing"
    );
    root.accounted(server(3), life(3), Position::end_of_block(5));
    let (ticket, accounted) = root.done().remove(0);
    let accounted = accounted.unwrap();
    assert_eq!((ticket, accounted.outcome), (7, "ok"));
    assert_eq!(accounted.position, Position::in_block(5, 0));
    assert_eq!(accounted.accounted_for, [server(1), server(2), server(3)]);
    assert!(root.is_idle());
}

#[test]
fn what_a_lost_log_may_have_held_is_given_back_and_the_account_goes_on() {
    let mut root = root(&[peer(2, Position::ZERO)]);
    root.submit(1, account("ana"), vec![1]).unwrap();
    root.next_block().unwrap();
    root.stored(5, Instant::now());
    root.outcomes(ok(5, 1));
    root.applied(Position::end_of_block(5));
    root.submit(2, account("bo"), vec![1]).unwrap();
    root.next_block().unwrap();
    root.stored(6, Instant::now());
    root.submit(3, account("bo"), vec![1]).unwrap();
    assert!(root.next_block().is_none());
    assert_eq!(
        root.forget_stored(),
        [2],
        "applied here: the peer may follow"
    );
    assert_eq!(root.next_block().unwrap().len(), 1, "bo's next");
    // In the log that continues it, sequence 6 is another block's.
    root.applied(Position::end_of_block(6));
    root.accounted(server(2), life(2), Position::end_of_block(6));
    assert_eq!(tickets(&mut root), [1]);
    root.stored(7, Instant::now());
    root.outcomes(ok(7, 1));
    root.applied(Position::end_of_block(7));
    root.accounted(server(2), life(2), Position::end_of_block(7));
    assert_eq!(tickets(&mut root), [3]);
    assert!(root.is_idle());
}

#[test]
fn success_waits_for_the_own_database() {
    let mut root = root(&[peer(2, Position::ZERO)]);
    root.submit(7, account("ana"), vec![1]).unwrap();
    root.next_block().unwrap();
    root.stored(5, Instant::now());
    root.accounted(server(2), life(2), Position::end_of_block(5));
    assert!(root.done().is_empty());
    root.outcomes(ok(5, 1));
    assert!(
        root.done().is_empty(),
        "an outcome without the commit's position is not done"
    );
    root.applied(Position::end_of_block(5));
    assert_eq!(tickets(&mut root), [7]);
}

#[test]
fn an_accounts_entries_wait_for_its_previous_ones_and_then_travel_together() {
    let mut root = root(&[]);
    for ticket in 1..=3 {
        root.submit(ticket, account("ana"), vec![1]).unwrap();
        if ticket == 1 {
            assert_eq!(root.next_block().unwrap().len(), 1);
        }
    }
    root.submit(4, account("bo"), vec![1]).unwrap();
    assert!(root.next_block().is_none(), "one block in flight");
    root.stored(1, Instant::now());
    assert!(root.next_block().is_none(), "stored, but not applied here");
    root.outcomes(ok(1, 1));
    let block = root.next_block().unwrap();
    assert_eq!(
        block.len(),
        1,
        "only bo's: ana's first is not accounted for"
    );
    root.applied(Position::end_of_block(1));
    assert_eq!(tickets(&mut root), [1]);
    root.stored(2, Instant::now());
    root.outcomes(ok(2, 1));
    assert_eq!(root.next_block().unwrap().len(), 2);
}

#[test]
fn outcomes_may_overtake_the_acknowledgement() {
    let mut root = root(&[]);
    root.submit(7, account("ana"), vec![1]).unwrap();
    root.next_block().unwrap();
    root.outcomes(ok(5, 1));
    root.applied(Position::end_of_block(5));
    assert!(root.done().is_empty());
    root.stored(5, Instant::now());
    assert_eq!(tickets(&mut root), [7]);
}

#[test]
fn a_part_of_a_block_gets_its_own_outcomes_and_the_rest_is_told_unknown() {
    let mut root = root(&[]);
    for ticket in 0..3 {
        root.submit(ticket, account(&format!("a{ticket}")), vec![1])
            .unwrap();
    }
    root.next_block().unwrap();
    root.stored(5, Instant::now());
    root.outcomes(vec![
        (Position::in_block(5, 2), "third"),
        (Position::in_block(9, 0), "no"),
    ]);
    root.applied(Position::end_of_block(5));
    let outcome = |done: Option<Accounted<&'static str>>| done.map(|done| done.outcome);
    let done: Vec<_> = root
        .done()
        .into_iter()
        .map(|(t, done)| (t, outcome(done)))
        .collect();
    assert_eq!(done, [(0, None), (1, None), (2, Some("third"))]);
    assert!(root.is_idle());
}

#[test]
fn a_peer_that_goes_by_a_longer_silence_than_beta_is_waited_for_as_long() {
    let patient = Peer {
        silence: BETA + Duration::from_secs(5),
        ..peer(2, Position::ZERO)
    };
    let mut root = root(&[patient]);
    let start = Instant::now();
    root.submit(7, account("ana"), vec![1]).unwrap();
    root.next_block().unwrap();
    root.stored(1, start);
    root.outcomes(ok(1, 1));
    root.applied(Position::end_of_block(1));
    assert!(root.tick(start + BETA).is_empty(), "it may still serve");
    assert!(tickets(&mut root).is_empty());
    assert_eq!(root.tick(start + patient.silence).len(), 1);
    assert_eq!(tickets(&mut root), [7]);
}

#[test]
fn nobody_waits_twice_for_a_peer_that_missed_beta() {
    let start = Instant::now();
    let mut root = root(&[peer(2, Position::ZERO), peer(3, Position::ZERO)]);
    let send = |root: &mut Root<u32, &'static str>, ticket: u32, sequence| {
        root.submit(ticket, account("ana"), vec![1]).unwrap();
        root.next_block().unwrap();
        root.stored(sequence, start);
        root.outcomes(ok(sequence, 1));
        root.applied(Position::end_of_block(sequence));
        root.accounted(server(2), life(2), Position::end_of_block(sequence));
    };
    send(&mut root, 1, 1);
    assert!(root.tick(start + BETA / 2).is_empty());
    assert!(root.done().is_empty());
    assert_eq!(
        root.tick(start + BETA),
        [Down {
            id: server(3),
            incarnation: life(3)
        }]
    );
    assert_eq!(
        root.done()[0].1.as_ref().unwrap().accounted_for,
        [server(1), server(2)]
    );
    send(&mut root, 2, 2);
    assert_eq!(tickets(&mut root), [2], "at once");
    root.accounted(server(3), life(3), Position::end_of_block(2));
    send(&mut root, 3, 3);
    assert!(
        root.done().is_empty(),
        "it has caught up, so it counts again"
    );
}

#[test]
fn a_peer_that_is_gone_is_waited_for_no_more() {
    let mut root = root(&[peer(2, Position::ZERO)]);
    root.submit(7, account("ana"), vec![1]).unwrap();
    root.next_block().unwrap();
    root.stored(5, Instant::now());
    root.outcomes(ok(5, 1));
    root.applied(Position::end_of_block(5));
    assert!(root.done().is_empty());
    root.set_peers(&[]);
    assert_eq!(tickets(&mut root), [7]);
}

#[test]
fn blocks_and_queues_are_bounded() {
    let mut root = root(&[]);
    for ticket in 0..1_500 {
        root.submit(ticket, account(&format!("a{ticket}")), vec![0; 10])
            .unwrap();
    }
    assert_eq!(root.next_block().unwrap().len(), BLOCK_ENTRIES_MAX);
    root.stored(1, Instant::now());
    root.outcomes(ok(1, BLOCK_ENTRIES_MAX));
    assert_eq!(root.next_block().unwrap().len(), 500);
    root.stored(2, Instant::now());
    root.outcomes(ok(2, 500));
    let half = BLOCK_ENTRIES_BYTES_MAX / 2 + 1;
    root.submit(1, account("x"), vec![0; half]).unwrap();
    root.submit(2, account("x"), vec![0; half]).unwrap();
    assert_eq!(root.next_block().unwrap().len(), 1);
    root.stored(3, Instant::now());
    let mut refused = 0;
    for ticket in 0..WAITING_ENTRIES_MAX + 10 {
        refused += usize::from(
            root.submit(0, account(&format!("b{ticket}")), vec![])
                .is_err(),
        );
    }
    assert_eq!(refused, 11);
}

proptest! {
    /// Whatever the schedule: every ticket comes back once, an account's in the
    /// order of submission, and never before all three servers have it.
    #[test]
    fn any_schedule_keeps_the_rules(steps in prop::collection::vec((0..6_u8, 0..4_u8), 1..300)) {
        let mut root = root(&[peer(2, Position::ZERO), peer(3, Position::ZERO)]);
        let now = Instant::now();
        let (mut next_ticket, mut sequence, mut block) = (0_u32, 0_u64, None);
        let mut sizes = BTreeMap::new();
        let mut applied = [0_u64; 3];
        let mut owners = HashMap::new();
        let mut last_done: HashMap<u8, u32> = HashMap::new();
        let mut finished = 0;
        let drain = (0..2_000).map(|step: u32| (u8::try_from(1 + step % 5).unwrap(), 0));
        for (step, which) in steps.into_iter().chain(drain) {
            match step {
                0 => {
                    owners.insert(next_ticket, which);
                    root.submit(next_ticket, account(&format!("a{which}")), vec![which]).unwrap();
                    next_ticket += 1;
                }
                1 if block.is_none() => block = root.next_block().map(|entries| entries.len()),
                2 => if let Some(size) = block.take() {
                    sequence += 1;
                    sizes.insert(sequence, size);
                    root.stored(sequence, now);
                },
                3 if applied[0] < sequence => {
                    applied[0] += 1;
                    root.outcomes(ok(applied[0], sizes[&applied[0]]));
                    root.applied(Position::end_of_block(applied[0]));
                }
                4 | 5 => {
                    let index = usize::from(step - 3);
                    applied[index] = (applied[index] + 1).min(sequence);
                    let position = Position::end_of_block(applied[index]);
                    root.accounted(server(u128::from(step - 2)), life(u128::from(step - 2)), position);
                }
                _ => {}
            }
            for (ticket, accounted) in root.done() {
                let accounted = accounted.unwrap();
                prop_assert!(applied.iter().all(|have| *have >= accounted.position.sequence()));
                let previous = last_done.insert(owners[&ticket], ticket);
                prop_assert!(previous.is_none_or(|previous| previous < ticket));
                finished += 1;
            }
        }
        prop_assert_eq!(finished, next_ticket);
        prop_assert!(root.is_idle());
    }
}
