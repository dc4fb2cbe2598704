//! A load generator that does not believe the system under test.
//!
//! It creates accounts, sends tasks in a closed or an open loop, and measures
//! how long a send takes and how long until a recipient sees the task. In the
//! end it reads everything back and holds it to what was acknowledged.
//!
//! Everything runs on one thread: it shares the machine with what it measures,
//! and its work is a few microseconds per task, so that a second thread would
//! cost wake-ups and gain nothing.

mod accounts;
mod announce;
mod arguments;
mod check;
mod load;
mod observer;
mod record;
mod report;
mod retrieve;
mod workload;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use accounts::Accounts;
pub use arguments::Arguments;
use load::Load;
use report::Report;
use workload::Workload;

/// Runs it, reports, and says how the process is to end.
pub fn run(arguments: &Arguments) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(measure(arguments)),
        Err(error) => Err(Failure::Start(error)),
    };
    match outcome {
        Ok(report) => {
            let text = if arguments.json {
                report.json()
            } else {
                report.text()
            };
            // Whoever closed standard output still gets the exit code.
            writeln!(std::io::stdout(), "{text}").unwrap_or_default();
            ExitCode::from(u8::from(!report.passed()))
        }
        Err(failure) => {
            writeln!(std::io::stderr(), "load-test: {failure}").unwrap_or_default();
            ExitCode::from(failure.exit())
        }
    }
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot start: {0}")]
    Start(std::io::Error),
    #[error("{0}\n  run it below the folder of `deploy/up`, or see `load-test --help`")]
    Settings(#[from] yoshi_client::EnvironmentError),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Connect(yoshi_client::Error),
    #[error("setting up account {account}: {error}")]
    SetUp {
        account: yoshi_protocol::AccountName,
        error: yoshi_client::Error,
    },
    #[error("retrieving everything of {account}, so nothing was checked: {reason}")]
    Retrieve {
        account: yoshi_protocol::AccountName,
        reason: String,
    },
}

impl Failure {
    const fn exit(&self) -> u8 {
        match self {
            Self::Settings(_) | Self::Usage(_) => 2,
            Self::Start(_) | Self::Connect(_) | Self::SetUp { .. } | Self::Retrieve { .. } => 3,
        }
    }
}

async fn measure(arguments: &Arguments) -> Result<Report, Failure> {
    let workload = Workload::new(arguments).map_err(Failure::Usage)?;
    let (clients, nats_url) = accounts::connect(arguments).await?;
    announce::announce(arguments, &nats_url, &workload);
    let accounts = Accounts::create(&clients, &workload, arguments.json).await?;
    let load = Arc::new(Load::new(clients, accounts, workload));
    let measured = load::run(&load, arguments).await;
    let lists = retrieve::everything(&load, arguments.json).await?;
    let violations = check::check(load.workload.plan(), &measured.records, &lists);
    Ok(Report::new(
        &load.workload,
        arguments,
        measured,
        &lists,
        violations,
    ))
}
