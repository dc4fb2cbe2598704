//! Options' values: text in, a checked value or the reason why not out.

use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use yoshi_protocol::{AccountName, ChangeId, InvalidName, Position, ServerId, TaskId, When};

/// No call may be told to try for longer.
const TIMEOUT_SECONDS_MAX: u64 = 3_600;
/// Characters of an id as it is printed.
const ID_CHARS: usize = 36;
/// Fewer characters are more likely a mistake than an id.
const PREFIX_CHARS_MIN: usize = 4;

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
    /// By the first characters of its id, in small letters and with its hyphens.
    Prefix(String),
}

/// A task's id, or enough of its beginning to be meant as one.
pub(crate) fn task_given(text: &str) -> Result<TaskGiven, String> {
    if let Ok(id) = text.parse() {
        return Ok(TaskGiven::Id(id));
    }
    let prefix = text.to_ascii_lowercase();
    let fits = prefix.char_indices().all(|(at, char)| match at {
        8 | 13 | 18 | 23 => char == '-',
        _ => char.is_ascii_hexdigit(),
    });
    if fits && (PREFIX_CHARS_MIN..ID_CHARS).contains(&prefix.len()) {
        Ok(TaskGiven::Prefix(prefix))
    } else {
        Err(format!(
            "not a task's id, nor its first {PREFIX_CHARS_MIN} or more characters"
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

/// `low`, `normal`, `high`, `critical`, or iCalendar's 0 to 9.
pub(crate) fn importance(text: &str) -> Result<u8, String> {
    match text {
        "low" => Ok(9),
        "normal" => Ok(5),
        "high" => Ok(3),
        "critical" => Ok(1),
        _ => match text.parse() {
            Ok(number @ 0..=9) => Ok(number),
            _ => Err("low, normal, high, critical, or 0 to 9 (1 is highest)".to_owned()),
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

/// A [`When`], with what people write for one besides: `today`, `tomorrow`, a
/// space for the T, no seconds.
pub(crate) fn when(text: &str) -> Result<When, String> {
    let today = jiff::Zoned::now().date();
    when_from(text, today)
}

fn when_from(text: &str, today: Date) -> Result<When, String> {
    match text {
        "today" => return Ok(When::Day(today)),
        "tomorrow" => {
            let day = today
                .checked_add(1.day())
                .map_err(|error| error.to_string())?;
            return Ok(When::Day(day));
        }
        _ => {}
    }
    let zone_at = text.find(['Z', '[']).unwrap_or(text.len());
    let (moment, zone) = text.split_at(zone_at);
    let moment = moment.trim_end();
    if moment.len() <= 10 {
        return text.parse().map_err(wrong_moment);
    }
    let moment: DateTime = moment.replacen(' ', "T", 1).parse().map_err(wrong_moment)?;
    format!("{moment:.0}{zone}").parse().map_err(wrong_moment)
}

fn wrong_moment(error: impl std::fmt::Display) -> String {
    format!(
        "{error}; for example 2026-11-27, 2026-11-27T16:00, 2026-11-27T16:00[Europe/Berlin], tomorrow"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_as_people_write_them() {
        let today: Date = "2026-11-30".parse().unwrap();
        for (text, expected) in [
            ("today", "2026-11-30"),
            ("tomorrow", "2026-12-01"),
            ("2026-11-27", "2026-11-27"),
            ("2026-11-27T16:00", "2026-11-27T16:00:00"),
            ("2026-11-27 16:00", "2026-11-27T16:00:00"),
            ("2026-11-27T16:00Z", "2026-11-27T16:00:00Z"),
            (
                "2026-11-27 16:00 [Europe/Berlin]",
                "2026-11-27T16:00:00[Europe/Berlin]",
            ),
        ] {
            assert_eq!(
                when_from(text, today).unwrap().to_string(),
                expected,
                "{text}"
            );
        }
        for text in [
            "",
            "soon",
            "2026-02-30",
            "2026-11-27T25:00",
            "27.11.2026",
            "2026-11-27Z",
        ] {
            assert!(when_from(text, today).is_err(), "{text}");
        }
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
        assert!(importance("10").is_err() && importance("urgent").is_err());
    }

    #[test]
    fn timeouts_are_bounded() {
        assert_eq!(seconds("3s"), Ok(Duration::from_secs(3)));
        assert!(seconds("0").is_err() && seconds("3601").is_err() && seconds("-1").is_err());
    }

    #[test]
    fn a_task_is_named_by_its_id_or_its_beginning() {
        let id = "01935b7e-0000-7000-8000-000000000001";
        assert_eq!(task_given(id), Ok(TaskGiven::Id(id.parse().unwrap())));
        for prefix in [
            "0193",
            "01935b7e",
            "01935b7e-",
            "01935B7E-0000-7",
            &id[..35],
        ] {
            let expected = TaskGiven::Prefix(prefix.to_ascii_lowercase());
            assert_eq!(task_given(prefix), Ok(expected), "{prefix}");
        }
        for text in [
            "",
            "019",
            "01935b7e0-",
            "hello",
            "0193-",
            "0193\u{e4}",
            &format!("{id}0"),
        ] {
            assert!(task_given(text).is_err(), "{text}");
        }
    }
}
