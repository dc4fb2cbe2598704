//! What this server was told about itself: that it must not serve, by the
//! comparison of rows; to take nothing new, by an operator.

use std::sync::Arc;

use tokio::sync::watch;
use yoshi_protocol::message::roster::MsState;
use yoshi_protocol::{ErrorCode, ErrorReply, Millis, Position, ServerId};

use super::Membership;
use crate::store::fork::Comparison;

/// What others wish of this server. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Wishes {
    refusal: Arc<watch::Sender<Option<String>>>,
    draining: Arc<watch::Sender<bool>>,
    compared_at: Arc<watch::Sender<Option<Millis>>>,
}

/// To wait for a new wish.
pub(super) struct Changes {
    refusal: watch::Receiver<Option<String>>,
    draining: watch::Receiver<bool>,
}

impl Wishes {
    pub(super) fn changes(&self) -> Changes {
        Changes {
            refusal: self.refusal.subscribe(),
            draining: self.draining.subscribe(),
        }
    }

    pub(super) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }
}

impl Changes {
    /// Waits until something else is wished. Safe to cancel.
    pub(super) async fn changed(&mut self) {
        tokio::select! {
            Ok(()) = self.refusal.changed() => {}
            Ok(()) = self.draining.changed() => {}
            // The wishes are gone, and nobody has any more.
            else => std::future::pending().await,
        }
    }
}

impl Membership {
    /// What an earlier life of this server has found out.
    pub fn remember(&self, before: &Comparison) {
        self.wishes.compared_at.send_replace(before.compared_at);
        if let Some(what) = &before.fork {
            tracing::error!(
                what,
                "this server's rows are wrong, and it does not serve: {what}"
            );
            self.refuse(what);
        }
    }

    /// This server's identity.
    #[must_use]
    pub fn id(&self) -> ServerId {
        self.id
    }

    /// Why this server does not serve and will not by itself, and what to do
    /// about it; none if nothing is wrong.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        self.wishes.refusal.borrow().clone()
    }

    /// This server's rows are wrong: it does not serve from now on, in this life.
    pub fn refuse(&self, what: &str) {
        metrics::gauge!("yoshi_forked").set(1.0);
        let id = self.id;
        let refusal = format!(
            "this server's rows differ from what they must be ({what}), so it does not serve; \
             fill it anew: yoshi resync-server {id}"
        );
        self.wishes.refusal.send_replace(Some(refusal));
    }

    /// Waits until this server must not serve. Safe to cancel.
    pub async fn refused(&self) {
        let mut refusal = self.wishes.refusal.subscribe();
        // This value holds the sender.
        drop(refusal.wait_for(Option::is_some).await);
    }

    /// # Errors
    /// What to answer instead of rows, if this server's rows are wrong.
    pub fn check_not_stopped(&self) -> Result<(), ErrorReply> {
        match self.refusal() {
            None => Ok(()),
            Some(refusal) => Err(ErrorReply::new(ErrorCode::Unavailable, refusal)),
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.wishes.refusal.borrow().is_some()
    }

    /// An operator wants this server to take nothing new, or to serve again.
    /// Forgotten when the server starts again.
    pub fn wish_to_drain(&self, drain: bool) {
        self.wishes.draining.send_replace(drain);
    }

    /// When this server last compared its rows with a neighbour's and found no
    /// difference; none if it never has.
    #[must_use]
    pub fn compared_at(&self) -> Option<Millis> {
        *self.wishes.compared_at.borrow()
    }

    /// Rows were compared, and did not differ.
    pub fn compared(&self, at: Millis) {
        self.wishes.compared_at.send_replace(Some(at));
    }

    /// The live servers that can be asked about their rows.
    #[must_use]
    pub fn neighbours(&self) -> Vec<ServerId> {
        self.roster().neighbours()
    }

    /// Whether another server serves, and has applied the log up to here.
    #[must_use]
    pub fn another_serves(&self, applied: Position) -> bool {
        self.roster().serves(applied)
    }

    /// The servers that serve from another log, past this position.
    #[must_use]
    pub fn others_elsewhere(&self, applied: Position) -> Vec<ServerId> {
        self.roster().serve_elsewhere(applied)
    }

    /// Waits until this server has been at the tail of the log once, or must
    /// not serve. Safe to cancel.
    pub async fn joined(&self) {
        let mut state = self.state.subscribe();
        // This value holds the sender.
        drop(state.wait_for(|state| *state != MsState::Joining).await);
    }

    /// Whether it has not been at the tail of the log yet.
    #[must_use]
    pub fn is_joining(&self) -> bool {
        *self.state.borrow() == MsState::Joining
    }
}
