//! The backups that a primary knows by their heartbeats: who is live, and for
//! whom success waits. No I/O; the time is told.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use yoshi_protocol::message::roster::RsHeartbeat;
use yoshi_protocol::{Incarnation, Position, ServerId};
use yoshi_replica::Peer;
use yoshi_service::liveness::Hearing;

use crate::limit::BACKUPS_MAX;

#[derive(Debug)]
struct Backup {
    incarnation: Incarnation,
    /// The stream is not its log.
    lost: bool,
    /// The log that it follows; none if it does not say.
    stream: Option<Incarnation>,
    applied: Position,
    heard_at: Instant,
    counts: bool,
}

/// The live backups of a primary.
#[derive(Debug)]
pub struct Backups {
    /// The log that this server follows; none until it was told.
    log: Option<Incarnation>,
    seen: BTreeMap<ServerId, Backup>,
    /// Whose silence proves something, to this process.
    hearing: Hearing,
    /// How often this server's own position is noted.
    interval: Duration,
    noted_at: Instant,
    noted: Position,
    /// Where this server stood one to two intervals ago: whoever is there is at the tail.
    tail: Position,
}

impl Backups {
    /// None yet. `interval` is that of the heartbeats.
    #[must_use]
    pub fn new(now: Instant, interval: Duration, silence_max: Duration, applied: Position) -> Self {
        Self {
            log: None,
            seen: BTreeMap::new(),
            hearing: Hearing::new(silence_max),
            interval,
            noted_at: now,
            noted: applied,
            tail: applied,
        }
    }

    /// The log that this server follows. A backup of another one is waited for
    /// once it stands at the tail of this one: its position says nothing before.
    pub fn follow(&mut self, log: Incarnation) {
        if self.log.replace(log).is_some_and(|before| before != log) {
            for backup in self.seen.values_mut() {
                (backup.applied, backup.counts) = (Position::ZERO, false);
            }
        }
    }

    /// Notes this server's own position, and whether it can hear the others;
    /// to be called often.
    pub fn note(&mut self, now: Instant, applied: Position, connected: bool) {
        self.hearing.look(now, connected);
        if now.duration_since(self.noted_at) >= self.interval {
            self.noted_at = now;
            self.tail = self.noted;
            self.noted = applied;
        }
    }

    /// A heartbeat. Success waits for a backup from the moment that it is at
    /// the tail until it is gone: one that falls behind later is the replica's
    /// business, which waits for it no longer than β.
    pub fn heard(&mut self, now: Instant, beat: &RsHeartbeat) {
        let is_of_another = beat.stream.is_some() && self.log.is_some() && beat.stream != self.log;
        let at_tail = !is_of_another && !beat.lost && beat.applied >= self.tail;
        let full = self.seen.len() >= BACKUPS_MAX;
        match self.seen.get_mut(&beat.id) {
            Some(backup) if backup.incarnation == beat.incarnation => {
                backup.lost = beat.lost;
                let before = std::mem::replace(&mut backup.stream, beat.stream) == beat.stream;
                let known = if before {
                    backup.applied
                } else {
                    Position::ZERO
                };
                backup.applied = known.max(beat.applied);
                backup.heard_at = now;
                backup.counts |= at_tail;
            }
            None if full => {
                tracing::warn!(server = %beat.id, "more than {BACKUPS_MAX} backups: {} is left out", beat.id);
            }
            Some(_) | None => {
                tracing::info!(server = %beat.id, host = %beat.host, "backup {} is there", beat.id);
                let backup = Backup {
                    incarnation: beat.incarnation,
                    lost: beat.lost,
                    stream: beat.stream,
                    applied: beat.applied,
                    heard_at: now,
                    counts: at_tail,
                };
                self.seen.insert(beat.id, backup);
            }
        }
    }

    /// The live ones by the latest [`Backups::note`], by id. Forgets those that are gone.
    pub fn live(&mut self) -> Vec<Peer> {
        let hearing = &self.hearing;
        self.seen.retain(|id, backup| {
            let live = !hearing.is_gone(backup.heard_at);
            if !live {
                tracing::warn!(server = %id, "backup {id} is gone");
            }
            live
        });
        self.seen
            .iter()
            .map(|(id, backup)| Peer {
                id: *id,
                incarnation: backup.incarnation,
                lost: backup.lost,
                stream: backup.stream,
                applied: backup.applied,
                counts: backup.counts,
                silence: Duration::ZERO,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn beat(id: ServerId, incarnation: Incarnation, applied: u64) -> RsHeartbeat {
        RsHeartbeat {
            id,
            host: "here".to_owned(),
            lost: false,
            stream: None,
            applied: Position(applied),
            incarnation,
        }
    }

    #[test]
    fn a_backup_counts_once_it_is_at_the_tail_and_until_it_is_silent() {
        let start = Instant::now();
        let (id, life) = (ServerId::random(), Incarnation::random());
        let mut backups = Backups::new(start, SECOND, 3 * SECOND, Position(100));
        backups.heard(start, &beat(id, life, 50));
        assert!(!backups.live()[0].counts);

        backups.note(start + SECOND, Position(200), true);
        backups.heard(start + SECOND, &beat(id, life, 150));
        let live = backups.live();
        assert!(live[0].counts, "where this server was an interval ago");
        assert_eq!(live[0].applied, Position(150));

        backups.note(start + 2 * SECOND, Position(300), true);
        backups.note(start + 3 * SECOND, Position(400), true);
        backups.heard(start + 3 * SECOND, &beat(id, life, 150));
        assert!(backups.live()[0].counts, "until β");
        for second in 4..=6 {
            backups.note(start + second * SECOND, Position(400), true);
        }
        assert_eq!(backups.live().len(), 1);
        backups.note(start + 7 * SECOND, Position(400), true);
        assert!(backups.live().is_empty());
    }

    #[test]
    fn a_position_of_another_log_is_not_at_the_tail() {
        let start = Instant::now();
        let (id, life) = (ServerId::random(), Incarnation::random());
        let (lost, log) = (Incarnation::random(), Incarnation::random());
        let beat = |stream, applied| RsHeartbeat {
            stream: Some(stream),
            ..beat(id, life, applied)
        };
        let mut backups = Backups::new(start, SECOND, 3 * SECOND, Position(100));
        backups.follow(lost);
        backups.heard(start, &beat(lost, 900));
        assert!(backups.live()[0].counts);
        // The primary has taken up the log that continues the lost one, without it.
        backups.follow(log);
        assert!(!backups.live()[0].counts);
        backups.heard(start, &beat(lost, 900));
        let live = backups.live();
        assert!(!live[0].counts);
        assert_eq!(live[0].applied_of(log), Position::ZERO);
        backups.heard(start, &beat(log, 100));
        let live = backups.live();
        assert!(live[0].counts);
        assert_eq!(live[0].applied_of(log), Position(100), "not 900");
    }

    #[test]
    fn another_life_begins_anew() {
        let start = Instant::now();
        let id = ServerId::random();
        let mut backups = Backups::new(start, SECOND, 3 * SECOND, Position(100));
        backups.heard(start, &beat(id, Incarnation::random(), 100));
        assert!(backups.live()[0].counts);
        backups.heard(start, &beat(id, Incarnation::random(), 10));
        let live = backups.live();
        assert_eq!((live.len(), live[0].counts), (1, false));
    }
}
