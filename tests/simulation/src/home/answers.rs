//! What a message server answers: clients' sends and polls, and neighbours.

use std::collections::BTreeMap;

use message_server::rules::Outcome;
use serde_bytes::ByteBuf;
use yoshi_protocol::message::log::{TaskEntry, TaskOp};
use yoshi_protocol::message::roster::MsState;
use yoshi_protocol::{Epoch, ErrorCode, Incarnation, NewTask, Position, cbor};
use yoshi_replica::Accounted;

use super::Home;
use crate::clock::{Micros, SECOND};
use crate::message::{Addr, Answer, Ask, Message, Request};
use crate::node::{Context, Timer};
use crate::replica::Hands;

/// How long past β a task may wait for the log.
const WAIT_SLACK: Micros = 5 * SECOND;
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
            (Ask::Send(content), Some(epoch)) => {
                let content = content.to_vec();
                self.send(context, request, epoch, content);
            }
            (Ask::Send(_), None) => {}
            (Ask::Poll(since), _) => {
                let since = *since;
                self.poll(context, request, since);
            }
        }
    }

    fn send(
        &mut self,
        context: &mut Context<'_>,
        request: Request,
        epoch: Epoch,
        content: Vec<u8>,
    ) {
        if self.state(context.instant()) != Some(MsState::Serving) {
            return refuse(context, &request, ErrorCode::Behind);
        }
        if NewTask::decode(&content).is_err() {
            return refuse(context, &request, ErrorCode::InvalidTask);
        }
        let entry = TaskEntry {
            at: context.wall(),
            op: TaskOp::Send(ByteBuf::from(content)),
            epoch,
            account: request.account.clone(),
        };
        let late = u64::try_from(self.beta.as_micros()).unwrap_or(u64::MAX) + WAIT_SLACK;
        let mut effects = std::collections::VecDeque::new();
        let Some(process) = &mut self.process else {
            return;
        };
        process.next_ticket += 1;
        let ticket = process.next_ticket;
        let account = request.account.clone();
        process.tickets.insert(ticket, request);
        let mut hands = Hands {
            now: context.instant(),
            disk: &mut self.disk,
            effects: &mut effects,
        };
        let taken = process
            .replica
            .submit(&mut hands, ticket, account, cbor::encode(&entry));
        if let Err(ticket) = taken
            && let Some(request) = process.tickets.remove(&ticket)
        {
            refuse(context, &request, ErrorCode::Busy);
        }
        context.after(late, Timer::Request(ticket));
        self.perform(context, effects);
    }

    /// A task was not accounted for in time, or a poll's cursor not reached.
    pub(super) fn request_is_late(&mut self, context: &mut Context<'_>, ticket: u64) {
        let Some(process) = &mut self.process else {
            return;
        };
        if let Some(request) = process.tickets.remove(&ticket) {
            refuse(context, &request, ErrorCode::Unknown);
        } else if let Some(request) = process.waiting.remove(&ticket) {
            refuse(context, &request, ErrorCode::Behind);
        }
    }

    fn poll(&mut self, context: &mut Context<'_>, request: Request, since: Position) {
        let Some(process) = &mut self.process else {
            return;
        };
        if process.replica.applied >= since {
            return self.answer_poll(context, &request, since);
        }
        process.next_ticket += 1;
        let ticket = process.next_ticket;
        process.waiting.insert(ticket, request);
        context.after(WAIT_FOR_CURSOR, Timer::Request(ticket));
    }

    /// The position has moved: polls that waited for it.
    pub(super) fn serve_waiting(&mut self, context: &mut Context<'_>) {
        let Some(process) = &mut self.process else {
            return;
        };
        let applied = process.replica.applied;
        let since = |request: &Request| match request.ask {
            Ask::Poll(since) => since,
            Ask::Send(_) => Position::ZERO,
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
        let Some(process) = &self.process else {
            return;
        };
        let behind = self.state(context.instant()) != Some(MsState::Serving);
        let rows = &self.disk.rows;
        let after = (std::ops::Bound::Excluded(since), std::ops::Bound::Unbounded);
        let inbox = rows.inbox.get(&request.account);
        let tasks: Vec<_> = inbox
            .into_iter()
            .flat_map(|inbox| inbox.range(after))
            .map(|(position, id)| (*position, *id))
            .collect();
        let asks = tasks.iter().filter_map(|(position, id)| {
            let send = rows.sends.get(position)?;
            Some((*id, rows.asked(send), send.recipients.len()))
        });
        let asks = asks.collect();
        let last = tasks.last().map_or(since, |(position, _)| *position);
        let cursor = last.max(process.replica.applied);
        let answer = Answer::Polled {
            tasks,
            cursor,
            behind,
            server: self.index,
            asks,
        };
        context.send(
            request.from,
            Message::Answer {
                number: request.number,
                answer,
            },
        );
    }

    pub(super) fn give_page(
        &self,
        context: &mut Context<'_>,
        from: Addr,
        token: u64,
        since: Position,
        stream: Incarnation,
    ) {
        let Some(process) = &self.process else {
            return;
        };
        let own = self
            .disk
            .cursor
            .is_some_and(|cursor| cursor.incarnation == stream);
        let page = own.then(|| self.disk.page(since, process.replica.applied));
        context.send(from, Message::Page { token, page });
    }
}

/// What became of a task, for its sender.
pub(super) fn settle(
    context: &mut Context<'_>,
    request: &Request,
    accounted: Option<Accounted<Outcome>>,
) {
    match accounted.map(|accounted| accounted.outcome) {
        Some(Outcome::Sent(proof)) => {
            let answer = Answer::Receipt(proof);
            context.send(
                request.from,
                Message::Answer {
                    number: request.number,
                    answer,
                },
            );
        }
        Some(Outcome::Rejected(code)) => refuse(context, request, code),
        // Only of changes, and none is simulated.
        Some(Outcome::Changed { .. } | Outcome::Refused(_)) => {
            refuse(context, request, ErrorCode::Internal);
        }
        None => refuse(context, request, ErrorCode::Unknown),
    }
}

fn refuse(context: &mut Context<'_>, request: &Request, code: ErrorCode) {
    let answer = Answer::Refused(code);
    context.send(
        request.from,
        Message::Answer {
            number: request.number,
            answer,
        },
    );
}
