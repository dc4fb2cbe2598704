//! One replica of a log, re-stated without I/O as close to the real driver as
//! it goes: `submit.rs`, `publish.rs`, `applier.rs`, `adopt.rs` and
//! `standing.rs` of `yoshi-replica`, around its real [`Root`], [`Fate`] and
//! lineage. It is told what happened, and asks for what is to be done.

mod adopt;
mod applying;
mod follow;
mod outward;
mod proof;
mod publishing;
mod standing;

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use yoshi_protocol::{AccountName, Incarnation, Position, ServerId};
use yoshi_replica::fate::Fate;
use yoshi_replica::root::{Down, Root};
use yoshi_replica::{Accounted, Peer, Standing, View};

use crate::bug::Bug;
use crate::clock::{MILLI, Micros, SECOND};
use crate::disk::{Disk, Rows};
use crate::message::{Decoded, Page, Published, StoredBlock};
use follow::Follow;
pub(crate) use outward::outward;
use publishing::{Ground, Publishing};
use standing::{Pausing, Watching};

/// How long JetStream may take.
const CALL: Micros = 2 * SECOND;
/// How often the root looks for peers that missed β.
const TICK: Micros = 250 * MILLI;

/// What happened to a replica. Answers carry the token of their question.
#[derive(Debug)]
pub(crate) enum Input {
    /// Time to do what was put off.
    Timer(Timer),
    /// The stream answered a publish.
    Published(u64, Published),
    /// The stream told a root's last block.
    Last(u64, Option<(u64, String)>),
    /// The stream told where it stands.
    View(u64, View),
    /// The stream told which block stands at a sequence.
    Id(u64, Option<String>),
    /// The stream delivered a block.
    Block {
        consumer: u64,
        delivered: u64,
        block: Rc<StoredBlock>,
    },
    /// The consumer is alive.
    Heartbeat(u64),
    /// A neighbour answered with a page, or refused.
    Page(u64, Option<Page>),
    /// A transaction has ended; false if it failed, or if nobody knows.
    Committed(u64, bool),
    /// A peer has accounted for everything up to here.
    Accounted(ServerId, Incarnation, Position),
}

/// What was put off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The root's tick.
    Root,
    /// A call to the stream or a neighbour was not answered.
    Call(u64),
    /// Follow the log again.
    Follow,
    /// Send the block again.
    Publish,
    /// Whether the consumer is alive.
    Consumer(u64),
    /// Ask where the tail is.
    Standing(u64),
    /// The tail was not reached in time.
    Reach(u64),
}

