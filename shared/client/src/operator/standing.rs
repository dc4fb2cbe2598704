//! How every server stands, by its own word and by that of the load balancers.

use std::collections::BTreeMap;
use std::time::Duration;

use yoshi_protocol::message::operate::{ServerReport, ServerState};
use yoshi_protocol::message::roster::{MessageServer, MessageServers, MsState, NewPrimReg};
use yoshi_protocol::subject::Role;
use yoshi_protocol::{Incarnation, Millis, Position, ServerId};

use super::silent::{self, Silent};
use super::{Operator, role};
use crate::error::Error;

/// How long servers may take to report.
const REPORTS_WITHIN: Duration = Duration::from_secs(2);
/// How long load balancers may take: without one, servers report all the same.
const BALANCERS_WITHIN: Duration = Duration::from_secs(3);
/// How long they may take when they are asked once more.
const AGAIN_WITHIN: Duration = Duration::from_secs(1);

/// How every server stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The message servers, by host and id.
    pub message_servers: Vec<Stands>,
    /// The registration servers, by host and id.
    pub registration_servers: Vec<Stands>,
    /// Those that are known and give no answer, message servers first.
    pub silent: Vec<Silent>,
    /// Message servers that were taken out for good; none if no load balancer answers.
    pub destroyed: Vec<ServerId>,
    /// The primary registration server, as the load balancers know it.
    pub primary: Option<NewPrimReg>,
    /// Whether a load balancer has answered.
    pub balancers_answer: bool,
}

/// How one server stands.
#[derive(Debug, Clone)]
pub struct Stands {
    /// Its identity.
    pub id: ServerId,
    /// Where it runs, for people.
    pub host: String,
    /// Its kind.
    pub role: Role,
    /// What it does now.
    pub state: ServerState,
    /// It has committed the log up to here.
    pub applied: Position,
    /// Positions behind the most advanced server of its kind.
    pub lag: u64,
    /// How many accounts it is home of; none for registration servers.
    pub accounts: Option<u64>,
    /// Requests that it is working on.
    pub load: u32,
    /// Milliseconds since it announced itself; 0 for registration servers.
    pub silent_millis: u64,
    /// This life of its process.
    pub incarnation: Incarnation,
    /// Its own word; none if load balancers hear it and it did not report in time.
    pub report: Option<ServerReport>,
}

impl Operator {
    /// `SERVER_STATUS`, `QUERY_LB_FOR_MS` and `QUERY_LB_FOR_RS` together: every
    /// server that is heard of, and every other one that those know of. Takes 6 s at most.
    ///
    /// # Errors
    /// [`Error::Unheard`], if nobody could be asked. That nobody answers is no error.
    pub async fn standing(&self) -> Result<Standing, Error> {
        let (mut roster, primary) = self.balancers().await;
        let live: Vec<_> = roster.iter().flat_map(|roster| &roster.servers).collect();
        let expected = live.iter().map(|server| server.ping.id);
        let reports = self.server_reports(expected, REPORTS_WITHIN).await?;
        let reported = |server: &MessageServer| {
            let mut reports = reports.iter();
            reports.any(|report| report.id == server.ping.id)
        };
        if live.iter().any(|server| !reported(server)) {
            // Whoever ended a moment ago announces itself no more since.
            let again = tokio::time::timeout(AGAIN_WITHIN, self.message_servers()).await;
            roster = again.ok().and_then(Result::ok).or(roster);
        }
        let live = roster.iter().flat_map(|roster| &roster.servers);
        let live: Vec<_> = live
            .filter(|server| reported(server) || !silent::is_unheard(server))
            .collect();
        Ok(Standing {
            message_servers: of_kind(Role::Ms, &reports, &live),
            registration_servers: of_kind(Role::Rs, &reports, &[]),
            silent: silent::silent(&reports, roster.as_ref(), Millis::now()),
            balancers_answer: roster.is_some(),
            destroyed: roster.map_or_else(Vec::new, |roster| roster.destroyed),
            primary,
        })
    }

    /// What the load balancers know, if one answers.
    async fn balancers(&self) -> (Option<MessageServers>, Option<NewPrimReg>) {
        let asked = async { tokio::join!(self.message_servers(), self.primary_rs()) };
        match tokio::time::timeout(BALANCERS_WITHIN, asked).await {
            Ok((roster, primary)) => (roster.ok(), primary.ok().flatten()),
            Err(_) => (None, None),
        }
    }
}

fn of_kind(kind: Role, reports: &[ServerReport], live: &[&MessageServer]) -> Vec<Stands> {
    let reports = reports.iter().filter(|report| role(report) == kind);
    let mut live: BTreeMap<_, _> = live
        .iter()
        .map(|server| (server.ping.id, *server))
        .collect();
    let mut all: Vec<_> = reports
        .map(|report| by_report(kind, report, live.remove(&report.id)))
        .collect();
    all.extend(live.into_values().map(by_ping));
    let most = all.iter().map(|server| server.applied.0).max();
    for server in &mut all {
        server.lag = most.unwrap_or_default() - server.applied.0;
    }
    all.sort_by(|one, other| (&one.host, one.id).cmp(&(&other.host, other.id)));
    all
}

