//! Several runs, one after the other, and the table at the end.

use std::env;
use std::panic::AssertUnwindSafe;
use std::str::FromStr;
use std::time::Duration;

use futures::FutureExt;
use yoshi_tests::place::Scratch;

use crate::fault::Fault;
use crate::plan::Plan;
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

/// What a campaign is told, by `YOSHI_CHAOS_*` variables. `deploy/chaos` sets them.
struct Settings {
    runs: u64,
    /// How long the faults of one run go on, about.
    total: Duration,
    /// One kind per run, in turn; or all of them in each run.
    mix: bool,
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

impl Settings {
    fn read() -> Self {
        let names = variable("YOSHI_CHAOS_FAULTS").unwrap_or_else(String::new);
        let mut faults: Vec<Fault> = names
            .split(',')
            .filter(|name| !name.is_empty())
            .map(|name| {
                name.parse()
                    .unwrap_or_else(|error: String| panic!("{error}"))
            })
            .collect();
        if faults.is_empty() {
            faults = Fault::ALL.to_vec();
        }
        Self {
            runs: variable("YOSHI_CHAOS_RUNS").unwrap_or(faults.len() as u64),
            total: Duration::from_secs(variable("YOSHI_CHAOS_SECONDS").unwrap_or(60)),
            mix: variable("YOSHI_CHAOS_MIX").unwrap_or(false),
            faults: able(&faults),
            seed: variable("YOSHI_CHAOS_SEED").unwrap_or_else(any_seed),
        }
    }

    fn plan(&self, run: u64) -> Plan {
        let seed = self.seed + run;
        let quiet = LONG_QUIET.min(self.total / QUIET_SHARE);
        if self.mix {
            return Plan::mix(seed, &self.faults, quiet, self.total);
        }
        let turn = usize::try_from(run % self.faults.len() as u64).unwrap_or(0);
        Plan::mix(seed, &self.faults[turn..=turn], quiet, self.total)
    }

    /// The command that does a run again.
    fn replay(&self, plan: &Plan) -> String {
        let mut names: Vec<_> = plan.steps.iter().map(|step| step.fault.name()).collect();
        if self.mix {
            names = self.faults.iter().map(|fault| fault.name()).collect();
        }
        names.dedup();
        format!(
            "deploy/chaos --runs 1 --seed {} --seconds {} --faults {}{}",
            plan.seed,
            self.total.as_secs(),
            names.join(","),
            if self.mix { " --mix" } else { "" }
        )
    }
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
    let faults: Vec<_> = plan.steps.iter().map(|step| step.fault).collect();
    let ran = AssertUnwindSafe(run::run(plan, folder.path()))
        .catch_unwind()
        .await;
    let ran: Option<Ran> = ran.ok();
    if let Some(wrong) = report.add(plan.seed, &faults, ran.as_ref()) {
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
    let seed = variable("YOSHI_CHAOS_SEED").unwrap_or_else(any_seed);
    eprintln!("YOSHI_CHAOS_SEED={seed}");
    block_on(async {
        let mut report = Report::default();
        let plan = Plan::each(seed, &SHORT_MIX, SHORT_QUIET, SHORT_LASTS_MAX);
        let replay =
            format!("YOSHI_CHAOS_SEED={seed} cargo test -p yoshi-tests --test chaos short_mix");
        one(&plan, &replay, &mut report).await;
        if report.invalid() > 0 {
            eprintln!("invalid, so once more");
            report = Report::default();
            one(&plan, &replay, &mut report).await;
        }
        report.print();
        assert_eq!((report.failed(), report.invalid()), (0, 0), "{replay}");
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
