//! The election: candidates, a lease that ends by itself, a log that gives an
//! epoch to one of them, and writes that arrive late. Time goes in ticks; a
//! candidate that takes no step while time passes is a paused one.

use stateright::{Model, Property};

/// How long the lease lives, in ticks.
const LEASE: u8 = 3;
/// More writes of the lease than fit into the ticks of a sound run.
const REVISIONS_MAX: u8 = 12;
/// How long its holder counts on it, from when it began to write.
const HOLD: u8 = 2;

/// A planted mistake of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// A primary goes on when its time is over.
    NeverStops,
    /// Its time counts from the answer, not from the question.
    CountsFromAnswer,
    /// The lease is written without a comparison.
    TakesBlindly,
    /// Everybody claims the same epoch, and the log gives it away again.
    ClaimsTwice,
    /// The log takes entries of any epoch.
    AnyEpoch,
}

/// The bounds.
#[derive(Debug, Clone, Copy)]
pub struct Election {
    /// Registration servers.
    pub candidates: usize,
    /// Ticks of time.
    pub ticks: u8,
    /// Entries that primaries write, in all.
    pub writes: u8,
    /// What is wrong.
    pub flaw: Option<Flaw>,
}

/// Where a candidate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stand {
    /// It follows.
    Backup,
    /// It has asked for the lease, or to renew it, so many ticks ago.
    Taking {
        /// The revision that the bucket must have.
        expected: u8,
        /// How long ago it asked.
        age: u8,
        /// The revision at which the bucket has written it; none before it has.
        written: Option<u8>,
    },
    /// It holds the lease for so many ticks more.
    Holder {
        /// The revision of its last write.
        revision: u8,
        /// How long it counts on the lease.
        left: u8,
        /// Its epoch.
        epoch: u8,
        /// Whether the log gave it the epoch.
        accepted: bool,
    },
}

/// An entry of the accounts log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entry {
    epoch: u8,
    server: u8,
    is_claim: bool,
}

/// A state of the whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    ticks: u8,
    revision: u8,
    /// The lease's holder, and how long it lives.
    lease: Option<(u8, u8)>,
    candidates: Vec<Stand>,
    /// What the log took, in order.
    log: Vec<Entry>,
    /// Entries on their way into the log.
    on_the_way: Vec<Entry>,
    writes: u8,
}

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Time passes, for everybody.
    Tick,
    /// A candidate sees that nobody holds the lease, and asks for it.
    Take(u8),
    /// The bucket decides.
    Decided(u8),
    /// The answer arrives.
    Taken(u8),
    /// The answer is lost.
    Unanswered(u8),
    /// The holder renews.
    Renew(u8),
    /// The holder claims its epoch in the log.
    Claim(u8),
    /// The primary adds an entry.
    Write(u8),
    /// An entry reaches the log.
    Arrive(u8),
}

impl Election {
    fn is_primary(&self, stand: Stand) -> bool {
        match stand {
            Stand::Holder { left, accepted, .. } => {
                accepted && (left > 0 || self.flaw == Some(Flaw::NeverStops))
            }
            Stand::Backup | Stand::Taking { .. } => false,
        }
    }

    fn steps_of(&self, state: &State, number: u8, steps: &mut Vec<Step>) {
        match state.candidates[usize::from(number)] {
            Stand::Backup => {
                if state.lease.is_none() || self.flaw == Some(Flaw::TakesBlindly) {
                    steps.push(Step::Take(number));
                }
            }
            Stand::Taking { written, .. } => {
                let next = written.map_or(Step::Decided(number), |_| Step::Taken(number));
                steps.extend([next, Step::Unanswered(number)]);
            }
            Stand::Holder {
                left,
                accepted,
                epoch,
                ..
            } => {
                if (1..HOLD).contains(&left) {
                    steps.push(Step::Renew(number));
                }
                let claim = Entry {
                    epoch,
                    server: number,
                    is_claim: true,
                };
                if left > 0 && !accepted && !state.on_the_way.contains(&claim) {
                    steps.push(Step::Claim(number));
                }
                if self.is_primary(state.candidates[usize::from(number)])
                    && state.writes < self.writes
                {
                    steps.push(Step::Write(number));
                }
            }
        }
    }

    fn tick(&self, state: &mut State) {
        state.ticks += 1;
        if let Some((_, left)) = &mut state.lease {
            *left -= 1;
            if *left == 0 {
                state.lease = None;
                state.revision += 1;
            }
        }
        for stand in &mut state.candidates {
            match stand {
                Stand::Taking { age, .. } => *age += 1,
                Stand::Holder { left, .. } => {
                    *left = left.saturating_sub(1);
                    if *left == 0 && self.flaw != Some(Flaw::NeverStops) {
                        *stand = Stand::Backup;
                    }
                }
                Stand::Backup => {}
            }
        }
    }

