//! A day or a moment, as text on the wire.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Serialize};

/// How far apart two clocks' dates may be at one moment: from UTC-12 to UTC+14.
const CLOCKS_APART_MAX: SignedDuration = SignedDuration::from_hours(48);

const SECONDS_PER_DAY: i64 = 24 * 3_600;

/// A day, or a moment: `2026-11-27`, `2026-11-27T16:00:00` (floating: wherever
/// the reader is), `2026-11-27T16:00:00Z`, or `2026-11-27T16:00:00[Europe/Berlin]`.
///
/// Text on the wire. The zone's name is kept as it is; whether it exists is
/// for the programs of people to find out: no two machines need know the same
/// zones, and servers must all decide the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum When {
    /// A whole day.
    Day(Date),
    /// A moment on the reader's own clock.
    Floating(DateTime),
    /// A moment in UTC.
    Utc(DateTime),
    /// A moment on the clock of a place.
    Zoned(DateTime, Box<str>),
}

/// Text that is not a [`When`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a date (2026-11-27) or date-time (2026-11-27T16:00:00, with Z or [Zone/Name])"
)]
pub struct InvalidWhen(String);

impl FromStr for When {
    type Err = InvalidWhen;

    fn from_str(text: &str) -> Result<Self, InvalidWhen> {
        let invalid = || InvalidWhen(text.chars().take(64).collect());
        if text.len() == 10 {
            return text.parse().map(Self::Day).map_err(|_| invalid());
        }
        let (moment, rest) = text.split_at_checked(19).ok_or_else(invalid)?;
        if moment.as_bytes()[10] != b'T' {
            return Err(invalid());
        }
        let moment = moment.parse().map_err(|_| invalid())?;
        match rest {
            "" => Ok(Self::Floating(moment)),
            "Z" => Ok(Self::Utc(moment)),
            _ => {
                let zone = rest
                    .strip_prefix('[')
                    .and_then(|rest| rest.strip_suffix(']'));
                let zone = zone.filter(|zone| is_zone_name(zone)).ok_or_else(invalid)?;
                Ok(Self::Zoned(moment, zone.into()))
            }
        }
    }
}

fn is_zone_name(zone: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/');
    (1..=64).contains(&zone.len()) && zone.bytes().all(safe)
}

impl When {
    /// Whether this is after `other` on every clock that the two may stand
    /// for. Where a place's clock stood is not asked: servers would have to
    /// know the same time zones to agree.
    #[must_use]
    pub fn is_surely_after(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Floating(this), Self::Floating(other)) | (Self::Utc(this), Self::Utc(other)) => {
                this > other
            }
            (Self::Zoned(this, here), Self::Zoned(other, there)) if here == there => this > other,
            (Self::Day(_), Self::Day(_) | Self::Floating(_))
            | (Self::Floating(_), Self::Day(_)) => self.date() > other.date(),
            // The clocks of two places never show more than two days apart.
            _ => self.date().duration_since(other.date()) > CLOCKS_APART_MAX,
        }
    }

    /// Its first and its last second on its own clock, counted from
    /// 1970-01-01T00:00:00 on that clock: a day spans a day, a moment one second.
    /// Where the clock stands is not asked, as in [`When::is_surely_after`].
    #[must_use]
    pub fn span(&self) -> (i64, i64) {
        let seconds = |moment: DateTime| {
            moment
                .duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0))
                .as_secs()
        };
        match self {
            Self::Day(day) => {
                let first = seconds(day.to_datetime(Time::midnight()));
                (first, first + SECONDS_PER_DAY - 1)
            }
            Self::Floating(moment) | Self::Utc(moment) | Self::Zoned(moment, _) => {
                let second = seconds(*moment);
                (second, second)
            }
        }
    }

    /// The day, as written.
    fn date(&self) -> Date {
        match self {
            Self::Day(day) => *day,
            Self::Floating(moment) | Self::Utc(moment) | Self::Zoned(moment, _) => moment.date(),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{day}"),
            Self::Floating(moment) => write!(f, "{moment:.0}"),
            Self::Utc(moment) => write!(f, "{moment:.0}Z"),
            Self::Zoned(moment, zone) => write!(f, "{moment:.0}[{zone}]"),
        }
    }
}

impl TryFrom<String> for When {
    type Error = InvalidWhen;
    fn try_from(text: String) -> Result<Self, InvalidWhen> {
        text.parse()
    }
}

impl From<When> for String {
    fn from(when: When) -> Self {
        when.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_and_write_back_the_same() {
        for text in [
            "2026-11-27",
            "2026-11-27T16:00:00",
            "2026-11-27T16:00:00Z",
            "2026-11-27T16:00:00[Europe/Berlin]",
        ] {
            assert_eq!(text.parse::<When>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "tomorrow",
            "2026-02-30",
            "2026-11-27 16:00:00",
            "2026-11-27T25:00:00",
            "2026-11-27T16:00:00[]",
            "2026-11-27T16:00:00[a b]",
            "2026-11-27T16:00:00+01:00",
            "ääääääääää",
        ] {
            assert!(text.parse::<When>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_day_spans_a_day_and_a_moment_a_second() {
        let span = |text: &str| text.parse::<When>().unwrap().span();
        assert_eq!(span("1970-01-01"), (0, 86_399));
        assert_eq!(span("1970-01-02T00:00:01Z"), (86_401, 86_401));
        assert_eq!(span("1969-12-31T23:59:59[Asia/Tokyo]"), (-1, -1));
        let (first, last) = span("2026-11-27");
        let (noon, _) = span("2026-11-27T12:00:00");
        assert!(first < noon && noon < last);
    }

    #[test]
    fn later_on_every_clock() {
        let after = |this: &str, other: &str| {
            let when = |text: &str| text.parse::<When>().unwrap();
            when(this).is_surely_after(&when(other))
        };
        for (this, other) in [
            ("2026-11-28", "2026-11-27"),
            ("2026-11-28", "2026-11-27T23:00:00"),
            ("2026-11-27T16:00:01", "2026-11-27T16:00:00"),
            ("2026-11-27T16:00:01Z", "2026-11-27T16:00:00Z"),
            (
                "2026-11-27T17:00:00[Asia/Tokyo]",
                "2026-11-27T16:00:00[Asia/Tokyo]",
            ),
            ("2026-11-30", "2026-11-27T16:00:00Z"),
        ] {
            assert!(after(this, other) && !after(other, this), "{this} {other}");
            assert!(!after(this, this), "{this}");
        }
        for (this, other) in [
            ("2026-11-27", "2026-11-27T00:00:00"),
            ("2026-11-27T09:00:00", "2026-11-27"),
            ("2026-11-27T17:00:00[Asia/Tokyo]", "2026-11-27T09:00:00Z"),
            (
                "2026-11-29T01:00:00[Pacific/Kiritimati]",
                "2026-11-27T23:00:00[Etc/GMT+12]",
            ),
        ] {
            assert!(!after(this, other) && !after(other, this), "{this} {other}");
        }
    }
}
