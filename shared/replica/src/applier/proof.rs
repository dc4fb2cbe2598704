//! Before a database goes on from a neighbour's copy of the log: is what it holds the
//! beginning of that copy? A position does not tell. After a log was put back from an
//! older backup, two servers may hold different blocks at one sequence; one that was
//! given up by `yoshi recover-log --without` must not go on from the others' history.

use yoshi_protocol::history::{Comparison, Found, Side, whole_after};
use yoshi_protocol::message::log::{LogPage, PollLog};
use yoshi_protocol::{Incarnation, Position};

use super::{Applier, Interruption};
use crate::Peer;
use crate::cursor::DatabaseError;
use crate::lineage::refilling;
use crate::machine::StateMachine;
use crate::neighbour::{self, NeighbourError};

impl<M: StateMachine> Applier<M> {
    /// Shows from a neighbour that follows `log` that this database holds the
    /// beginning of it. At once, if it is empty, or if that was shown before.
    pub(super) async fn prove(&mut self, log: Incarnation) -> Result<(), Interruption> {
        if self.stored == Position::ZERO {
            return Ok(());
        }
        let is_proven = self.asked.proven_for == Some(log);
        let Some(peer) = self.witness(log) else {
            if is_proven {
                return Ok(());
            }
            if self.cursor.incarnation == log {
                return Err(NeighbourError::NobodyAhead(self.stored).into());
            }
            return Err(self.unproven(
                "no other server is there that follows the log and could show that this \
                 database holds the beginning of it. Start one",
            ));
        };
        let (role, until) = (self.settings.role, self.stored);
        let floor = whole_after(role, peer.applied);
        // The others may have gone on since it was shown: then they cannot fill it.
        if floor >= until {
            return Err(self.unproven("this database is too far behind to be held against others"));
        }
        if is_proven {
            return Ok(());
        }
        // After a failure another one is asked, if there is one.
        self.asked.tries += 1;
        let mut comparison = Comparison::up_to(until, floor);
        while let Some((side, since)) = comparison.wanted() {
            let page = match side {
                Side::One => self.own_page(since).await?,
                Side::Other => {
                    let request = PollLog { since, stream: log };
                    let within = self.settings.waits.neighbour;
                    neighbour::page_of(&self.nats, role, peer.id, request, within).await?
                }
            };
            if page.through <= since {
                return Err(NeighbourError::Discontinuous(since).into());
            }
            match comparison.take(side, page) {
                None => {}
                Some(Found::Again(since)) => comparison = comparison.again(since),
                Some(Found::Same) if floor == Position::ZERO || comparison.has_seen_blocks() => {
                    self.asked.tries -= 1;
                    self.asked.proven_for = Some(log);
                    return Ok(());
                }
                Some(Found::Same) => {
                    return Err(self.unproven("nothing is left of the log to hold it against"));
                }
                Some(Found::Parted(shared)) => {
                    return Err(self.unproven(&format!(
                        "this database holds something else than the log after {shared}: it has \
                         followed another history of it, and what only that has is in no log"
                    )));
                }
            }
        }
        Err(NeighbourError::Discontinuous(until).into())
    }

    /// A live server that follows the log, or does not say which it follows; the
    /// furthest at the first try, the next at the next.
    fn witness(&self, log: Incarnation) -> Option<Peer> {
        let peers = self.peers.borrow();
        let follows = |peer: &&Peer| {
            let is_other = peer.id != self.settings.id && !peer.lost;
            is_other
                && peer.stream.is_none_or(|stream| stream == log)
                && peer.applied >= self.stored
        };
        let mut peers: Vec<_> = peers.iter().filter(follows).copied().collect();
        peers.sort_unstable_by_key(|peer| (std::cmp::Reverse(peer.applied), peer.id));
        let count = peers.len().max(1);
        peers.get(self.asked.tries % count).copied()
    }

    async fn own_page(&self, since: Position) -> Result<LogPage, Interruption> {
        let client = self.pool.get().await.map_err(DatabaseError::from)?;
        let page = M::log_page(&client, since, self.stored).await;
        Ok(page.map_err(DatabaseError::from)?)
    }

    fn unproven(&self, why: &str) -> Interruption {
        let refilling = refilling(self.settings.role, self.settings.id);
        Interruption::Lost(format!(
            "the log {} begins after what this database holds, or was recovered without it: {why}; or, \
             to give up what only this server holds, {refilling}",
            self.log.name
        ))
    }
}
