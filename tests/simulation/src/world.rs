//! A simulated system: nodes around one NATS, events in virtual time, and the
//! run of a plan.

mod delivery;
mod faults;
pub(crate) mod hub;
mod operator;
pub(crate) mod restore;
mod stepping;

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use yoshi_protocol::{AccountName, Incarnation, ServerId};

pub(crate) use self::hub::LEASE;
use self::operator::Operator;
use self::restore::Restoring;
use crate::balancer::Balancer;
use crate::bug::Bug;
use crate::client::Client;
use crate::clock::{Clock, Micros, SECOND, Schedule};
use crate::disk::Disk;
use crate::history::History;
use crate::home::Home;
use crate::hub::log::Kind;
use crate::hub::{Bucket, Log};
use crate::message::{Addr, Message};
use crate::node::{Context, Out, Timer};
use crate::person::{Ledger, Person};
use crate::plan::{BEGIN, LAST, Network, Plan};
use crate::random::Random;
use crate::registrar::Registrar;

/// What happens.
#[derive(Debug)]
pub(crate) enum Event {
    /// A message arrives.
    Deliver {
        from: Addr,
        to: Addr,
        message: Message,
    },
    /// A timer of one life of a node runs out.
    Timer { node: Addr, life: u64, timer: Timer },
    /// A database comes to the end of a transaction, or of its next piece.
    Commit {
        node: Addr,
        life: u64,
        transaction: u64,
    },
    /// The process hears of it.
    Committed {
        node: Addr,
        life: u64,
        transaction: u64,
        held: bool,
    },
    /// A fault begins.
    Fault(usize),
    /// A process starts.
    Start(Addr),
    /// A paused process goes on.
    Resume(Addr),
    /// A fault of the network ends, by its number in the plan.
    Heal(usize),
    /// NATS starts again.
    StartHub,
    /// An operator looks after the log.
    Operate,
    /// An operator looks after a server that has followed another history.
    Resync,
    /// NATS tells its consumers that it is alive, and ends what has lived long enough.
    HubTick,
}

/// A node's process and its machine.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) clock: Clock,
    pub(crate) life: u64,
    pub(crate) up: bool,
    pub(crate) paused: bool,
    /// What came while it was paused.
    pub(crate) deferred: Vec<Event>,
    /// How many cuts there are of each direction.
    pub(crate) cut_from: u32,
    pub(crate) cut_to: u32,
    /// Publishes that wait for the connection.
    pub(crate) held_back: Vec<Message>,
    /// How often its connection to NATS was made anew.
    pub(crate) connects: u64,
    /// How long a commit takes at present, beyond the usual.
    pub(crate) commit: Micros,
}

/// A simulated system.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) bug: Option<Bug>,
    pub(crate) schedule: Schedule<Event>,
    pub(crate) random: Random,
    pub(crate) machines: BTreeMap<Addr, Machine>,
    pub(crate) homes: Vec<Home>,
    pub(crate) balancers: Vec<Option<Balancer>>,
    pub(crate) clients: Vec<Client>,
    pub(crate) registrars: Vec<Registrar>,
    pub(crate) people: Vec<Person>,
    pub(crate) tasks: Log,
    pub(crate) accounts: Log,
    pub(crate) bucket: Bucket,
    pub(crate) hub_up: bool,
    pub(crate) acks_lost: u32,
    /// What an operator has found when it last looked after the log.
    pub(crate) operator: Operator,
    /// Logs that were lost and continued.
    pub(crate) recoveries: usize,
    /// The log that is put back from an older backup.
    pub(crate) restoring: Restoring,
    /// Servers that were filled anew because of that.
    pub(crate) resyncs: usize,
    /// Whether the logs and the bucket have no leader.
    pub(crate) without_quorum: u32,
    pub(crate) servers: BTreeMap<ServerId, Addr>,
    pub(crate) last_arrival: HashMap<(Addr, Addr), Micros>,
    pub(crate) history: History,
    pub(crate) ledger: Ledger,
    hasher: DefaultHasher,
    events: u64,
}

