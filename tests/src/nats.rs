//! A private NATS from the real configuration in `nats/`: one node, or three.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use async_nats::{Client, ConnectOptions};

use crate::eventually;
use crate::place;
use crate::process::{Process, Signal};
use crate::proxy::Proxy;
use crate::scratch::Scratch;
use crate::server;

/// How long nats-server may take to get ready; a cluster elects a leader first.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// The users of `nats/accounts.conf`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Of load balancers.
    LoadBalancer,
    /// Of message servers.
    MessageServer,
    /// Of registration servers.
    RegistrationServer,
    /// Of the people who run the system.
    Operator,
    /// Of a website's pages for administrators.
    Administration,
    /// Of who creates streams and buckets.
    Provisioner,
    /// Of who makes a lost log anew.
    Recovery,
    /// Of clients.
    Client,
    /// Of the website.
    WebClient,
    /// Of NATS's own account.
    Sys,
}

impl User {
    /// Every user.
    pub const ALL: [Self; 10] = [
        Self::LoadBalancer,
        Self::MessageServer,
        Self::RegistrationServer,
        Self::Operator,
        Self::Administration,
        Self::Provisioner,
        Self::Recovery,
        Self::Client,
        Self::WebClient,
        Self::Sys,
    ];

    /// The user's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LoadBalancer => "load-balancer",
            Self::MessageServer => "message-server",
            Self::RegistrationServer => "registration-server",
            Self::Operator => "operator",
            Self::Administration => "administration",
            Self::Provisioner => "provisioner",
            Self::Recovery => "recovery",
            Self::Client => "client",
            Self::WebClient => "web-client",
            Self::Sys => "sys",
        }
    }

    /// Its variable in `secrets.conf`.
    fn password_variable(self) -> String {
        format!("PASSWORD_{}", self.name().replace('-', "_").to_uppercase())
    }
}

/// A private NATS.
#[derive(Debug)]
pub struct Nats {
    nodes: Vec<Node>,
    /// The routes, from one node to another, if they lead through proxies.
    routes: BTreeMap<(usize, usize), Proxy>,
    password: String,
    scratch: Scratch,
}

#[derive(Debug)]
struct Node {
    name: String,
    port: u16,
    monitoring: u16,
    folder: PathBuf,
    store: PathBuf,
    process: Option<Process>,
}

/// How the nodes of a cluster reach each other, and where they keep their data.
#[derive(Debug, Default)]
pub struct Ground {
    /// Their routes lead through proxies.
    pub proxied: bool,
    /// The folder of each node's data; one in the scratch folder if there is none.
    pub stores: Vec<PathBuf>,
    /// They acknowledge before their data is on disk, which nobody should let them.
    pub unsynced: bool,
}

/// Takes `sync_interval: always` out of a node's configuration.
fn unsync(file: &Path) {
    let text = std::fs::read_to_string(file).expect("the node was configured");
    let unsynced = text.replace("sync_interval: always", "");
    assert_ne!(text, unsynced, "server.conf has the line");
    std::fs::write(file, unsynced).expect("a file can be written");
}

/// Where nobody listens: what a node of a proxied cluster tells the others to
/// reach it at, so that no route finds its way past the proxies.
const NOWHERE: &str = "127.0.0.1:9";

impl Nats {
    /// One node.
    ///
    /// # Panics
    /// If it does not get ready.
    pub async fn single() -> Self {
        Self::start(1, Ground::default()).await
    }

    /// A cluster of so many nodes.
    ///
    /// # Panics
    /// If it does not get ready.
    pub async fn cluster(nodes: usize) -> Self {
        Self::start(nodes, Ground::default()).await
    }

    /// So many nodes on such ground.
    ///
    /// # Panics
    /// If they do not get ready.
    pub async fn start(count: usize, ground: Ground) -> Self {
        let scratch = Scratch::new("nats");
        let password = place::secret();
        std::fs::write(scratch.path().join("password"), &password).expect("a file can be written");
        let route_ports: Vec<_> = (0..count).map(|_| place::free_port()).collect();
        let mut nats = Self {
            nodes: Vec::new(),
            routes: BTreeMap::new(),
            password,
            scratch,
        };
        for (index, route_port) in route_ports.iter().enumerate() {
            let mut reach = route_ports.clone();
            for other in (0..count).filter(|other| ground.proxied && *other != index) {
                let proxy = Proxy::start(route_ports[other]).await;
                reach[other] = proxy.port();
                nats.routes.insert((index, other), proxy);
            }
            let store = ground.stores.get(index).cloned();
            let node = nats.configure(index, *route_port, &reach, store);
            if ground.unsynced {
                unsync(&node.folder.join("server.conf"));
            }
            nats.nodes.push(node);
        }
        for index in 0..count {
            nats.start_node(index);
        }
        nats.ready().await;
        nats
    }

