//! A private Postgres, shared by the tests of one program: durable as ours must
//! be, with a database and a role of its own for whoever asks.

mod backup;

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::place;
use crate::process::{Process, Signal};
use crate::scratch::Scratch;

/// How long Postgres may take to get ready.
const READY_WITHIN: Duration = Duration::from_secs(30);
const SUPERUSER: &str = "postgres";

/// The instance that lives as long as somebody holds it. A static is never
/// dropped, so it must not hold the instance itself.
static SHARED: Mutex<Weak<Postgres>> = Mutex::const_new(Weak::new());

/// A private instance.
#[derive(Debug)]
pub struct Postgres {
    // First, so that it ends before its folder goes.
    process: Option<Process>,
    port: u16,
    password: String,
    databases: AtomicU32,
    data: PathBuf,
    owner: Option<Owner>,
    options: Vec<&'static str>,
    /// What its user must reach.
    scratch: Scratch,
    /// What is worth a look when a test fails.
    logs: Scratch,
}

/// What an instance of few connections and little data runs with, several of
/// them beside each other. Nothing that durability rests on.
const SMALL: [&str; 6] = [
    "max_connections=60",
    "shared_buffers=16MB",
    "max_wal_size=64MB",
    "min_wal_size=32MB",
    "autovacuum_max_workers=1",
    "max_parallel_workers=0",
];

/// A database of a server's own.
#[derive(Debug, Clone)]
pub struct Database {
    /// Without the password.
    pub url: String,
    /// The role's password.
    pub password: String,
    /// The file that holds it.
    pub password_file: PathBuf,
}

/// Who Postgres runs as: it refuses root.
#[derive(Debug, Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

impl Postgres {
    /// The instance of this program; started if none runs.
    ///
    /// # Panics
    /// If it does not get ready.
    pub async fn start() -> Arc<Self> {
        let mut shared = SHARED.lock().await;
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let started = Arc::new(Self::start_private().await);
        *shared = Arc::downgrade(&started);
        started
    }

    /// An instance that nobody shares, for tests that stop it or look at all of it.
    ///
    /// # Panics
    /// If it does not get ready.
    pub async fn start_private() -> Self {
        Self::begin(&["max_connections=300"], None).await
    }

    /// A small instance that nobody shares, with its data in a folder of its
    /// own below `ground`, if that is given.
    ///
    /// # Panics
    /// If it does not get ready.
    pub async fn start_small(ground: Option<&Path>) -> Self {
        Self::begin(&SMALL, ground).await
    }