impl World {
    /// The system of a plan, before its first event.
    #[must_use]
    pub(crate) fn new(seed: u64, plan: Plan, bug: Option<Bug>) -> Self {
        let mut random = Random::new(seed ^ 0x5EED);
        let tasks = Log::new(
            Kind::Tasks,
            Incarnation(random.uuid()),
            plan.keep,
            plan.replicated,
        );
        let accounts = Log::new(
            Kind::Accounts,
            Incarnation(random.uuid()),
            plan.keep,
            plan.replicated,
        );
        let mut world = Self {
            bug,
            schedule: Schedule::default(),
            random,
            machines: BTreeMap::new(),
            homes: Vec::new(),
            balancers: Vec::new(),
            clients: Vec::new(),
            registrars: Vec::new(),
            people: Vec::new(),
            tasks,
            accounts,
            bucket: Bucket::default(),
            hub_up: true,
            acks_lost: 0,
            without_quorum: 0,
            recoveries: 0,
            restoring: Restoring::default(),
            resyncs: 0,
            operator: Operator::default(),
            servers: BTreeMap::new(),
            last_arrival: HashMap::new(),
            history: History {
                fresh: plan.network == Network::Timely,
                ..History::default()
            },
            ledger: Ledger::default(),
            plan,
            hasher: DefaultHasher::new(),
            events: 0,
        };
        world.add_nodes();
        for index in 0..world.plan.faults.len() {
            world
                .schedule
                .after(world.plan.faults[index].0, Event::Fault(index));
        }
        world.schedule.after(SECOND, Event::HubTick);
        world
    }

    fn add_nodes(&mut self) {
        let beta = Duration::from_micros(self.plan.beta);
        for index in 0..self.plan.servers {
            let id = self.new_identity(Addr::Ms(index));
            self.homes
                .push(Home::new(index, Disk::new(id), beta, self.bug));
            self.add_machine(Addr::Ms(index), 500_000);
        }
        for index in 0..self.plan.registrars {
            let id = self.new_identity(Addr::Rs(index));
            self.registrars
                .push(Registrar::new(index, Disk::new(id), beta, self.bug));
            self.add_machine(Addr::Rs(index), 500_000);
        }
        for index in 0..self.plan.balancers {
            self.balancers.push(None);
            self.add_machine(Addr::Lb(index), 500_000);
        }
        let names: Vec<_> = (0..self.plan.clients)
            .map(|index| AccountName::new(&format!("a{index}")).expect("it is a name"))
            .collect();
        let (quiet, last) = (self.plan.healed, self.plan.healed + LAST);
        for index in 0..self.plan.clients {
            if self.plan.servers > 0 {
                self.clients
                    .push(Client::new(index, &names, self.plan.servers, quiet, last));
            } else {
                let last = last + 10 * SECOND;
                self.people.push(Person::new(
                    index,
                    names[index].clone(),
                    self.plan.registrars,
                    quiet,
                    last,
                ));
            }
            self.add_machine(Addr::Client(index), BEGIN);
        }
    }

    fn add_machine(&mut self, node: Addr, start: Micros) {
        let clock = Clock {
            permille: self.random.between(950, 1_050),
            wall_off: i64::try_from(self.random.between(0, 120_000)).expect("two minutes") - 60_000,
        };
        let machine = Machine {
            clock,
            life: 0,
            up: false,
            paused: false,
            deferred: Vec::new(),
            cut_from: 0,
            cut_to: 0,
            held_back: Vec::new(),
            connects: 1,
            commit: 0,
        };
        self.machines.insert(node, machine);
        let delay = start + self.random.between(0, 500_000);
        self.schedule.after(delay, Event::Start(node));
    }

    pub(crate) fn new_identity(&mut self, node: Addr) -> ServerId {
        let id = ServerId(self.random.uuid());
        self.servers.insert(id, node);
        id
    }

