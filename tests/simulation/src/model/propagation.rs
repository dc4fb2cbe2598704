//! Propagation and reassignment: servers that apply one log, roots that wait
//! for each other, accounts whose home moves, crashes, and a server that the
//! others wrongly believe to be gone.

use stateright::{Model, Property};

/// A planted mistake of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// A server accounts for an entry when it has it, not when it has committed it.
    AccountsOnReceipt,
    /// The others drop a server that still serves.
    DropsWhoServes,
    /// A server serves before every root waits for it.
    ServesUnheard,
    /// Servers take entries of any epoch.
    AnyEpoch,
    /// A load balancer writes a home over one that it has not seen.
    AssignsBlindly,
}

/// The bounds.
#[derive(Debug, Clone, Copy)]
pub struct Propagation {
    /// Message servers.
    pub servers: usize,
    /// The account of each task.
    pub tasks: &'static [usize],
    /// Crashes in all.
    pub crashes: u8,
    /// Servers that cease to serve without a crash: paused, or cut off.
    pub suspicions: u8,
    /// How often a client may ask for a task.
    pub requests: u8,
    /// What is wrong.
    pub flaw: Option<Flaw>,
}

/// Where an account lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    server: u8,
    epoch: u8,
}

/// An entry: which task, in which epoch, by which root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entry {
    task: u8,
    epoch: u8,
    root: u8,
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Server {
    /// Entries of the log that it has committed.
    applied: u8,
    up: bool,
    serving: bool,
    /// Whom it waits for, as bits.
    peers: u8,
    /// Its own entries that wait for a block.
    waiting: Vec<Entry>,
    /// Its block on the way to the log.
    in_flight: Option<Entry>,
    /// Its stored entry that is not accounted for yet, by place.
    unaccounted: Option<u8>,
}

/// A state of the whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    log: Vec<Entry>,
    servers: Vec<Server>,
    homes: Vec<Place>,
    /// Requests on their way to a server: it may come late, or never.
    requests: Vec<Entry>,
    asked: Vec<u8>,
    done: Vec<bool>,
    /// Blocks whose root has crashed: each may still be stored.
    orphans: Vec<Entry>,
    crashes: u8,
    suspicions: u8,
}

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A client asks; the load balancer forwards to the account's home.
    Ask(u8),
    /// A request arrives.
    Arrive(u8),
    /// A root sends its next block.
    Publish(u8),
    /// The log stores a root's block.
    Store(u8),
    /// The log stores the block of a root that has crashed.
    StoreOrphan(u8),
    /// A server commits its next entry.
    Apply(u8),
    /// A root reports success, or a refusal.
    Report(u8),
    /// A root takes note of a server that is there.
    Hear(u8, u8),
    /// A root waits for a server no more.
    Drop(u8, u8),
    /// A server dies.
    Crash(u8),
    /// A server starts again.
    Restart(u8),
    /// A server ceases to serve, though alive.
    Cease(u8),
    /// A server at the tail begins to serve.
    Serve(u8),
    /// An account gets another home.
    Move(u8, u8),
    /// Another load balancer, which has not seen the last home, does the same.
    MoveBlindly(u8, u8),
}

fn index(number: u8) -> usize {
    usize::from(number)
}

impl Propagation {
    /// What the state machine makes of the log up to `end`: the accepted
    /// entries, by place.
    fn accepted(&self, state: &State, end: usize) -> Vec<Entry> {
        let mut highest = vec![0; state.homes.len()];
        let mut accepted: Vec<Entry> = Vec::new();
        for entry in &state.log[..end] {
            let account = self.tasks[index(entry.task)];
            let known = accepted.iter().any(|earlier| earlier.task == entry.task);
            let stale = entry.epoch < highest[account] && self.flaw != Some(Flaw::AnyEpoch);
            if !known && !stale {
                highest[account] = entry.epoch;
                accepted.push(*entry);
            }
        }
        accepted
    }

    fn may_report(&self, state: &State, root: usize) -> bool {
        let server = &state.servers[root];
        let Some(place) = server.unaccounted else {
            return false;
        };
        let has = |peer: &Server| {
            peer.applied > place || (self.flaw == Some(Flaw::AccountsOnReceipt) && peer.up)
        };
        let all = state.servers.iter().enumerate();
        server.applied > place
            && all
                .into_iter()
                .all(|(peer, other)| server.peers & (1 << peer) == 0 || has(other))
    }

