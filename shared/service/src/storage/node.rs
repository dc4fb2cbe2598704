//! One node of NATS, as it describes itself in its `STATSZ`.

use serde::Deserialize;

use crate::limit;

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) name: String,
    version: String,
    /// Whether it syncs what it stores before it acknowledges; none if it stores nothing.
    sync_always: Option<bool>,
}

#[derive(Deserialize)]
struct Answer {
    server: Server,
    statsz: Statsz,
}

#[derive(Deserialize)]
struct Server {
    name: String,
    #[serde(rename = "ver")]
    version: String,
}

#[derive(Deserialize)]
struct Statsz {
    #[serde(default)]
    active_servers: usize,
    #[serde(default)]
    jetstream: Option<JetStream>,
}

#[derive(Deserialize)]
struct JetStream {
    #[serde(default)]
    config: Option<Config>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    sync_always: bool,
}

/// A node's answer, and how many nodes it knows, itself included; none if it is
/// not a node's answer.
pub(super) fn read(payload: &[u8]) -> Option<(Node, usize)> {
    let Answer { server, statsz } = serde_json::from_slice(payload).ok()?;
    let stores = statsz.jetstream.and_then(|jetstream| jetstream.config);
    let node = Node {
        name: server.name,
        version: server.version,
        sync_always: stores.map(|config| config.sync_always),
    };
    Some((node, statsz.active_servers))
}

impl Node {
    /// What is wrong with it, and what to change.
    pub(super) fn wrong(&self) -> Vec<String> {
        let Self { name, version, .. } = self;
        let mut wrong = Vec::new();
        if self.sync_always == Some(false) {
            wrong.push(format!(
                "the NATS node {name} acknowledges what it has not synced: set \
                 'sync_interval: always' in its jetstream block, as in nats/server.conf, and restart it"
            ));
        }
        if self.sync_always.is_some() && !is_new_enough(version) {
            let (major, minor) = limit::NATS_VERSION_MIN;
            wrong.push(format!(
                "the NATS node {name} is nats-server {version}, whose sync has holes: use \
                 {major}.{minor} or later"
            ));
        }
        wrong
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= limit::NATS_VERSION_MIN,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As nats-server 2.15.1 writes it, shortened.
    fn statsz(version: &str, jetstream: &str) -> String {
        format!(
            r#"{{"server":{{"name":"n1","host":"127.0.0.1","id":"NA","cluster":"yoshi","ver":"{version}","seq":23}},
               "statsz":{{"start":"2026-11-22T21:04:08Z","cores":2,"active_servers":3,{jetstream}"gomaxprocs":2}}}}"#
        )
    }

    fn wrong(version: &str, jetstream: &str) -> Vec<String> {
        let (node, servers) = read(statsz(version, jetstream).as_bytes()).unwrap();
        assert_eq!((node.name.as_str(), servers), ("n1", 3));
        node.wrong()
    }

    #[test]
    fn a_node_that_syncs_always_is_good() {
        let config = r#""jetstream":{"config":{"max_storage":1,"sync_interval":120000000000,"sync_always":true},"stats":{}},"#;
        assert_eq!(wrong("2.15.1", config), [""; 0]);
        assert_eq!(wrong("3.0.0-beta.1", config), [""; 0]);
        assert_eq!(wrong("2.14.7", config).len(), 1);
    }

    #[test]
    fn a_node_that_syncs_now_and_then_is_named() {
        let config = r#""jetstream":{"config":{"max_storage":1,"sync_interval":30000000000}},"#;
        let wrong = wrong("2.15.1", config);
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].contains("n1") && wrong[0].contains("sync_interval: always"));
    }

    #[test]
    fn a_node_that_stores_nothing_loses_nothing() {
        assert_eq!(wrong("2.12.0", ""), [""; 0]);
    }

    #[test]
    fn other_answers_are_none() {
        for payload in ["", "{}", "[]", r#"{"server":{}}"#] {
            assert_eq!(read(payload.as_bytes()), None, "{payload}");
        }
    }
}
