//! One run: a fresh system, a workload, faults one after the other, and the
//! system at rest.

mod control;
mod phase;
mod supervise;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use yoshi_client::{Client, Options, Outgoing};
use yoshi_protocol::{Credential, NewTask, Password};
use yoshi_tests::contents::{OF_MESSAGE_SERVERS, OF_REGISTRATION_SERVERS};
use yoshi_tests::person::fresh_name;
use yoshi_tests::{Direct, Person, System, SystemSettings, eventually};

use crate::checker::{self, Violation};
use crate::fault::{Fault, Need};
use crate::history::{Call, History};
use crate::operation::ACCOUNTS;
use crate::plan::{Plan, Timeouts};
use crate::planted;
use crate::reading;
use crate::verdict::{Bitten, Measured, Recovery};
use crate::worker::{Shared, Worker, done, sent_outcome};
use supervise::Supervisor;

pub(crate) const MESSAGE_SERVERS: [&str; 3] = ["ms1", "ms2", "ms3"];
pub(crate) const REGISTRATION_SERVERS: [&str; 3] = ["rs1", "rs2", "rs3"];

/// The connections that workers share, each over links of its own.
pub(crate) const CLIENTS: [&str; 4] = ["clients1", "clients2", "clients3", "clients4"];

/// Workers, each a process of the history.
pub(crate) const WORKERS: u32 = 21;
/// The process of the history that sets up and ends a run.
const SETUP: u32 = 1_002;
/// How long one try of an operation may take.
pub(crate) const TRY_WITHIN: Duration = Duration::from_secs(2);
/// How long set-up, and what is done at rest, may try.
const SURELY_WITHIN: Duration = Duration::from_secs(30);
/// How long after the last heal everything can be read, at the latest: what was
/// acknowledged and cannot be read then counts as lost.
const AT_REST_WITHIN: Duration = Duration::from_secs(120);
/// The same from when reading begins, at least.
const READ_WITHIN: Duration = Duration::from_secs(45);
/// How long everything may take to be read once more, from a server that has lost rows as well.
const SPOILED_WITHIN: Duration = Duration::from_secs(30);
/// The least time between two faults.
const BETWEEN_MIN: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(100);

/// What a run found.
pub(crate) struct Ran {
    pub(crate) measured: Measured,
    pub(crate) violations: Vec<Violation>,
}

/// Runs a plan. What it leaves is in `folder`, if something is wrong.
pub(crate) async fn run(plan: &Plan, folder: &Path) -> Ran {
    let mut system = System::start(settings(plan)).await;
    let history = Arc::new(History::begin(&folder.join("history.jsonl")));
    let client = surely(&system).await;
    let mut people = people(&history, &client).await;
    let changers = people.split_off(ACCOUNTS);
    let (shared, mut workers) = work(plan, &mut system, &history, (&people, changers)).await;
    let mut supervisor = Supervisor::new(Arc::clone(&history));

    let began = history.now();
    supervisor.wait(&mut system, plan.quiet / 2, &mut []).await;
    back_up(plan, &mut system).await;
    supervisor.wait(&mut system, plan.quiet / 2, &mut []).await;
    let quiet_until = history.now();
    let memory_before = supervise::memory(&mut system);
    let (bitten, faulty) = faults(plan, &mut system, &mut supervisor, &shared).await;
    let healed = Instant::now();
    shared.stop.store(true, Ordering::Relaxed);
    let ended = history.now();
    while workers.join_next().await.is_some() {}
    let within = plan.recovered_within();
    let unready = supervisor.all_ready(&mut system, within).await;
    let last_sent = last_send(&history, &client, &people).await;
    let memory_after = supervise::memory(&mut system);
    let until = (healed + AT_REST_WITHIN).max(Instant::now() + READ_WITHIN);
    reading::outboxes_empty(&system, until).await;
    let mut rest = reading::read(&system, &history, &people, &client, (healed, until)).await;
    let is_set_back = |fault| matches!(fault, Fault::WipeMs | Fault::RestoreMs);
    let bites = bitten.iter().flat_map(|bitten| &bitten.bites);
    rest.sides = bites.filter_map(|bite| bite.side.clone()).collect();
    rest.wiped = plan.steps.iter().any(|step| is_set_back(step.fault));

    let records = history.records();
    let violations = checker::check(&records, &rest);
    if plan.control && violations.is_empty() {
        let change = control::delete_rows(&system).await;
        let until = Instant::now() + SPOILED_WITHIN;
        let spoiled = reading::read(&system, &history, &people, &client, (healed, until)).await;
        let unnoticed = control::unnoticed(&records, spoiled, change.as_deref());
        rest.incomplete.extend(unnoticed);
    }
    let measured = Measured {
        bitten,
        span: (began, quiet_until, ended),
        faulty,
        recovered_within: plan.recovered_within(),
        records,
        incomplete: rest.incomplete,
        unready,
        last_sent,
        memory: supervise::compare(&memory_before, &memory_after),
        restarts: supervisor.restarts,
    };
    if !measured.failures(&violations).is_empty() {
        keep(&mut system, folder).await;
    }
    Ran {
        measured,
        violations,
    }
}

