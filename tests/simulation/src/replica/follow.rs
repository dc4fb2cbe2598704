//! Following the stream: which life of it, from where, and what is read
//! (`applier.rs`, `stream.rs`).

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use yoshi_protocol::Position;
use yoshi_replica::Standing;

use super::standing::next_sequence;
use super::{CALL, Effect, Hands, Replica, Timer};
use crate::bug::Bug;
use crate::clock::{MILLI, Micros, SECOND};
use crate::disk::Rows;
use crate::message::{Page, StoredBlock, View};

pub(super) const RETRY_FIRST: Micros = 50 * MILLI;
const RETRY_LONGEST: Micros = 2 * SECOND;
const HEARTBEAT: Micros = SECOND;
const PAGE_TIMEOUT: Micros = 10 * SECOND;

/// Where following stands.
pub(super) enum Follow {
    /// It is tried again after a pause.
    Paused,
    /// The stream was asked.
    Viewing(u64),
    /// A neighbour was asked for a page.
    Paging { token: u64, view: View },
    /// A page is being committed.
    FillingIn {
        transaction: u64,
        page: Page,
        view: View,
    },
    /// Blocks come in.
    Reading(Reading),
}

impl Follow {
    pub(super) fn words(&self) -> String {
        match self {
            Self::Paused => "pauses".to_owned(),
            Self::Viewing(_) => "asks the stream".to_owned(),
            Self::Paging { .. } => "asks a neighbour".to_owned(),
            Self::FillingIn { .. } => "fills in".to_owned(),
            Self::Reading(reading) => format!(
                "reads {}, applies {:?}, {} wait",
                reading.next,
                reading
                    .applying
                    .as_ref()
                    .map(|(transaction, _)| transaction),
                reading.buffer.len(),
            ),
        }
    }
}

/// A consumer and what it has delivered.
pub(super) struct Reading {
    pub(super) consumer: u64,
    delivered: u64,
    next: u64,
    heard: Instant,
    started: Instant,
    pub(super) buffer: VecDeque<Rc<StoredBlock>>,
    /// The transaction under way, with its batch.
    pub(super) applying: Option<(u64, Vec<Rc<StoredBlock>>)>,
}

impl<R: Rows> Replica<R> {
    pub(super) fn follow_again(&mut self, hands: &mut Hands<'_, R>) {
        let token = self.call(hands, CALL);
        self.follow = Follow::Viewing(token);
        hands.effects.push_back(Effect::AskView(token));
    }

    /// Something broke; a pause that grows with each failure in a row.
    pub(super) fn interrupted(&mut self, hands: &mut Hands<'_, R>) {
        if let Follow::Reading(reading) = &self.follow {
            let ran = hands.now.saturating_duration_since(reading.started);
            if ran.as_micros() > u128::from(RETRY_LONGEST) {
                self.pause = RETRY_FIRST;
            }
        }
        self.lost_before = false;
        self.pause_and_retry(hands);
    }

    fn pause_and_retry(&mut self, hands: &mut Hands<'_, R>) {
        self.follow = Follow::Paused;
        hands
            .effects
            .push_back(Effect::After(self.pause, Timer::Follow));
        self.pause = (self.pause * 2).min(RETRY_LONGEST);
    }

    pub(super) fn follow_call_failed(&mut self, hands: &mut Hands<'_, R>, token: u64) {
        match self.follow {
            Follow::Viewing(asked) | Follow::Paging { token: asked, .. } if asked == token => {
                self.interrupted(hands);
            }
            Follow::Paused
            | Follow::Viewing(_)
            | Follow::Paging { .. }
            | Follow::FillingIn { .. }
            | Follow::Reading(_) => {}
        }
    }

    pub(super) fn viewed(&mut self, hands: &mut Hands<'_, R>, token: u64, view: View) {
        if !matches!(self.follow, Follow::Viewing(asked) if asked == token) {
            return;
        }
        let cursor = hands.disk.cursor.expect("made at the start");
        if cursor.applied < self.applied {
            return hands
                .effects
                .push_back(Effect::Stop("the database has gone back"));
        }
        self.stored = cursor.applied;
        let ends_early = self.stored.sequence() > view.last && self.bug != Some(Bug::TailUnchecked);
        if view.incarnation != self.stream || ends_early {
            if std::mem::replace(&mut self.lost_before, true) {
                self.standing = Standing::Lost("the stream is not the one".to_owned());
            }
            self.pause = RETRY_LONGEST;
            return self.pause_and_retry(hands);
        }
        if matches!(self.standing, Standing::Lost(_)) {
            self.standing = Standing::CatchingUp;
        }
        self.fill_or_read(hands, view);
    }

