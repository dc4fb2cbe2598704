//! Servers come, fall silent, are declared down and come back.

use std::time::Duration;

use yoshi_protocol::Position;
use yoshi_protocol::message::roster::DownReason;
use yoshi_service::liveness::SILENT_MAX;

use super::*;

fn ping(id: ServerId, incarnation: Incarnation, state: MsState) -> PingMs {
    PingMs {
        id,
        host: "here".to_owned(),
        load: 0,
        state,
        lost: false,
        stream: None,
        applied: Position::ZERO,
        stopped: false,
        incarnation,
        silence_seconds: None,
    }
}

fn timed_out(id: ServerId, incarnation: Option<Incarnation>) -> MsDown {
    MsDown {
        id,
        reason: DownReason::Timeout,
        incarnation,
    }
}

struct Case {
    roster: Roster,
    now: Instant,
    id: ServerId,
    life: Incarnation,
}

impl Case {
    fn serving() -> Self {
        let now = Instant::now();
        let mut case = Self {
            roster: Roster::new(now, SILENT_MAX),
            now,
            id: ServerId::random(),
            life: Incarnation::random(),
        };
        assert_eq!(case.ping(MsState::Serving), Change::Came);
        case
    }

    fn ping(&mut self, state: MsState) -> Change {
        self.roster.ping(ping(self.id, self.life, state), self.now)
    }

    fn sweep_for(&mut self, millis: u64) -> Vec<ServerId> {
        let mut gone = Vec::new();
        for _ in 0..millis / limit::SWEEP_MILLIS {
            self.now += Duration::from_millis(limit::SWEEP_MILLIS);
            gone.extend(self.roster.sweep(self.now, true));
        }
        gone
    }
}

#[test]
fn three_seconds_of_silence_are_the_end() {
    let mut case = Case::serving();
    assert_eq!(case.sweep_for(3_000), []);
    assert!(case.roster.is_serving(case.id));
    assert_eq!(case.sweep_for(250), [case.id]);
    assert!(case.roster.is_lost(case.id));
    assert_eq!(case.ping(MsState::Serving), Change::Came);
}

#[test]
fn who_fell_silent_is_remembered_until_it_comes_back_or_is_destroyed() {
    let mut case = Case::serving();
    let silent = |case: &Case| -> Vec<_> {
        let silent = case.roster.silent().map(|live| live.ping.id);
        silent.collect()
    };
    let heard_at = case.now;
    case.sweep_for(3_250);
    assert_eq!(silent(&case), [case.id]);
    assert_eq!(case.roster.silent().next().unwrap().heard_at, heard_at);
    assert!(case.roster.is_known(case.id) && case.roster.live().next().is_none());
    case.ping(MsState::Joining);
    assert_eq!(silent(&case), []);
    case.sweep_for(3_250);
    case.roster.destroy(case.id);
    assert_eq!(silent(&case), []);
    assert!(!case.roster.is_known(case.id));
}

#[test]
fn silence_while_nobody_listened_proves_nothing() {
    let mut case = Case::serving();
    case.now += Duration::from_secs(60);
    assert_eq!(case.roster.sweep(case.now, true), []);
    assert_eq!(case.sweep_for(2_000), []);
    assert_eq!(case.roster.sweep(case.now, false), []);
    assert_eq!(case.sweep_for(3_000), []);
    assert_eq!(case.sweep_for(250), [case.id]);
}

#[test]
fn only_serving_servers_get_accounts() {
    let mut case = Case::serving();
    assert_eq!(case.ping(MsState::Serving), Change::None);
    for (state, lost) in [
        (MsState::Behind, false),
        (MsState::Joining, false),
        (MsState::Draining, true),
    ] {
        assert_eq!(case.ping(state), Change::State);
        assert_eq!(case.roster.serving().count(), 0);
        assert_eq!(case.roster.is_lost(case.id), lost);
        assert_eq!(case.roster.live().count(), 1);
    }
}

#[test]
fn a_server_that_timed_out_must_know_it_before_it_counts_again() {
    for life_named in [true, false] {
        let mut case = Case::serving();
        let down = timed_out(case.id, life_named.then_some(case.life));
        assert!(case.roster.down(&down));
        assert!(case.roster.is_lost(case.id));
        assert_eq!(case.ping(MsState::Serving), Change::Ignored);
        assert_eq!(case.ping(MsState::Behind), Change::Came);
        assert_eq!(case.ping(MsState::Serving), Change::State);
        assert!(case.roster.is_serving(case.id));

        assert!(case.roster.down(&down));
        case.life = Incarnation::random();
        assert_eq!(case.ping(MsState::Serving), Change::Came);
        // Late news about the earlier life says nothing about this one.
        assert_eq!(case.roster.down(&down), !life_named);
    }
}

#[test]
fn a_silent_server_that_timed_out_must_know_it_when_it_wakes() {
    let mut case = Case::serving();
    assert_eq!(case.sweep_for(3_250), [case.id]);
    assert!(!case.roster.down(&timed_out(case.id, Some(case.life))));
    assert_eq!(case.ping(MsState::Serving), Change::Ignored);
    assert_eq!(case.ping(MsState::Behind), Change::Came);
}

#[test]
fn a_server_that_drains_or_has_stopped_is_lost() {
    let mut case = Case::serving();
    for (state, stopped, lost) in [
        (MsState::Serving, false, false),
        (MsState::Behind, false, false),
        (MsState::Behind, true, true),
        (MsState::Draining, false, true),
    ] {
        let ping = PingMs {
            stopped,
            ..ping(case.id, case.life, state)
        };
        case.roster.ping(ping, case.now);
        assert_eq!(case.roster.is_lost(case.id), lost, "{state:?} {stopped}");
    }
}

#[test]
fn what_is_destroyed_stays_away() {
    let mut case = Case::serving();
    case.roster.destroy(case.id);
    assert_eq!(case.ping(MsState::Serving), Change::Ignored);
    case.life = Incarnation::random();
    assert_eq!(case.ping(MsState::Joining), Change::Ignored);
    assert_eq!(case.roster.destroyed().collect::<Vec<_>>(), [case.id]);
    case.roster.restore(case.id);
    assert_eq!(case.ping(MsState::Serving), Change::Came);
}

#[test]
fn the_roster_is_bounded() {
    let mut case = Case::serving();
    for _ in 1..limit::ROSTER_SERVERS_MAX {
        let other = ping(ServerId::random(), case.life, MsState::Serving);
        assert_eq!(case.roster.ping(other, case.now), Change::Came);
    }
    let other = ping(ServerId::random(), case.life, MsState::Serving);
    assert_eq!(case.roster.ping(other, case.now), Change::Ignored);
    assert_eq!(case.ping(MsState::Serving), Change::None);
}
