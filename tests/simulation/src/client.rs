//! A client: sends tasks and changes them, with the same bytes until it hears
//! what became of that, polls, and looks at servers of its own choice.

mod wishes;

use std::collections::BTreeMap;

use bytes::Bytes;
use yoshi_protocol::{
    AccountName, ChangeId, ErrorCode, NewTask, Position, TaskChange, TaskId, Verb, cbor,
};

use crate::clock::{MILLI, Micros, SECOND};
use crate::history::{Deed, History, Item};
use crate::message::{Addr, Answer, Ask, Message, Request};
use crate::node::{Context, Out, Timer};

const ATTEMPT: Micros = 4 * SECOND;
const RETRY_FIRST: Micros = 50 * MILLI;
const RETRY_LONGEST: Micros = SECOND;

/// Tasks that an account has in mind when it changes one: few, so that several
/// accounts change the same.
const IN_MIND: usize = 6;

/// What an attempt was for.
#[derive(Debug, Clone)]
enum Purpose {
    /// What this slot is about.
    Act { slot: u64, item: Item },
    /// A repetition of what was done, or queued, before.
    Again(Item),
    /// The same id with other content.
    Reused(Item),
    /// The client's own next poll.
    Poll { since: Position, invoked: Micros },
    /// A look at some account's tasks on one server.
    Look {
        account: AccountName,
        invoked: Micros,
    },
}

/// A task or change that is asked for.
#[derive(Debug)]
struct Acting {
    item: Item,
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
    acting: BTreeMap<u64, Acting>,
    /// Slots that have begun their last task.
    finished: BTreeMap<u64, Option<Item>>,
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
            acting: BTreeMap::new(),
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
    pub(crate) fn last_tasks(&self) -> impl Iterator<Item = Option<Item>> {
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
        if self.acting.contains_key(&slot) {
            return self.act(context, slot, history);
        }
        let now = context.now;
        if now < self.quiet {
            match context.random.number() % 12 {
                0..4 => self.begin_task(context, slot, history),
                4..8 => self.begin_change(context, slot, history),
                8 => self.repeat(context, history),
                _ => {
                    self.poll(context, history);
                    context.after(100 * MILLI, Timer::Next(slot));
                    return;
                }
            }
        } else if now >= self.last && !self.finished.contains_key(&slot) {
            self.begin_task(context, slot, history);
            let item = self.acting.get(&slot).map(|acting| acting.item);
            self.finished.insert(slot, item);
        }
        if !self.acting.contains_key(&slot) {
            context.after(500 * MILLI, Timer::Next(slot));
            if now >= self.last {
                self.poll(context, history);
            }
        }
    }

    fn begin_task(&mut self, context: &mut Context<'_>, slot: u64, history: &mut History) {
        let mut recipients = self.everybody.clone();
        context.random.shuffle(&mut recipients);
        recipients.truncate(context.random.index(3) + 1);
        let id = TaskId(context.random.uuid());
        let task = NewTask {
            id,
            completion: wishes::completion(context.random),
            ..NewTask::new("a task", recipients.clone())
        };
        let content = Bytes::from(cbor::encode(&task));
        let deed = Deed::new(&self.account, id, recipients, content, context.now);
        self.begin(context, slot, Item::Task(id), deed, history);
    }

    /// Does something with one of the tasks that it has seen.
    fn begin_change(&mut self, context: &mut Context<'_>, slot: u64, history: &mut History) {
        let seen = history.seen.get(&self.account).map(|seen| &seen.tasks);
        let Some(seen) = seen.filter(|seen| !seen.is_empty()) else {
            return self.begin_task(context, slot, history);
        };
        let chosen = context.random.index(seen.len().min(IN_MIND));
        let Some((task, revision)) = seen.iter().nth(chosen) else {
            return;
        };
        let (task, revision) = (*task, *revision);
        let Some(sent) = history.task(task) else {
            return;
        };
        let is_sender = sent.account == self.account;
        let change = TaskChange {
            id: ChangeId(context.random.uuid()),
            task,
            verb: wishes::verb(context.random, is_sender, revision),
        };
        let mut concerns = vec![self.account.clone()];
        if !change.verb.is_private() {
            concerns.extend(sent.concerns.iter().chain([&sent.account]).cloned());
        }
        let content = Bytes::from(cbor::encode(&change));
        let item = Item::Change(change.id);
        let mut deed = Deed::new(&self.account, task, concerns, content, context.now);
        deed.change = Some(change);
        self.begin(context, slot, item, deed, history);
    }

