//! What a whole system consists of.

use std::path::PathBuf;

use crate::place;

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
    /// Every server has a small Postgres of its own, instead of a database in a shared one.
    pub postgres_each: bool,
    /// Connections of servers to NATS and Postgres, and between the nodes of
    /// NATS, lead through proxies; see `System::link`.
    pub proxied: bool,
    /// Message servers' Postgres and nodes of NATS keep their data on disks of
    /// their own, `ms1` and `nats1` for example; see `System::disk`.
    pub disks: bool,
    /// NATS acknowledges what is not on disk yet; servers must be told to let it pass.
    pub unsynced: bool,
    /// Servers have wall clocks of their own; see `System::clock`.
    pub clocks: bool,
}

impl SystemSettings {
    /// One server of each kind.
    #[must_use]
    pub fn single() -> Self {
        Self {
            load_balancers: 1,
            message_servers: 1,
            registration_servers: 1,
            ..Self::default()
        }
    }
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
            postgres_each: false,
            proxied: false,
            disks: false,
            unsynced: false,
            clocks: false,
        }
    }
}
