//! Following the stream: which life of it, from where, and what is read
//! (`applier.rs`, `stream.rs`). Whether it may be followed is found out in
//! `adopt.rs`.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use yoshi_protocol::{Incarnation, Position};
use yoshi_replica::View;

use super::adopt::Looking;
use super::proof::Proving;
use super::standing::next_sequence;
use super::{CALL, Effect, Hands, Replica, Timer};
use crate::bug::Bug;
use crate::clock::{MILLI, Micros, SECOND};
use crate::disk::{Cursor, Rows};
use crate::message::{Page, StoredBlock};

pub(super) const RETRY_FIRST: Micros = 50 * MILLI;
const RETRY_LONGEST: Micros = 2 * SECOND;
const HEARTBEAT: Micros = SECOND;
const PAGE_TIMEOUT: Micros = 10 * SECOND;

/// Where following stands.
pub(super) enum Follow {
    /// It is tried again after a pause.
    Paused,
    /// The stream was asked.
    Viewing {
        token: u64,
        /// The last block that it had taken from this process before.
        taken: Option<(Incarnation, u64)>,
    },
    /// The stream is the right one: is all of it there?
    Looking(Looking),
    /// The stream begins after what the database holds: is that its beginning?
    Proving(Proving),
    /// A neighbour was asked for a page; of a log that is continued, nothing
    /// after `until` is taken.
    Paging {
        token: u64,
        view: View,
        until: Option<Position>,
    },
    /// A page is being committed.
    FillingIn {
        transaction: u64,
        page: Page,
        view: View,
        is_levelling: bool,
    },
    /// The log that continues the own one is being taken up.
    Adopting { transaction: u64, to: Cursor },
    /// Blocks come in.
    Reading(Reading),
}

impl Follow {
    pub(super) fn words(&self) -> String {
        match self {
            Self::Paused => "pauses".to_owned(),
            Self::Viewing { .. } => "asks the stream".to_owned(),
            Self::Looking(_) => "looks whether the stream is whole".to_owned(),
            Self::Proving(_) => "compares with a neighbour".to_owned(),
            Self::Paging { .. } => "asks a neighbour".to_owned(),
            Self::FillingIn { .. } => "fills in".to_owned(),
            Self::Adopting { .. } => "takes a log up".to_owned(),
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

    /// Whether this question is the one that is waited for.
    fn asked(&self, token: u64) -> bool {
        match self {
            Self::Viewing { token: asked, .. } | Self::Paging { token: asked, .. } => {
                *asked == token
            }
            Self::Looking(looking) => looking.asks(token),
            Self::Proving(proving) => proving.token == token,
            Self::Paused | Self::FillingIn { .. } | Self::Adopting { .. } | Self::Reading(_) => {
                false
            }
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
        let taken = self.taken;
        self.follow = Follow::Viewing { token, taken };
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

    /// The stream must not be consumed.
    pub(super) fn lost(&mut self, hands: &mut Hands<'_, R>, what: String) {
        self.trust(false);
        // A leader that was just elected may speak of an older state once.
        if std::mem::replace(&mut self.lost_before, true) {
            self.standing = yoshi_replica::Standing::Lost(what);
        }
        self.pause = RETRY_LONGEST;
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
        if !self.follow.asked(token) {
            return;
        }
        if matches!(&self.follow, Follow::Looking(looking) if looking.may_go_unanswered(token)) {
            return self.silent(hands, token);
        }
        self.interrupted(hands);
    }

    pub(super) fn fill_or_read(&mut self, hands: &mut Hands<'_, R>, view: View) {
        if next_sequence(self.stored) < view.first {
            return self.ask_neighbour(hands, view, None);
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

    pub(super) fn ask_neighbour(
        &mut self,
        hands: &mut Hands<'_, R>,
        view: View,
        until: Option<Position>,
    ) {
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
        self.follow = Follow::Paging { token, view, until };
        hands.effects.push_back(Effect::AskPage {
            token,
            peer,
            since: self.stored,
        });
    }

    pub(super) fn paged(&mut self, hands: &mut Hands<'_, R>, token: u64, page: Option<Page>) {
        if !self.follow.asked(token) {
            return self.tail_page(hands, token, page.as_ref());
        }
        match std::mem::replace(&mut self.follow, Follow::Paused) {
            Follow::Paging { view, until, .. } => self.take_page(hands, view, until, page),
            Follow::Proving(proving) => self.proof_page(hands, proving, page.as_ref()),
            Follow::Looking(looking) => {
                self.follow = Follow::Looking(looking);
                self.told_how_far(hands, token, page.as_ref());
            }
            other => self.follow = other,
        }
    }

    fn take_page(
        &mut self,
        hands: &mut Hands<'_, R>,
        view: View,
        until: Option<Position>,
        page: Option<Page>,
    ) {
        let Some(mut page) = page.filter(|page| page.through > self.stored) else {
            return self.interrupted(hands);
        };
        if let Some(until) = until {
            page.entries.retain(|(position, _)| *position <= until);
            page.through = page.through.min(until);
        }
        if self.bug == Some(Bug::CatchUpFromStalePeer) && until.is_none() {
            // "It has everything that the stream no longer has."
            page.through = page.through.max(Position::end_of_block(view.first - 1));
        }
        self.neighbour_tries -= 1;
        let (outcomes, change) = hands.disk.rows.decide(&page.entries, self.bug);
        let transaction = hands
            .disk
            .begin(self.stored, page.through, None, change, self.bug);
        hands.effects.push_back(Effect::Commit(transaction));
        self.hold_outcomes(outcomes.into_iter().map(Some).collect());
        self.follow = Follow::FillingIn {
            transaction,
            page,
            view,
            is_levelling: until.is_some(),
        };
    }

    /// A page is committed: the next one, or the stream.
    pub(super) fn filled_in(&mut self, hands: &mut Hands<'_, R>, held: bool) {
        let Follow::FillingIn {
            page,
            view,
            is_levelling,
            ..
        } = std::mem::replace(&mut self.follow, Follow::Paused)
        else {
            return;
        };
        if !held {
            return self.interrupted(hands);
        }
        self.stored = page.through;
        let outcomes = self.take_outcomes();
        let positions = page.entries.iter().map(|(position, _)| *position);
        let outcomes = positions
            .zip(outcomes)
            .filter_map(|(position, outcome)| Some((position, outcome?)));
        // Where the log has lost its end, this process may wait for other blocks.
        let told = if is_levelling {
            Vec::new()
        } else {
            outcomes.collect()
        };
        self.advance(hands, page.through, told);
        if is_levelling {
            self.follow_again(hands);
        } else {
            self.fill_or_read(hands, view);
        }
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

    /// The stream may be another one now, or may lack its end.
    pub(super) fn look_again(&mut self, hands: &mut Hands<'_, R>) {
        if matches!(self.follow, Follow::Reading(_)) {
            self.interrupted(hands);
        }
    }
}
