//! Whom a backup greets by a heartbeat, and when: a primary waits for whoever greets it.

use super::*;

/// A backup that has just greeted the second server, and waits for its answer.
fn greeting(now: Instant) -> Election {
    let first = NewPrimReg {
        id: id(2),
        epoch: Epoch(1),
    };
    let mut election = Election::new(id(1), settings(), Epoch(1), Some(first), 1, now);
    let actions = election.step(now, tick(true));
    assert!(actions.contains(&Action::Beat(id(2))), "{actions:?}");
    election
}

fn tick(prompt: bool) -> Input {
    Input::Tick {
        eligible: true,
        prompt,
    }
}

fn greets(actions: &[Action]) -> bool {
    let is_beat = |action: &Action| matches!(action, Action::Beat(_));
    actions.iter().any(is_beat)
}

fn answered(epoch: Epoch) -> Input {
    Input::Beat {
        of: id(2),
        answered: Some(epoch),
    }
}

#[test]
fn a_backup_whose_database_is_silent_has_nobody_wait_for_it() {
    for silent in [tick(false), Input::Unable] {
        let start = Instant::now();
        let mut election = greeting(start);
        for second in 1..30 {
            let now = start + seconds(second);
            for input in [silent, answered(Epoch(1)), Input::LeaseRead(None)] {
                let actions = election.step(now, input);
                assert!(!greets(&actions), "{input:?}: {actions:?}");
            }
        }
        assert!(greets(&election.step(start + seconds(30), tick(true))));
    }
}

#[test]
fn a_holder_that_stepped_down_for_its_database_has_nobody_wait_for_it() {
    let mut world = World::new(2, 5);
    world.run(seconds(20));
    let old = world.primaries()[0];
    world.node(old).unable = true;
    world.run(seconds(4));
    let new = world.primaries()[0];
    let now = world.now;
    let election = &mut world.node(old).election;
    assert_eq!(election.role().followed(), Some(new));
    assert!(!greets(&election.step(now + seconds(5), Input::Unable)));
    assert!(greets(&election.step(now + seconds(5), tick(true))));
}

#[test]
fn a_new_primary_is_greeted_before_the_old_one_has_answered() {
    let start = Instant::now();
    let mut election = greeting(start);
    let new = NewPrimReg {
        id: id(3),
        epoch: Epoch(2),
    };
    let now = start + STEP;
    let actions = election.step(now, Input::Heard(new));
    assert!(actions.contains(&Action::Beat(id(3))), "{actions:?}");
    // The old one's answer does not make it greet the new one once more meanwhile.
    election.step(now + STEP, answered(Epoch(1)));
    let later = now + seconds(2);
    assert!(!greets(&election.step(later, tick(true))));
    let refused = Input::Beat {
        of: id(3),
        answered: None,
    };
    assert!(greets(&election.step(later, refused)));
}
