//! Several runs, one after the other, and the table at the end.

use std::env;
use std::panic::AssertUnwindSafe;
use std::str::FromStr;
use std::time::Duration;

use futures::FutureExt;
use yoshi_tests::scratch::Scratch;

use crate::fault::Fault;
use crate::plan::{Order, Plan, Timeouts};
use crate::report::Report;
use crate::run::{self, Ran};

/// The faults of the short mix: a few of each family.
const SHORT_MIX: [Fault; 6] = [
    Fault::KillMs,
    Fault::PauseMs,
    Fault::IsolateMs,
    Fault::KillPostgres,
    Fault::KillNats,
    Fault::KillRsAfterAck,
];
const SHORT_QUIET: Duration = Duration::from_secs(5);
const SHORT_LASTS_MAX: Duration = Duration::from_secs(8);
const LONG_QUIET: Duration = Duration::from_secs(10);
/// A fifth of the time without faults is enough of a short run.
const QUIET_SHARE: u32 = 5;
/// How many invalid runs are too many: more than one in twenty, and more than one.
const INVALID_SHARE_MAX: usize = 20;

/// The seeds of the short mix in every test run: what fails there can be looked at
/// anywhere, because the plan is the same each time. `deploy/chaos --short` draws others.
const SHORT_SEEDS: [u64; 1] = [890_574_992];
/// How long the faults of one run go on, about; with the default timeouts longer.
const TOTAL_SECONDS: u64 = 60;
const DEFAULTS_TOTAL_SECONDS: u64 = 90;

/// What a campaign is told, by `YOSHI_CHAOS_*` variables. `deploy/chaos` sets them.
struct Settings {
    runs: u64,
    /// How long the faults of one run go on, about.
    total: Duration,
    /// One kind per run, in turn; or all of them in each run.
    mix: bool,
    /// Each run is the short mix, as every test run has it, but with its own seed.
    short: bool,
    order: Order,
    timeouts: Timeouts,
    faults: Vec<Fault>,
    /// Of the first run; each later one has the next.
    seed: u64,
}

