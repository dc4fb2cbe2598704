//! A whole system: NATS, Postgres, and several servers of each kind.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use yoshi_client::{Client, Operator, Options};
use yoshi_protocol::ServerId;

use crate::nats::{Nats, User};
use crate::place::{self, Scratch};
use crate::postgres::{Database, Postgres};
use crate::server::Server;

/// How many of each kind.
#[derive(Debug, Clone)]
pub struct SystemSettings {
    /// Load balancers: lb1, lb2, …
    pub load_balancers: usize,
    /// Message servers: ms1, ms2, …
    pub message_servers: usize,
    /// Registration servers: rs1, rs2, …
    pub registration_servers: usize,
    /// Nodes of NATS: 1, or 3 for a cluster with three replicas.
    pub nats_nodes: usize,
    /// The folder with the definitions of the streams and buckets.
    pub definitions: PathBuf,
    /// Further settings of every server, as `YOSHI_*` variables.
    pub variables: Vec<(String, String)>,
}

impl Default for SystemSettings {
    fn default() -> Self {
        Self {
            load_balancers: 2,
            message_servers: 3,
            registration_servers: 2,
            nats_nodes: 1,
            definitions: place::workspace().join("nats/definitions"),
            variables: Vec::new(),
        }
    }
}

/// A whole system, which ends with the value.
#[derive(Debug)]
pub struct System {
    // In this order: servers end first, then what they stand on.
    servers: BTreeMap<String, Server>,
    databases: BTreeMap<String, Database>,
    /// The private NATS.
    pub nats: Nats,
    postgres: Arc<Postgres>,
    variables: Vec<(String, String)>,
    scratch: Scratch,
}

impl System {
    /// Starts everything, and waits until every server is ready.
    ///
    /// # Panics
    /// If something does not get ready.
    pub async fn start(settings: SystemSettings) -> Self {
        let mut system = Self::prepare(&settings).await;
        for (prefix, role, count) in [
            ("lb", User::LoadBalancer, settings.load_balancers),
            (
                "rs",
                User::RegistrationServer,
                settings.registration_servers,
            ),
            ("ms", User::MessageServer, settings.message_servers),
        ] {
            for number in 1..=count {
                system.add(&format!("{prefix}{number}"), role).await;
            }
        }
        system.ready().await;
        system
    }

    /// Starts what servers stand on, and none of them yet.
    ///
    /// # Panics
    /// If something does not get ready.
    pub async fn prepare(settings: &SystemSettings) -> Self {
        let nats = Nats::cluster(settings.nats_nodes).await;
        nats.provision_from(&settings.definitions).await;
        Self {
            servers: BTreeMap::new(),
            databases: BTreeMap::new(),
            nats,
            postgres: Postgres::start().await,
            variables: settings.variables.clone(),
            scratch: Scratch::new("servers"),
        }
    }

    /// Waits until every server is ready.
    ///
    /// # Panics
    /// If one does not get ready.
    pub async fn ready(&mut self) {
        for server in self.servers.values_mut() {
            server.ready().await;
        }
    }

    /// Adds a server with a database of its own, and starts it, without
    /// waiting until it is ready.
    ///
    /// # Panics
    /// If it cannot be started.
    pub async fn add(&mut self, name: &str, role: User) -> &mut Server {
        let database = match role {
            User::MessageServer | User::RegistrationServer => Some(self.postgres.database().await),
            _ => None,
        };
        let mut server = Server::new(
            name,
            role,
            &self.nats,
            database.as_ref(),
            self.scratch.path(),
        );
        for (variable, value) in &self.variables {
            server = server.with(variable, value);
        }
        server.start();
        self.servers.insert(name.to_owned(), server);
        if let Some(database) = database {
            self.databases.insert(name.to_owned(), database);
        }
        self.server(name)
    }

    /// A server by its name: `lb1`, `ms2`, `rs1`.
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn server(&mut self, name: &str) -> &mut Server {
        self.servers
            .get_mut(name)
            .unwrap_or_else(|| panic!("no server is called {name}"))
    }

    /// A server's database, by the server's name.
    ///
    /// # Panics
    /// If there is none of that name, or it has no database.
    #[must_use]
    pub fn database(&self, name: &str) -> &Database {
        self.databases
            .get(name)
            .unwrap_or_else(|| panic!("{name} has no database"))
    }

    /// The identity of a server that has run, as its database keeps it.
    ///
    /// # Panics
    /// If it has none.
    pub async fn id(&self, name: &str) -> ServerId {
        let rows = self
            .database(name)
            .rows("SELECT id::text FROM server_identity")
            .await;
        let id: String = rows[0].get(0);
        id.parse().expect("it is an id")
    }

    /// A connection for accounts.
    ///
    /// # Panics
    /// If NATS refuses.
    pub async fn client(&self) -> Client {
        Client::connect(self.options(User::Client))
            .await
            .expect("a client can connect")
    }

    /// A connection for operators.
    ///
    /// # Panics
    /// If NATS refuses.
    pub async fn operator(&self) -> Operator {
        Operator::connect(self.options(User::Operator))
            .await
            .expect("an operator can connect")
    }

    /// How to reach this system's NATS as a user.
    #[must_use]
    pub fn options(&self, user: User) -> Options {
        Options::new(
            self.nats.urls(),
            user.name(),
            self.nats.password().to_owned(),
        )
    }
}