    fn may_serve(&self, state: &State, number: usize) -> bool {
        let server = &state.servers[number];
        let heard = state.servers.iter().enumerate().all(|(other, root)| {
            let hears = root.peers & (1 << number) != 0;
            let is_heard = server.peers & (1 << other) != 0 || !root.serving;
            other == number || ((hears || !root.up) && is_heard)
        });
        let unheard = self.flaw == Some(Flaw::ServesUnheard);
        server.up
            && !server.serving
            && index(server.applied) == state.log.len()
            && (heard || unheard)
    }

    fn server_steps(&self, state: &State, number: u8, steps: &mut Vec<Step>) {
        let server = &state.servers[index(number)];
        if !server.up {
            steps.push(Step::Restart(number));
            return;
        }
        if server.in_flight.is_none() && server.unaccounted.is_none() && !server.waiting.is_empty()
        {
            steps.push(Step::Publish(number));
        }
        if server.in_flight.is_some() {
            steps.push(Step::Store(number));
        }
        if index(server.applied) < state.log.len() {
            steps.push(Step::Apply(number));
        }
        if self.may_report(state, index(number)) {
            steps.push(Step::Report(number));
        }
        if state.crashes < self.crashes {
            steps.push(Step::Crash(number));
        }
        if server.serving && state.suspicions < self.suspicions {
            steps.push(Step::Cease(number));
        }
        if self.may_serve(state, index(number)) {
            steps.push(Step::Serve(number));
        }
        for (other, peer) in (0_u8..).zip(&state.servers) {
            let known = server.peers & (1 << other) != 0;
            let drops_serving =
                self.flaw == Some(Flaw::DropsWhoServes) && state.suspicions < self.suspicions;
            if other != number && known && (!peer.serving || drops_serving) {
                steps.push(Step::Drop(number, other));
            }
            if other != number && !known && peer.up {
                steps.push(Step::Hear(number, other));
            }
        }
    }

    fn request_steps(&self, state: &State, steps: &mut Vec<Step>) {
        for (task, account) in (0_u8..).zip(self.tasks) {
            if !state.done[index(task)] && state.asked[index(task)] < self.requests {
                steps.push(Step::Ask(task));
            }
            let home = state.homes[*account];
            if state.servers[index(home.server)].serving {
                continue;
            }
            let account = u8::try_from(*account).expect("few accounts");
            let moves = (0_u8..)
                .zip(&state.servers)
                .filter(|(_, server)| server.serving);
            for (server, _) in moves {
                steps.push(Step::Move(account, server));
            }
        }
        if self.flaw == Some(Flaw::AssignsBlindly) {
            for (account, home) in (0_u8..).zip(&state.homes) {
                let others = (0_u8..)
                    .zip(&state.servers)
                    .filter(|(server, other)| *server != home.server && other.serving);
                steps.extend(
                    others
                        .filter(|_| home.epoch > 1)
                        .map(|(server, _)| Step::MoveBlindly(account, server)),
                );
            }
        }
    }

    fn take(&self, state: &mut State, step: Step) {
        match step {
            Step::Ask(task) => {
                let home = state.homes[self.tasks[index(task)]];
                state.asked[index(task)] += 1;
                state.requests.push(Entry {
                    task,
                    epoch: home.epoch,
                    root: home.server,
                });
                state.requests.sort_unstable();
            }
            Step::Arrive(request) => {
                let entry = state.requests.remove(index(request));
                let server = &mut state.servers[index(entry.root)];
                if server.up && server.serving {
                    server.waiting.push(entry);
                }
            }
            Step::Publish(root) => {
                let server = &mut state.servers[index(root)];
                server.in_flight = Some(server.waiting.remove(0));
            }
            Step::Store(root) => {
                let place = u8::try_from(state.log.len()).expect("a short log");
                let server = &mut state.servers[index(root)];
                if let Some(entry) = server.in_flight.take() {
                    state.log.push(entry);
                    server.unaccounted = Some(place);
                }
            }
            Step::StoreOrphan(orphan) => {
                let entry = state.orphans.remove(index(orphan));
                state.log.push(entry);
            }
            Step::Report(root) => self.report(state, root),
            Step::Move(account, server) => {
                let home = &mut state.homes[index(account)];
                *home = Place {
                    server,
                    epoch: home.epoch + 1,
                };
            }
            Step::MoveBlindly(account, server) => state.homes[index(account)].server = server,
            Step::Apply(server) => state.servers[index(server)].applied += 1,
            Step::Hear(root, peer) => state.servers[index(root)].peers |= 1 << peer,
            Step::Drop(root, peer) => {
                if state.servers[index(peer)].serving {
                    state.suspicions += 1;
                }
                state.servers[index(root)].peers &= !(1 << peer);
            }
            Step::Crash(server) => crash(state, server),
            Step::Restart(server) => state.servers[index(server)].up = true,
            Step::Cease(server) => {
                state.suspicions += 1;
                state.servers[index(server)].serving = false;
            }
            Step::Serve(server) => state.servers[index(server)].serving = true,
        }
    }

