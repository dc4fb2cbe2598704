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
    applied: Position,
    heard_at: Instant,
    counts: bool,
}

/// The live backups of a primary.
#[derive(Debug)]
pub struct Backups {
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
            seen: BTreeMap::new(),
            hearing: Hearing::new(silence_max),
            interval,
            noted_at: now,
            noted: applied,
            tail: applied,
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
        let at_tail = beat.applied >= self.tail;
        let full = self.seen.len() >= BACKUPS_MAX;
        match self.seen.get_mut(&beat.id) {
            Some(backup) if backup.incarnation == beat.incarnation => {
                backup.applied = backup.applied.max(beat.applied);
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
                applied: backup.applied,
                counts: backup.counts,
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
