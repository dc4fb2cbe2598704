//! The outbox (`outbox.rs`, `outbox/drain.rs`) around its real ledger: what is
//! put in while the log is out of reach, and how it goes out again.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use message_server::outbox::Limits;
use message_server::outbox::drain::{is_final, pause};
use message_server::outbox::ledger::Ledger;
use yoshi_protocol::{AccountName, ErrorCode, NewTask, TaskId, cbor};
use yoshi_replica::Standing;

use super::answers::{refuse, reply};
use super::{Home, Process};
use crate::bug::Bug;
use crate::clock::{Micros, SECOND};
use crate::message::{Addr, Answer, Ask, Message, Request};
use crate::node::{Context, Out, Timer};
use crate::tasks::Change;
use crate::tasks::outbox::Write;

const LIMITS: Limits = Limits {
    entries_max: 40,
    bytes_max: 1 << 20,
};
/// The request to a home ends a little after the home's own.
const SLACK: Micros = SECOND;

/// A transaction of the outbox under way.
enum Writing {
    /// A task goes in; its client waits for the answer, or until it is out again.
    Put {
        request: Request,
        task: TaskId,
        waits: bool,
    },
    /// A task leaves with this answer.
    Leave(Sending, Answer),
}

/// A task on its way to its account's home.
#[derive(Debug, Clone)]
struct Sending {
    account: AccountName,
    place: u64,
    task: TaskId,
    bytes: u64,
}

/// What one life of the process knows of its outbox.
pub(super) struct Outbox {
    ledger: Ledger,
    writing: BTreeMap<u64, Writing>,
    sending: BTreeMap<u64, Sending>,
    /// Requests that wait until their task is out.
    waiters: BTreeMap<u64, (TaskId, Request)>,
    had_log: bool,
    /// The process of an earlier life has sent some of it: a planted mistake forgets so.
    is_resending: bool,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            ledger: Ledger::new(LIMITS),
            writing: BTreeMap::new(),
            sending: BTreeMap::new(),
            waiters: BTreeMap::new(),
            had_log: false,
            is_resending: false,
        }
    }
}

impl Outbox {
    /// A request that has waited long enough.
    pub(super) fn give_up(&mut self, ticket: u64) -> Option<Request> {
        self.waiters.remove(&ticket).map(|(_, request)| request)
    }

    /// The requests that have waited for a task, in the order in which they came.
    fn settle(&mut self, task: TaskId) -> Vec<Request> {
        let (settled, waiting): (BTreeMap<_, _>, _) = std::mem::take(&mut self.waiters)
            .into_iter()
            .partition(|(_, (waited_for, _))| *waited_for == task);
        self.waiters = waiting;
        settled.into_values().map(|(_, request)| request).collect()
    }
}

impl Home {
    /// Whether a task of the account waits.
    pub(super) fn outbox_holds(&self, account: &AccountName) -> bool {
        self.process
            .as_ref()
            .is_some_and(|process| process.outbox.ledger.holds(account))
    }

    /// Reads what waits: at the start, and now and then.
    pub(super) fn look_into_outbox(&mut self, context: &Context<'_>) {
        let Some(process) = &mut self.process else {
            return;
        };
        let mut held: BTreeMap<AccountName, (u64, u64)> = BTreeMap::new();
        for (_, row) in self.driver.disk.rows.outbox.waiting() {
            let (entries, bytes) = held.entry(row.account.clone()).or_default();
            *entries += 1;
            *bytes += row.content.len() as u64;
        }
        process.outbox.ledger.look();
        process.outbox.ledger.seen(&held, context.instant());
    }

