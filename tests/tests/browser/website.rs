//! A whole system with a website, shared by the tests of this program.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Mutex;
use yoshi_client::Client;
use yoshi_tests::person::fresh_name;
use yoshi_tests::place::Scratch;
use yoshi_tests::{Postgres, Server, System, SystemSettings, User, eventually};

use crate::driver::Driver;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A system, a website, a browser's driver.
pub(crate) struct Website {
    // In this order: what stands on others ends first.
    pub(crate) driver: Driver,
    _server: Server,
    /// `127.0.0.1:12345`.
    pub(crate) address: String,
    _postgres: Arc<Postgres>,
    pub(crate) system: System,
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
        let driver = Driver::start().await?;
        let started = Arc::new(Self::start(driver).await);
        *shared = Arc::downgrade(&started);
        Some(started)
    }

    async fn start(driver: Driver) -> Self {
        let settings = SystemSettings {
            load_balancers: 1,
            message_servers: 2,
            registration_servers: 1,
            ..SystemSettings::default()
        };
        let system = System::start(settings).await;
        let scratch = Scratch::new("website");
        let postgres = Postgres::start().await;
        let (server, address) = serve(&system, &postgres, &scratch, "web1").await;
        Self {
            driver,
            _server: server,
            address,
            _postgres: postgres,
            system,
            _scratch: scratch,
        }
    }

    /// One more website, with a database of its own.
    pub(crate) async fn another(&self) -> (Server, String, Scratch) {
        let scratch = Scratch::new("website");
        let (server, address) = serve(&self.system, &self._postgres, &scratch, "web2").await;
        (server, address, scratch)
    }

    /// A connection for what other people do meanwhile.
    pub(crate) async fn client(&self) -> Client {
        self.system.client().await
    }

    /// A name that nobody has.
    pub(crate) fn name(prefix: &str) -> String {
        fresh_name(prefix).to_string()
    }
}

async fn serve(
    system: &System,
    postgres: &Postgres,
    scratch: &Scratch,
    name: &str,
) -> (Server, String) {
    let database = postgres.database().await;
    let file = scratch.path().join(format!("{name}.web"));
    let mut server = Server::new(
        name,
        User::WebClient,
        &system.nats,
        Some(&database),
        scratch.path(),
    )
    .with("YOSHI_WEB_LISTEN", "127.0.0.1:0")
    .with("YOSHI_WEB_ADDRESS_FILE", &file.display().to_string());
    server.start();
    server.ready().await;
    let address = eventually(
        "the address is known",
        Duration::from_secs(10),
        async || std::fs::read_to_string(&file),
    )
    .await;
    (server, address.trim().to_owned())
}
