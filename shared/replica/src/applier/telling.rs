//! After a commit, and only then: who is told what became of it.

use std::collections::BTreeSet;

use yoshi_protocol::message::log::AccountedFor;
use yoshi_protocol::{Position, cbor, subject};

use super::{Applier, Committed};
use crate::machine::{Entry, StateMachine};
use crate::stream::StoredBlock;
use crate::{Settings, Standing};

impl<M: StateMachine> Applier<M> {
    /// The outcomes of this process's own entries.
    pub(super) fn own_outcomes(
        &self,
        batch: &[StoredBlock],
        entries: &[Entry],
        outcomes: Vec<Option<M::Outcome>>,
    ) -> Vec<(Position, M::Outcome)> {
        let is_own = |stored: &&StoredBlock| {
            stored
                .root
                .is_some_and(|(_, life)| life == self.settings.incarnation)
        };
        let own: BTreeSet<u64> = batch
            .iter()
            .filter(is_own)
            .map(|stored| stored.sequence)
            .collect();
        let positions = entries.iter().map(|entry| entry.position);
        let told = |(position, outcome): (Position, Option<M::Outcome>)| Some((position, outcome?));
        let all = positions.zip(outcomes).filter_map(told);
        all.filter(|(position, _)| own.contains(&position.sequence()))
            .collect()
    }

    /// The commit is done: everybody in this process may know.
    pub(super) async fn advance(
        &mut self,
        through: Position,
        outcomes: Vec<(Position, M::Outcome)>,
    ) {
        self.cursor.applied = through;
        self.applied.send_replace(through);
        self.no_longer(|standing| matches!(standing, Standing::Stuck(_)));
        // The root may have ended first, at shutdown; nobody waits then.
        let committed = Committed {
            through,
            log: self.cursor.incarnation,
            outcomes,
        };
        drop(self.committed.send(committed).await);
    }

    /// Takes a finding about the log back.
    pub(super) fn no_longer(&self, found: impl Fn(&Standing) -> bool) {
        self.standing.send_if_modified(|standing| {
            let is_over = found(standing);
            if is_over {
                *standing = Standing::CatchingUp;
            }
            is_over
        });
    }

    /// Tells each other root once how far this server has committed.
    pub(super) async fn account(&self, batch: &[StoredBlock], through: Position) {
        let Settings {
            role,
            id,
            incarnation,
            ..
        } = self.settings;
        let payload = cbor::encode(&AccountedFor {
            server: id,
            stream: Some(self.cursor.incarnation),
            position: through,
            incarnation,
        });
        let mut told: Vec<&str> = Vec::new();
        for stored in batch.iter().rev() {
            let (Some((root, life)), Some(inbox)) = (stored.root, &stored.accounted) else {
                continue;
            };
            // A reply goes only where replies go, whatever the header says.
            let is_inbox = *inbox == subject::accounted(role, root, life);
            if root == id || !is_inbox || told.contains(&inbox.as_str()) {
                continue;
            }
            told.push(inbox);
            let published = self
                .nats
                .publish(inbox.clone(), payload.clone().into())
                .await;
            if let Err(error) = published {
                tracing::warn!(%error, "accounted for was not sent; the next ping tells it");
            }
        }
    }
}