    async fn begin(options: &[&'static str], ground: Option<&Path>) -> Self {
        let owner = owner();
        // Another user must reach it, and the project may lie below a folder
        // that only root may enter.
        let scratch = match owner {
            Some(_) => Scratch::in_temp("postgres"),
            None => Scratch::in_target("postgres"),
        };
        let logs = Scratch::new("postgres-logs");
        let data = ground.unwrap_or(scratch.path()).join("data");
        let password = place::secret();
        std::fs::create_dir(&data).expect("a folder can be made");
        let password_file = scratch.path().join("password");
        std::fs::write(&password_file, &password).expect("a file can be written");
        if let Some(Owner { user, group }) = owner {
            for path in [scratch.path(), &data, &password_file] {
                chown(path, Some(user), Some(group)).expect("root may give files away");
            }
        }
        std::fs::set_permissions(&data, PermissionsExt::from_mode(0o700))
            .expect("the folder is ours");
        initialize(
            &data,
            &password_file,
            &logs.path().join("initdb.log"),
            owner,
            ground.is_some(),
        )
        .await;
        let mut postgres = Self {
            process: None,
            port: place::free_port(),
            password,
            databases: AtomicU32::new(0),
            data,
            owner,
            options: options.to_vec(),
            scratch,
            logs,
        };
        postgres.run_again();
        postgres.ready().await;
        postgres
    }

    /// Starts it, without waiting until it is ready. Kills what ran before.
    pub fn run_again(&mut self) {
        self.kill();
        let mut command = program("postgres", self.owner);
        command
            .arg("-D")
            .arg(&self.data)
            .args(["-p", &self.port.to_string()]);
        let fixed = ["listen_addresses=127.0.0.1", "unix_socket_directories="];
        for option in fixed.iter().chain(&self.options) {
            command.args(["-c", option]);
        }
        let log = self.logs.path().join("log");
        self.process = Some(Process::start("postgres", &mut command, &log));
    }

    /// Waits until it answers; starts it again if it has ended, as it does when
    /// the processes of a killed one have not ended yet.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn ready(&mut self) {
        let end = tokio::time::Instant::now() + READY_WITHIN;
        loop {
            let Err(error) = self.run("SELECT 1").await else {
                return;
            };
            assert!(
                tokio::time::Instant::now() < end,
                "Postgres does not answer: {error}\n{}",
                self.process
                    .as_ref()
                    .map_or_else(String::new, Process::log_end)
            );
            if self.ended() {
                self.run_again();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Kills it with all its processes, as a crash of its machine does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal_all(Signal::Kill);
        }
    }

    /// Whether it does not run.
    pub fn ended(&mut self) -> bool {
        self.process
            .as_mut()
            .is_none_or(|process| process.ended().is_some())
    }

    /// Halts or continues all its processes.
    pub fn signal_all(&mut self, signal: Signal) {
        if let Some(process) = &mut self.process {
            process.signal_all(signal);
        }
    }

    /// The port of loopback that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of its data.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Leaves its log for a look.
    pub fn keep(&mut self) {
        self.logs.keep();
    }

    /// A fresh database, with a role that owns it and nothing else.
    ///
    /// # Panics
    /// If it cannot be created.
    pub async fn database(&self) -> Database {
        let name = format!("yoshi_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let password = place::secret();
        for statement in [
            format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'"),
            format!("CREATE DATABASE {name} OWNER {name}"),
        ] {
            self.run(&statement)
                .await
                .unwrap_or_else(|error| panic!("{name} cannot be created: {error}"));
        }
        let password_file = self.scratch.path().join(format!("password-{name}"));
        std::fs::write(&password_file, &password).expect("a file can be written");
        Database {
            url: format!("postgres://{name}@127.0.0.1:{}/{name}", self.port),
            password,
            password_file,
        }
    }

    /// The process, to pause or to kill it.
    ///
    /// # Panics
    /// If it was killed.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("it runs")
    }

    async fn run(&self, statement: &str) -> Result<(), String> {
        let url = format!("postgres://{SUPERUSER}@127.0.0.1:{}/postgres", self.port);
        query(&url, &self.password, statement).await.map(drop)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Database {
    /// The same database, reached through another port.
    #[must_use]
    pub fn through(&self, port: u16) -> Self {
        let (before, name) = self.url.rsplit_once('/').expect("a URL has a path");
        let (user, _) = before.rsplit_once(':').expect("a URL has a port");
        Self {
            url: format!("{user}:{port}/{name}"),
            ..self.clone()
        }
    }

    /// Runs one query without parameters.
    ///
    /// # Errors
    /// What the database, or the connection to it, says.
    pub async fn try_rows(&self, statement: &str) -> Result<Vec<postgres::Row>, String> {
        query(&self.url, &self.password, statement).await
    }

    /// Runs one query without parameters.
    ///
    /// # Panics
    /// If the database does not answer it.
    pub async fn rows(&self, statement: &str) -> Vec<postgres::Row> {
        query(&self.url, &self.password, statement)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"))
    }
}

/// The synchronous driver blocks, so it runs on a thread for that.
async fn query(url: &str, password: &str, statement: &str) -> Result<Vec<postgres::Row>, String> {
    let mut config: postgres::Config = url.parse().expect("it is a URL of Postgres");
    config
        .password(password)
        .connect_timeout(Duration::from_secs(5));
    let statement = statement.to_owned();
    let rows = tokio::task::spawn_blocking(move || {
        config.connect(postgres::NoTls)?.query(&statement, &[])
    });
    rows.await
        .expect("the driver does not panic")
        .map_err(|error| format!("{error}: {:?}", error.as_db_error()))
}

/// None: ourselves.
fn owner() -> Option<Owner> {
    let id = |arguments: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    ["postgres", "nobody"].into_iter().find_map(|name| {
        Some(Owner {
            user: id(&["-u", name])?,
            group: id(&["-g", name])?,
        })
    })
}

fn program(name: &str, owner: Option<Owner>) -> Command {
    let mut command = Command::new(place::postgres_binaries().join(name));
    if let Some(Owner { user, group }) = owner {
        command.uid(user).gid(group).current_dir("/");
    }
    command
}

/// Makes an instance's files. On a disk that may lose its power they are synced;
/// elsewhere only what is stored later is.
async fn initialize(
    data: &Path,
    password_file: &Path,
    log: &Path,
    owner: Option<Owner>,
    sync: bool,
) {
    let mut command = program("initdb", owner);
    command
        .arg("-D")
        .arg(data)
        .arg(format!("--username={SUPERUSER}"))
        .arg(format!("--pwfile={}", password_file.display()))
        .args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]);
    if !sync {
        command.arg("--no-sync");
    }
    let mut process = Process::start("initdb", &mut command, log);
    let status = process.end(READY_WITHIN).await;
    assert!(status.success(), "initdb: {}", process.log_end());
}