    fn fill_or_read(&mut self, hands: &mut Hands<'_, R>, view: View) {
        if next_sequence(self.stored) < view.first {
            return self.ask_neighbour(hands, view);
        }
        let consumer = self.token();
        let start = next_sequence(self.applied).max(view.first);
        self.follow = Follow::Reading(Reading {
            consumer,
            delivered: 0,
            next: start,
            heard: hands.now,
            started: hands.now,
            buffer: VecDeque::new(),
            applying: None,
        });
        hands.effects.push_back(Effect::Read { consumer, start });
        hands
            .effects
            .push_back(Effect::After(2 * HEARTBEAT, Timer::Consumer(consumer)));
    }

    fn ask_neighbour(&mut self, hands: &mut Hands<'_, R>, view: View) {
        self.neighbour_tries += 1;
        let mut ahead: Vec<_> = self
            .peers
            .iter()
            .filter(|peer| peer.id != self.id && peer.applied > self.stored)
            .collect();
        ahead.sort_unstable_by_key(|peer| (std::cmp::Reverse(peer.applied), peer.id));
        if self.bug == Some(Bug::CatchUpFromStalePeer) {
            ahead.reverse();
        }
        if ahead.is_empty() {
            return self.interrupted(hands);
        }
        let peer = ahead[(self.neighbour_tries - 1) % ahead.len()].id;
        let token = self.call(hands, PAGE_TIMEOUT);
        self.follow = Follow::Paging { token, view };
        hands.effects.push_back(Effect::AskPage {
            token,
            peer,
            since: self.stored,
        });
    }

    pub(super) fn paged(&mut self, hands: &mut Hands<'_, R>, token: u64, page: Option<Page>) {
        let Follow::Paging { token: asked, view } = self.follow else {
            return;
        };
        if asked != token {
            return;
        }
        let Some(mut page) = page.filter(|page| page.through > self.stored) else {
            return self.interrupted(hands);
        };
        if self.bug == Some(Bug::CatchUpFromStalePeer) {
            // "It has everything that the stream no longer has."
            page.through = page.through.max(Position::end_of_block(view.first - 1));
        }
        self.neighbour_tries -= 1;
        let (outcomes, change) = hands.disk.rows.decide(&page.entries, self.bug);
        let transaction = hands
            .disk
            .begin(self.stored, page.through, change, self.bug);
        hands.effects.push_back(Effect::Commit(transaction));
        self.hold_outcomes(outcomes);
        self.follow = Follow::FillingIn {
            transaction,
            page,
            view,
        };
    }

    /// A page is committed: the next one, or the stream.
    pub(super) fn filled_in(&mut self, hands: &mut Hands<'_, R>, held: bool) {
        let Follow::FillingIn { page, view, .. } =
            std::mem::replace(&mut self.follow, Follow::Paused)
        else {
            return;
        };
        if !held {
            return self.interrupted(hands);
        }
        self.stored = page.through;
        let outcomes = self.take_outcomes();
        let positions = page.entries.iter().map(|(position, _)| *position);
        self.advance(hands, page.through, positions.zip(outcomes).collect());
        self.fill_or_read(hands, view);
    }

    pub(super) fn delivered(
        &mut self,
        hands: &mut Hands<'_, R>,
        consumer: u64,
        delivered: u64,
        block: Rc<StoredBlock>,
    ) {
        let Follow::Reading(reading) = &mut self.follow else {
            return;
        };
        if reading.consumer != consumer {
            return;
        }
        if delivered != reading.delivered + 1 || block.sequence != reading.next {
            return self.interrupted(hands);
        }
        reading.delivered = delivered;
        reading.next = block.sequence + 1;
        reading.heard = hands.now;
        if self.bug == Some(Bug::AccountedOnReceipt) {
            let end = Position::end_of_block(block.sequence);
            hands
                .effects
                .push_back(Effect::Account(Rc::clone(&block), end));
        }
        reading.buffer.push_back(block);
        self.apply_next(hands);
    }

    pub(super) fn beat(&mut self, hands: &Hands<'_, R>, consumer: u64) {
        if let Follow::Reading(reading) = &mut self.follow
            && reading.consumer == consumer
        {
            reading.heard = hands.now;
        }
    }

    pub(super) fn check_consumer(&mut self, hands: &mut Hands<'_, R>, consumer: u64) {
        let Follow::Reading(reading) = &self.follow else {
            return;
        };
        if reading.consumer != consumer {
            return;
        }
        let silent = hands
            .now
            .saturating_duration_since(reading.heard)
            .as_micros();
        if silent >= u128::from(2 * HEARTBEAT) && reading.applying.is_none() {
            return self.interrupted(hands);
        }
        hands
            .effects
            .push_back(Effect::After(HEARTBEAT / 2, Timer::Consumer(consumer)));
    }
}