    /// Writes a node's folder, as `nats/README.md` describes it.
    fn configure(
        &self,
        index: usize,
        route_port: u16,
        route_ports: &[u16],
        store: Option<PathBuf>,
    ) -> Node {
        let name = format!("yoshi-{}", index + 1);
        let folder = self.scratch.path().join(&name);
        let (port, monitoring) = (place::free_port(), place::free_port());
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let source = place::workspace().join("nats");
        for file in ["server.conf", "cluster.conf", "accounts.conf"] {
            std::fs::copy(source.join(file), folder.join(file)).expect("nats/ can be copied");
        }
        let write = |file: &str, text: String| {
            std::fs::write(folder.join(file), text).expect("a file can be written");
        };
        if !self.routes.is_empty() {
            let text = std::fs::read_to_string(source.join("cluster.conf"));
            let text = text.expect("nats/ can be read");
            let advertised = text.replace(
                "no_advertise: true",
                &format!("no_advertise: true\n  advertise: \"{NOWHERE}\""),
            );
            assert_ne!(text, advertised, "cluster.conf has the line to add to");
            write("cluster.conf", advertised);
        }
        let store = store.unwrap_or_else(|| folder.join("store"));
        write(
            "settings.conf",
            format!(
                "NODE_NAME: \"{name}\"\nNODE_LISTEN: \"127.0.0.1:{port}\"\n\
                 NODE_MONITORING: \"127.0.0.1:{monitoring}\"\nNODE_STORE_DIR: \"{}\"\n",
                store.display()
            ),
        );
        let password = &self.password;
        let mut secrets = String::new();
        for user in User::ALL {
            writeln!(secrets, "{}: \"{password}\"", user.password_variable())
                .expect("writing to memory does not fail");
        }
        write("secrets.conf", secrets);
        let routes: Vec<_> = route_ports
            .iter()
            .map(|port| format!("\"nats://route:{password}@127.0.0.1:{port}\""))
            .collect();
        write(
            "routes.conf",
            format!(
                "ROUTE_LISTEN: \"127.0.0.1:{route_port}\"\nROUTE_PASSWORD: \"{password}\"\n\
                 ROUTE_URLS: [{}]\n",
                routes.join(", ")
            ),
        );
        Node {
            name,
            port,
            monitoring,
            folder,
            store,
            process: None,
        }
    }

    /// Starts a node that does not run.
    pub fn start_node(&mut self, index: usize) {
        let file = if self.nodes.len() == 1 {
            "server.conf"
        } else {
            "cluster.conf"
        };
        let node = &mut self.nodes[index];
        node.process = Some(Process::start(
            &node.name,
            Command::new(place::nats_server())
                .arg("-c")
                .arg(node.folder.join(file)),
            &node.folder.join("log"),
        ));
    }

    /// How many nodes there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// The port at which clients reach a node.
    #[must_use]
    pub fn port(&self, index: usize) -> u16 {
        self.nodes[index].port
    }

    /// The folder of a node's data.
    #[must_use]
    pub fn store(&self, index: usize) -> &Path {
        &self.nodes[index].store
    }

    /// A node's process, if it runs.
    pub fn process(&mut self, index: usize) -> Option<&mut Process> {
        self.nodes[index].process.as_mut()
    }

    /// The routes that lead to a node or away from it, if they are proxied.
    pub fn routes_of(&self, index: usize) -> impl Iterator<Item = &Proxy> {
        self.routes
            .iter()
            .filter(move |((from, to), _)| *from == index || *to == index)
            .map(|(_, proxy)| proxy)
    }

    /// The routes between two nodes, either way, if they are proxied.
    pub fn routes_between(&self, (one, other): (usize, usize)) -> impl Iterator<Item = &Proxy> {
        [(one, other), (other, one)]
            .into_iter()
            .filter_map(|route| self.routes.get(&route))
    }

    /// Changes a node's copy of a file of `nats/`, for its next start.
    ///
    /// # Panics
    /// If the file does not say `from`.
    pub fn rewrite(&self, index: usize, file: &str, from: &str, to: &str) {
        let path = self.nodes[index].folder.join(file);
        let text = std::fs::read_to_string(&path).expect("the node has the file");
        assert!(text.contains(from), "{file} does not say {from:?}");
        std::fs::write(&path, text.replace(from, to)).expect("the file can be written");
    }

    /// Leaves its files for a look.
    pub fn keep(&mut self) {
        self.scratch.keep();
    }

    /// Kills a node, as a crash does.
    pub fn kill_node(&mut self, index: usize) {
        self.nodes[index].process = None;
    }