fn by_report(role: Role, report: &ServerReport, live: Option<&MessageServer>) -> Stands {
    Stands {
        id: report.id,
        host: report.host.clone(),
        role,
        state: report.state,
        applied: report.applied,
        lag: 0,
        accounts: (role == Role::Ms).then(|| live.map_or(0, |server| server.accounts)),
        load: report.load,
        silent_millis: live.map_or(0, |server| server.silent_millis),
        incarnation: report.incarnation,
        report: Some(report.clone()),
    }
}

/// A message server that load balancers hear, and that did not report.
fn by_ping(server: &MessageServer) -> Stands {
    let ping = &server.ping;
    Stands {
        id: ping.id,
        host: ping.host.clone(),
        role: Role::Ms,
        state: match ping.state {
            MsState::Joining => ServerState::Joining,
            MsState::Serving => ServerState::Serving,
            MsState::Behind => ServerState::Behind,
            MsState::Draining => ServerState::Draining,
        },
        applied: ping.applied,
        lag: 0,
        accounts: Some(server.accounts),
        load: ping.load,
        silent_millis: server.silent_millis,
        incarnation: ping.incarnation,
        report: None,
    }
}

#[cfg(test)]
mod tests {
    use yoshi_protocol::message::roster::PingMs;

    use super::*;

    fn ping(host: &str, applied: u64) -> MessageServer {
        MessageServer {
            ping: PingMs {
                id: ServerId::random(),
                host: host.to_owned(),
                load: 1,
                state: MsState::Serving,
                lost: false,
                stream: None,
                applied: Position(applied),
                stopped: false,
                incarnation: Incarnation::random(),
                silence_seconds: None,
            },
            accounts: 7,
            silent_millis: 300,
        }
    }

    fn report(of: &MessageServer, applied: u64) -> ServerReport {
        ServerReport {
            id: of.ping.id,
            host: of.ping.host.clone(),
            load: 2,
            block: None,
            known: Vec::new(),
            state: ServerState::Serving,
            outbox: 3,
            stream: Incarnation::random(),
            applied: Position(applied),
            lineage: Vec::new(),
            refusal: None,
            release: "0.1.0".to_owned(),
            compared_at: None,
            incarnation: of.ping.incarnation,
        }
    }

    #[test]
    fn who_is_known_and_gives_no_answer_is_named() {
        let (one, mut ended, gone) = (ping("a", 5_000), ping("b", 4_000), ping("c", 3_000));
        ended.silent_millis = 2_100;
        let gone = MessageServer {
            silent_millis: 60_000,
            ..gone
        };
        let (strange, lost, destroyed) =
            (ServerId::random(), ServerId::random(), ServerId::random());
        let of_tasks = ServerReport {
            known: vec![ended.ping.id, gone.ping.id, strange, destroyed],
            ..report(&one, 5_000)
        };
        let of_accounts = ServerReport {
            id: ServerId::random(),
            known: vec![lost],
            state: ServerState::Primary,
            ..report(&one, 9)
        };
        let roster = MessageServers {
            silent: vec![gone.clone()],
            servers: vec![one, ended.clone()],
            destroyed: vec![destroyed],
        };
        let reports = [of_tasks, of_accounts];
        let found = silent::silent(&reports, Some(&roster), Millis(100_000));
        let seen = |id: ServerId| {
            let silent = found.iter().find(|silent| silent.id == id).unwrap();
            (silent.role, silent.host.as_deref(), silent.since)
        };
        assert_eq!(found.len(), 4, "{found:?}");
        let since = Some(Millis(97_900));
        assert_eq!(seen(ended.ping.id), (Role::Ms, Some("b"), since));
        let since = Some(Millis(40_000));
        assert_eq!(seen(gone.ping.id), (Role::Ms, Some("c"), since));
        assert_eq!(seen(strange), (Role::Ms, None, None));
        assert_eq!(seen(lost), (Role::Rs, None, None));
        // Who still announces itself and only reports late is not silent.
        let late = MessageServer {
            silent_millis: 300,
            ..ended
        };
        let roster = MessageServers {
            silent: Vec::new(),
            servers: vec![late],
            destroyed: Vec::new(),
        };
        let found = silent::silent(&reports[1..], Some(&roster), Millis(0));
        assert_eq!(found.iter().map(|it| it.id).collect::<Vec<_>>(), [lost]);
        // Without load balancers the servers' own word is left.
        assert_eq!(silent::silent(&reports, None, Millis(0)).len(), 5);
    }

    #[test]
    fn who_reports_and_who_is_only_heard_stand_in_one_list() {
        let (one, two) = (ping("b", 4_000), ping("a", 2_000));
        let reports = [report(&one, 5_000)];
        let all = of_kind(Role::Ms, &reports, &[&one, &two]);
        let seen: Vec<_> = all
            .iter()
            .map(|server| (server.host.as_str(), server.lag, server.report.is_some()))
            .collect();
        assert_eq!(seen, [("a", 3_000, false), ("b", 0, true)]);
        assert_eq!((all[1].accounts, all[1].silent_millis), (Some(7), 300));
        assert!(of_kind(Role::Rs, &reports, &[]).is_empty());
    }
}