/// Takes the backups that are put back later, while everybody works.
async fn back_up(plan: &Plan, system: &mut System) {
    for (fault, names) in [
        (Fault::RestoreMs, MESSAGE_SERVERS),
        (Fault::RestoreRs, REGISTRATION_SERVERS),
    ] {
        if plan.steps.iter().any(|step| step.fault == fault) {
            for name in names {
                system.postgres(name).back_up().await;
            }
        }
    }
}

/// Injects all faults, and waits after each phase until the system is back. Also
/// how long faults were at work, together.
async fn faults(
    plan: &Plan,
    system: &mut System,
    supervisor: &mut Supervisor,
    shared: &Arc<Shared>,
) -> (Vec<Bitten>, Duration) {
    let history = &shared.history;
    let mut bitten = Vec::new();
    let mut faulty = Duration::ZERO;
    for steps in plan.phases() {
        let began = history.now();
        let label = steps.iter().map(|step| step.fault.name());
        let label = label.collect::<Vec<_>>().join(" + ");
        let bites = phase::phase(steps, system, supervisor, shared).await;
        let healed = history.now();
        faulty += healed - began;
        let within = plan.recovered_within();
        bitten.push(Bitten {
            label,
            bites,
            during: history.accounted_within(began, healed),
            recovery: recover(system, supervisor, history, within).await,
        });
    }
    (bitten, faulty)
}

fn settings(plan: &Plan) -> SystemSettings {
    let lease = [
        ("YOSHI_LEASE_SECONDS", "6"),
        ("YOSHI_LEASE_RENEW_SECONDS", "2"),
    ];
    let beta = ("YOSHI_BETA_SECONDS", "3");
    let variables = match plan.timeouts {
        Timeouts::Short => vec![lease[0], lease[1], beta],
        Timeouts::LongBeta => lease.to_vec(),
        Timeouts::Defaults => Vec::new(),
    };
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut variables: Vec<_> = variables.into_iter().map(owned).collect();
    let unsynced = plan.planted == Some(planted::NATS_WITHOUT_SYNC);
    match plan.planted {
        Some(_) if unsynced => variables.push(("YOSHI_UNSAFE_STORAGE".into(), "true".into())),
        planted => variables.extend(planted.map(planted::variable)),
    }
    SystemSettings {
        load_balancers: 2,
        message_servers: MESSAGE_SERVERS.len(),
        registration_servers: REGISTRATION_SERVERS.len(),
        nats_nodes: 3,
        variables,
        postgres_each: true,
        proxied: true,
        disks: plan.needs(Need::Disks),
        clocks: plan.needs(Need::ClockLibrary),
        unsynced,
        ..SystemSettings::default()
    }
}

/// A client for what has to succeed.
async fn surely(system: &System) -> Client {
    system.client().await.with_deadline(SURELY_WITHIN)
}

