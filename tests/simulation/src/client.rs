//! A client: sends tasks with the same bytes until it hears what became of
//! them, polls its inbox, and looks at servers of its own choice.

use std::collections::BTreeMap;

use bytes::Bytes;
use yoshi_protocol::{AccountName, ErrorCode, NewTask, Position, TaskId, cbor};

use crate::clock::{MILLI, Micros, SECOND};
use crate::history::{History, Sent};
use crate::message::{Addr, Answer, Ask, Message, Request};
use crate::node::{Context, Out, Timer};

const ATTEMPT: Micros = 4 * SECOND;
const RETRY_FIRST: Micros = 50 * MILLI;
const RETRY_LONGEST: Micros = SECOND;

/// What an attempt was for.
#[derive(Debug, Clone)]
enum Purpose {
    /// The task in this slot.
    Send { slot: u64, id: TaskId },
    /// A repetition of a task that was done before.
    Again(TaskId),
    /// The same id with other content.
    Reused(TaskId),
    /// The client's own next poll.
    Poll { since: Position, invoked: Micros },
    /// A look at some account's inbox on one server.
    Look {
        account: AccountName,
        invoked: Micros,
    },
}

/// A task that is being sent.
#[derive(Debug)]
struct Sending {
    id: TaskId,
    content: Bytes,
    pause: Micros,
}

/// A client of one account.
pub(crate) struct Client {
    index: usize,
    account: AccountName,
    everybody: Vec<AccountName>,
    servers: usize,
    /// After this it begins nothing new, but for one last task per slot.
    quiet: Micros,
    last: Micros,
    sending: BTreeMap<u64, Sending>,
    /// Slots that have begun their last task.
    finished: BTreeMap<u64, Option<TaskId>>,
    attempts: BTreeMap<u64, Purpose>,
    polling: bool,
    numbers: u64,
}

impl Client {
    /// A client that begins with its first timers.
    #[must_use]
    pub(crate) fn new(
        index: usize,
        everybody: &[AccountName],
        servers: usize,
        quiet: Micros,
        last: Micros,
    ) -> Self {
        Self {
            index,
            account: everybody[index].clone(),
            everybody: everybody.to_vec(),
            servers,
            quiet,
            last,
            sending: BTreeMap::new(),
            finished: BTreeMap::new(),
            attempts: BTreeMap::new(),
            polling: false,
            numbers: 0,
        }
    }

    /// The slots in which it works: one or two tasks at a time.
    #[must_use]
    pub(crate) fn slots(&self) -> u64 {
        1 + u64::from(self.index.is_multiple_of(3))
    }

    /// Its last tasks, once begun: each must be done at the end.
    pub(crate) fn last_tasks(&self) -> impl Iterator<Item = Option<TaskId>> {
        self.finished.values().copied()
    }

    /// A timer ran out.
    pub(crate) fn on_timer(
        &mut self,
        context: &mut Context<'_>,
        timer: Timer,
        history: &mut History,
    ) {
        match timer {
            Timer::Next(slot) => self.next(context, slot, history),
            Timer::Attempt(number) => self.answered(
                context,
                number,
                &Answer::Refused(ErrorCode::Unknown),
                history,
            ),
            _ => {}
        }
    }

    /// An answer came in.
    pub(crate) fn on_message(
        &mut self,
        context: &mut Context<'_>,
        message: Message,
        history: &mut History,
    ) {
        if let Message::Answer { number, answer } = message {
            self.answered(context, number, &answer, history);
        }
    }

    fn next(&mut self, context: &mut Context<'_>, slot: u64, history: &mut History) {
        if self.sending.contains_key(&slot) {
            return self.send(context, slot);
        }
        let now = context.now;
        if now < self.quiet {
            match context.random.number() % 10 {
                0..6 => self.begin(context, slot, history),
                6 => self.repeat(context, history),
                _ => {
                    self.poll(context, history);
                    context.after(100 * MILLI, Timer::Next(slot));
                    return;
                }
            }
        } else if now >= self.last && !self.finished.contains_key(&slot) {
            self.begin(context, slot, history);
            let id = self.sending.get(&slot).map(|sending| sending.id);
            self.finished.insert(slot, id);
        }
        if !self.sending.contains_key(&slot) {
            context.after(500 * MILLI, Timer::Next(slot));
            if now >= self.last {
                self.poll(context, history);
            }
        }
    }

    fn begin(&mut self, context: &mut Context<'_>, slot: u64, history: &mut History) {
        let mut recipients = self.everybody.clone();
        context.random.shuffle(&mut recipients);
        recipients.truncate(context.random.index(3) + 1);
        let id = TaskId(context.random.uuid());
        let task = NewTask {
            id,
            ..NewTask::new("a task", recipients.clone())
        };
        let content = Bytes::from(cbor::encode(&task));
        let sent = Sent {
            sender: self.account.clone(),
            recipients,
            content: content.clone(),
            invoked: context.now,
            done: None,
            refused: None,
        };
        history.sends.insert(id, sent);
        self.sending.insert(
            slot,
            Sending {
                id,
                content,
                pause: RETRY_FIRST,
            },
        );
        self.send(context, slot);
    }

