//! A load balancer: the real view, roster and plan, around the writes and
//! reads of the bucket (`assign.rs`, `spread.rs`, `listen.rs`).

use std::collections::BTreeMap;

use load_balancer::view::{Plan, View};
use yoshi_protocol::message::roster::{Affinity, DownReason};
use yoshi_protocol::{AccountName, ErrorCode};

use crate::bug::Bug;
use crate::clock::{MILLI, Micros, SECOND, SILENT_MAX};
use crate::message::{Addr, Answer, Ask, Message, Request, Value};
use crate::node::{Context, Out, Timer};

const LISTEN: Micros = 1_300 * MILLI;
const SWEEP: Micros = 250 * MILLI;
const SPREAD: Micros = 500 * MILLI;
const SPREAD_ACCOUNTS_MAX: usize = 250;
const JETSTREAM: Micros = 2 * SECOND;
const ASSIGN: Micros = 5 * SECOND;
const RETRY_FIRST: Micros = 20 * MILLI;
const RETRY_LONGEST: Micros = 640 * MILLI;
/// How often the bucket's leader is asked whether it is there.
const BUCKET_ASK: Micros = SECOND;
/// Questions in a row without an answer after which the bucket is out of reach.
const BUCKET_FAILURES_MAX: u32 = 3;
/// How long a watch may be silent before it is begun again.
const WATCH_SILENT: Micros = 3 * SECOND;

/// An assignment under way.
#[derive(Debug)]
struct Assigning {
    requests: Vec<Request>,
    step: Step,
    token: u64,
    begun: Micros,
    pause: Micros,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// This home is being written.
    Writing(Affinity),
    /// The key is read; `lost`: because somebody else had written it.
    Reading { lost: bool },
    /// It is tried again after a pause.
    Pausing,
}

/// A load balancer. All that it has is in memory.
pub(crate) struct Balancer {
    index: usize,
    bug: Option<Bug>,
    view: View,
    assigning: BTreeMap<AccountName, Assigning>,
    watch: u64,
    watch_heard: Micros,
    synced: bool,
    listened: bool,
    /// The question to the bucket's leader that is under way.
    bucket_ask: u64,
    bucket_failures: u32,
    tokens: u64,
}

impl Balancer {
    /// A load balancer that starts now.
    pub(crate) fn start(
        index: usize,
        life: u64,
        context: &mut Context<'_>,
        bug: Option<Bug>,
    ) -> Self {
        let mut balancer = Self {
            index,
            bug,
            view: View::new(context.instant(), SILENT_MAX),
            assigning: BTreeMap::new(),
            watch: 0,
            watch_heard: context.now,
            synced: false,
            listened: false,
            bucket_ask: 0,
            bucket_failures: 0,
            tokens: life << 40,
        };
        balancer.begin_watch(context);
        context.after(LISTEN, Timer::Listened);
        context.after(SWEEP, Timer::Sweep);
        balancer.ask_bucket(context);
        balancer
    }

    /// Whether it takes requests.
    #[must_use]
    pub(crate) fn is_ready(&self) -> bool {
        self.synced && self.listened
    }

    /// Something came in.
    pub(crate) fn on_message(&mut self, context: &mut Context<'_>, message: Message) {
        match message {
            Message::Ping(ping) => {
                self.view.roster.ping(ping, context.instant());
            }
            Message::Down(down) if down.reason == DownReason::Timeout => {
                self.view.roster.down(&down);
            }
            Message::Key {
                token,
                key,
                revision,
                value,
                last,
            } if token == self.watch => {
                self.watch_heard = context.now;
                self.saw_key(&key, revision, value);
                self.synced |= last;
            }
            Message::Heartbeat { consumer } if consumer == self.watch => {
                self.watch_heard = context.now;
                self.synced = true;
            }
            Message::Request(request) => self.request(context, request),
            Message::Stored { token, revision } => self.written(context, token, revision),
            Message::Got { token, .. } if token == self.bucket_ask => {
                self.bucket_answered(context, true);
            }
            Message::Got {
                token,
                revision,
                value,
            } => self.read(context, token, revision, value),
            _ => {}
        }
    }

