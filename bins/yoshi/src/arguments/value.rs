//! Options' values: text in, a checked value or the reason why not out.

use std::time::Duration;

use yoshi_client::moment;
use yoshi_protocol::{AccountName, ChangeId, InvalidName, Position, ServerId, TaskId, When};

/// No call may be told to try for longer.
const TIMEOUT_SECONDS_MAX: u64 = 3_600;
/// Characters of an id as it is printed.
const ID_CHARS: usize = 36;
/// Fewer characters are more likely a mistake than an id.
const PART_CHARS_MIN: usize = 4;

pub(crate) fn account(text: &str) -> Result<AccountName, InvalidName> {
    AccountName::new(text)
}

pub(crate) fn task(text: &str) -> Result<TaskId, String> {
    text.parse()
        .map_err(|error| format!("not a task's id: {error}"))
}

pub(crate) fn change(text: &str) -> Result<ChangeId, String> {
    text.parse()
        .map_err(|error| format!("not a change's id: {error}"))
}

/// How far somebody is: 0 to 99, with or without the sign.
pub(crate) fn percent(text: &str) -> Result<u8, String> {
    match text.strip_suffix('%').unwrap_or(text).parse() {
        Ok(percent @ 0..=99) => Ok(percent),
        _ => Err("0 to 99; `yoshi done` when it is done".to_owned()),
    }
}

/// A task as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TaskGiven {
    /// By its whole id.
    Id(TaskId),
    /// By the first or the last characters of its id, in small letters and with its hyphens.
    Part(String),
}

/// What [`task_given`] reads, for people.
pub(crate) const TASK: &str = "The task: the end of its id, as lists show it, or its beginning, if no other task of the account \
     shares that; or the whole id";

/// A task's id, or enough of its end or of its beginning to be meant as one.
pub(crate) fn task_given(text: &str) -> Result<TaskGiven, String> {
    if let Ok(id) = text.parse() {
        return Ok(TaskGiven::Id(id));
    }
    let part = text.to_ascii_lowercase();
    let fits_from = |first: usize| {
        part.char_indices().all(|(at, char)| match first + at {
            8 | 13 | 18 | 23 => char == '-',
            _ => char.is_ascii_hexdigit(),
        })
    };
    let is_long_enough = (PART_CHARS_MIN..ID_CHARS).contains(&part.len());
    if is_long_enough && (fits_from(0) || fits_from(ID_CHARS - part.len())) {
        Ok(TaskGiven::Part(part))
    } else {
        Err(format!(
            "not a task's id, nor {PART_CHARS_MIN} or more characters of its end or beginning"
        ))
    }
}

pub(crate) fn server(text: &str) -> Result<ServerId, String> {
    text.parse()
        .map_err(|error| format!("not a server's id: {error}"))
}

pub(crate) fn position(text: &str) -> Result<Position, String> {
    text.parse()
        .map(Position)
        .map_err(|_| "a cursor is a number, 0 or more".to_owned())
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    match text.strip_suffix('s').unwrap_or(text).parse() {
        Ok(seconds @ 1..=TIMEOUT_SECONDS_MAX) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("whole seconds, 1 to {TIMEOUT_SECONDS_MAX}")),
    }
}

/// What [`importance`] reads, for people.
pub(crate) const LEVELS: &str =
    "low, normal, high, critical, or 0 to 9: 1 is highest, 9 lowest, 0 unset";
/// The same, for filters.
pub(crate) const AT_LEAST: &str = "At least so important: low, normal, high, critical, or 0 to 9: 1 is highest, 9 lowest, \
     0 finds what is unset";

/// `low`, `normal`, `high`, `critical`, or iCalendar's 0 to 9.
pub(crate) fn importance(text: &str) -> Result<u8, String> {
    match text {
        "low" => Ok(9),
        "normal" => Ok(5),
        "high" => Ok(3),
        "critical" => Ok(1),
        _ => match text.parse() {
            Ok(number @ 0..=9) => Ok(number),
            _ => Err(LEVELS.to_owned()),
        },
    }
}

