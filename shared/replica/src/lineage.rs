//! Which log continues which, and whether a stream may be followed. Pure.
//!
//! A log that was lost is made anew by `yoshi recover-log`: a stream of another
//! incarnation, whose metadata names the lost log, the position up to which its
//! entries are kept, and the first sequence of the new one. A database that was
//! filled from the lost log is levelled up to that position and then takes up
//! the new incarnation; one that holds more has entries that are in no log.

use std::fmt;

use yoshi_protocol::message::operate::{Continued, GENERATIONS_MAX};
use yoshi_protocol::subject::Role;
use yoshi_protocol::{Incarnation, Position, ServerId};

use crate::cursor::Cursor;
use crate::stream::View;

/// The lost logs that a log continues, the latest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lineage(Vec<Continued>);

impl Lineage {
    /// These logs, the latest first; what is past [`GENERATIONS_MAX`] is left out.
    #[must_use]
    pub fn new(mut continued: Vec<Continued>) -> Self {
        continued.truncate(GENERATIONS_MAX);
        Self(continued)
    }

    /// Reads what [`fmt::Display`] writes; none if it is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let texts = text
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty());
        Some(Self::new(
            texts.map(str::parse).collect::<Result<_, _>>().ok()?,
        ))
    }

    /// The lost logs, the latest first.
    #[must_use]
    pub fn as_slice(&self) -> &[Continued] {
        &self.0
    }

    /// Up to where the entries of a lost log are part of this one.
    #[must_use]
    pub fn through(&self, incarnation: Incarnation) -> Option<Position> {
        let found = self.0.iter().find(|lost| lost.incarnation == incarnation);
        found.map(|lost| lost.through)
    }

    /// The log that continued a lost one, if it was lost itself.
    fn successor(&self, incarnation: Incarnation) -> Option<Incarnation> {
        let at = self
            .0
            .iter()
            .position(|lost| lost.incarnation == incarnation)?;
        Some(self.0.get(at.checked_sub(1)?)?.incarnation)
    }

    /// The lineage of a log that is lost by now; the whole of it for any other.
    #[must_use]
    pub fn of(&self, incarnation: Incarnation) -> Self {
        let at = self
            .0
            .iter()
            .position(|lost| lost.incarnation == incarnation);
        Self(self.0[at.map_or(0, |at| at + 1)..].to_vec())
    }
}

impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, lost) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{lost}")?;
        }
        Ok(())
    }
}

/// The command that recovers a log of a role.
#[must_use]
pub fn recovery(role: Role) -> &'static str {
    match role {
        Role::Ms => "yoshi recover-log tasks",
        Role::Rs => "yoshi recover-log accounts",
    }
}

/// What fills a server's database anew.
pub(crate) fn refilling(role: Role, own: ServerId) -> String {
    match role {
        Role::Ms => format!("run `yoshi resync-server {own}`"),
        Role::Rs => "start this server with an empty database".to_owned(),
    }
}

/// What a database may do with a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is the log that the database was filled from.
    Follow,
    /// It continues that log.
    Adopt(Adoption),
    /// It must not be consumed. The text says what to do.
    Lost(String),
}

/// One step from a lost log to the one that continued it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adoption {
    /// The database must hold the lost log up to here, and no more.
    pub through: Position,
    /// The log that continued it.
    pub into: Incarnation,
    /// Where the database stands in that one then: nothing lies between.
    pub at: Position,
}

/// Holds a stream against what a database was filled from.
#[must_use]
pub fn judge(role: Role, own: ServerId, name: &str, cursor: Cursor, view: &View) -> Verdict {
    let (recovery, refilling) = (recovery(role), refilling(role, own));
    if cursor.incarnation == view.incarnation {
        if cursor.applied.sequence() <= view.last {
            return Verdict::Follow;
        }
        return Verdict::Lost(format!(
            "the stream {name} ends at {} but this database has applied {}: the stream has lost \
             its end. Nothing is applied from it. Restore the stream, or run `{recovery}`",
            view.last,
            cursor.applied.sequence()
        ));
    }
    if cursor.applied == Position::ZERO {
        // Nothing is the beginning of every log.
        return Verdict::Adopt(Adoption {
            through: Position::ZERO,
            into: view.incarnation,
            at: Position::ZERO,
        });
    }
    let Some(through) = view.lineage.through(cursor.incarnation) else {
        return Verdict::Lost(format!(
            "the stream {name} is another one (incarnation {}) than this database was filled from \
             ({}): the log was lost. Nothing is applied from this one. Run `{recovery}`; or, if \
             other servers serve from it, {refilling}",
            view.incarnation, cursor.incarnation
        ));
    };
    if cursor.applied > through {
        return Verdict::Lost(format!(
            "this database has applied the log up to {}, but the log was recovered from {through}: \
             its extra entries are not in the recovered log. To give them up, {refilling}",
            cursor.applied
        ));
    }
    let (into, at) = match view.lineage.successor(cursor.incarnation) {
        Some(successor) => (successor, through),
        None => {
            let before = Position::end_of_block(view.begins.saturating_sub(1));
            (view.incarnation, through.max(before))
        }
    };
    Verdict::Adopt(Adoption { through, into, at })
}

