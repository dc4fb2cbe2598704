//! Before a stream is followed: is it the log that this database was filled
//! from, all of it, or one that continues that log? Else nothing is read.

use super::{Applier, Followed, Interruption, next_sequence};
use crate::ReplicaError;
use crate::Standing;
use crate::cursor::{self, AppliedBlock, Cursor};
use crate::lineage::{Adoption, Verdict, is_beginning, judge, recovery};
use crate::machine::StateMachine;
use crate::neighbour;
use crate::publish::StoredAt;
use crate::stream::{StreamError, View};
use crate::transact::Applying;
use yoshi_protocol::Position;

impl<M: StateMachine> Applier<M> {
    /// The stream as it stands now, once it is known to be the log that this
    /// database was filled from. Levels the database and takes up a log that
    /// continues its own before.
    pub(super) async fn trusted_view(
        &mut self,
        applying: &Applying<M>,
    ) -> Result<View, Interruption> {
        loop {
            self.reload_cursor().await?;
            // After the database was asked: the stream holds what it had applied.
            let taken = *self.stored_by_root.borrow();
            let view = self.log.view().await.map_err(|error| match error {
                StreamError::Missing(..) => {
                    self.trust(false);
                    Interruption::Lost(error.to_string())
                }
                error => error.into(),
            })?;
            let cursor = self.database_cursor();
            let settings = &self.settings;
            match judge(settings.role, settings.id, &self.log.name, cursor, &view) {
                Verdict::Follow => {
                    let followed = self.goes_on(view, taken).await.inspect_err(|error| {
                        if matches!(error, Interruption::Lost(_)) {
                            self.trust(false);
                        }
                    });
                    let view = followed?;
                    self.trust(true);
                    return Ok(view);
                }
                Verdict::Lost(what) => {
                    self.trust(false);
                    return Err(Interruption::Lost(what));
                }
                Verdict::Adopt(adoption) => {
                    self.trust(false);
                    if !view.is_proven(self.settings.id) {
                        self.prove(view.incarnation).await?;
                    }
                    if self.stored < adoption.through {
                        let until = Some(adoption.through);
                        self.catch_up(applying, &view, until).await?;
                    } else {
                        self.adopt(&view, adoption).await?;
                    }
                }
            }
        }
    }

    /// The stream is whole. If it begins after what this database holds, its blocks
    /// do not tell whether that comes before them: a neighbour's copy does.
    async fn goes_on(&mut self, view: View, taken: Option<StoredAt>) -> Result<View, Interruption> {
        let view = self.whole(view, taken).await?;
        if next_sequence(self.stored) < view.first {
            self.prove(view.incarnation).await?;
        }
        Ok(view)
    }

    /// The stream has the right incarnation and is long enough for this
    /// database. It may still have lost its end: other servers have applied
    /// more, other blocks stand where this server has read its last ones, or a
    /// block is gone that was `taken` from this process before the stream was asked.
    async fn whole(&self, view: View, taken: Option<StoredAt>) -> Result<View, Interruption> {
        let lost = |what: String| {
            let command = recovery(self.settings.role);
            Err(Interruption::Lost(format!(
                "the stream {} has lost its end: {what}. Nothing is applied from it. \
                 Restore the stream, or run `{command}`",
                self.log.name
            )))
        };
        if let Some(why) = self.doubt.borrow().clone() {
            return lost(why);
        }
        if let Some(taken) = taken.filter(|taken| taken.is_lost(&view)) {
            let (last, sequence) = (view.last, taken.sequence);
            return lost(format!(
                "it ends at {last} but has taken a block of this server at {sequence}"
            ));
        }
        if let Some(AppliedBlock { sequence, id }) = &self.last_block
            && (view.first..=view.last).contains(sequence)
            && self.log.id_at(*sequence).await? != *id
        {
            return lost(format!(
                "at {sequence} it holds another block than this server has applied"
            ));
        }
        let mut known = self.known.borrow().clone();
        let since = Position::end_of_block(view.last);
        let incarnation = self.cursor.incarnation;
        let role = self.settings.role;
        if is_beginning(self.stored, &view) {
            known.extend(self.peers.borrow().iter().map(|peer| peer.id));
            let others = known.iter().copied();
            if neighbour::somebody_follows_another(&self.nats, role, others, incarnation).await {
                return Err(Interruption::Lost(format!(
                    "the stream {} is empty, as this database is, but other servers follow \
                     another log: it was lost. Nothing goes into this one. Run `{}`",
                    self.log.name,
                    recovery(role)
                )));
            }
        }
        let Some(further) = neighbour::furthest(&self.nats, role, known, incarnation, since).await
        else {
            return Ok(view);
        };
        // They may have read what was stored since.
        let view = self.log.view().await?;
        if view.incarnation != incarnation {
            return Err(Interruption::LookAgain);
        }
        if further.sequence() > view.last {
            return lost(format!(
                "it ends at {} but another server has applied {}",
                view.last,
                further.sequence()
            ));
        }
        Ok(view)
    }

    /// Moves the database, which holds everything of its own log that was kept,
    /// to the log that continues it.
    async fn adopt(&mut self, view: &View, adoption: Adoption) -> Result<(), Interruption> {
        let from = self.database_cursor();
        let to = Cursor {
            incarnation: adoption.into,
            applied: adoption.at,
        };
        let lineage = view.lineage.of(adoption.into);
        self.adopting = Some(adoption.into);
        let name = &self.log.name;
        if !cursor::adopt(&self.pool, name, from, to, &lineage).await? {
            let what = "another process has moved the database's cursor";
            return Err(ReplicaError::Forked(what.to_owned()).into());
        }
        self.adopted(to).await
    }

    /// The database stands in another log: everybody in this process may know.
    pub(super) async fn adopted(&mut self, cursor: Cursor) -> Result<(), Interruption> {
        let Cursor {
            incarnation,
            applied,
        } = cursor;
        tracing::warn!(
            log = %incarnation, from = %self.cursor.applied, at = %applied,
            "this server goes on with the log that continues its own"
        );
        let lineage = cursor::lineage(&self.pool, &self.log.name).await?;
        self.adopting = None;
        self.cursor.incarnation = incarnation;
        self.stored = applied;
        self.last_block = None;
        self.doubt.send_replace(None);
        self.advance(applied, Vec::new()).await;
        self.followed.send_replace(Followed {
            incarnation,
            lineage,
            is_trusted: false,
        });
        Ok(())
    }

    fn trust(&self, is_trusted: bool) {
        self.followed.send_if_modified(|followed| {
            let changed = followed.is_trusted != is_trusted;
            followed.is_trusted = is_trusted;
            changed
        });
        if is_trusted {
            self.no_longer(|standing| matches!(standing, Standing::Lost(_)));
        }
    }
}