    fn send(&mut self, context: &mut Context<'_>, slot: u64) {
        let Some(sending) = self.sending.get(&slot) else {
            return;
        };
        let (id, content) = (sending.id, sending.content.clone());
        self.ask(context, Purpose::Send { slot, id }, Ask::Send(content));
    }

    /// Sends an earlier task again, or its id with other content.
    fn repeat(&mut self, context: &mut Context<'_>, history: &History) {
        let own = history
            .sends
            .iter()
            .filter(|(_, sent)| sent.sender == self.account && sent.done.is_some());
        let own: Vec<_> = own.map(|(id, sent)| (*id, sent.content.clone())).collect();
        if own.is_empty() {
            return;
        }
        let (id, content) = own[context.random.index(own.len())].clone();
        if context.random.percent(80) {
            return self.ask(context, Purpose::Again(id), Ask::Send(content));
        }
        let other = NewTask {
            id,
            ..NewTask::new("another task", vec![self.account.clone()])
        };
        self.ask(
            context,
            Purpose::Reused(id),
            Ask::Send(cbor::encode(&other).into()),
        );
    }

    fn poll(&mut self, context: &mut Context<'_>, history: &History) {
        if !std::mem::replace(&mut self.polling, true) {
            let since = history.cursor(&self.account);
            let invoked = context.now;
            self.ask(context, Purpose::Poll { since, invoked }, Ask::Poll(since));
        }
    }

    fn ask(&mut self, context: &mut Context<'_>, purpose: Purpose, ask: Ask) {
        let request = self.request(context, purpose, self.account.clone(), ask);
        context.out.push(Out::ToBalancer(Message::Request(request)));
    }

    /// Looks at an account's whole inbox on a server of its own choice.
    fn look(&mut self, context: &mut Context<'_>, account: AccountName) {
        let invoked = context.now;
        let purpose = Purpose::Look {
            account: account.clone(),
            invoked,
        };
        let request = self.request(context, purpose, account, Ask::Poll(Position::ZERO));
        let server = Addr::Ms(context.random.index(self.servers));
        context.send(server, Message::Request(request));
    }

    fn request(
        &mut self,
        context: &mut Context<'_>,
        purpose: Purpose,
        account: AccountName,
        ask: Ask,
    ) -> Request {
        self.numbers += 1;
        let number = self.numbers;
        self.attempts.insert(number, purpose);
        context.after(ATTEMPT, Timer::Attempt(number));
        Request {
            from: Addr::Client(self.index),
            number,
            account,
            ask,
        }
    }

    fn answered(
        &mut self,
        context: &mut Context<'_>,
        number: u64,
        answer: &Answer,
        history: &mut History,
    ) {
        match self.attempts.remove(&number) {
            Some(Purpose::Send { slot, id }) => {
                self.send_answered(context, (slot, id), answer, history)
            }
            Some(Purpose::Again(id)) => {
                if let Answer::Receipt(proof) = answer {
                    history.acknowledged(id, context.now, *proof);
                }
            }
            Some(Purpose::Reused(id)) => {
                if let Answer::Receipt(_) = answer {
                    history.violated("I2", format!("{id} was taken with other content"));
                }
            }
            Some(Purpose::Poll { since, invoked }) => {
                self.polling = false;
                history.polled(&self.account, invoked, since, answer);
                history.continued(&self.account, answer);
            }
            Some(Purpose::Look { account, invoked }) => {
                history.polled(&account, invoked, Position::ZERO, answer);
            }
            None => {}
        }
    }

    fn send_answered(
        &mut self,
        context: &mut Context<'_>,
        (slot, id): (u64, TaskId),
        answer: &Answer,
        history: &mut History,
    ) {
        let current = self
            .sending
            .get_mut(&slot)
            .filter(|sending| sending.id == id);
        match (answer, current) {
            (Answer::Receipt(proof), current) => {
                history.acknowledged(id, context.now, *proof);
                if current.is_some() {
                    self.sending.remove(&slot);
                    let pause = context.random.between(10 * MILLI, 600 * MILLI);
                    context.after(pause, Timer::Next(slot));
                }
                let recipient = history.sends[&id].recipients[0].clone();
                self.look(context, recipient);
            }
            (Answer::Refused(code), Some(sending)) if code.is_retryable() => {
                let pause = sending.pause + context.random.between(0, sending.pause);
                sending.pause = (sending.pause * 2).min(RETRY_LONGEST);
                context.after(pause, Timer::Next(slot));
            }
            (Answer::Refused(code), Some(_)) => {
                if let Some(sent) = history.sends.get_mut(&id) {
                    sent.refused = Some(*code);
                }
                self.sending.remove(&slot);
                context.after(100 * MILLI, Timer::Next(slot));
            }
            (Answer::Refused(_) | Answer::Polled { .. }, _) => {}
        }
    }
}