    /// The node of that name, `yoshi-1` for example.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn node(&self, name: &str) -> usize {
        self.nodes
            .iter()
            .position(|node| node.name == name)
            .unwrap_or_else(|| panic!("no node is called {name}"))
    }

    /// The node that leads a stream of three copies.
    ///
    /// # Errors
    /// Why none is known.
    pub async fn leader(&self, stream: &str) -> Result<usize, String> {
        let operator = async_nats::jetstream::new(self.connect(User::Operator).await);
        let stream = operator.get_stream(stream).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let cluster = stream.cached_info().cluster.as_ref();
        let leader = cluster.and_then(|cluster| cluster.leader.as_deref());
        Ok(self.node(leader.ok_or("it has no leader")?))
    }

    /// Signals a node.
    pub fn signal_node(&mut self, index: usize, signal: Signal) {
        if let Some(process) = &mut self.nodes[index].process {
            process.signal(signal);
        }
    }

    /// Waits until every running node is healthy, and `JetStream` answers.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn ready(&self) {
        for node in self.nodes.iter().filter(|node| node.process.is_some()) {
            let address = format!("127.0.0.1:{}", node.monitoring);
            eventually(
                &format!("{} is healthy", node.name),
                READY_WITHIN,
                async || server::healthy(&address).await,
            )
            .await;
        }
        let nats = self.connect(User::Provisioner).await;
        let jetstream = async_nats::jetstream::new(nats);
        eventually("JetStream answers", READY_WITHIN, async || {
            jetstream.query_account().await.map(drop)
        })
        .await;
    }

    /// The addresses of all nodes, separated by commas.
    #[must_use]
    pub fn urls(&self) -> String {
        let urls: Vec<_> = (0..self.nodes.len()).map(|index| self.url(index)).collect();
        urls.join(",")
    }

    fn url(&self, index: usize) -> String {
        format!("nats://127.0.0.1:{}", self.nodes[index].port)
    }

    /// The password of every user.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The file that holds it.
    #[must_use]
    pub fn password_file(&self) -> PathBuf {
        self.scratch.path().join("password")
    }

    /// Connects as a user, with the inboxes that are its own.
    ///
    /// # Panics
    /// If NATS refuses.
    pub async fn connect(&self, user: User) -> Client {
        self.connect_with(user, ConnectOptions::new()).await
    }

    /// The same, with further options.
    ///
    /// # Panics
    /// If NATS refuses.
    pub async fn connect_with(&self, user: User, options: ConnectOptions) -> Client {
        let nodes: Vec<_> = (0..self.nodes.len()).collect();
        self.connect_among(&nodes, user, options).await
    }

    /// Connects as a user to one node, and to no other when that is gone.
    ///
    /// # Panics
    /// If NATS refuses.
    pub async fn connect_to(&self, index: usize, user: User) -> Client {
        self.connect_among(&[index], user, ConnectOptions::new())
            .await
    }

    async fn connect_among(&self, nodes: &[usize], user: User, options: ConnectOptions) -> Client {
        let servers: Vec<async_nats::ServerAddr> = nodes
            .iter()
            .map(|index| self.url(*index).parse().expect("it is an address"))
            .collect();
        options
            .user_and_password(user.name().to_owned(), self.password.clone())
            .custom_inbox_prefix(format!("_INBOX_{}", user.name()))
            .connect(servers)
            .await
            .unwrap_or_else(|error| panic!("{} cannot connect: {error}", user.name()))
    }

    /// Creates the streams and buckets of `nats/definitions`, by `yoshi provision`.
    ///
    /// # Panics
    /// If that fails.
    pub async fn provision(&self) {
        self.provision_from(&place::workspace().join("nats/definitions"))
            .await;
    }

    /// The same, of the definitions in another folder.
    ///
    /// # Panics
    /// If that fails.
    pub async fn provision_from(&self, definitions: &Path) {
        let replicas = if self.nodes.len() >= 3 { "3" } else { "1" };
        let log = self.scratch.path().join("provision.log");
        let mut process = Process::start(
            "yoshi provision",
            Command::new(place::binary("yoshi"))
                .args([
                    "provision",
                    "--timeout",
                    "30",
                    "--replicas",
                    replicas,
                    "--definitions",
                ])
                .arg(definitions)
                .env("YOSHI_NATS_URL", self.urls())
                .env("YOSHI_PROVISIONER_PASSWORD_FILE", self.password_file()),
            &log,
        );
        let status = process.end(Duration::from_secs(40)).await;
        assert!(status.success(), "yoshi provision: {}", process.log_end());
    }
}

/// The texts of `nats/definitions`.
///
/// # Panics
/// If they cannot be read.
#[must_use]
pub fn definitions() -> Vec<String> {
    std::fs::read_dir(place::workspace().join("nats/definitions"))
        .expect("the definitions are there")
        .map(|entry| {
            let path = entry.expect("the folder can be read").path();
            std::fs::read_to_string(path).expect("a definition can be read")
        })
        .collect()
}