    fn decided(&self, state: &mut State, number: u8) {
        let stand = &mut state.candidates[usize::from(number)];
        let Stand::Taking {
            expected, written, ..
        } = stand
        else {
            return;
        };
        if *expected == state.revision || self.flaw == Some(Flaw::TakesBlindly) {
            state.revision += 1;
            state.lease = Some((number, LEASE));
            *written = Some(state.revision);
        } else {
            *stand = Stand::Backup;
        }
    }

    fn taken(&self, state: &mut State, number: u8) {
        let Stand::Taking {
            expected,
            age,
            written: Some(revision),
        } = state.candidates[usize::from(number)]
        else {
            return;
        };
        let from_answer = self.flaw == Some(Flaw::CountsFromAnswer);
        let age = if from_answer { 0 } else { age };
        let epoch = if self.flaw == Some(Flaw::ClaimsTwice) {
            1
        } else {
            (expected + 1).max(highest(state) + 1)
        };
        state.candidates[usize::from(number)] = if age < HOLD {
            Stand::Holder {
                revision,
                left: HOLD - age,
                epoch,
                accepted: false,
            }
        } else {
            Stand::Backup
        };
    }

    fn renew(&self, state: &mut State, number: u8) {
        if let Stand::Holder { revision, left, .. } = &mut state.candidates[usize::from(number)]
            && (*revision == state.revision || self.flaw == Some(Flaw::TakesBlindly))
        {
            state.revision += 1;
            *revision = state.revision;
            *left = HOLD;
            state.lease = Some((number, LEASE));
        }
    }

    fn arrive(&self, state: &mut State, which: u8) {
        let entry = state.on_the_way.remove(usize::from(which));
        let latest = highest(state);
        let taken = if entry.is_claim {
            entry.epoch > latest || (self.flaw == Some(Flaw::ClaimsTwice) && entry.epoch >= latest)
        } else {
            entry.epoch == latest || self.flaw == Some(Flaw::AnyEpoch)
        };
        if taken {
            state.log.push(entry);
        }
        if let Stand::Holder {
            epoch, accepted, ..
        } = &mut state.candidates[usize::from(entry.server)]
            && entry.is_claim
            && *epoch == entry.epoch
        {
            if taken {
                *accepted = true;
            } else {
                *epoch = latest + 1;
            }
        }
    }
}

fn highest(state: &State) -> u8 {
    let claims = state.log.iter().filter(|entry| entry.is_claim);
    claims.map(|entry| entry.epoch).max().unwrap_or(0)
}

impl Model for Election {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            ticks: 0,
            revision: 0,
            lease: None,
            candidates: vec![Stand::Backup; self.candidates],
            log: Vec::new(),
            on_the_way: Vec::new(),
            writes: 0,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.ticks < self.ticks {
            steps.push(Step::Tick);
        }
        for number in (0_u8..).take(self.candidates) {
            self.steps_of(state, number, steps);
        }
        steps.extend((0_u8..).take(state.on_the_way.len()).map(Step::Arrive));
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        let mut next = state.clone();
        match step {
            Step::Tick => self.tick(&mut next),
            Step::Take(number) => {
                next.candidates[usize::from(number)] = Stand::Taking {
                    expected: state.revision,
                    age: 0,
                    written: None,
                };
            }
            Step::Decided(number) => self.decided(&mut next, number),
            Step::Taken(number) => self.taken(&mut next, number),
            Step::Unanswered(number) => {
                next.candidates[usize::from(number)] = Stand::Backup;
            }
            Step::Renew(number) => self.renew(&mut next, number),
            Step::Claim(number) | Step::Write(number) => {
                if let Stand::Holder { epoch, .. } = state.candidates[usize::from(number)] {
                    let is_claim = matches!(step, Step::Claim(_));
                    next.writes += u8::from(!is_claim);
                    next.on_the_way.push(Entry {
                        epoch,
                        server: number,
                        is_claim,
                    });
                    next.on_the_way.sort_unstable();
                }
            }
            Step::Arrive(which) => self.arrive(&mut next, which),
        }
        (next != *state).then_some(next)
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.revision <= REVISIONS_MAX
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("one primary at a time", |model: &Self, state: &State| {
                state
                    .candidates
                    .iter()
                    .filter(|stand| model.is_primary(**stand))
                    .count()
                    <= 1
            }),
            Property::always(
                "one primary accepted in an epoch",
                |_: &Self, state: &State| {
                    state.log.iter().all(|one| {
                        state
                            .log
                            .iter()
                            .all(|other| one.epoch != other.epoch || one.server == other.server)
                    })
                },
            ),
            Property::always("epochs only rise", |_: &Self, state: &State| {
                state.log.is_sorted_by_key(|entry| entry.epoch)
            }),
            Property::sometimes(
                "a second primary follows the first",
                |_: &Self, state: &State| highest_two(state),
            ),
            Property::sometimes("a primary writes", |_: &Self, state: &State| {
                state.log.iter().any(|entry| !entry.is_claim)
            }),
        ]
    }
}

fn highest_two(state: &State) -> bool {
    let mut servers = state
        .log
        .iter()
        .filter(|entry| entry.is_claim)
        .map(|entry| entry.server);
    let first = servers.next();
    servers.any(|server| Some(server) != first)
}
