//! Whom a fault hits.

use std::time::Duration;

use yoshi_protocol::message::roster::NewPrimReg;
use yoshi_tests::{System, eventually};

/// How long may pass until the load balancers know a primary.
const PRIMARY_WITHIN: Duration = Duration::from_secs(40);

pub(super) const MESSAGE_SERVERS: [&str; 3] = ["ms1", "ms2", "ms3"];
pub(super) const REGISTRATION_SERVERS: [&str; 3] = ["rs1", "rs2", "rs3"];
pub(super) const LOAD_BALANCERS: [&str; 2] = ["lb1", "lb2"];
pub(super) const NODES: usize = 3;

/// One of them, chosen by a number.
pub(super) fn one<'a>(names: &[&'a str], target: u64) -> &'a str {
    names[index(names.len(), target)]
}

pub(super) fn index(count: usize, target: u64) -> usize {
    usize::try_from(target % count as u64).expect("it is below the count")
}

/// The name of the primary registration server.
pub(super) async fn primary(system: &System) -> String {
    let operator = system.operator().await;
    let lookup = async || -> Result<NewPrimReg, String> {
        let primary = operator
            .primary_rs()
            .await
            .map_err(|error| error.to_string())?;
        primary.ok_or_else(|| "none is primary".to_owned())
    };
    let primary = eventually("there is a primary", PRIMARY_WITHIN, lookup).await;
    for name in REGISTRATION_SERVERS {
        if system.id(name).await == primary.id {
            return name.to_owned();
        }
    }
    panic!("the primary {} is none of ours", primary.id);
}
