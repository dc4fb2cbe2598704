//! Somebody with an account: creates it, changes its password, and checks that
//! the last acknowledged password is the one that counts.

use std::collections::BTreeMap;

use uuid::Uuid;
use yoshi_protocol::message::roster::NewPrimReg;
use yoshi_protocol::{AccountName, ErrorCode};

use crate::clock::{MILLI, Micros, SECOND};
use crate::message::{AccountAnswer, AccountAsk, Addr, Message};
use crate::node::{Context, Out, Timer};

const ATTEMPT: Micros = 4 * SECOND;
const RETRY_FIRST: Micros = 50 * MILLI;
const RETRY_LONGEST: Micros = SECOND;
/// Requests that go anywhere, as they do where a load balancer knows no better.
const ASTRAY_PERCENT: u64 = 20;

/// What people saw, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The last acknowledged password of each account.
    pub(crate) passwords: BTreeMap<AccountName, u64>,
    /// A change whose outcome is not known, with its password.
    pub(crate) open: BTreeMap<AccountName, u64>,
    /// Changes that were reported done before everything had healed.
    pub(crate) changes: usize,
    /// Checks of a password that were answered before.
    pub(crate) checks: usize,
    /// What is wrong.
    pub(crate) violations: Vec<String>,
}

/// What is under way.
#[derive(Debug, Clone)]
struct Asking {
    id: Uuid,
    ask: AccountAsk,
    /// For a check: what the answer must be.
    expected: bool,
    pause: Micros,
    last: bool,
}

/// Somebody with one account.
pub(crate) struct Person {
    index: usize,
    account: AccountName,
    servers: usize,
    quiet: Micros,
    last: Micros,
    asking: Option<Asking>,
    number: u64,
    /// The primary, by its own word: the load balancers hear it and send everybody there.
    primary: Option<NewPrimReg>,
    /// It was asked in vain.
    is_doubted: bool,
    /// The server that is asked while no primary is known.
    server: usize,
    passwords: u64,
    /// Whether the last operation, after everything healed, is done.
    pub(crate) finished: bool,
}

impl Person {
    /// Somebody who begins with a first timer.
    #[must_use]
    pub(crate) fn new(
        index: usize,
        account: AccountName,
        servers: usize,
        quiet: Micros,
        last: Micros,
    ) -> Self {
        Self {
            index,
            account,
            servers,
            quiet,
            last,
            asking: None,
            number: 0,
            primary: None,
            is_doubted: false,
            server: 0,
            passwords: 0,
            finished: false,
        }
    }

    /// A timer ran out.
    pub(crate) fn on_timer(
        &mut self,
        context: &mut Context<'_>,
        timer: Timer,
        ledger: &mut Ledger,
    ) {
        match timer {
            Timer::Next(_) => self.next(context, ledger),
            Timer::Attempt(number) if number == self.number => self.again(context),
            _ => {}
        }
    }

    /// An answer came in.
    pub(crate) fn on_message(
        &mut self,
        context: &mut Context<'_>,
        message: Message,
        ledger: &mut Ledger,
    ) {
        match message {
            // An answer to an earlier attempt may come late.
            Message::AccountAnswer { number, answer }
                if number == self.number && self.asking.is_some() =>
            {
                self.answered(context, answer, ledger);
            }
            Message::Primary(primary) => self.heard(primary),
            _ => {}
        }
    }

    fn heard(&mut self, primary: NewPrimReg) {
        let is_newer = |known: NewPrimReg| known.epoch > primary.epoch;
        if !self.primary.is_some_and(is_newer) {
            self.primary = Some(primary);
            self.is_doubted = false;
        }
    }

    fn next(&mut self, context: &mut Context<'_>, ledger: &mut Ledger) {
        if self.asking.is_some() {
            return self.ask(context);
        }
        let last = context.now >= self.last && !self.finished;
        if context.now >= self.quiet && !last {
            return context.after(500 * MILLI, Timer::Next(0));
        }
        let known = ledger.passwords.get(&self.account).copied();
        let (ask, expected) = match known {
            None => (self.change(ledger, true), true),
            Some(_) if last || context.random.percent(40) => (self.change(ledger, false), true),
            Some(password) if context.random.percent(70) => (
                AccountAsk::Authenticate(self.account.clone(), password),
                true,
            ),
            Some(password) => (
                AccountAsk::Authenticate(self.account.clone(), password.wrapping_sub(1)),
                false,
            ),
        };
        let id = context.random.uuid();
        self.asking = Some(Asking {
            id,
            ask,
            expected,
            pause: RETRY_FIRST,
            last,
        });
        self.ask(context);
    }

    fn change(&mut self, ledger: &mut Ledger, create: bool) -> AccountAsk {
        self.passwords += 1;
        ledger.open.insert(self.account.clone(), self.passwords);
        if create {
            AccountAsk::Create(self.account.clone(), self.passwords)
        } else {
            AccountAsk::Change(self.account.clone(), self.passwords)
        }
    }

    fn ask(&mut self, context: &mut Context<'_>) {
        let Some(asking) = &self.asking else {
            return;
        };
        self.number += 1;
        let request = Message::AccountRequest {
            from: Addr::Client(self.index),
            number: self.number,
            id: asking.id,
            ask: asking.ask.clone(),
        };
        let known = self.primary.filter(|_| !self.is_doubted);
        match known.filter(|_| !context.random.percent(ASTRAY_PERCENT)) {
            Some(primary) => context.out.push(Out::ToServer(primary.id, request)),
            None => context.send(Addr::Rs(self.server), request),
        }
        context.after(ATTEMPT, Timer::Attempt(self.number));
    }

    /// The same once more, after a pause, perhaps somewhere else.
    fn again(&mut self, context: &mut Context<'_>) {
        let Some(asking) = &mut self.asking else {
            return;
        };
        self.number += 1;
        let pause = asking.pause + context.random.between(0, asking.pause);
        asking.pause = (asking.pause * 2).min(RETRY_LONGEST);
        // The others, in turn: chance alone might never find the primary.
        self.is_doubted = true;
        self.server = (self.server + 1) % self.servers;
        context.after(pause, Timer::Next(0));
    }

    fn answered(&mut self, context: &mut Context<'_>, answer: AccountAnswer, ledger: &mut Ledger) {
        let Some(asking) = &self.asking else {
            return;
        };
        match answer {
            AccountAnswer::Refused(code) if code.is_retryable() => return self.again(context),
            AccountAnswer::Refused(code) => self.refused(code, ledger),
            AccountAnswer::Valid(valid) => {
                ledger.checks += usize::from(context.now < self.quiet);
                if valid != asking.expected {
                    let what = format!(
                        "I9: {:?} gave {valid} at {} from {}",
                        asking.ask, context.now, self.server
                    );
                    ledger.violations.push(what);
                }
            }
            AccountAnswer::Done => {
                ledger.changes += usize::from(context.now < self.quiet);
                if let Some(password) = ledger.open.remove(&self.account) {
                    ledger.passwords.insert(self.account.clone(), password);
                }
                self.finished |= asking.last;
            }
        }
        self.asking = None;
        self.number += 1;
        let pause = context.random.between(10 * MILLI, 400 * MILLI);
        context.after(pause, Timer::Next(0));
    }

    fn refused(&self, code: ErrorCode, ledger: &mut Ledger) {
        let what = format!("I9: {:?} was refused for good: {code}", self.asking);
        ledger.violations.push(what);
    }
}