    /// Takes a task into the outbox, unless everybody has it already; `waits`:
    /// it is answered when it is out again.
    pub(super) fn queue(
        &mut self,
        context: &mut Context<'_>,
        request: Request,
        task: TaskId,
        waits: bool,
    ) {
        let Ask::Send(content) = &request.ask else {
            return;
        };
        let content = content.clone();
        match self.already_sent(&request.account, task, &content) {
            Some(Ok(answer)) => return reply(context, &request, answer),
            Some(Err(code)) => return refuse(context, &request, code),
            None => {}
        }
        let disk = &mut self.driver.disk;
        let Some(process) = &mut self.process else {
            return;
        };
        let known = disk.rows.outbox.find(task).map(|(_, row)| row);
        if let Some(row) = known.filter(|row| row.waits()) {
            let same = row.account == request.account && row.content == content;
            if same {
                let (bytes, now) = (content.len() as u64, context.instant());
                process.outbox.ledger.found(&row.account, 1, bytes, now);
            }
            return if !same {
                refuse(context, &request, ErrorCode::IdReused);
            } else if waits {
                process.wait(context, task, request, 0);
            } else {
                reply(context, &request, Answer::Queued(disk.id));
            };
        }
        let is_coming = |writing: &Writing| matches!(writing, Writing::Put { task: coming, .. } if *coming == task);
        if process.outbox.writing.values().any(is_coming) {
            // The row is locked by the other one.
            return refuse(context, &request, ErrorCode::Unavailable);
        }
        let (account, bytes) = (request.account.clone(), content.len() as u64);
        let ledger = &mut process.outbox.ledger;
        if !ledger.reserve(&account, bytes, context.instant()) {
            return refuse(context, &request, ErrorCode::Busy);
        }
        if self.bug == Some(Bug::QueuedBeforeCommit) {
            reply(context, &request, Answer::Queued(disk.id));
        }
        let write = Write::Put {
            account,
            task,
            content,
        };
        let transaction = disk.begin_aside(Change::of_outbox(write));
        context.out.push(Out::Commit(transaction));
        let put = Writing::Put {
            request,
            task,
            waits,
        };
        process.outbox.writing.insert(transaction, put);
    }

    /// The receipt of a task that the log brought here before, if every server
    /// that can be heard has it, too.
    fn already_sent(
        &self,
        account: &AccountName,
        task: TaskId,
        content: &Bytes,
    ) -> Option<Result<Answer, ErrorCode>> {
        let send = self.driver.disk.rows.send(task)?;
        if send.sender != *account || send.content != *content {
            return Some(Err(ErrorCode::IdReused));
        }
        let servers = self.process.as_ref()?.roster.applied();
        let everywhere = servers.iter().all(|server| server.applied >= send.position);
        let proof = message_server::rules::Proof {
            number: send.number,
            position: send.position,
            hash: send.hash,
        };
        everywhere.then_some(Ok(Answer::Receipt(proof)))
    }

    /// A transaction has ended; answers whether it was one of the outbox.
    pub(super) fn outbox_committed(
        &mut self,
        context: &mut Context<'_>,
        transaction: u64,
        held: bool,
    ) -> bool {
        let (id, late) = (self.driver.disk.id, self.wait_max());
        let Some(process) = &mut self.process else {
            return false;
        };
        match process.outbox.writing.remove(&transaction) {
            None => return false,
            Some(Writing::Put {
                request,
                task,
                waits,
            }) => {
                // If it was not, it may be in all the same: the next look tells.
                process.outbox.ledger.came(&request.account);
                match (held, waits) {
                    (true, true) => process.wait(context, task, request, late),
                    (true, false) => reply(context, &request, Answer::Queued(id)),
                    (false, _) => refuse(context, &request, ErrorCode::Unknown),
                }
                self.drain(context);
            }
            Some(Writing::Leave(sending, answer)) if held => {
                process.outbox.ledger.left(&sending.account, sending.bytes);
                for request in process.outbox.settle(sending.task) {
                    reply(context, &request, answer.clone());
                }
                self.send_next(context, sending.account);
            }
            // The row may still be there: it is sent again, and answered the same.
            Some(Writing::Leave(sending, _)) => self.put_off(context, &sending.account),
        }
        true
    }

