//! A whole system: NATS, Postgres, and several servers of each kind.

mod settings;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use yoshi_client::{Client, Operator, Options};
use yoshi_protocol::ServerId;

use crate::clock::Clock;
use crate::disk::Disk;
use crate::nats::{Ground, Nats, User};
use crate::postgres::{Database, Postgres};
use crate::proxy::Proxy;
use crate::scratch::Scratch;
use crate::server::Server;

pub use settings::SystemSettings;

/// What a server's link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Far {
    /// A node of NATS.
    Nats(usize),
    /// Its database.
    Database,
}

/// A whole system, which ends with the value.
#[derive(Debug)]
pub struct System {
    // In this order: servers end first, then what they stand on.
    servers: BTreeMap<String, Server>,
    databases: BTreeMap<String, Database>,
    /// The private NATS.
    pub nats: Nats,
    shared: Option<Arc<Postgres>>,
    own: BTreeMap<String, Postgres>,
    links: BTreeMap<(String, Far), Proxy>,
    proxied: bool,
    // After those who use them.
    disks: BTreeMap<String, Disk>,
    /// None, unless servers have clocks of their own.
    clocks: Option<BTreeMap<String, Clock>>,
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
        let mut disks = BTreeMap::new();
        let nodes = (1..=settings.nats_nodes).map(|number| format!("nats{number}"));
        let servers = (1..=settings.message_servers).map(|number| format!("ms{number}"));
        for name in nodes.clone().chain(servers).filter(|_| settings.disks) {
            disks.insert(name, Disk::new());
        }
        let stores = nodes.filter_map(|name| Some(disks.get(&name)?.path().join("store")));
        let ground = Ground {
            proxied: settings.proxied,
            stores: stores.collect(),
            unsynced: settings.unsynced,
        };
        let nats = Nats::start(settings.nats_nodes, ground).await;
        nats.provision_from(&settings.definitions).await;
        let shared = match settings.postgres_each {
            true => None,
            false => Some(Postgres::start().await),
        };
        Self {
            servers: BTreeMap::new(),
            databases: BTreeMap::new(),
            nats,
            shared,
            own: BTreeMap::new(),
            links: BTreeMap::new(),
            proxied: settings.proxied,
            disks,
            clocks: settings.clocks.then(BTreeMap::new),
            variables: settings.variables.clone(),
            scratch: Scratch::new("servers"),
        }
    }

    /// A fresh database for a server, in its own Postgres if each has one.
    async fn new_database(&mut self, name: &str) -> Database {
        if let Some(shared) = &self.shared {
            return shared.database().await;
        }
        if !self.own.contains_key(name) {
            let ground = self.disks.get(name).map(Disk::path);
            let postgres = Postgres::start_small(ground).await;
            self.own.insert(name.to_owned(), postgres);
        }
        self.own[name].database().await
    }

    /// The server as it will run: where its NATS and its database are.
    async fn new_server(&mut self, name: &str, role: User, database: Option<&Database>) -> Server {
        let mut through = database.cloned();
        let urls = self.nats_urls(name).await;
        if self.proxied
            && let Some(postgres) = self.own.get(name)
        {
            let port = self.new_link(name, Far::Database, postgres.port()).await;
            through = database.map(|database| database.through(port));
        }
        let folder = self.scratch.path();
        let mut server = Server::new(name, role, &self.nats, through.as_ref(), folder);
        server.set("YOSHI_NATS_URL", &urls);
        for (variable, value) in &self.variables {
            server.set(variable, value);
        }
        if let Some(clocks) = &mut self.clocks {
            let clock = Clock::new(self.scratch.path(), name);
            for (variable, value) in clock.variables() {
                server.set(variable, &value);
            }
            clocks.insert(name.to_owned(), clock);
        }
        server
    }

    /// Where somebody reaches the nodes of NATS, over links of its own if there are any.
    async fn nats_urls(&mut self, name: &str) -> String {
        if !self.proxied {
            return self.nats.urls();
        }
        let mut urls = Vec::new();
        for node in 0..self.nats.count() {
            let port = self.new_link(name, Far::Nats(node), self.nats.port(node));
            urls.push(format!("nats://127.0.0.1:{}", port.await));
        }
        urls.join(",")
    }

    async fn new_link(&mut self, name: &str, far: Far, to: u16) -> u16 {
        let link = (name.to_owned(), far);
        if !self.links.contains_key(&link) {
            self.links.insert(link.clone(), Proxy::start(to).await);
        }
        self.links[&link].port()
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
            User::MessageServer | User::RegistrationServer => Some(self.new_database(name).await),
            _ => None,
        };
        let mut server = self.new_server(name, role, database.as_ref()).await;
        server.start();
        self.servers.insert(name.to_owned(), server);
        if let Some(database) = database {
            self.databases.insert(name.to_owned(), database);
        }
        self.server(name)
    }

    /// The names of all servers.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.servers.keys().cloned().collect()
    }

    /// A server's link to what it stands on, if the system is proxied.
    ///
    /// # Panics
    /// If it has no such link.
    #[must_use]
    pub fn link(&self, name: &str, far: Far) -> &Proxy {
        self.links
            .get(&(name.to_owned(), far))
            .unwrap_or_else(|| panic!("{name} has no link to {far:?}"))
    }

    /// The Postgres of one server, if each has its own.
    ///
    /// # Panics
    /// If it has none of its own.
    pub fn postgres(&mut self, name: &str) -> &mut Postgres {
        self.own
            .get_mut(name)
            .unwrap_or_else(|| panic!("{name} has no Postgres of its own"))
    }

    /// A disk, by the name of the message server (`ms1`) or the node (`nats1`)
    /// whose data it holds.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn disk(&self, name: &str) -> &Disk {
        self.disks
            .get(name)
            .unwrap_or_else(|| panic!("{name} has no disk of its own"))
    }

    /// The wall clock of a server, if servers have their own.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn clock(&self, name: &str) -> &Clock {
        let clock = self.clocks.as_ref().and_then(|clocks| clocks.get(name));
        clock.unwrap_or_else(|| panic!("{name} has no clock of its own"))
    }

    /// Leaves all logs for a look, and answers where those of the servers are.
    pub fn keep(&mut self) -> &Path {
        self.nats.keep();
        for postgres in self.own.values_mut() {
            postgres.keep();
        }
        self.scratch.keep();
        self.scratch.path()
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

    /// How a client of that name reaches this system's NATS, over links of its
    /// own if the system is proxied; see [`System::link`].
    ///
    /// # Panics
    /// If loopback has no free port.
    pub async fn client_options(&mut self, name: &str) -> Options {
        let urls = self.nats_urls(name).await;
        Options::new(urls, User::Client.name(), self.nats.password().to_owned())
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