/// What a replica asks for.
#[derive(Debug)]
pub(crate) enum Effect<O> {
    /// A timer.
    After(Micros, Timer),
    /// A publish.
    Publish {
        token: u64,
        id: String,
        expected: Option<u64>,
        entries: Rc<Vec<Vec<u8>>>,
    },
    /// The last block of this root.
    AskLast(u64),
    /// Where the stream stands.
    AskView(u64),
    /// Which block stands at a sequence.
    AskId { token: u64, sequence: u64 },
    /// Deliveries.
    Read { consumer: u64, start: u64 },
    /// A page of a neighbour's log.
    AskPage {
        token: u64,
        peer: ServerId,
        since: Position,
    },
    /// The database is to commit this transaction.
    Commit(u64),
    /// *Accounted for*, for the root of this block.
    Account(Rc<StoredBlock>, Position),
    /// A peer missed β.
    Down(Down),
    /// A submission is done; none is an outcome that was not learned.
    Done(u64, Option<Accounted<O>>),
    /// An own entry is decided, and not committed: a planted mistake tells so.
    Decided(Decoded, O),
    /// The process must not go on.
    Stop(&'static str),
}

/// One replica, in one life of its process.
pub(crate) struct Replica<R: Rows> {
    /// The server.
    pub(crate) id: ServerId,
    /// Its life.
    pub(crate) life: Incarnation,
    /// Where it stands.
    pub(crate) standing: Standing,
    /// The time of the latest look at the tail that was reached.
    pub(crate) confirmed: Option<Instant>,
    /// What this process knows to be committed.
    pub(crate) applied: Position,
    bug: Option<Bug>,
    root: Root<u64, R::Outcome>,
    fate: Fate,
    publishing: Option<Publishing>,
    stored: Position,
    /// Outcomes of the transaction under way; none of those that are not known.
    outcomes: Vec<Option<R::Outcome>>,
    /// The log that the database was filled from.
    log: Incarnation,
    /// Whether the stream was that log when it was last looked at.
    is_trusted: bool,
    /// The root has found that the stream cannot be that log.
    is_doubted: bool,
    /// The log that is being taken up, while it is not known whether it was.
    adopting: Option<Incarnation>,
    ground: Ground,
    /// The last block that the stream has taken from this process, and which log's.
    taken: Option<(Incarnation, u64)>,
    follow: Follow,
    lost_before: bool,
    pause: Micros,
    neighbour_tries: usize,
    /// The log of which this database holds the beginning, as a neighbour has shown.
    proven_for: Option<Incarnation>,
    peers: Vec<Peer>,
    watching: Watching,
    pausing: Pausing,
    tokens: u64,
}

/// What a replica has at hand while it takes something in.
pub(crate) struct Hands<'a, R: Rows> {
    /// The machine's monotonic clock.
    pub(crate) now: Instant,
    /// How often its connection to NATS was made anew.
    pub(crate) connects: u64,
    /// Its database.
    pub(crate) disk: &'a mut Disk<R>,
    /// What it asks for, in order.
    pub(crate) effects: &'a mut VecDeque<Effect<R::Outcome>>,
}

impl<R: Rows> Replica<R> {
    /// A replica that starts now. `tokens` begin above those of earlier lives.
    pub(crate) fn start(
        hands: &mut Hands<'_, R>,
        life: Incarnation,
        beta: Duration,
        stream: Incarnation,
        tokens: u64,
        bug: Option<Bug>,
    ) -> Self {
        let cursor = *hands.disk.cursor.get_or_insert(crate::disk::Cursor {
            incarnation: stream,
            applied: Position::ZERO,
        });
        let id = hands.disk.id;
        let mut replica = Self {
            id,
            life,
            standing: Standing::CatchingUp,
            confirmed: None,
            applied: cursor.applied,
            bug,
            root: Root::new(id, beta, cursor.applied),
            fate: Fate::new(life),
            publishing: None,
            stored: cursor.applied,
            outcomes: Vec::new(),
            log: cursor.incarnation,
            is_trusted: false,
            is_doubted: false,
            adopting: None,
            ground: Ground::new(cursor.incarnation),
            taken: None,
            follow: Follow::Paused,
            lost_before: false,
            pause: follow::RETRY_FIRST,
            neighbour_tries: 0,
            proven_for: None,
            peers: Vec::new(),
            watching: Watching::default(),
            pausing: Pausing::default(),
            tokens,
        };
        replica.follow_again(hands);
        replica.ask_tail(hands);
        hands.effects.push_back(Effect::After(TICK, Timer::Root));
        replica
    }

    /// Queues an entry. The ticket comes back with [`Effect::Done`], or at once
    /// if too much is waiting.
    pub(crate) fn submit(
        &mut self,
        hands: &mut Hands<'_, R>,
        ticket: u64,
        account: AccountName,
        entry: Vec<u8>,
    ) -> Result<(), u64> {
        let taken = self.root.submit(ticket, account, entry);
        self.turn(hands);
        taken
    }

    /// Whom success waits for.
    pub(crate) fn set_peers(&mut self, hands: &mut Hands<'_, R>, peers: Vec<Peer>) {
        hands.disk.known.extend(peers.iter().map(|peer| peer.id));
        if self.peers != peers {
            self.root.set_peers(&peers);
            self.peers = peers;
            self.hears_more(hands);
            self.turn(hands);
        }
    }

