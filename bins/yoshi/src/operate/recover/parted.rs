//! What an operator is told when the servers hold several histories of one log, and
//! which choice they have. Nothing is chosen for them.

use yoshi_protocol::subject::Role;
use yoshi_protocol::{Position, ServerId};

use super::lost::Lost;
use crate::exit::{Exit, Failure};

/// The servers of one history.
#[derive(Debug)]
pub(super) struct Group {
    /// Those past what all share, with their positions, the furthest first.
    pub(super) servers: Vec<(ServerId, Position)>,
    /// What is lost, if this history is given up.
    pub(super) lost: Lost,
}

/// Several histories.
#[derive(Debug)]
pub(super) struct Parted {
    pub(super) role: Role,
    /// All that they share stands up to here.
    pub(super) shared: Position,
    /// The one that reaches furthest first.
    pub(super) groups: Vec<Group>,
    /// Servers that hold nothing but what all share.
    pub(super) before: Vec<ServerId>,
    /// Servers were not asked, because their rows are wrong or they are left out.
    pub(super) stopped: bool,
}

/// A copy that cannot be held against another.
#[derive(Debug)]
pub(super) struct Unshown {
    what: String,
}

impl Unshown {
    pub(super) fn of(one: ServerId, other: ServerId, why: &str) -> Self {
        let what = format!("that the copy of {one} is the beginning of the one of {other}: {why}");
        Self { what }
    }

    pub(super) fn alone(server: ServerId, why: &str) -> Self {
        let what = format!("what the copy of {server} is: {why}");
        Self { what }
    }

    pub(super) fn failure(&self, log: &str) -> Failure {
        let what = format!("it cannot be shown, in the log of {log}, {}", self.what);
        let advice = "see that every server answers, and that NATS runs with the permissions of \
             this release (nats/accounts.conf); or go without a server by --without ID: what only \
             it holds would be lost";
        Failure::here(Exit::Refused, what, advice)
    }
}

impl Parted {
    pub(super) fn failure(&self, log: &str) -> Failure {
        Failure::here(Exit::Refused, self.what(log), self.advice())
    }

    fn what(&self, log: &str) -> String {
        let mut what = format!(
            "the servers hold {} histories of the log of {log}, which are the same up to position \
             {} (block {}) only",
            self.groups.len(),
            self.shared,
            self.shared.sequence()
        );
        for (index, group) in self.groups.iter().enumerate() {
            let servers = group.servers.iter();
            let servers: Vec<_> = servers
                .map(|(id, applied)| format!("{id} (position {applied})"))
                .collect();
            what += &format!("; history {}: {}", index + 1, servers.join(", "));
        }
        if !self.before.is_empty() {
            what += &format!(
                "; not past the point where they part: {}",
                list(&self.before)
            );
        }
        if self.stopped {
            what += "; others were not compared";
        }
        what
    }

    fn advice(&self) -> String {
        let mut advice = "choose the one to go on with, and give the others up. ".to_owned();
        for kept in 0..self.groups.len() {
            let given_up = self.groups.iter().enumerate();
            let given_up: Vec<_> = given_up.filter(|(index, _)| *index != kept).collect();
            let without = given_up.iter().flat_map(|(_, group)| &group.servers);
            let without: Vec<_> = without.map(|(id, _)| format!("--without {id}")).collect();
            let lost = given_up.iter().map(|(index, group)| {
                format!("{} of history {}", group.lost.words(self.role), index + 1)
            });
            advice += &format!(
                "To go on with history {}: `{}`; lost are then, after position {}, {}. ",
                kept + 1,
                without.join(" "),
                self.shared,
                lost.collect::<Vec<_>>().join(", ")
            );
        }
        advice += match self.role {
            Role::Ms => {
                "Fill each server that was given up anew afterwards: `yoshi resync-server ID`"
            }
            Role::Rs => "Start each server that was given up with an empty database afterwards",
        };
        advice
    }
}

fn list(ids: &[ServerId]) -> String {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    ids.join(", ")
}
