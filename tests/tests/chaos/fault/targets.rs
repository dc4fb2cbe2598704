//! Whom a fault hits.

use std::time::Duration;

use yoshi_protocol::message::roster::NewPrimReg;
use yoshi_protocol::subject::TASKS_STREAM;
use yoshi_tests::{System, eventually};

use super::{Fault, Step, side};
use crate::run::CLIENTS;

/// How long may pass until the load balancers know a primary.
const PRIMARY_WITHIN: Duration = Duration::from_secs(40);
/// The same until the log of tasks has a leader.
const LEADER_WITHIN: Duration = Duration::from_secs(20);
/// How many sides there are beside one node.
const SIDES: u64 = 3 * 2 * 3 * 4;

pub(super) const MESSAGE_SERVERS: [&str; 3] = ["ms1", "ms2", "ms3"];
pub(super) const REGISTRATION_SERVERS: [&str; 3] = ["rs1", "rs2", "rs3"];
pub(super) const LOAD_BALANCERS: [&str; 2] = ["lb1", "lb2"];
pub(super) const NODES: usize = 3;

/// Whom the faults of a phase hit: different ones, as far as there are any.
/// Chosen before the first is at work, while everybody can still be asked.
pub(crate) async fn choose(steps: &[Step], system: &System) -> Vec<Vec<String>> {
    let mut chosen: Vec<Vec<String>> = Vec::new();
    for step in steps {
        let mut targets = hit_by(*step, system).await;
        for shift in 1..NODES as u64 {
            let is_hit = |target| chosen.iter().flatten().any(|other| other == target);
            if !targets.iter().any(is_hit) {
                break;
            }
            let target = step.target + shift;
            targets = hit_by(Step { target, ..*step }, system).await;
        }
        chosen.push(targets);
    }
    chosen
}

async fn hit_by(step: Step, system: &System) -> Vec<String> {
    let all = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let node = |offset: usize| format!("nats{}", (index(NODES, step.target) + offset) % NODES + 1);
    match step.fault {
        Fault::KillAllMs => all(&MESSAGE_SERVERS),
        Fault::KillLb => vec![one(&LOAD_BALANCERS, step.target).to_owned()],
        Fault::KillAllLb => all(&LOAD_BALANCERS),
        Fault::KillRs
        | Fault::KillRsAfterAck
        | Fault::KillRsPostgres
        | Fault::PauseRs
        | Fault::IsolateRs => vec![primary(system).await],
        Fault::WipeRs | Fault::RestoreRs => {
            vec![one(&REGISTRATION_SERVERS, step.target).to_owned()]
        }
        Fault::SkewRs => all(&REGISTRATION_SERVERS),
        Fault::SkewLb => all(&LOAD_BALANCERS),
        Fault::JumpAll => system.names(),
        Fault::IsolateClients => all(&CLIENTS),
        Fault::IsolateHalf | Fault::CutHalf => {
            let first = index(CLIENTS.len(), step.target);
            let half = CLIENTS.iter().cycle().skip(first).take(CLIENTS.len() / 2);
            half.map(|name| (*name).to_owned()).collect()
        }
        Fault::KillNats
        | Fault::PauseNats
        | Fault::IsolateNats
        | Fault::FullNats
        | Fault::PowerNats => vec![node(0)],
        Fault::CutRoute | Fault::KillNatsTwo => vec![node(0), node(1)],
        Fault::IsolateLeader => side::members(leader(system).await, step.target),
        Fault::IsolateMinority => side::members(index(NODES, step.target / SIDES), step.target),
        Fault::KillNatsAll => vec![node(0), node(1), node(2)],
        Fault::PowerAll => {
            let mut targets: Vec<String> = all(&MESSAGE_SERVERS);
            targets.extend([node(0), node(1), node(2)]);
            targets
        }
        _ => vec![one(&MESSAGE_SERVERS, step.target).to_owned()],
    }
}

/// One of them, chosen by a number.
pub(super) fn one<'a>(names: &[&'a str], target: u64) -> &'a str {
    names[index(names.len(), target)]
}

fn index(count: usize, target: u64) -> usize {
    usize::try_from(target % count as u64).expect("it is below the count")
}

/// The node that leads the log of tasks.
async fn leader(system: &System) -> usize {
    let leader = async || system.nats.leader(TASKS_STREAM).await;
    eventually("the log has a leader", LEADER_WITHIN, leader).await
}

/// The name of the primary registration server.
async fn primary(system: &System) -> String {
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
        // One that was wiped may have no tables yet.
        let identity = "SELECT id::text FROM server_identity";
        let rows = system.database(name).try_rows(identity).await;
        let id = rows
            .ok()
            .and_then(|rows| rows.first().map(|row| row.get(0)));
        if id == Some(primary.id.to_string()) {
            return name.to_owned();
        }
    }
    panic!("the primary {} is none of ours", primary.id);
}