    /// Runs to the end of the plan.
    pub(crate) fn run(&mut self) {
        while let Some(event) = self.schedule.pop(self.plan.end) {
            self.events += 1;
            self.note(&event);
            self.happen(event);
            if !self.history.violations.is_empty() && self.bug.is_some() {
                return;
            }
        }
        self.check();
    }

    /// What happened, in a number: the same seed gives the same one.
    #[must_use]
    pub(crate) fn fingerprint(&self) -> u64 {
        self.hasher.finish()
    }

    /// How many events there were.
    #[must_use]
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    fn note(&mut self, event: &Event) {
        self.schedule.now().hash(&mut self.hasher);
        std::mem::discriminant(event).hash(&mut self.hasher);
        match event {
            Event::Deliver { from, to, message } => {
                (from, to, std::mem::discriminant(message)).hash(&mut self.hasher);
            }
            Event::Timer { node, life, .. }
            | Event::Commit { node, life, .. }
            | Event::Committed { node, life, .. } => {
                (node, life).hash(&mut self.hasher);
            }
            Event::Start(node) | Event::Resume(node) => node.hash(&mut self.hasher),
            Event::Fault(index) | Event::Heal(index) => index.hash(&mut self.hasher),
            Event::StartHub | Event::HubTick | Event::Operate | Event::Resync => {}
        }
    }

    pub(crate) fn machine(&mut self, node: Addr) -> &mut Machine {
        self.machines
            .get_mut(&node)
            .expect("every node has a machine")
    }

    /// Lets a node do something, and does what it asks for.
    pub(crate) fn with<T>(
        &mut self,
        node: Addr,
        act: impl FnOnce(&mut Parts<'_>, &mut Context<'_>) -> T,
    ) -> T {
        let mut out = Vec::new();
        let machine = self.machine(node);
        let (clock, connects) = (machine.clock, machine.connects);
        let mut context = Context {
            connects,
            own: node,
            now: self.schedule.now(),
            clock,
            random: &mut self.random,
            out: &mut out,
        };
        let mut parts = Parts {
            homes: &mut self.homes,
            balancers: &mut self.balancers,
            clients: &mut self.clients,
            registrars: &mut self.registrars,
            people: &mut self.people,
            history: &mut self.history,
            ledger: &mut self.ledger,
        };
        let result = act(&mut parts, &mut context);
        for action in out {
            self.act(node, action);
        }
        result
    }

    fn act(&mut self, node: Addr, action: Out) {
        match action {
            Out::Send(to, message) => self.send(node, to, message),
            Out::ToServer(server, message) => self.send_to_server(node, server, message),
            Out::ToAll(message) => self.fan_out(node, &message),
            Out::ToBalancer(message) => self.balance(node, message),
            Out::After(delay, timer) => {
                let machine = self.machine(node);
                let (delay, life) = (machine.clock.true_delay(delay), machine.life);
                self.schedule
                    .after(delay, Event::Timer { node, life, timer });
            }
            Out::Commit(transaction) => {
                let usual = self.random.between(500, 8_000);
                let machine = self.machine(node);
                let (delay, life) = (usual + machine.commit, machine.life);
                self.schedule.after(
                    delay,
                    Event::Commit {
                        node,
                        life,
                        transaction,
                    },
                );
            }
            Out::Stop(why) => {
                self.history
                    .violated("I12", format!("{node:?} stopped: {why}"));
                self.kill(node, false);
            }
        }
    }
}

/// The nodes, apart from the machinery.
pub(crate) struct Parts<'a> {
    pub(crate) homes: &'a mut Vec<Home>,
    pub(crate) balancers: &'a mut Vec<Option<Balancer>>,
    pub(crate) clients: &'a mut Vec<Client>,
    pub(crate) registrars: &'a mut Vec<Registrar>,
    pub(crate) people: &'a mut Vec<Person>,
    pub(crate) history: &'a mut History,
    pub(crate) ledger: &'a mut Ledger,
}
