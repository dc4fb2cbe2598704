//! Whether a log must be made anew, and from where: from the servers' reports and
//! from what there is of the stream. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use yoshi_protocol::message::operate::{Continued, GENERATIONS_MAX, ServerReport};
use yoshi_protocol::{Incarnation, Position, ServerId};

/// What servers' refusals say when their log is lost.
const COMMAND: &str = "yoshi recover-log";
/// What they say when a server's own rows are wrong, or stay out of the log.
const OWN_FAULT: &str = "yoshi resync-server";

/// The stream that is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// None if its metadata name none.
    pub incarnation: Option<Incarnation>,
    /// The lost logs that it continues.
    pub lineage: Vec<Continued>,
    /// The last sequence that it has given out.
    pub last: u64,
}

/// How a log is to be continued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The lost logs, the latest first; its position is where the new log goes on.
    pub continues: Vec<Continued>,
    /// The first sequence of the new log: no block ever had it.
    pub first_sequence: u64,
    /// The server whose history the new log goes on with: no other one whose rows
    /// are right is further.
    pub leader: ServerId,
    /// Servers that stand at the end of the same block as the leader.
    pub level: Vec<ServerId>,
    /// Servers of which positions and last blocks do not tell whether their history
    /// is the beginning of the leader's. It must be shown before anything is done.
    pub unproven: Vec<ServerId>,
    /// Servers that hold what the new log does not continue.
    pub left_out: Vec<ServerId>,
    /// Servers that have stopped because their own rows are wrong: the log does
    /// not go by them, and they do not take it up.
    pub stopped: Vec<ServerId>,
}

/// Why nothing is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum No {
    /// No server has reported.
    Nobody,
    /// No server has applied anything.
    Empty,
    /// The stream is the servers' log, and whole.
    Healthy,
    /// The stream continues the servers' log, and they are about to take it up.
    Adopting,
    /// These are known to others, and have not reported.
    Missing(BTreeSet<ServerId>),
    /// Only these, whose rows are wrong, hold the end of the log.
    Stopped(Vec<ServerId>),
    /// The servers follow logs of which none continues all others.
    Strangers(BTreeMap<Incarnation, Vec<ServerId>>),
}

impl Plan {
    /// Decides from the reports of all servers of one kind, but those in `without`.
    pub fn of(
        reports: &[ServerReport],
        without: &BTreeSet<ServerId>,
        stream: Option<&Stream>,
    ) -> Result<Self, No> {
        let with: Vec<_> = reports
            .iter()
            .filter(|report| !without.contains(&report.id))
            .collect();
        if with.is_empty() {
            return Err(No::Nobody);
        }
        // An empty database takes up whatever log there is.
        let holders: Vec<_> = with
            .iter()
            .copied()
            .filter(|report| report.applied > Position::ZERO)
            .collect();
        if holders.is_empty() {
            return Err(No::Empty);
        }
        let head = head(&holders).ok_or_else(|| No::Strangers(by_log(&holders)))?;
        let of_head = || holders.iter().filter(|report| report.stream == head.stream);
        let furthest = of_head().map(|report| report.applied).max();
        let furthest = furthest.expect("the head follows its own log");
        let right = of_head().filter(|report| !is_stopped(report));
        let right = right.map(|report| report.applied).max();
        let stopped = || of_head().filter(|report| is_stopped(report));
        let complains = |report: &&&ServerReport| {
            let refusal = report.refusal.as_deref();
            refusal.is_some_and(|words| words.contains(COMMAND))
        };
        let is_refused = holders.iter().any(|report| complains(&report));
        if let Some(stream) = stream {
            healthy(stream, head.stream, right.unwrap_or(furthest), is_refused)?;
        }
        let missing: BTreeSet<_> = with
            .iter()
            .flat_map(|report| report.known.iter().copied())
            .filter(|id| !without.contains(id))
            .filter(|id| !reports.iter().any(|report| report.id == *id))
            .collect();
        if !missing.is_empty() {
            return Err(No::Missing(missing));
        }
        // Its rows are wrong, but what only it holds may have been reported as done.
        if right != Some(furthest) {
            let ahead = stopped().filter(|report| Some(report.applied) > right);
            return Err(No::Stopped(ahead.map(|report| report.id).collect()));
        }
        // Clients may have seen positions of those that are left out, too.
        let positions = reports.iter().map(|report| report.applied.sequence());
        let last = stream.map_or(0, |stream| last_given(stream, head));
        let mut leaders = of_head().filter(|report| !is_stopped(report));
        let leader = leaders.find(|report| report.applied == furthest);
        let leader = leader.expect("somebody whose rows are right is the furthest");
        let others = holders.iter().filter(|report| report.id != leader.id);
        let others = others.filter(|report| !is_left_out(report, head) && !is_stopped(report));
        let (level, unproven): (Vec<&ServerReport>, _) =
            others.partition(|report| is_at_same_block(report, leader));
        let ids = |reports: Vec<&ServerReport>| reports.iter().map(|report| report.id).collect();
        let left_out = holders.iter().filter(|report| is_left_out(report, head));
        let left_out = left_out.map(|report| report.id).collect();
        let mut continues = vec![Continued {
            through: furthest,
            incarnation: head.stream,
        }];
        continues.extend(&head.lineage);
        continues.truncate(GENERATIONS_MAX);
        Ok(Self {
            continues,
            first_sequence: positions.chain([last]).max().unwrap_or(0) + 1,
            leader: leader.id,
            level: ids(level),
            unproven: ids(unproven),
            left_out,
            stopped: stopped().map(|report| report.id).collect(),
        })
    }

