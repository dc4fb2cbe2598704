//! Injecting a fault, looking whether it bit, and healing it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use yoshi_protocol::Password;
use yoshi_tests::person::fresh_name;
use yoshi_tests::process::{Process, Signal};
use yoshi_tests::{Clock, Link, System};

use super::clocks::Jump;
use super::links::{expect_node, hurt, node, touched};
use super::side::{self, Closed, Reader, Side};
use super::{Fault, Flap, Step, clocks, databases};
use crate::history::{Call, History, Outcome};
use crate::worker::{Shared, done};

/// How long a flapping link stays as it is.
const FLAP: Duration = Duration::from_millis(1_500);
/// The process of the history that creates the account of [`Fault::KillRsAfterAck`].
pub(crate) const FAULT_PROCESS: u32 = 1_000;
/// Bytes that a disk must have taken to have been full for lack of room only.
const FILLED_BYTES_MIN: u64 = 1024 * 1024;

/// A fault at work.
pub(crate) struct Injected {
    fault: Fault,
    /// Servers and nodes that it hits, `ms1` or `nats2` for example.
    pub(crate) targets: Vec<String>,
    /// Processes that ended by it.
    ended: Vec<u32>,
    /// What the links had slowed and cut before.
    before: u64,
    filled: u64,
    acknowledged: bool,
    /// What a database lost, or that it lost nothing.
    set_back: Option<Result<String, String>>,
    flap: Option<Flap>,
    side: Option<Closed>,
    jump: Option<Jump>,
}

impl Injected {
    /// Does the damage to these targets.
    pub(crate) async fn inject(
        step: Step,
        targets: Vec<String>,
        system: &mut System,
        shared: &Arc<Shared>,
    ) -> Self {
        let mut injected = Self {
            fault: step.fault,
            targets,
            ended: Vec::new(),
            before: 0,
            filled: 0,
            acknowledged: true,
            set_back: None,
            flap: None,
            side: None,
            jump: (step.fault == Fault::JumpAll).then(Jump::begin),
        };
        if step.fault == Fault::KillRsAfterAck {
            injected.acknowledged = create_account(system, &shared.history).await;
        }
        injected.break_links(system, shared).await;
        for target in injected.targets.clone() {
            injected.hit(system, &target).await;
        }
        injected
    }

    async fn hit(&mut self, system: &mut System, target: &str) {
        match self.fault {
            Fault::KillMs
            | Fault::KillAllMs
            | Fault::KillLb
            | Fault::KillAllLb
            | Fault::KillRs
            | Fault::KillRsAfterAck => self.kill_server(system, target),
            Fault::KillPostgres | Fault::KillRsPostgres => {
                self.ended.push(system.postgres(target).process().id());
                system.postgres(target).kill();
            }
            Fault::KillNats | Fault::KillNatsTwo | Fault::KillNatsAll => {
                self.kill_node(system, target);
            }
            Fault::PauseMs | Fault::PauseRs => system.server(target).pause(),
            Fault::PausePostgres => system.postgres(target).signal_all(Signal::Pause),
            Fault::PauseNats => system.nats.signal_node(expect_node(target), Signal::Pause),
            Fault::SkewMs | Fault::SkewRs | Fault::SkewLb | Fault::JumpAll => {
                system.clock(target).set(clocks::offset(target));
            }
            Fault::FullPostgres | Fault::FullNats => self.filled = system.disk(target).fill(),
            Fault::PowerMs | Fault::PowerNats | Fault::PowerAll => {
                system.disk(target).lose_power();
                if node(target).is_some() {
                    self.kill_node(system, target);
                } else {
                    self.kill_server(system, target);
                    system.postgres(target).kill();
                }
            }
            Fault::WipeMs | Fault::WipeRs => {
                self.kill_server(system, target);
                self.set_back = Some(databases::wipe(system, target).await);
            }
            Fault::RestoreMs | Fault::RestoreRs => {
                self.kill_server(system, target);
                self.set_back = Some(databases::restore(system, target).await);
            }
            // Their links are broken.
            Fault::IsolateMs
            | Fault::MuteMs
            | Fault::DeafMs
            | Fault::CutMs
            | Fault::FlapMs
            | Fault::DelayMs
            | Fault::IsolateRs
            | Fault::HangPostgres
            | Fault::IsolateNats
            | Fault::IsolateClients
            | Fault::IsolateHalf
            | Fault::CutHalf
            | Fault::CutRoute
            | Fault::IsolateLeader
            | Fault::IsolateMinority => {}
        }
    }

    /// Breaks the links that the fault touches, if it touches any.
    async fn break_links(&mut self, system: &System, shared: &Arc<Shared>) {
        let reader = match self.fault {
            Fault::IsolateLeader => Some(Reader::begin(system, &self.targets, shared).await),
            _ => None,
        };
        let links = touched(system, self.fault, &self.targets);
        self.before = hurt(&links);
        for (proxy, link) in links {
            proxy.set(link);
        }
        self.side = side::is_of(self.fault).then(|| Closed::now(&self.targets, shared, reader));
        self.flap = (self.fault == Fault::FlapMs).then(|| Flap {
            changed: Instant::now(),
            held: true,
        });
    }

    /// Whose side it has made, until now.
    pub(crate) fn side(&self, shared: &Shared) -> Option<Side> {
        Some(self.side.as_ref()?.until_now(shared))
    }

