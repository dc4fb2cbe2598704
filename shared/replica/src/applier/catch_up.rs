//! What the stream no longer holds comes from a neighbour, page by page (§4.2.2).

use yoshi_protocol::Position;

use super::{Applier, Interruption};
use crate::cursor::Move;
use crate::machine::{Entry, StateMachine};
use crate::stream::{self, StreamError, View};
use crate::transact::Applying;
use crate::{Peer, neighbour};

impl<M: StateMachine> Applier<M> {
    /// Takes one page of the log from a neighbour, because the stream no
    /// longer reaches back to this server's position (§4.2.2), or not to the
    /// end of the log that it continues.
    pub(super) async fn catch_up(
        &mut self,
        applying: &Applying<M>,
        view: &View,
        until: Option<Position>,
    ) -> Result<(), Interruption> {
        let mut peers = self.peers.borrow().clone();
        peers.retain(|peer| may_fill(peer, view));
        let cursor = self.database_cursor();
        // After a failure another neighbour is asked, if there is one.
        self.asked.tries += 1;
        let page = neighbour::page(
            &self.nats,
            &self.settings,
            &peers,
            cursor,
            until,
            self.asked.tries,
        )
        .await?;
        // One of this release may give what can be read: it is asked next.
        if let Some(version) = page.version.filter(|version| !stream::is_known(*version)) {
            let name = self.log.name.clone();
            return Err(StreamError::UnknownPage(name, self.stored, version).into());
        }
        self.asked.tries -= 1;
        let entries: Vec<_> = page
            .entries
            .into_iter()
            .map(|entry| Entry {
                position: entry.position,
                bytes: entry.entry.into_vec().into(),
            })
            .collect();
        // The stream's blocks of which the page was made are not known.
        let (from, to, block) = (cursor, page.through, self.last_block.as_ref());
        let moves = Move { from, to, block };
        let outcomes = applying.apply(&self.machine, &entries, moves).await?;
        self.stored = page.through;
        tracing::info!(entries = entries.len(), through = %page.through, "caught up from a neighbour");
        let told = own_of_page(&entries, outcomes, until);
        self.advance(page.through, told).await;
        Ok(())
    }
}

/// Whether a peer holds what the log goes on with. One that was given up when the log
/// was recovered may hold something else in the same place.
fn may_fill(peer: &Peer, view: &View) -> bool {
    peer.stream == Some(view.incarnation) || view.is_proven(peer.id)
}

/// What of a neighbour's page may be this process's own. While a database is
/// levelled up to `until`, none is: at the sequences that its log has lost, the
/// stream may have taken other blocks since, and this process may wait for those.
fn own_of_page<O>(
    entries: &[Entry],
    outcomes: Vec<O>,
    until: Option<Position>,
) -> Vec<(Position, O)> {
    if until.is_some() {
        return Vec::new();
    }
    let positions = entries.iter().map(|entry| entry.position);
    positions.zip(outcomes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_a_shortened_stream_took_gets_nobody_elses_outcome() {
        let position = Position::in_block(14, 0);
        let bytes = bytes::Bytes::new();
        let entries = [Entry { position, bytes }];
        let until = Some(Position::end_of_block(15));
        assert_eq!(own_of_page(&entries, vec!["ok"], None), [(position, "ok")]);
        assert_eq!(own_of_page(&entries, vec!["ok"], until), []);
    }
}
