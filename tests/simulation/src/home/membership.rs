//! A message server's place among the others (`membership.rs`), around the
//! real roster.

use std::time::{Duration, Instant};

use message_server::footing::{Footing, LogWatch};
use yoshi_protocol::Position;
use yoshi_protocol::message::roster::{DownReason, MsDown, MsState, PingMs};
use yoshi_replica::Standing;

use super::{Home, NEWS_EVERY, PING_EVERY};
use crate::bug::Bug;
use crate::clock::SILENT_MAX;
use crate::message::Message;
use crate::node::{Context, Out, Timer};

const SETTLE: Duration = Duration::from_millis(1_200);
/// The real server's own bound with the default silence: keep it the same.
const CONFIRMED_MAX: Duration = SILENT_MAX.saturating_sub(Duration::from_secs(1));

/// How long the log must be out of reach before this server does without it.
const QUEUE_AFTER: Duration = Duration::from_secs(2);
/// Pings between two looks at what the outbox holds.
const LOOK_EVERY: u32 = 10;

/// What this server knows of its own place.
pub(super) struct Place {
    log: LogWatch,
    at_tail_since: Option<Instant>,
    echo: Option<Instant>,
    latest: Position,
    tail: Position,
    told: Position,
    pings: u32,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            log: LogWatch::new(QUEUE_AFTER),
            at_tail_since: None,
            echo: None,
            latest: Position::ZERO,
            tail: Position::ZERO,
            told: Position::ZERO,
            pings: 0,
        }
    }
}

impl Home {
    /// What this server goes by.
    #[must_use]
    pub(super) fn footing(&self) -> Option<Footing> {
        self.process.as_ref().map(|process| process.footing)
    }

    fn is_at_tail(&self, now: Instant) -> bool {
        let replica = self.driver.replica.as_ref();
        replica.is_some_and(|replica| replica.is_at_tail(now, CONFIRMED_MAX))
    }

    /// What this server is able to do now.
    #[must_use]
    pub(crate) fn state(&self, now: Instant) -> Option<MsState> {
        let process = self.process.as_ref()?;
        if self.bug == Some(Bug::ServesBeforeTail) {
            return Some(MsState::Serving);
        }
        Some(match process.state {
            MsState::Serving if !self.is_at_tail(now) => MsState::Behind,
            state => state,
        })
    }

    pub(super) fn tick(&mut self, context: &mut Context<'_>) {
        let now = context.instant();
        let Some(process) = &mut self.process else {
            return;
        };
        let listening = process.place.echo.is_some_and(|echo| {
            now.saturating_duration_since(echo) < Duration::from_micros(2 * PING_EVERY)
        });
        process.roster.sweep(now, listening);
        process.place.pings += 1;
        if process.place.pings.is_multiple_of(LOOK_EVERY) {
            self.look_into_outbox(context);
        }
        self.publish_peers(context);
        let is_at_tail = self.is_at_tail(now);
        let (Some(process), Some(replica)) = (&mut self.process, &self.driver.replica) else {
            return;
        };
        let place = &mut process.place;
        if place.at_tail_since.is_none() && is_at_tail {
            place.at_tail_since = Some(now);
        }
        (place.tail, place.latest) = (place.latest, replica.applied);
        self.settle(context);
        self.ping(context);
        context.after(PING_EVERY, Timer::Ping);
    }

    pub(super) fn news(&mut self, context: &mut Context<'_>) {
        context.after(NEWS_EVERY, Timer::News);
        self.drain(context);
        let (Some(process), Some(replica)) = (&mut self.process, &self.driver.replica) else {
            return;
        };
        if process.place.told != replica.applied {
            process.place.told = replica.applied;
            self.ping(context);
        }
        self.settle_and_tell(context);
    }

    pub(super) fn settle_and_tell(&mut self, context: &mut Context<'_>) {
        if self.settle(context) {
            self.ping(context);
        }
    }

    /// Finds out what this server is able to do; answers whether that changed.
    fn settle(&mut self, context: &mut Context<'_>) -> bool {
        let now = context.instant();
        self.find_footing(context, now);
        let is_at_tail = self.is_at_tail(now);
        let Some(process) = &mut self.process else {
            return false;
        };
        if !is_at_tail {
            process.place.at_tail_since = None;
        }
        let since = process.place.at_tail_since;
        let settled = since.is_some_and(|since| now.saturating_duration_since(since) >= SETTLE);
        let state = match process.state {
            MsState::Draining => MsState::Draining,
            _ if settled => MsState::Serving,
            MsState::Joining => MsState::Joining,
            MsState::Serving | MsState::Behind => MsState::Behind,
        };
        std::mem::replace(&mut process.state, state) != state
    }

    /// Finds out whether this server must do without the log.
    fn find_footing(&mut self, context: &mut Context<'_>, now: Instant) {
        let (Some(process), Some(replica)) = (&mut self.process, &self.driver.replica) else {
            return;
        };
        let out_of_reach = replica.standing == Standing::OutOfReach;
        let footing = process.place.log.look(out_of_reach, process.state, now);
        let before = std::mem::replace(&mut process.footing, footing);
        if footing == Footing::Queueing && before != footing {
            self.queue_what_waits(context);
        }
    }

    fn ping(&self, context: &mut Context<'_>) {
        let (Some(process), Some(replica), Some(state)) = (
            &self.process,
            &self.driver.replica,
            self.state(context.instant()),
        ) else {
            return;
        };
        let ping = PingMs {
            id: self.driver.disk.id,
            host: String::new(),
            load: u32::try_from(process.tickets.len()).unwrap_or(u32::MAX),
            state,
            lost: false,
            stream: None,
            applied: replica.applied,
            stopped: false,
            incarnation: replica.life,
            silence_seconds: None,
        };
        context.out.push(Out::ToAll(Message::Ping(ping)));
    }

    pub(super) fn heard_ping(&mut self, context: &mut Context<'_>, ping: PingMs) {
        let (own, life) = (self.driver.disk.id, self.driver.life());
        let Some(process) = &mut self.process else {
            return;
        };
        if ping.id == own {
            if Some(ping.incarnation) == life {
                process.place.echo = Some(context.instant());
            }
        } else {
            process
                .roster
                .heard(ping, process.place.tail, context.instant());
            self.publish_peers(context);
        }
        self.settle_and_tell(context);
    }

    pub(super) fn heard_down(&mut self, context: &mut Context<'_>, down: MsDown) {
        let own = self.driver.disk.id;
        let Some(life) = self.driver.life() else {
            return;
        };
        let Some(process) = &mut self.process else {
            return;
        };
        let this_life = down.incarnation.is_none_or(|of| of == life);
        if down.id == own && this_life && down.reason == DownReason::Timeout {
            process.place.at_tail_since = None;
        }
        process.roster.down(down);
        self.publish_peers(context);
        self.settle_and_tell(context);
    }
}
