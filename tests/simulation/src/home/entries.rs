//! What clients put into the log: tasks and changes (`send.rs`, `change.rs`).

use message_server::footing::Footing;
use serde_bytes::ByteBuf;
use yoshi_protocol::message::log::{TaskEntry, TaskOp};
use yoshi_protocol::message::roster::MsState;
use yoshi_protocol::{Epoch, ErrorCode, NewTask, TaskChange, cbor};

use super::Home;
use super::answers::{refuse, reply};
use crate::clock::{Micros, SECOND};
use crate::message::{Answer, Ask, Request};
use crate::node::{Context, Timer};

/// How long past β an entry may wait for the log.
const WAIT_SLACK: Micros = 5 * SECOND;

impl Home {
    /// TASK_FROM_CLIENT.
    pub(super) fn send(&mut self, context: &mut Context<'_>, request: Request, epoch: Epoch) {
        let footing = self.footing();
        if footing != Some(Footing::Queueing) && !self.serves(context) {
            return refuse(context, &request, ErrorCode::Behind);
        }
        let Ask::Send(content) = &request.ask else {
            return;
        };
        let Ok(task) = NewTask::decode(content) else {
            return refuse(context, &request, ErrorCode::InvalidTask);
        };
        if footing == Some(Footing::Queueing) {
            return self.queue(context, request, task.id, false);
        }
        if epoch == Epoch::NOT_HOME {
            return refuse(context, &request, ErrorCode::StaleEpoch);
        }
        if self.outbox_holds(&request.account) {
            return self.queue(context, request, task.id, true);
        }
        self.log(context, request, epoch);
    }

    /// OUTBOX_TO_HOME: past the outbox of this server.
    pub(super) fn send_of_outbox(
        &mut self,
        context: &mut Context<'_>,
        request: Request,
        epoch: Epoch,
    ) {
        if !self.serves(context) {
            return refuse(context, &request, ErrorCode::Behind);
        }
        if epoch == Epoch::NOT_HOME {
            return refuse(context, &request, ErrorCode::StaleEpoch);
        }
        self.log(context, request, epoch);
    }

    /// CHANGE_TASK.
    pub(super) fn change(&mut self, context: &mut Context<'_>, request: Request, epoch: Epoch) {
        if self.footing() == Some(Footing::Queueing) {
            return refuse(context, &request, ErrorCode::Unavailable);
        }
        if !self.serves(context) {
            return refuse(context, &request, ErrorCode::Behind);
        }
        let Ask::Change(content) = &request.ask else {
            return;
        };
        if TaskChange::decode(content).is_err() {
            return refuse(context, &request, ErrorCode::InvalidTask);
        }
        if epoch == Epoch::NOT_HOME {
            return refuse(context, &request, ErrorCode::StaleEpoch);
        }
        if self.outbox_holds(&request.account) {
            return refuse(context, &request, ErrorCode::Busy);
        }
        self.log(context, request, epoch);
    }

    /// Puts a request's entry into the log; it is answered once it is accounted for.
    fn log(&mut self, context: &mut Context<'_>, request: Request, epoch: Epoch) {
        let op = match &request.ask {
            Ask::Send(content) | Ask::Outbox(content) => {
                TaskOp::Send(ByteBuf::from(content.to_vec()))
            }
            Ask::Change(content) => TaskOp::Change(ByteBuf::from(content.to_vec())),
            Ask::Poll(_) => return,
        };
        let account = request.account.clone();
        let entry = TaskEntry {
            at: context.wall(),
            op,
            epoch,
            account: account.clone(),
        };
        let late = self.wait_max();
        let Some(process) = &mut self.process else {
            return;
        };
        let ticket = process.ticket();
        process.tickets.insert(ticket, request);
        let (taken, asked) = self
            .driver
            .submit(context, ticket, account, cbor::encode(&entry));
        if let (Err(ticket), Some(process)) = (taken, &mut self.process)
            && let Some(request) = process.tickets.remove(&ticket)
        {
            refuse(context, &request, ErrorCode::Busy);
        }
        context.after(late, Timer::Request(ticket));
        self.perform(context, asked);
    }

    /// How long the log may take over an entry.
    pub(super) fn wait_max(&self) -> Micros {
        u64::try_from(self.driver.beta.as_micros()).unwrap_or(u64::MAX) + WAIT_SLACK
    }

    fn serves(&self, context: &Context<'_>) -> bool {
        self.state(context.instant()) == Some(MsState::Serving)
    }

    /// The log has been out of reach for long: sends that wait for it are queued.
    pub(super) fn queue_what_waits(&mut self, context: &mut Context<'_>) {
        let Some(process) = &mut self.process else {
            return;
        };
        let sends = |request: &Request| matches!(request.ask, Ask::Send(_));
        let waiting = process.tickets.iter().filter(|(_, request)| sends(request));
        let tickets: Vec<_> = waiting.map(|(ticket, _)| *ticket).collect();
        for ticket in tickets {
            let process = self.process.as_mut();
            let request = process.and_then(|process| process.tickets.remove(&ticket));
            if let Some(request) = request
                && let Ask::Send(content) = &request.ask
                && let Ok(task) = NewTask::decode(content)
            {
                self.queue(context, request, task.id, false);
            }
        }
    }

    /// An entry was not accounted for in time, a poll's cursor not reached, or
    /// a task not out of the outbox.
    pub(super) fn request_is_late(&mut self, context: &mut Context<'_>, ticket: u64) {
        let id = self.driver.disk.id;
        let Some(process) = &mut self.process else {
            return;
        };
        if let Some(request) = process.tickets.remove(&ticket) {
            refuse(context, &request, ErrorCode::Unknown);
        } else if let Some(request) = process.waiting.remove(&ticket) {
            refuse(context, &request, ErrorCode::Behind);
        } else if let Some(request) = process.outbox.give_up(ticket) {
            reply(context, &request, Answer::Queued(id));
        }
    }
}
