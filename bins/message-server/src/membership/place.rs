//! What this server finds out about its own place: whether it may serve, and
//! whether it must do without the log.

use std::time::{Duration, Instant};

use yoshi_protocol::Position;
use yoshi_protocol::message::roster::MsState;
use yoshi_replica::{Handle, Standing};
use yoshi_service::Context;
use yoshi_service::liveness::SILENT_MAX;

use super::Membership;
use crate::footing::{Footing, LogWatch};
use crate::rules::Outcome;

/// How long a server that has reached the tail announces so before it serves:
/// every root must have heard it, and waits for it from then on.
const SETTLE: Duration = Duration::from_millis(1_200);

/// What this server knows of its own place.
pub(super) struct Place {
    /// When this life began to listen.
    begun: Instant,
    pub(super) log: LogWatch,
    /// Since when it has been at the tail of the log.
    pub(super) at_tail_since: Option<Instant>,
    /// When it last heard its own ping: it can listen, then.
    pub(super) echo: Option<Instant>,
    /// Its position at the latest tick, and at the one before.
    pub(super) latest: Position,
    pub(super) tail: Position,
    /// The position that the latest early ping told.
    pub(super) told: Position,
}

impl Place {
    pub(super) fn new(queue_after: Duration) -> Self {
        Self {
            begun: Instant::now(),
            log: LogWatch::new(queue_after),
            at_tail_since: None,
            echo: None,
            latest: Position::ZERO,
            tail: Position::ZERO,
            told: Position::ZERO,
        }
    }
}

impl Membership {
    /// Finds out what this server is able to do; answers whether that changed.
    pub(super) fn settle(
        &self,
        context: &Context,
        replica: &Handle<Outcome>,
        place: &mut Place,
    ) -> bool {
        self.find_footing(replica, place);
        let before = *self.state.borrow();
        let draining = self.wishes.is_draining();
        // Roots do not wait for a server that drains: it must announce itself
        // anew before it serves again.
        let undone = before == MsState::Draining && !draining;
        if undone || !replica.is_at_tail(self.waits.confirmed_max()) {
            place.at_tail_since = None;
        }
        let refusal = self.refusal();
        let standing = replica.standing().borrow().clone();
        let in_the_way = refusal.as_deref().or(standing.refusal());
        if let Some(what) = in_the_way {
            context.health.not_ready(what);
        }
        let settled = place
            .at_tail_since
            .is_some_and(|since| since.elapsed() >= SETTLE)
            && self.has_listened(place);
        let state = match before {
            _ if refusal.is_some() => MsState::Behind,
            _ if draining => MsState::Draining,
            _ if settled => MsState::Serving,
            MsState::Joining => MsState::Joining,
            MsState::Serving | MsState::Behind | MsState::Draining => MsState::Behind,
        };
        if state == before {
            return false;
        }
        self.state.send_replace(state);
        tracing::info!(?state, ?standing, "this server is {state:?}");
        if state == MsState::Serving {
            context.health.ready();
        } else if in_the_way.is_none() {
            context.health.not_ready(format!("{state:?}: {standing:?}"));
        }
        true
    }

    /// Whether every server that may serve has announced itself since this life began.
    /// Within the usual silence it has, or serves no more, before this one settles;
    /// one that goes by a longer silence may hang for as long, and still serve.
    fn has_listened(&self, place: &Place) -> bool {
        let counted_on = self.counted_on();
        counted_on <= SILENT_MAX || place.begun.elapsed() >= counted_on
    }

    /// Finds out whether this server must do without the log.
    fn find_footing(&self, replica: &Handle<Outcome>, place: &mut Place) {
        let out_of_reach = *replica.standing().borrow() == Standing::OutOfReach;
        let state = *self.state.borrow();
        let footing = match place.log.look(out_of_reach, state, Instant::now()) {
            // Its word is worth nothing any more.
            Footing::Queueing if self.is_stopped() => Footing::Reading,
            footing => footing,
        };
        let changed = self
            .footing
            .send_if_modified(|known| std::mem::replace(known, footing) != footing);
        if changed {
            tracing::warn!(?footing, "this server goes by {footing:?}");
        }
    }
}