/// `90m`, `2h`, `1h30m`: minutes.
pub(crate) fn effort(text: &str) -> Result<u32, String> {
    let wrong = || "minutes and hours, for example 90m, 2h or 1h30m".to_owned();
    let (hours, minutes) = match text.split_once('h') {
        Some((hours, "")) => (hours, "0"),
        Some((hours, rest)) => (hours, rest.strip_suffix('m').ok_or_else(wrong)?),
        None => ("0", text.strip_suffix('m').ok_or_else(wrong)?),
    };
    let number = |text: &str| -> Result<u32, String> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits
            .then(|| text.parse().ok())
            .flatten()
            .ok_or_else(wrong)
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    hours
        .checked_mul(60)
        .and_then(|sum| sum.checked_add(minutes))
        .ok_or_else(wrong)
}

/// The forms of a day or moment, for the help of every command that takes one.
pub(crate) const WHEN: &str = "\
WHEN is a day or a moment: 2026-11-27, today, tomorrow, friday, next mon, 24 dec, in 3 days; with a \
time 'fri 16:00', 'tomorrow 4pm', '2026-11-27 16:00', or 16:30 alone, all on your clock. With a T, as in \
2026-11-27T16:00, it is that time wherever the reader is; Z or [Europe/Berlin] behind it fixes the zone.";

/// A day or moment as people type it.
pub(crate) fn when(text: &str) -> Result<When, String> {
    moment::parse(text, &jiff::Zoned::now())
        .ok_or_else(|| format!("not a day or moment; for example {}", moment::EXAMPLES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_as_people_write_them() {
        for text in ["today", "friday", "mon 16:00", "2026-11-27T16:00Z"] {
            assert!(when(text).is_ok(), "{text}");
        }
        let wrong = when("some day").unwrap_err();
        assert!(wrong.contains("fri 16:00"), "{wrong}");
    }

    #[test]
    fn efforts_and_importances() {
        for (text, minutes) in [("90m", 90), ("2h", 120), ("1h30m", 90), ("0m", 0)] {
            assert_eq!(effort(text), Ok(minutes), "{text}");
        }
        for text in [
            "",
            "90",
            "h",
            "m",
            "1h30",
            "-5m",
            "+5m",
            "99999999999m",
            "4294967295h",
        ] {
            assert!(effort(text).is_err(), "{text}");
        }
        assert_eq!(importance("critical"), Ok(1));
        assert_eq!(importance("0"), Ok(0));
        for text in ["10", "urgent", "-1"] {
            assert_eq!(importance(text), Err(LEVELS.to_owned()), "{text}");
        }
    }

    #[test]
    fn timeouts_are_bounded() {
        assert_eq!(seconds("3s"), Ok(Duration::from_secs(3)));
        assert!(seconds("0").is_err() && seconds("3601").is_err() && seconds("-1").is_err());
    }

    #[test]
    fn a_task_is_named_by_its_id_or_its_end_or_its_beginning() {
        let id = "01935b7e-0000-7000-8000-0000000000f1";
        assert_eq!(task_given(id), Ok(TaskGiven::Id(id.parse().unwrap())));
        for part in [
            "0193",
            "01935b7e",
            "01935b7e-",
            "01935B7E-0000-7",
            &id[..35],
            "00F1",
            "0000000000f1",
            "-0000000000f1",
            "8000-0000000000f1",
            &id[1..],
        ] {
            let expected = TaskGiven::Part(part.to_ascii_lowercase());
            assert_eq!(task_given(part), Ok(expected), "{part}");
        }
        for text in [
            "",
            "019",
            "01935b7e0-",
            "hello",
            "0193-",
            "000000-00f1",
            "0193\u{e4}",
            &format!("{id}0"),
        ] {
            assert!(task_given(text).is_err(), "{text}");
        }
    }
}