    /// Whether this server had applied everything at some moment within the last `within`.
    #[must_use]
    pub(crate) fn is_at_tail(&self, now: Instant, within: Duration) -> bool {
        self.standing == Standing::AtTail
            && self
                .confirmed
                .is_some_and(|asked| now.saturating_duration_since(asked) <= within)
    }

    /// A page of this server's copy of the log, if that is the log which is asked for.
    #[must_use]
    pub(crate) fn page(
        &self,
        disk: &Disk<R>,
        stream: Incarnation,
        since: Position,
    ) -> Option<Page> {
        // Of a lost log that this one continues, everything that was kept is here.
        let kept = disk.lineage.through(stream);
        let is_part = kept.is_some_and(|through| since <= through);
        (self.log == stream || is_part).then(|| disk.page(since, self.applied))
    }

    /// What it holds, for whoever recovers the log.
    #[must_use]
    pub(crate) fn held(&self) -> (Incarnation, Position) {
        (self.log, self.applied)
    }

    /// What it is at, for people.
    #[must_use]
    pub(crate) fn doing(&self) -> String {
        self.follow.words()
    }

    /// Takes in what happened.
    pub(crate) fn on(&mut self, hands: &mut Hands<'_, R>, input: Input) {
        match input {
            Input::Timer(timer) => self.on_timer(hands, timer),
            Input::Published(token, result) => self.published(hands, token, result),
            Input::Last(token, last) => self.told_last(hands, token, last),
            Input::View(token, view) => {
                self.viewed(hands, token, &view);
                self.saw_tail(hands, token, &view);
                self.publisher_viewed(hands, token, &view);
            }
            Input::Id(token, id) => self.told_id(hands, token, id.as_deref()),
            Input::Block {
                consumer,
                delivered,
                block,
            } => self.delivered(hands, consumer, delivered, block),
            Input::Heartbeat(consumer) => self.beat(hands, consumer),
            Input::Page(token, page) => {
                self.publisher_page(hands, token, page.as_ref());
                self.paged(hands, token, page);
            }
            Input::Committed(transaction, held) => self.committed(hands, transaction, held),
            Input::Accounted(server, life, position) => self.root.accounted(server, life, position),
        }
        self.turn(hands);
    }

    fn on_timer(&mut self, hands: &mut Hands<'_, R>, timer: Timer) {
        match timer {
            Timer::Root => {
                for down in self.root.tick(hands.now) {
                    hands.effects.push_back(Effect::Down(down));
                }
                hands.effects.push_back(Effect::After(TICK, Timer::Root));
            }
            Timer::Call(token) => {
                self.publish_call_failed(hands, token);
                self.follow_call_failed(hands, token);
                self.tail_call_failed(hands, token);
            }
            Timer::Follow => self.follow_again(hands),
            Timer::Publish => self.attempt(hands),
            Timer::Consumer(consumer) => self.check_consumer(hands, consumer),
            Timer::Standing(timer) => self.look_at_tail(hands, timer),
            Timer::Reach(token) => self.tail_not_reached(hands, token),
        }
    }

    /// What the root does after every input: report what is done, publish what may go.
    fn turn(&mut self, hands: &mut Hands<'_, R>) {
        for (ticket, accounted) in self.root.done() {
            hands.effects.push_back(Effect::Done(ticket, accounted));
        }
        self.publish_next(hands);
    }

    fn hold_outcomes(&mut self, outcomes: Vec<Option<R::Outcome>>) {
        self.outcomes = outcomes;
    }

    fn take_outcomes(&mut self) -> Vec<Option<R::Outcome>> {
        std::mem::take(&mut self.outcomes)
    }

    fn token(&mut self) -> u64 {
        self.tokens += 1;
        self.tokens
    }

    /// A question to somebody else, given up after [`CALL`].
    fn call(&mut self, hands: &mut Hands<'_, R>, wait: Micros) -> u64 {
        let token = self.token();
        hands
            .effects
            .push_back(Effect::After(wait, Timer::Call(token)));
        token
    }
}