    fn begin(
        &mut self,
        context: &mut Context<'_>,
        slot: u64,
        item: Item,
        deed: Deed,
        history: &mut History,
    ) {
        let acting = Acting {
            item,
            content: deed.content.clone(),
            pause: RETRY_FIRST,
        };
        history.deeds.insert(item, deed);
        self.acting.insert(slot, acting);
        self.act(context, slot, history);
    }

    fn act(&mut self, context: &mut Context<'_>, slot: u64, history: &mut History) {
        let Some(acting) = self.acting.get(&slot) else {
            return;
        };
        let (item, content) = (acting.item, acting.content.clone());
        if let Some(deed) = history.deeds.get_mut(&item) {
            deed.tries += 1;
        }
        self.ask(context, Purpose::Act { slot, item }, entry(item, content));
    }

    /// Asks once more for what was done or queued, or uses its id for something else.
    fn repeat(&mut self, context: &mut Context<'_>, history: &mut History) {
        let own = history.deeds.iter().filter(|(_, deed)| {
            deed.account == self.account && (deed.done.is_some() || deed.queued.is_some())
        });
        let own: Vec<_> = own.map(|(item, _)| *item).collect();
        if own.is_empty() {
            return;
        }
        let item = own[context.random.index(own.len())];
        let Some(deed) = history.deeds.get_mut(&item) else {
            return;
        };
        deed.tries += 1;
        // An id that only an outbox knows may still be anybody's.
        if deed.done.is_none() || context.random.percent(80) {
            let again = entry(item, deed.content.clone());
            return self.ask(context, Purpose::Again(item), again);
        }
        let other = match item {
            Item::Task(id) => cbor::encode(&NewTask {
                id,
                ..NewTask::new("another task", vec![self.account.clone()])
            }),
            Item::Change(id) => cbor::encode(&TaskChange {
                id,
                task: deed.task,
                verb: Verb::Comment {
                    text: "something else".to_owned(),
                },
            }),
        };
        self.ask(context, Purpose::Reused(item), entry(item, other.into()));
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
            Some(Purpose::Act { slot, item }) => {
                self.act_answered(context, (slot, item), answer, history);
            }
            Some(Purpose::Again(item)) => match answer {
                Answer::Receipt(proof) => history.acknowledged(item, context.now, *proof),
                Answer::Queued(server) => history.queued(item, context.now, *server),
                Answer::Refused(_) | Answer::Polled { .. } => {}
            },
            Some(Purpose::Reused(item)) => {
                if let Answer::Receipt(_) = answer {
                    history.violated("I2", format!("{item:?} was taken with other content"));
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

    fn act_answered(
        &mut self,
        context: &mut Context<'_>,
        (slot, item): (u64, Item),
        answer: &Answer,
        history: &mut History,
    ) {
        let current = self
            .acting
            .get_mut(&slot)
            .filter(|acting| acting.item == item);
        match (answer, current) {
            (Answer::Receipt(proof), current) => {
                history.acknowledged(item, context.now, *proof);
                if current.is_some() {
                    self.acting.remove(&slot);
                    let pause = context.random.between(10 * MILLI, 600 * MILLI);
                    context.after(pause, Timer::Next(slot));
                }
                if let Some(reader) = history.deeds[&item].concerns.first().cloned() {
                    self.look(context, reader);
                }
            }
            (Answer::Queued(server), current) => {
                history.queued(item, context.now, *server);
                let Some(acting) = current else {
                    return;
                };
                // Some want to know what becomes of it, some go on; the last
                // task must be accounted for.
                if self.finished.contains_key(&slot) || context.random.percent(40) {
                    acting.pause = RETRY_LONGEST;
                } else {
                    self.acting.remove(&slot);
                }
                context.after(RETRY_LONGEST / 4, Timer::Next(slot));
            }
            (Answer::Refused(code), Some(acting)) if code.is_retryable() => {
                let pause = acting.pause + context.random.between(0, acting.pause);
                acting.pause = (acting.pause * 2).min(RETRY_LONGEST);
                context.after(pause, Timer::Next(slot));
            }
            (Answer::Refused(code), Some(_)) => {
                if let Some(deed) = history.deeds.get_mut(&item) {
                    deed.refused = Some(*code);
                }
                self.acting.remove(&slot);
                context.after(100 * MILLI, Timer::Next(slot));
            }
            (Answer::Refused(_) | Answer::Polled { .. }, _) => {}
        }
    }
}

fn entry(item: Item, content: Bytes) -> Ask {
    match item {
        Item::Task(_) => Ask::Send(content),
        Item::Change(_) => Ask::Change(content),
    }
}