    fn report(&self, state: &mut State, root: u8) {
        let Some(place) = state.servers[index(root)].unaccounted.take() else {
            return;
        };
        let entry = state.log[index(place)];
        let accepted = self.accepted(state, index(place) + 1);
        if accepted.iter().any(|accepted| accepted.task == entry.task) {
            state.done[index(entry.task)] = true;
        }
    }
}

fn crash(state: &mut State, number: u8) {
    state.crashes += 1;
    let server = &mut state.servers[index(number)];
    let orphan = server.in_flight.take();
    *server = Server {
        applied: server.applied,
        up: false,
        serving: false,
        peers: 0,
        waiting: Vec::new(),
        in_flight: None,
        unaccounted: None,
    };
    state.orphans.extend(orphan);
    state.orphans.sort_unstable();
}

impl Model for Propagation {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let accounts = self.tasks.iter().max().map_or(0, |most| most + 1);
        let server = |number: usize| Server {
            applied: 0,
            up: true,
            serving: true,
            peers: u8::try_from((1 << self.servers) - 1 - (1 << number)).expect("few servers"),
            waiting: Vec::new(),
            in_flight: None,
            unaccounted: None,
        };
        let home = |account: usize| Place {
            server: u8::try_from(account % self.servers).expect("few servers"),
            epoch: 1,
        };
        vec![State {
            log: Vec::new(),
            servers: (0..self.servers).map(server).collect(),
            homes: (0..accounts).map(home).collect(),
            requests: Vec::new(),
            asked: vec![0; self.tasks.len()],
            done: vec![false; self.tasks.len()],
            orphans: Vec::new(),
            crashes: 0,
            suspicions: 0,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for number in (0_u8..).take(self.servers) {
            self.server_steps(state, number, steps);
        }
        steps.extend((0_u8..).take(state.requests.len()).map(Step::Arrive));
        steps.extend((0_u8..).take(state.orphans.len()).map(Step::StoreOrphan));
        self.request_steps(state, steps);
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        let mut next = state.clone();
        self.take(&mut next, step);
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "no acknowledged task is missing at a serving server",
                |model: &Self, state: &State| {
                    state
                        .servers
                        .iter()
                        .filter(|server| server.serving)
                        .all(|server| {
                            let accepted = model.accepted(state, index(server.applied));
                            let has = |task: u8| accepted.iter().any(|entry| entry.task == task);
                            (0_u8..)
                                .zip(&state.done)
                                .all(|(task, done)| !done || has(task))
                        })
                },
            ),
            Property::always(
                "an account has one accepted home in an epoch",
                |model: &Self, state: &State| {
                    let accepted = model.accepted(state, state.log.len());
                    let account = |entry: &Entry| model.tasks[index(entry.task)];
                    accepted.iter().all(|one| {
                        accepted.iter().all(|other| {
                            account(one) != account(other)
                                || one.epoch != other.epoch
                                || one.root == other.root
                        })
                    })
                },
            ),
            Property::always(
                "a lower epoch adds nothing after a higher one",
                |model: &Self, state: &State| {
                    let accepted = model.accepted(state, state.log.len());
                    let account = |entry: &Entry| model.tasks[index(entry.task)];
                    (0..accepted.len()).all(|later| {
                        accepted[..later].iter().all(|earlier| {
                            account(earlier) != account(&accepted[later])
                                || earlier.epoch <= accepted[later].epoch
                        })
                    })
                },
            ),
            Property::sometimes("every task is done", |_: &Self, state: &State| {
                state.done.iter().all(|done| *done)
            }),
        ]
    }
}