/// Creates the accounts of the run: those that all workers share, then each worker's changer.
async fn people(history: &History, client: &Client) -> Vec<Person> {
    let mut people = Vec::new();
    for number in 0..ACCOUNTS + WORKERS as usize {
        let name = fresh_name(&format!("a{number}"));
        let words = format!("password of {name}");
        let password = Password::new(words.clone());
        let call = Call::Create {
            account: name.to_string(),
            password: words,
        };
        let ticket = history.invoke(SETUP, call);
        let created = client.create_account(&name, &password).await;
        history.end(ticket, done(created));
        // At once, unless a planted fault reports the account too early.
        let log_in = async || client.log_in(&name, &password).await;
        let logged_in = eventually(&format!("{name} logs in"), SURELY_WITHIN, log_in).await;
        let token = logged_in.token;
        people.push(Person {
            name,
            password,
            credential: Credential::Token(token),
        });
    }
    people
}

/// Sets the workers to work.
async fn work(
    plan: &Plan,
    system: &mut System,
    history: &Arc<History>,
    (people, changers): (&[Person], Vec<Person>),
) -> (Arc<Shared>, JoinSet<()>) {
    let mut servers = Vec::new();
    for name in MESSAGE_SERVERS {
        servers.push((name.to_owned(), system.id(name).await));
    }
    let shared = Arc::new(Shared {
        history: Arc::clone(history),
        people: people.to_vec(),
        changers,
        direct: Direct::connect(&system.nats).await,
        servers,
        stop: AtomicBool::new(false),
    });
    let mut clients = Vec::new();
    for name in CLIENTS {
        let options: Options = system.client_options(name).await;
        let mut options = options.deadline(plan.operation_within);
        if plan.timeouts != Timeouts::Defaults {
            options = options.try_within(TRY_WITHIN);
        }
        clients.push(
            Client::connect(options)
                .await
                .expect("a client can connect"),
        );
    }
    let mut workers = JoinSet::new();
    for process in 0..WORKERS {
        let client = clients[process as usize % CLIENTS.len()].clone();
        let shared = Arc::clone(&shared);
        workers.spawn(Worker::new(process, WORKERS, plan.seed, client, shared).run());
    }
    (shared, workers)
}

/// Leaves logs and rows for a look.
async fn keep(system: &mut System, folder: &Path) {
    for name in MESSAGE_SERVERS.iter().chain(&REGISTRATION_SERVERS) {
        let queries = match name.starts_with("ms") {
            true => OF_MESSAGE_SERVERS,
            false => OF_REGISTRATION_SERVERS,
        };
        let rows = reading::rows(system.database(name), queries).await;
        let text = rows.map_or_else(|error| error, |rows| rows.join("\n"));
        std::fs::write(folder.join(format!("{name}.rows")), text).expect("it can be written");
    }
    eprintln!("the servers' logs: {}", system.keep().display());
}

/// Waits until every worker has had a task accounted for.
async fn recover(
    system: &mut System,
    supervisor: &mut Supervisor,
    history: &History,
    within: Duration,
) -> Recovery {
    let healed = history.now();
    let mut recovery = Recovery::default();
    loop {
        supervisor.wait(system, TICK, &mut []).await;
        supervisor.revive_grounds(system);
        let after = history.now() - healed;
        let sent = history.sent_since(WORKERS, healed);
        if recovery.first.is_none() && sent.contains(&true) {
            recovery.first = Some(after);
        }
        if recovery.all.is_none() && !sent.contains(&false) {
            recovery.all = Some(after);
        }
        if after >= within || (recovery.all.is_some() && after >= BETWEEN_MIN) {
            return recovery;
        }
    }
}

/// One more send, from and to hot accounts. Whether it was accounted for.
async fn last_send(history: &History, client: &Client, people: &[Person]) -> bool {
    let (from, to) = (&people[0], &people[1]);
    let outgoing = Outgoing::new(NewTask::new("last", vec![to.name.clone()]));
    let outgoing = outgoing.expect("it is a good task");
    let call = Call::Send {
        account: from.name.to_string(),
        payload: "last".to_owned(),
        to: vec![to.name.to_string()],
    };
    let ticket = history.invoke(SETUP, call);
    let sent = client.send_outgoing(&from.name, &from.credential, &outgoing);
    let outcome = sent_outcome(sent.await);
    let accounted = outcome.is_ok();
    history.end(ticket, outcome);
    accounted
}
