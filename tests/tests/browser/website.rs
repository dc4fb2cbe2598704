//! A whole system with a website, shared by the tests of this program.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Mutex;
use yoshi_client::Client;
use yoshi_tests::person::fresh_name;
use yoshi_tests::scratch::Scratch;
use yoshi_tests::{Database, Postgres, Server, System, SystemSettings, User, eventually};

use crate::driver::Driver;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A system, a website, a browser's driver.
pub(crate) struct Website {
    // In this order: what stands on others ends first.
    pub(crate) driver: Driver,
    _server: Server,
    /// `127.0.0.1:12345`.
    pub(crate) address: String,
    postgres: Arc<Postgres>,
    pub(crate) system: Mutex<System>,
    scratch: Scratch,
}

/// One more website of the same system.
pub(crate) struct Another {
    pub(crate) server: Server,
    pub(crate) address: String,
    pub(crate) database: Database,
    _scratch: Scratch,
}

static SHARED: Mutex<Weak<Website>> = Mutex::const_new(Weak::new());

impl Website {
    /// The one that the tests share; none without a browser.
    pub(crate) async fn open() -> Option<Arc<Self>> {
        let mut shared = SHARED.lock().await;
        if let Some(running) = shared.upgrade() {
            return Some(running);
        }
        let started = Self::alone(SystemSettings::default()).await?;
        *shared = Arc::downgrade(&started);
        Some(started)
    }

    /// One that no other test uses, with a small system; none without a browser.
    pub(crate) async fn alone(settings: SystemSettings) -> Option<Arc<Self>> {
        let driver = Driver::start().await?;
        let settings = SystemSettings {
            load_balancers: 1,
            message_servers: 2,
            registration_servers: 1,
            ..settings
        };
        Some(Arc::new(Self::start(driver, settings).await))
    }

    async fn start(driver: Driver, settings: SystemSettings) -> Self {
        let system = System::start(settings).await;
        let scratch = Scratch::new("website");
        let postgres = Postgres::start().await;
        let (server, address, _) = serve(&system, &postgres, &scratch, "web1", &[]).await;
        Self {
            driver,
            _server: server,
            address,
            postgres,
            system: Mutex::new(system),
            scratch,
        }
    }

    /// One more website, with a database of its own, and with more settings.
    pub(crate) async fn another(&self, settings: &[(&str, &str)]) -> Another {
        let scratch = Scratch::new("website");
        let system = self.system.lock().await;
        let (server, address, database) =
            serve(&system, &self.postgres, &scratch, "web2", settings).await;
        drop(system);
        Another {
            server,
            address,
            database,
            _scratch: scratch,
        }
    }

    /// A connection for what other people do meanwhile.
    pub(crate) async fn client(&self) -> Client {
        self.system.lock().await.client().await
    }

    /// Makes an account an administrator, as somebody does who edits the file.
    pub(crate) fn appoint(&self, name: &str) {
        let file = administrators(self.scratch.path(), "web1");
        let file = std::fs::OpenOptions::new().append(true).open(file);
        let written = file.and_then(|mut file| writeln!(file, "{name}"));
        written.expect("the file can be written");
    }

    /// And an ordinary account again.
    pub(crate) fn dismiss(&self, name: &str) {
        let file = administrators(self.scratch.path(), "web1");
        let names = std::fs::read_to_string(&file).expect("the file can be read");
        let others = names.lines().filter(|line| *line != name);
        let others: String = others.map(|line| format!("{line}\n")).collect();
        std::fs::write(file, others).expect("the file can be written");
    }

    /// A name that nobody has.
    pub(crate) fn name(prefix: &str) -> String {
        fresh_name(prefix).to_string()
    }
}

fn administrators(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.administrators"))
}

async fn serve(
    system: &System,
    postgres: &Postgres,
    scratch: &Scratch,
    name: &str,
    settings: &[(&str, &str)],
) -> (Server, String, Database) {
    let database = postgres.database().await;
    let file = scratch.path().join(format!("{name}.web"));
    let names = administrators(scratch.path(), name);
    std::fs::write(&names, "# Nobody yet\n").expect("a file can be written");
    let password = system.nats.password_file();
    let mut server = Server::new(
        name,
        User::WebClient,
        &system.nats,
        Some(&database),
        scratch.path(),
    )
    .with("YOSHI_WEB_LISTEN", "127.0.0.1:0")
    .with("YOSHI_WEB_ADDRESS_FILE", &file.display().to_string())
    // All tests are one source, and each registers.
    .with("YOSHI_WEB_REGISTRATIONS_PER_HOUR", "100000")
    .with(
        "YOSHI_WEB_ADMINISTRATORS_FILE",
        &names.display().to_string(),
    )
    .with(
        "YOSHI_WEB_ADMINISTRATION_PASSWORD_FILE",
        &password.display().to_string(),
    );
    for (variable, value) in settings {
        server = server.with(variable, value);
    }
    server.start();
    server.ready().await;
    let address = eventually(
        "the address is known",
        Duration::from_secs(10),
        async || std::fs::read_to_string(&file),
    )
    .await;
    (server, address.trim().to_owned(), database)
}