    /// Lets a fault that changes go on.
    pub(crate) fn tick(&mut self, system: &System) {
        if let Some(offset) = self.jump.as_mut().and_then(Jump::next) {
            for target in &self.targets {
                system.clock(target).set(offset);
            }
        }
        let Some(flap) = &mut self.flap else { return };
        if flap.changed.elapsed() < FLAP {
            return;
        }
        *flap = Flap {
            changed: Instant::now(),
            held: !flap.held,
        };
        let link = if flap.held { Link::HELD } else { Link::WHOLE };
        for (proxy, _) in touched(system, self.fault, &self.targets) {
            proxy.set(link);
        }
    }

    /// What shows that it did something; an error if nothing does. Asked right before healing.
    pub(crate) async fn bite(
        &mut self,
        system: &mut System,
        shared: &Shared,
    ) -> Result<String, String> {
        let links = touched(system, self.fault, &self.targets);
        if !links.is_empty() {
            let shown = match hurt(&links).saturating_sub(self.before) {
                0 => return Err("nothing was held, late or cut".to_owned()),
                count => format!("{count} bytes or connections held, late or cut"),
            };
            return match &mut self.side {
                None => Ok(shown),
                Some(side) => Ok(format!("{shown}, {}", side.bite(shared).await?)),
            };
        }
        match self.fault {
            Fault::PauseMs | Fault::PauseRs | Fault::PauseNats | Fault::PausePostgres => {
                let target = &self.targets[0];
                let paused = match (self.fault, node(target)) {
                    (Fault::PausePostgres, _) => system.postgres(target).process().is_paused(),
                    (_, Some(node)) => system.nats.process(node).is_some_and(|it| it.is_paused()),
                    (_, None) => system
                        .server(target)
                        .process()
                        .is_some_and(|it| it.is_paused()),
                };
                paused
                    .then(|| "state T".to_owned())
                    .ok_or("it runs".to_owned())
            }
            Fault::FullPostgres | Fault::FullNats if self.filled >= FILLED_BYTES_MIN => {
                Ok(format!("full after {} bytes", self.filled))
            }
            Fault::FullPostgres | Fault::FullNats => Err("nothing was filled".to_owned()),
            Fault::SkewMs | Fault::SkewRs | Fault::SkewLb | Fault::JumpAll => {
                clocks::bite(system, &self.targets).await
            }
            Fault::WipeMs | Fault::WipeRs | Fault::RestoreMs | Fault::RestoreRs => {
                gone(&self.ended)?;
                let set_back = self.set_back.clone();
                set_back.unwrap_or_else(|| Err("no database was touched".to_owned()))
            }
            Fault::KillRsAfterAck if !self.acknowledged => {
                Err("no account was reported".to_owned())
            }
            _ => gone(&self.ended),
        }
    }

    /// Undoes it: what is started need not be ready yet.
    pub(crate) async fn heal(self, system: &mut System) {
        let links = touched(system, self.fault, &self.targets);
        for (proxy, _) in &links {
            proxy.set(Link::WHOLE);
        }
        if !links.is_empty() {
            return;
        }
        for target in &self.targets {
            match self.fault {
                Fault::KillPostgres | Fault::KillRsPostgres => system.postgres(target).run_again(),
                Fault::KillNats | Fault::KillNatsTwo | Fault::KillNatsAll => {
                    system.nats.start_node(expect_node(target));
                }
                Fault::PauseMs | Fault::PauseRs => system.server(target).resume(),
                Fault::PausePostgres => system.postgres(target).signal_all(Signal::Resume),
                Fault::PauseNats => system.nats.signal_node(expect_node(target), Signal::Resume),
                Fault::SkewMs | Fault::SkewRs | Fault::SkewLb | Fault::JumpAll => {
                    system.clock(target).set(Clock::RIGHT);
                }
                Fault::FullPostgres | Fault::FullNats => {
                    system.disk(target).free();
                    revive(system, target);
                }
                Fault::PowerMs | Fault::PowerNats | Fault::PowerAll => {
                    system.disk(target).restore_power();
                    revive(system, target);
                    if node(target).is_none() {
                        system.server(target).start();
                    }
                }
                _ => system.server(target).start(),
            }
        }
    }

    fn kill_server(&mut self, system: &mut System, name: &str) {
        let server = system.server(name);
        self.ended
            .extend(server.process().map(|process| process.id()));
        server.kill();
    }

    fn kill_node(&mut self, system: &mut System, target: &str) {
        let node = expect_node(target);
        self.ended.extend(
            system
                .nats
                .process(node)
                .map(|process| Process::id(process)),
        );
        system.nats.kill_node(node);
    }
}

/// Creates an account, and answers whether that was reported.
async fn create_account(system: &System, history: &History) -> bool {
    let client = system.client().await;
    let name = fresh_name("last");
    let password = format!("password of {name}");
    let call = Call::Create {
        account: name.to_string(),
        password: password.clone(),
    };
    let ticket = history.invoke(FAULT_PROCESS, call);
    let outcome = done(client.create_account(&name, &Password::new(password)).await);
    let acknowledged = outcome == Outcome::Done;
    history.end(ticket, outcome);
    acknowledged
}

/// Starts what has ended for lack of room or power.
fn revive(system: &mut System, target: &str) {
    match node(target) {
        Some(node) => {
            let ended = system
                .nats
                .process(node)
                .is_none_or(|it| it.ended().is_some());
            if ended {
                system.nats.start_node(node);
            }
        }
        None if system.postgres(target).ended() => system.postgres(target).run_again(),
        None => {}
    }
}

fn gone(ids: &[u32]) -> Result<String, String> {
    let alive = ids
        .iter()
        .find(|id| Path::new(&format!("/proc/{id}")).exists());
    match alive {
        Some(id) => Err(format!("process {id} is still there")),
        None if ids.is_empty() => Err("no process was hit".to_owned()),
        None => Ok(format!("processes {ids:?} are gone")),
    }
}
