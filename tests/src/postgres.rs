//! A private Postgres, shared by the tests of one program: durable as ours must
//! be, with a database and a role of its own for whoever asks.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::eventually;
use crate::place::{self, Scratch};
use crate::process::Process;

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
    process: Process,
    port: u16,
    password: String,
    databases: AtomicU32,
    scratch: Scratch,
}

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
        let owner = owner();
        // Another user must reach it, and the project may lie below a folder
        // that only root may enter.
        let scratch = match owner {
            Some(_) => Scratch::within(&std::env::temp_dir(), "yoshi-postgres"),
            None => Scratch::new("postgres"),
        };
        let (data, password) = (scratch.path().join("data"), place::secret());
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
            &scratch.path().join("initdb.log"),
            owner,
        )
        .await;
        let port = place::free_port();
        let postgres = Self {
            process: Process::start(
                "postgres",
                program("postgres", owner).arg("-D").arg(&data).args([
                    "-p",
                    &port.to_string(),
                    "-c",
                    "listen_addresses=127.0.0.1",
                    "-c",
                    "unix_socket_directories=",
                    "-c",
                    "max_connections=300",
                ]),
                &scratch.path().join("log"),
            ),
            port,
            password,
            databases: AtomicU32::new(0),
            scratch,
        };
        eventually("Postgres answers", READY_WITHIN, async || {
            postgres.run("SELECT 1").await
        })
        .await;
        postgres
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
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    async fn run(&self, statement: &str) -> Result<(), String> {
        let url = format!("postgres://{SUPERUSER}@127.0.0.1:{}/postgres", self.port);
        query(&url, &self.password, statement).await.map(drop)
    }
}

impl Database {
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

async fn initialize(data: &Path, password_file: &Path, log: &Path, owner: Option<Owner>) {
    let mut process = Process::start(
        "initdb",
        program("initdb", owner)
            .arg("-D")
            .arg(data)
            .arg(format!("--username={SUPERUSER}"))
            .arg(format!("--pwfile={}", password_file.display()))
            .args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"])
            // Of a new, empty instance; what it stores later is synced as always.
            .arg("--no-sync"),
        log,
    );
    let status = process.end(READY_WITHIN).await;
    assert!(status.success(), "initdb: {}", process.log_end());
}
