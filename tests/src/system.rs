//! A whole system: NATS, Postgres, and several servers of each kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use yoshi_client::{Client, Operator, Options};

use crate::nats::{Nats, User};
use crate::place::Scratch;
use crate::postgres::Postgres;
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
            variables: Vec::new(),
        }
    }
}

/// A whole system, which ends with the value.
#[derive(Debug)]
pub struct System {
    // In this order: servers end first, then what they stand on.
    servers: BTreeMap<String, Server>,
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
        let nats = Nats::cluster(settings.nats_nodes).await;
        nats.provision().await;
        let mut system = Self {
            servers: BTreeMap::new(),
            nats,
            postgres: Postgres::start().await,
            variables: settings.variables,
            scratch: Scratch::new("servers"),
        };
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
        for server in system.servers.values_mut() {
            server.ready().await;
        }
        system
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
