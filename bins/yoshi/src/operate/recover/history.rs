//! Whether the servers' copies of a log are of one history. Positions alone do not
//! tell: after a log was put back from an older backup, a server that was behind may
//! have gone on from it, past what others hold. So every copy is held against the
//! longest one, page by page; what cannot be shown is not guessed.

use yoshi_client::Operator;
use yoshi_protocol::history::{Comparison, Found, Side, whole_after};
use yoshi_protocol::message::log::LogPage;
use yoshi_protocol::message::operate::ServerReport;
use yoshi_protocol::subject::Role;
use yoshi_protocol::{Position, ServerId};

use super::lost::Held;
use super::parted::{Group, Parted, Unshown};
use super::plan::Plan;

/// The copies of one log.
pub(super) struct Copies<'a> {
    pub(super) operator: &'a Operator,
    pub(super) role: Role,
}

/// Why the copies are not known to be of one history.
#[derive(Debug)]
pub(super) enum Doubt {
    /// They are of several.
    Parted(Parted),
    /// One of them cannot be held against another.
    Unshown(Unshown),
}

/// What two copies are.
enum Pair {
    /// The shorter one is the beginning of the longer one.
    Same,
    /// All that they share stands up to here.
    Parted(Position),
}

impl Copies<'_> {
    /// Holds the copies of the plan's unproven servers against its leader's.
    ///
    /// # Errors
    /// [`Doubt`], unless each of them is the beginning of the leader's.
    pub(super) async fn are_one(&self, reports: &[ServerReport], plan: &Plan) -> Result<(), Doubt> {
        let report = |id: ServerId| reports.iter().find(|report| report.id == id);
        let Some(leader) = report(plan.leader) else {
            return Ok(());
        };
        let mut others: Vec<_> = plan.unproven.iter().filter_map(|id| report(*id)).collect();
        others.sort_by_key(|report| std::cmp::Reverse(report.applied));
        let level = plan.level.iter().filter_map(|id| report(*id));
        let mut histories = vec![[leader].into_iter().chain(level).collect::<Vec<_>>()];
        let mut shared = None::<Position>;
        for other in others {
            let mut found = None;
            for (index, history) in histories.iter().enumerate() {
                match self.pair(other, history[0]).await? {
                    Pair::Same => {
                        found = Some(index);
                        break;
                    }
                    Pair::Parted(at) => shared = Some(shared.map_or(at, |before| before.min(at))),
                }
            }
            match found {
                Some(index) => histories[index].push(other),
                None => histories.push(vec![other]),
            }
        }
        match shared {
            // Whoever was found nowhere has begun a history of its own.
            Some(shared) if histories.len() > 1 => Err(Doubt::Parted(
                self.parted(shared, histories, reports).await?,
            )),
            _ => Ok(()),
        }
    }

    /// The histories, and what each of them alone holds.
    async fn parted(
        &self,
        shared: Position,
        histories: Vec<Vec<&ServerReport>>,
        reports: &[ServerReport],
    ) -> Result<Parted, Doubt> {
        let mut held = Vec::new();
        for history in &histories {
            held.push(self.held_after(history[0], shared).await?);
        }
        let groups = histories.iter().enumerate().map(|(index, history)| {
            let others = held.iter().enumerate().filter(|(other, _)| *other != index);
            let others: Vec<_> = others.map(|(_, held)| held).collect();
            let past = history.iter().filter(|report| report.applied > shared);
            Group {
                servers: past.map(|report| (report.id, report.applied)).collect(),
                lost: held[index].beside(&others),
            }
        });
        let all = histories.iter().flatten();
        let before = all.filter(|report| report.applied <= shared);
        Ok(Parted {
            role: self.role,
            shared,
            groups: groups.collect(),
            before: before.map(|report| report.id).collect(),
            stopped: reports.len() > histories.iter().map(Vec::len).sum(),
        })
    }

    async fn pair(&self, one: &ServerReport, other: &ServerReport) -> Result<Pair, Doubt> {
        let unshown = |why: &str| Doubt::Unshown(Unshown::of(one.id, other.id, why));
        let floor = whole_after(self.role, other.applied);
        if floor >= one.applied {
            return Err(unshown(
                "it is too far behind to be compared, and to be levelled",
            ));
        }
        let mut comparison = Comparison::up_to(one.applied, floor);
        loop {
            let Some((side, since)) = comparison.wanted() else {
                return Err(unshown("its copy of the log has no end"));
            };
            let of = if side == Side::One { one } else { other };
            let page = self.page(of, since).await?;
            match comparison.take(side, page) {
                None => {}
                Some(Found::Again(since)) => comparison = comparison.again(since),
                Some(Found::Parted(at)) => return Ok(Pair::Parted(at)),
                Some(Found::Same) if floor > Position::ZERO && !comparison.has_seen_blocks() => {
                    return Err(unshown("there is nothing left to compare"));
                }
                Some(Found::Same) => return Ok(Pair::Same),
            }
        }
    }

    /// What a copy holds after a position.
    async fn held_after(&self, of: &ServerReport, after: Position) -> Result<Held, Doubt> {
        let mut held = Held::default();
        let mut since = after;
        while since < of.applied && !held.is_full() {
            let page = self.page(of, since).await?;
            since = page.through;
            for entry in page.entries {
                held.note(self.role, &entry.entry);
            }
        }
        Ok(held)
    }

    /// A page that leads on.
    async fn page(&self, of: &ServerReport, since: Position) -> Result<LogPage, Doubt> {
        let page = self.operator.log_page((self.role, of.id), of.stream, since);
        let unshown = |why: String| Doubt::Unshown(Unshown::alone(of.id, &why));
        let page = page.await.map_err(|error| unshown(error.to_string()))?;
        let positions = page.entries.iter().map(|entry| entry.position);
        let is_sorted = positions.chain([page.through]).is_sorted();
        let first = page.entries.first();
        let begins_after = first.is_none_or(|entry| entry.position > since);
        if is_sorted && begins_after && page.through > since {
            Ok(page)
        } else {
            Err(unshown(format!("its copy does not go on after {since}")))
        }
    }
}