    /// Where the new log goes on.
    pub fn through(&self) -> Position {
        self.continues
            .first()
            .map_or(Position::ZERO, |lost| lost.through)
    }
}

/// Whether its own rows are wrong.
fn is_stopped(report: &ServerReport) -> bool {
    let refusal = report.refusal.as_deref();
    // A server that has lost its log may name both commands.
    refusal.is_some_and(|words| words.contains(OWN_FAULT) && !words.contains(COMMAND))
}

/// A report of the log that continues all others.
fn head<'a>(holders: &[&'a ServerReport]) -> Option<&'a ServerReport> {
    let continues = |candidate: &ServerReport, other: &ServerReport| {
        candidate.stream == other.stream || kept(other.stream, candidate).is_some()
    };
    let is_head =
        |candidate: &&&ServerReport| holders.iter().all(|other| continues(candidate, other));
    let heads = holders.iter().filter(is_head);
    heads.copied().max_by_key(|head| head.lineage.len())
}

/// Up to where the log of `head` has kept the lost log `incarnation`.
fn kept(incarnation: Incarnation, head: &ServerReport) -> Option<Position> {
    let lost = head.lineage.iter();
    let mut lost = lost.filter(|lost| lost.incarnation == incarnation);
    Some(lost.next()?.through)
}

fn is_left_out(report: &ServerReport, head: &ServerReport) -> bool {
    kept(report.stream, head).is_some_and(|through| report.applied > through)
}

/// Whether two servers stand at the end of the same block of the same log. One that
/// is behind says nothing by its last block: the leader's is another one.
fn is_at_same_block(one: &ServerReport, other: &ServerReport) -> bool {
    let is_level = (one.stream, one.applied) == (other.stream, other.applied);
    let at_end = |report: &ServerReport| {
        let block = report.block.as_ref();
        block.is_some_and(|block| {
            block.id.is_some() && Position::end_of_block(block.sequence) == report.applied
        })
    };
    is_level && at_end(one) && one.block == other.block
}

/// Whether the stream can serve the servers after all.
fn healthy(
    stream: &Stream,
    head: Incarnation,
    through: Position,
    is_refused: bool,
) -> Result<(), No> {
    if stream.incarnation == Some(head) {
        return if through.sequence() <= stream.last && !is_refused {
            Err(No::Healthy)
        } else {
            Ok(())
        };
    }
    let mut continued = stream.lineage.iter();
    match continued.find(|lost| lost.incarnation == head) {
        // Somebody holds all of it; the others level themselves from there.
        Some(lost) if lost.through == through => Err(No::Adopting),
        _ => Ok(()),
    }
}

/// The last sequence of the servers' log that the stream has given out, to whomever.
fn last_given(stream: &Stream, head: &ServerReport) -> u64 {
    let is_head = stream.incarnation == Some(head.stream);
    let continues = stream
        .lineage
        .iter()
        .any(|lost| lost.incarnation == head.stream);
    if is_head || continues { stream.last } else { 0 }
}

fn by_log(holders: &[&ServerReport]) -> BTreeMap<Incarnation, Vec<ServerId>> {
    let mut logs: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for report in holders {
        logs.entry(report.stream).or_default().push(report.id);
    }
    logs
}

#[cfg(test)]
mod tests;
