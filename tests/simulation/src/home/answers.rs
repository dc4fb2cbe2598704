//! What a message server answers: polls, and what became of entries.

use std::collections::BTreeMap;

use message_server::rules::Outcome;
use yoshi_protocol::message::roster::MsState;
use yoshi_protocol::{Epoch, ErrorCode, Position};

use super::Home;
use crate::clock::{Micros, SECOND};
use crate::message::{Answer, Ask, Message, Request, Shown};
use crate::node::{Context, Timer};

/// How long a client that is ahead of this server is made to wait for it.
const WAIT_FOR_CURSOR: Micros = SECOND;

impl Home {
    /// A client's request: with its account's epoch from a load balancer, or
    /// straight from somebody who only looks.
    pub(super) fn request(
        &mut self,
        context: &mut Context<'_>,
        request: Request,
        epoch: Option<Epoch>,
    ) {
        match (&request.ask, epoch) {
            (Ask::Send(_), Some(epoch)) => self.send(context, request, epoch),
            (Ask::Change(_), Some(epoch)) => self.change(context, request, epoch),
            (Ask::Outbox(_), Some(epoch)) => self.send_of_outbox(context, request, epoch),
            (Ask::Send(_) | Ask::Change(_) | Ask::Outbox(_), None) => {}
            (Ask::Poll(since), _) => {
                let since = *since;
                self.poll(context, request, since);
            }
        }
    }

    fn applied_now(&self) -> Option<Position> {
        self.driver.replica.as_ref().map(|replica| replica.applied)
    }

    fn poll(&mut self, context: &mut Context<'_>, request: Request, since: Position) {
        if self.applied_now().is_some_and(|applied| applied >= since) {
            return self.answer_poll(context, &request, since);
        }
        let Some(process) = &mut self.process else {
            return;
        };
        let ticket = process.ticket();
        process.waiting.insert(ticket, request);
        context.after(WAIT_FOR_CURSOR, Timer::Request(ticket));
    }

    /// The position has moved: polls that waited for it.
    pub(super) fn serve_waiting(&mut self, context: &mut Context<'_>) {
        let (Some(applied), Some(process)) = (self.applied_now(), &mut self.process) else {
            return;
        };
        let since = |request: &Request| match request.ask {
            Ask::Poll(since) => since,
            Ask::Send(_) | Ask::Change(_) | Ask::Outbox(_) => Position::ZERO,
        };
        let waiting = std::mem::take(&mut process.waiting);
        let (ready, waiting) = waiting
            .into_iter()
            .partition(|(_, request)| since(request) <= applied);
        process.waiting = waiting;
        let ready: BTreeMap<u64, Request> = ready;
        for request in ready.into_values() {
            self.answer_poll(context, &request, since(&request));
        }
    }

    fn answer_poll(&self, context: &mut Context<'_>, request: &Request, since: Position) {
        let Some(applied) = self.applied_now() else {
            return;
        };
        let behind = self.state(context.instant()) != Some(MsState::Serving);
        let rows = &self.driver.disk.rows;
        let shown = rows.list(&request.account, since).map(|(changed, id)| {
            let row = rows.tasks.get(&id);
            Shown {
                changed,
                id,
                revision: row.map_or(0, |row| row.task.revision),
            }
        });
        let tasks: Vec<_> = shown.collect();
        let asks = tasks.iter().filter_map(|shown| {
            let send = rows.send(shown.id)?;
            Some((shown.id, rows.asked(send), send.recipients.len()))
        });
        let asks = asks.collect();
        let last = tasks.last().map_or(since, |shown| shown.changed);
        let cursor = last.max(applied);
        let answer = Answer::Polled {
            tasks,
            cursor,
            behind,
            server: self.index,
            asks,
        };
        reply(context, request, answer);
    }
}

/// What became of an entry, for whoever asked for it.
pub(super) fn settle(context: &mut Context<'_>, request: &Request, outcome: Option<Outcome>) {
    match outcome {
        Some(Outcome::Sent(proof) | Outcome::Changed { proof, .. }) => {
            reply(context, request, Answer::Receipt(proof));
        }
        Some(Outcome::Refused(refusal)) => refuse(context, request, refusal.code),
        Some(Outcome::Rejected(code)) => refuse(context, request, code),
        None => refuse(context, request, ErrorCode::Unknown),
    }
}

pub(super) fn refuse(context: &mut Context<'_>, request: &Request, code: ErrorCode) {
    reply(context, request, Answer::Refused(code));
}

pub(super) fn reply(context: &mut Context<'_>, request: &Request, answer: Answer) {
    let number = request.number;
    context.send(request.from, Message::Answer { number, answer });
}
