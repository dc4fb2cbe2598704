//! A message server's place among the others (`membership.rs`), around the
//! real roster.

use std::time::{Duration, Instant};

use yoshi_protocol::Position;
use yoshi_protocol::message::roster::{DownReason, MsDown, MsState, PingMs};

use super::{Home, NEWS_EVERY, PING_EVERY};
use crate::bug::Bug;
use crate::message::Message;
use crate::node::{Context, Out, Timer};

const SETTLE: Duration = Duration::from_millis(1_200);
/// The real server's own bound: keep it the same.
const CONFIRMED_MAX: Duration =
    message_server::roster::SILENT_MAX.saturating_sub(Duration::from_secs(1));

/// What this server knows of its own place.
#[derive(Default)]
pub(super) struct Place {
    at_tail_since: Option<Instant>,
    echo: Option<Instant>,
    latest: Position,
    tail: Position,
    told: Position,
}

impl Home {
    /// What this server is able to do now.
    #[must_use]
    pub(crate) fn state(&self, now: Instant) -> Option<MsState> {
        let process = self.process.as_ref()?;
        if self.bug == Some(Bug::ServesBeforeTail) {
            return Some(MsState::Serving);
        }
        Some(match process.state {
            MsState::Serving if !process.replica.is_at_tail(now, CONFIRMED_MAX) => MsState::Behind,
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
        self.publish_peers(context);
        let Some(process) = &mut self.process else {
            return;
        };
        let place = &mut process.place;
        if place.at_tail_since.is_none() && process.replica.is_at_tail(now, CONFIRMED_MAX) {
            place.at_tail_since = Some(now);
        }
        (place.tail, place.latest) = (place.latest, process.replica.applied);
        self.settle(now);
        self.ping(context);
        context.after(PING_EVERY, Timer::Ping);
    }

    pub(super) fn news(&mut self, context: &mut Context<'_>) {
        context.after(NEWS_EVERY, Timer::News);
        let Some(process) = &mut self.process else {
            return;
        };
        if process.place.told != process.replica.applied {
            process.place.told = process.replica.applied;
            self.ping(context);
        }
        self.settle_and_tell(context);
    }

    pub(super) fn settle_and_tell(&mut self, context: &mut Context<'_>) {
        if self.settle(context.instant()) {
            self.ping(context);
        }
    }

    /// Finds out what this server is able to do; answers whether that changed.
    fn settle(&mut self, now: Instant) -> bool {
        let Some(process) = &mut self.process else {
            return false;
        };
        if !process.replica.is_at_tail(now, CONFIRMED_MAX) {
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

    fn ping(&self, context: &mut Context<'_>) {
        let (Some(process), Some(state)) = (&self.process, self.state(context.instant())) else {
            return;
        };
        let ping = PingMs {
            id: self.disk.id,
            host: String::new(),
            load: u32::try_from(process.tickets.len()).unwrap_or(u32::MAX),
            state,
            applied: process.replica.applied,
            stopped: false,
            incarnation: process.replica.life,
        };
        context.out.push(Out::ToAll(Message::Ping(ping)));
    }

    pub(super) fn heard_ping(&mut self, context: &mut Context<'_>, ping: PingMs) {
        let own = self.disk.id;
        let Some(process) = &mut self.process else {
            return;
        };
        if ping.id == own {
            if ping.incarnation == process.replica.life {
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
        let own = self.disk.id;
        let Some(process) = &mut self.process else {
            return;
        };
        let this_life = down
            .incarnation
            .is_none_or(|life| life == process.replica.life);
        if down.id == own && this_life && down.reason == DownReason::Timeout {
            process.place.at_tail_since = None;
        }
        process.roster.down(down);
        self.publish_peers(context);
        self.settle_and_tell(context);
    }
}