    /// Sends whatever is due, while the log is in reach.
    pub(super) fn drain(&mut self, context: &mut Context<'_>) {
        let replica = self.driver.replica.as_ref();
        let has_log = replica.is_some_and(|replica| replica.standing != Standing::OutOfReach);
        let Some(process) = &mut self.process else {
            return;
        };
        let outbox = &mut process.outbox;
        if has_log && !std::mem::replace(&mut outbox.had_log, has_log) {
            outbox.ledger.hurry(context.instant());
        }
        outbox.had_log = has_log;
        let mut due = Vec::new();
        while has_log && let Some(account) = outbox.ledger.take_due(context.instant()) {
            due.push(account);
        }
        for account in due {
            self.send_next(context, account);
        }
    }

    /// Sends the account's next task, if one waits.
    fn send_next(&mut self, context: &mut Context<'_>, account: AccountName) {
        let newest_first = self.bug == Some(Bug::OutboxOrderLost);
        let next = self.driver.disk.rows.outbox.next(&account, newest_first);
        let late = self.wait_max() + SLACK;
        let Some(process) = &mut self.process else {
            return;
        };
        let Some((place, row)) = next else {
            let now = context.instant();
            return process.outbox.ledger.emptied(&account, now);
        };
        let number = process.ticket();
        let sending = Sending {
            account: account.clone(),
            place,
            task: row.task,
            bytes: row.content.len() as u64,
        };
        process.outbox.sending.insert(number, sending);
        let mut content = row.content.clone();
        if process.outbox.is_resending
            && let Ok(task) = NewTask::decode(&content)
        {
            let id = TaskId(context.random.uuid());
            content = cbor::encode(&NewTask { id, ..task }).into();
        }
        let request = Request {
            from: Addr::Ms(self.index),
            number,
            account,
            ask: Ask::Outbox(content),
        };
        context.out.push(Out::ToBalancer(Message::Request(request)));
        context.after(late, Timer::Outbox(number));
    }

    /// A home has answered.
    pub(super) fn sent_out(&mut self, context: &mut Context<'_>, number: u64, answer: &Answer) {
        let Some(process) = &mut self.process else {
            return;
        };
        let Some(sending) = process.outbox.sending.remove(&number) else {
            return;
        };
        let forgets = self.bug == Some(Bug::OutboxSentTwice);
        let write = match answer {
            Answer::Receipt(_) if forgets => Write::Forget(sending.place),
            Answer::Receipt(_) => Write::Remove(sending.place),
            Answer::Refused(code) if is_final(*code) => Write::Refuse(sending.place, *code),
            Answer::Refused(_) | Answer::Queued(_) | Answer::Polled { .. } => {
                return self.put_off(context, &sending.account);
            }
        };
        let disk = &mut self.driver.disk;
        let transaction = disk.begin_aside(Change::of_outbox(write));
        context.out.push(Out::Commit(transaction));
        let leave = Writing::Leave(sending, answer.clone());
        process.outbox.writing.insert(transaction, leave);
    }

    /// No home has answered in time.
    pub(super) fn sending_is_late(&mut self, context: &mut Context<'_>, number: u64) {
        let process = self.process.as_mut();
        let sending = process.and_then(|process| process.outbox.sending.remove(&number));
        if let Some(sending) = sending {
            self.put_off(context, &sending.account);
        }
    }

    fn put_off(&mut self, context: &mut Context<'_>, account: &AccountName) {
        let Some(process) = &mut self.process else {
            return;
        };
        let failures = process.outbox.ledger.failed(account);
        let jitter = Duration::from_millis(context.random.between(0, 1_000)).as_secs_f64();
        let until = context.instant() + pause(failures, jitter);
        process.outbox.ledger.put_off(account, until);
    }

    /// With a planted mistake, what an earlier life has sent is sent again.
    pub(super) fn forget_what_was_sent(&mut self) {
        if let Some(process) = &mut self.process {
            process.outbox.is_resending = self.bug == Some(Bug::OutboxSentTwice);
        }
    }
}

impl Process {
    /// A request waits until its task is out of the outbox, for `late` at most.
    fn wait(&mut self, context: &mut Context<'_>, task: TaskId, request: Request, late: Micros) {
        let ticket = self.ticket();
        self.outbox.waiters.insert(ticket, (task, request));
        context.after(late.max(SECOND), Timer::Request(ticket));
    }
}