/// Whether neither a database nor a stream holds anything, and the stream
/// continues nothing: a new system, or an empty server beside a log that was lost
/// and made anew without its servers' word. Only the other servers can tell.
#[must_use]
pub fn is_beginning(applied: Position, view: &View) -> bool {
    applied == Position::ZERO && view.last == 0 && view.lineage.as_slice().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: fn(u64) -> Position = Position::end_of_block;

    fn view(lineage: Vec<Continued>, begins: u64) -> View {
        View {
            incarnation: Incarnation::random(),
            first: begins,
            last: begins - 1,
            proven: None,
            begins,
            lineage: Lineage::new(lineage),
        }
    }

    fn judged(incarnation: Incarnation, applied: Position, view: &View) -> Verdict {
        let cursor = Cursor {
            incarnation,
            applied,
        };
        judge(Role::Ms, ServerId::random(), "S", cursor, view)
    }

    fn command(verdict: &Verdict) -> &str {
        match verdict {
            Verdict::Lost(what) if what.contains("recover-log tasks") => "recover-log",
            Verdict::Lost(what) if what.contains("resync-server") => "resync-server",
            other => panic!("not lost: {other:?}"),
        }
    }

    #[test]
    fn a_stream_of_another_life_or_without_its_end_is_refused() {
        let mut stream = view(Vec::new(), 1);
        stream.last = 7;
        assert_eq!(judged(stream.incarnation, END(7), &stream), Verdict::Follow);
        assert_eq!(
            command(&judged(stream.incarnation, END(8), &stream)),
            "recover-log"
        );
        let other = judged(Incarnation::random(), END(3), &stream);
        assert_eq!(command(&other), "recover-log");
    }

    #[test]
    fn an_empty_database_takes_any_log() {
        let stream = view(Vec::new(), 1);
        let verdict = judged(Incarnation::random(), Position::ZERO, &stream);
        let Verdict::Adopt(adoption) = verdict else {
            panic!("{verdict:?}");
        };
        assert_eq!(
            (adoption.into, adoption.at),
            (stream.incarnation, Position::ZERO)
        );
    }

    #[test]
    fn only_an_empty_database_and_a_new_stream_may_be_the_beginning() {
        let stream = view(Vec::new(), 1);
        assert!(is_beginning(Position::ZERO, &stream));
        assert!(!is_beginning(END(1), &stream));
        let begun = View {
            last: 1,
            ..stream.clone()
        };
        assert!(!is_beginning(Position::ZERO, &begun));
        let lost = Continued {
            through: Position::ZERO,
            incarnation: Incarnation::random(),
        };
        assert!(!is_beginning(Position::ZERO, &view(vec![lost], 1)));
    }

    #[test]
    fn a_log_that_continues_the_databases_is_adopted_step_by_step() {
        let (oldest, old) = (Incarnation::random(), Incarnation::random());
        let lost = |incarnation, sequence| Continued {
            through: END(sequence),
            incarnation,
        };
        let stream = view(vec![lost(old, 9), lost(oldest, 5)], 12);
        let step = |incarnation, applied| match judged(incarnation, applied, &stream) {
            Verdict::Adopt(adoption) => (adoption.through, adoption.into, adoption.at),
            other => panic!("{other:?}"),
        };
        assert_eq!(step(oldest, END(2)), (END(5), old, END(5)));
        assert_eq!(
            step(old, END(9)),
            (END(9), stream.incarnation, END(11)),
            "the new log begins at 12"
        );
        assert_eq!(command(&judged(old, END(10), &stream)), "resync-server");
        assert_eq!(command(&judged(oldest, END(6), &stream)), "resync-server");
        assert_eq!(stream.lineage.of(old).as_slice(), [lost(oldest, 5)]);
        assert_eq!(stream.lineage.of(stream.incarnation), stream.lineage);
    }

    #[test]
    fn a_lineage_reads_what_it_writes() {
        let lineage = Lineage::new(vec![
            Continued {
                through: END(9),
                incarnation: Incarnation::random(),
            },
            Continued {
                through: Position::ZERO,
                incarnation: Incarnation::random(),
            },
        ]);
        assert_eq!(Lineage::parse(&lineage.to_string()), Some(lineage));
        assert_eq!(Lineage::parse(""), Some(Lineage::default()));
        for text in ["x", "x@1", "01935b7e-0000-7000-8000-000000000001@-1"] {
            assert_eq!(Lineage::parse(text), None, "{text}");
        }
    }
}
