//! What only a machine with a database of time zones can check: that a zone
//! exists, and which of two moments comes first.
//!
//! Servers do not: databases differ, and all servers must decide the same.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use yoshi_protocol::{InvalidTask, NewTask, When};

/// The task with every zone by its proper name.
///
/// # Errors
/// A zone that does not exist, or a start after the due date.
pub(crate) fn checked(mut task: NewTask) -> Result<NewTask, InvalidTask> {
    let fields = [
        ("due", &mut task.due),
        ("start", &mut task.start),
        ("respond_by", &mut task.respond_by),
    ];
    for (field, when) in fields {
        if let Some(When::Zoned(_, zone)) = when {
            *zone = proper(field, zone)?;
        }
    }
    let moments = (
        task.start.as_ref().and_then(instant),
        task.due.as_ref().and_then(instant),
    );
    match moments {
        (Some(start), Some(due)) if start > due => Err(InvalidTask::Field {
            field: "start",
            rule: "must not be after due".to_owned(),
        }),
        _ => Ok(task),
    }
}

/// The proper name of a zone: its letters may be large or small as given.
fn proper(field: &'static str, zone: &str) -> Result<Box<str>, InvalidTask> {
    // A machine without any zones cannot tell.
    if jiff::tz::db().is_definitively_empty() {
        return Ok(zone.into());
    }
    let known = jiff::tz::db()
        .get(zone)
        .ok()
        .filter(|zone| !zone.is_unknown());
    known
        .and_then(|known| known.iana_name().map(Into::into))
        .ok_or_else(|| InvalidTask::Field {
            field,
            rule: format!("there is no time zone {zone:?}; for example Europe/Berlin"),
        })
}

/// The moment, if it is the same wherever the reader is.
fn instant(when: &When) -> Option<Timestamp> {
    let (moment, zone) = match when {
        When::Day(_) | When::Floating(_) => return None,
        When::Utc(moment) => (moment, TimeZone::UTC),
        When::Zoned(moment, zone) => (moment, TimeZone::get(zone).ok()?),
    };
    Some(moment.to_zoned(zone).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use yoshi_protocol::AccountName;

    fn refused(start: &str, due: &str) -> Option<&'static str> {
        let mut task = NewTask::new("x", vec![AccountName::new("ana").unwrap()]);
        (task.start, task.due) = (start.parse().ok(), due.parse().ok());
        match checked(task) {
            Ok(_) => None,
            Err(InvalidTask::Field { field, .. }) => Some(field),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn zones_exist_and_get_their_proper_names() {
        assert_eq!(refused("", "2026-11-27T16:00:00[Mars/Base]"), Some("due"));
        assert_eq!(refused("2026-11-27T16:00:00[Nowhere]", ""), Some("start"));
        let mut task = NewTask::new("x", vec![AccountName::new("ana").unwrap()]);
        task.due = "2026-11-27T16:00:00[europe/BERLIN]".parse().ok();
        let due = checked(task).unwrap().due.unwrap().to_string();
        assert_eq!(due, "2026-11-27T16:00:00[Europe/Berlin]");
    }

    #[test]
    fn moments_are_compared_across_zones() {
        let berlin = "2026-11-27T16:00:00[Europe/Berlin]";
        assert_eq!(refused("2026-11-27T15:00:00Z", berlin), None);
        assert_eq!(refused("2026-11-27T15:00:01Z", berlin), Some("start"));
        assert_eq!(refused("2026-11-27T23:59:00", berlin), None);
    }
}