    /// A timer ran out; `connected`: NATS is there.
    pub(crate) fn on_timer(&mut self, context: &mut Context<'_>, timer: Timer, connected: bool) {
        match timer {
            Timer::Sweep => {
                self.view.roster.sweep(context.instant(), connected);
                if context.now - self.watch_heard > WATCH_SILENT {
                    self.begin_watch(context);
                }
                context.after(SWEEP, Timer::Sweep);
            }
            Timer::Spread => {
                let mut accounts = self.view.stranded(SPREAD_ACCOUNTS_MAX);
                // The view gives them in the order of a hash map: a run must replay.
                accounts.sort_unstable();
                context.random.shuffle(&mut accounts);
                for account in accounts {
                    self.assign(context, account, None);
                }
                context.after(SPREAD, Timer::Spread);
            }
            Timer::Listened => {
                self.listened = true;
                context.after(SPREAD, Timer::Spread);
            }
            Timer::Assign(token) => self.late(context, token),
            Timer::Bucket => self.ask_bucket(context),
            Timer::BucketAsk(token) if token == self.bucket_ask => {
                self.bucket_answered(context, false);
            }
            _ => {}
        }
    }

    fn begin_watch(&mut self, context: &mut Context<'_>) {
        self.watch = self.token();
        self.watch_heard = context.now;
        let from = Addr::Lb(self.index);
        context.send(
            Addr::Hub,
            Message::Watch {
                from,
                token: self.watch,
            },
        );
    }

    /// Asks the bucket's leader whether it is there (`stopgap.rs`).
    fn ask_bucket(&mut self, context: &mut Context<'_>) {
        let token = self.token();
        self.bucket_ask = token;
        let get = Message::Get {
            from: Addr::Lb(self.index),
            token,
            key: String::new(),
        };
        context.send(Addr::Hub, get);
        context.after(JETSTREAM, Timer::BucketAsk(token));
    }

    fn bucket_answered(&mut self, context: &mut Context<'_>, is_there: bool) {
        self.bucket_ask = 0;
        self.bucket_failures = match is_there {
            true => 0,
            false => (self.bucket_failures + 1).min(BUCKET_FAILURES_MAX),
        };
        self.view.bucket_lost = self.bucket_failures == BUCKET_FAILURES_MAX;
        context.after(BUCKET_ASK, Timer::Bucket);
    }

    /// Whom to ask without the log. A task that is queued already is not queued anew.
    fn stopgap(&self, request: &Request) -> Option<Affinity> {
        match request.ask {
            Ask::Outbox(_) => None,
            Ask::Send(_) | Ask::Change(_) => self.view.stopgap(&request.account, false),
            Ask::Poll(_) => self.view.stopgap(&request.account, true),
        }
    }

    fn token(&mut self) -> u64 {
        self.tokens += 1;
        self.tokens
    }

    fn saw_key(&mut self, key: &str, revision: u64, value: Option<Value>) {
        let Ok(account) = AccountName::new(key) else {
            return;
        };
        match value {
            Some(Value::Affinity(home)) => self.view.homes.stored(account, home, revision),
            Some(Value::Lease(_)) => {}
            None => self.view.homes.deleted(&account, revision),
        }
    }

    fn request(&mut self, context: &mut Context<'_>, request: Request) {
        let home = self.view.route(&request.account);
        match home.or_else(|| self.stopgap(&request)) {
            Some(home) => forward(context, request, home),
            None => self.assign(context, request.account.clone(), Some(request)),
        }
    }

    /// Gives the account a home; its requests wait for it.
    fn assign(
        &mut self,
        context: &mut Context<'_>,
        account: AccountName,
        request: Option<Request>,
    ) {
        if let Some(assigning) = self.assigning.get_mut(&account) {
            assigning.requests.extend(request);
            return;
        }
        let assigning = Assigning {
            requests: request.into_iter().collect(),
            step: Step::Pausing,
            token: 0,
            begun: context.now,
            pause: RETRY_FIRST,
        };
        self.assigning.insert(account.clone(), assigning);
        self.attempt(context, account);
    }