pub(crate) fn variable<T: FromStr<Err: std::fmt::Display>>(name: &str) -> Option<T> {
    let text = env::var(name).ok().filter(|text| !text.is_empty())?;
    let value = text.parse();
    Some(value.unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

/// A seed that nobody has chosen.
pub(crate) fn any_seed() -> u64 {
    // Short enough to be typed.
    uuid::Uuid::new_v4().as_u64_pair().0 % 1_000_000_000
}

/// The faults that are asked for by name; none: all of them.
pub(crate) fn chosen_faults() -> Vec<Fault> {
    let names = variable("YOSHI_CHAOS_FAULTS").unwrap_or_else(String::new);
    let parse = |name: &str| {
        name.parse()
            .unwrap_or_else(|error: String| panic!("{error}"))
    };
    let names = names.split(',').filter(|name| !name.is_empty());
    names.map(parse).collect()
}

impl Settings {
    fn read() -> Self {
        let mut faults = chosen_faults();
        if faults.is_empty() {
            faults = Fault::ALL.to_vec();
        }
        let order = match variable("YOSHI_CHAOS_OVERLAP").unwrap_or(false) {
            true => Order::Overlapping,
            false => Order::Alone,
        };
        let (timeouts, seconds) = match variable("YOSHI_CHAOS_DEFAULTS").unwrap_or(false) {
            true => (Timeouts::Defaults, DEFAULTS_TOTAL_SECONDS),
            false => (Timeouts::Short, TOTAL_SECONDS),
        };
        let short = variable("YOSHI_CHAOS_SHORT").unwrap_or(false);
        let kinds = if short { 1 } else { faults.len() as u64 };
        Self {
            runs: variable("YOSHI_CHAOS_RUNS").unwrap_or(kinds),
            total: Duration::from_secs(variable("YOSHI_CHAOS_SECONDS").unwrap_or(seconds)),
            mix: variable("YOSHI_CHAOS_MIX").unwrap_or(false),
            short,
            order,
            timeouts,
            faults: able(&faults),
            seed: variable("YOSHI_CHAOS_SEED").unwrap_or_else(any_seed),
        }
    }

    fn plan(&self, run: u64) -> Plan {
        let seed = self.seed + run;
        if self.short {
            return short(seed);
        }
        let quiet = LONG_QUIET.min(self.total / QUIET_SHARE);
        let turn = usize::try_from(run % self.faults.len() as u64).unwrap_or(0);
        let faults = match self.mix || self.order == Order::Overlapping {
            true => &self.faults,
            false => &self.faults[turn..=turn],
        };
        let times = (quiet, self.total);
        Plan::mix(seed, faults, times, self.timeouts, self.order)
    }

    /// The command that does a run again.
    fn replay(&self, plan: &Plan) -> String {
        let mut command = format!("deploy/chaos --runs 1 --seed {}", plan.seed);
        if self.short {
            return command + " --short";
        }
        let whole = self.mix || self.order == Order::Overlapping;
        let mut names: Vec<_> = plan.steps.iter().map(|step| step.fault.name()).collect();
        if whole {
            names = self.faults.iter().map(|fault| fault.name()).collect();
        }
        names.dedup();
        let options = [
            (self.mix, " --mix"),
            (self.order == Order::Overlapping, " --overlap"),
            (self.timeouts == Timeouts::Defaults, " --defaults"),
        ];
        command += &format!(
            " --seconds {} --faults {}",
            self.total.as_secs(),
            names.join(",")
        );
        command.extend(
            options
                .iter()
                .filter(|(given, _)| *given)
                .map(|(_, option)| *option),
        );
        command
    }
}

/// The short mix: each of its faults once, then the control.
fn short(seed: u64) -> Plan {
    Plan::each(seed, &SHORT_MIX, SHORT_QUIET, SHORT_LASTS_MAX)
}

/// Those that this machine can inject; the others are named.
fn able(faults: &[Fault]) -> Vec<Fault> {
    let mut able = Vec::new();
    for fault in faults {
        match fault.lack() {
            None => able.push(*fault),
            Some(lack) => eprintln!("SKIPPED {fault}: {lack}"),
        }
    }
    assert!(!able.is_empty(), "no fault is left");
    able
}

/// Runs a plan, and adds what it found to the report.
async fn one(plan: &Plan, replay: &str, report: &mut Report) {
    let mut folder = Scratch::new(&format!("chaos-{}", plan.seed));
    let ran = AssertUnwindSafe(run::run(plan, folder.path())).catch_unwind();
    let ran: Option<Ran> = match tokio::time::timeout(plan.within(), ran).await {
        Ok(ran) => ran.ok(),
        Err(_) => {
            eprintln!("the run did not end within {:?}", plan.within());
            None
        }
    };
    if let Some(wrong) = report.add(plan, ran.as_ref()) {
        folder.keep();
        let text = format!("{replay}\n{plan:#?}\n{}\n", wrong.join("\n"));
        std::fs::write(folder.path().join("verdict"), text).expect("it can be written");
        eprintln!("the history: {}", folder.path().display());
        eprintln!("again: {replay}");
    }
}

pub(crate) fn block_on(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("a runtime can be made")
        .block_on(work);
}

#[test]
fn short_mix() {
    let seeds = variable("YOSHI_CHAOS_SEED").map_or(SHORT_SEEDS.to_vec(), |seed| vec![seed]);
    block_on(async {
        for seed in seeds {
            let replay = format!("deploy/chaos --runs 1 --seed {seed} --short");
            eprintln!("the short mix, seed {seed}; again: {replay}");
            let mut report = Report::default();
            one(&short(seed), &replay, &mut report).await;
            if report.invalid() > 0 && report.failed() == 0 {
                eprintln!("invalid, so once more");
                report = Report::default();
                one(&short(seed), &replay, &mut report).await;
            }
            report.print();
            assert_eq!((report.failed(), report.invalid()), (0, 0), "{replay}");
        }
    });
}

#[test]
#[ignore = "as long as one likes: deploy/chaos runs it"]
fn campaign() {
    let settings = Settings::read();
    eprintln!(
        "seeds {} to {}",
        settings.seed,
        settings.seed + settings.runs - 1
    );
    block_on(async {
        let mut report = Report::default();
        for run in 0..settings.runs {
            let plan = settings.plan(run);
            one(&plan, &settings.replay(&plan), &mut report).await;
        }
        report.print();
        let bound = (report.runs() / INVALID_SHARE_MAX).max(1);
        assert!(
            report.invalid() <= bound,
            "{} of {} runs are invalid",
            report.invalid(),
            report.runs()
        );
        assert!(report.invalid() < report.runs(), "no run was valid");
        assert_eq!(report.failed(), 0, "runs that broke a promise");
    });
}