    fn attempt(&mut self, context: &mut Context<'_>, account: AccountName) {
        match self.view.plan(&account, context.wall()) {
            Plan::Keep(home) => self.finish(context, &account, Some(home)),
            Plan::NoneServing | Plan::Unreadable => self.finish(context, &account, None),
            Plan::Assign { next, revision } => {
                let token = self.token();
                let Some(assigning) = self.assigning.get_mut(&account) else {
                    return;
                };
                assigning.step = Step::Writing(next);
                assigning.token = token;
                let unchecked = self.bug == Some(Bug::AssignWithoutCompare);
                let put = Message::Put {
                    from: Addr::Lb(self.index),
                    token,
                    key: account.to_string(),
                    value: Some(Value::Affinity(next)),
                    expected: (!unchecked).then_some(revision),
                };
                context.send(Addr::Hub, put);
                context.after(JETSTREAM, Timer::Assign(token));
            }
        }
    }

    fn of_token(&self, token: u64) -> Option<AccountName> {
        let mut all = self.assigning.iter();
        all.find(|(_, assigning)| assigning.token == token)
            .map(|(account, _)| account.clone())
    }

    fn written(&mut self, context: &mut Context<'_>, token: u64, revision: Option<u64>) {
        let Some(account) = self.of_token(token) else {
            return;
        };
        let Some(Step::Writing(next)) =
            self.assigning.get(&account).map(|assigning| assigning.step)
        else {
            return;
        };
        self.view.homes.discount(next.server);
        match revision {
            Some(revision) => {
                self.view.homes.stored(account.clone(), next, revision);
                self.finish(context, &account, Some(next));
            }
            None => self.look(context, account, true),
        }
    }

    /// Reads the account's key: somebody else may have been first.
    fn look(&mut self, context: &mut Context<'_>, account: AccountName, lost: bool) {
        let token = self.token();
        if let Some(assigning) = self.assigning.get_mut(&account) {
            assigning.token = token;
            assigning.step = Step::Reading { lost };
            let from = Addr::Lb(self.index);
            context.send(
                Addr::Hub,
                Message::Get {
                    from,
                    token,
                    key: account.to_string(),
                },
            );
            context.after(JETSTREAM, Timer::Assign(token));
        }
    }

    fn read(&mut self, context: &mut Context<'_>, token: u64, revision: u64, value: Option<Value>) {
        let Some(account) = self.of_token(token) else {
            return;
        };
        if revision == 0 {
            self.view.homes.absent(&account);
        } else {
            self.saw_key(account.as_str(), revision, value);
        }
        match self.assigning.get(&account).map(|assigning| assigning.step) {
            Some(Step::Reading { lost }) => self.next_try(context, account, lost),
            Some(Step::Writing(_) | Step::Pausing) | None => {}
        }
    }

    /// A write or a read was not answered, or a pause is over.
    fn late(&mut self, context: &mut Context<'_>, token: u64) {
        let Some(account) = self.of_token(token) else {
            return;
        };
        match self.assigning.get(&account).map(|assigning| assigning.step) {
            Some(Step::Writing(next)) => {
                self.view.homes.discount(next.server);
                self.look(context, account, false);
            }
            Some(Step::Reading { .. }) => self.next_try(context, account, false),
            Some(Step::Pausing) => self.attempt(context, account),
            None => {}
        }
    }

    fn next_try(&mut self, context: &mut Context<'_>, account: AccountName, at_once: bool) {
        let token = self.token();
        let Some(assigning) = self.assigning.get_mut(&account) else {
            return;
        };
        if context.now - assigning.begun >= ASSIGN {
            return self.finish(context, &account, None);
        }
        if at_once {
            return self.attempt(context, account);
        }
        assigning.step = Step::Pausing;
        assigning.token = token;
        context.after(assigning.pause, Timer::Assign(token));
        assigning.pause = (assigning.pause * 2).min(RETRY_LONGEST);
    }

    /// Forwards or refuses what has waited.
    fn finish(&mut self, context: &mut Context<'_>, account: &AccountName, home: Option<Affinity>) {
        let Some(assigning) = self.assigning.remove(account) else {
            return;
        };
        for request in assigning.requests {
            match home {
                Some(home) => forward(context, request, home),
                None => {
                    let answer = Answer::Refused(ErrorCode::Unavailable);
                    context.send(
                        request.from,
                        Message::Answer {
                            number: request.number,
                            answer,
                        },
                    );
                }
            }
        }
    }
}

fn forward(context: &mut Context<'_>, request: Request, home: Affinity) {
    context.out.push(Out::ToServer(
        home.server,
        Message::ToHome(home.server, request, home.epoch),
    ));
}
