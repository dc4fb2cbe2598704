//! The reader's clock: now, in their zone, and times in words. No I/O but the
//! machine's database of time zones.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use yoshi_client::moment::on_clock;
use yoshi_protocol::{Millis, When};

/// Now, on the clock of whoever reads the page.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    now: Zoned,
}

/// How pressing a time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It has passed.
    Past,
    /// It is today.
    Today,
    /// It is within the week.
    Soon,
    /// It is later.
    Later,
}

/// A time in words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InWords {
    /// `today 16:00`, `Fri 27 Nov`.
    pub words: String,
    /// The whole of it: `Friday, 27 November 2026, 16:00`, and the sender's clock if it is another.
    pub whole: String,
    /// How pressing it is.
    pub tone: Tone,
}

impl Clock {
    /// Now, on the clock of a zone; UTC if this machine does not know it.
    pub(crate) fn in_zone(zone: Option<&str>) -> Self {
        let zone = zone.and_then(known_zone).unwrap_or(TimeZone::UTC);
        Self::at(Timestamp::now().to_zoned(zone))
    }

    pub(crate) fn at(now: Zoned) -> Self {
        Self { now }
    }

    /// The zone's name.
    pub(crate) fn zone(&self) -> &str {
        self.now.time_zone().iana_name().unwrap_or("UTC")
    }

    /// Today.
    pub(crate) fn today(&self) -> Date {
        self.now.date()
    }

    /// Now.
    pub(crate) fn now(&self) -> &Zoned {
        &self.now
    }

    /// Whether a moment of this clock is still to come.
    pub(crate) fn is_before(&self, moment: DateTime) -> bool {
        self.now.datetime() < moment
    }

    /// Milliseconds that this clock is ahead of UTC now.
    pub(crate) fn offset_millis(&self) -> i64 {
        i64::from(self.now.offset().seconds()) * 1_000
    }

    /// What this clock shows at a moment; a floating one is as it is.
    pub(crate) fn shown(&self, when: &When) -> DateTime {
        match (when, instant(when)) {
            (_, Some(at)) => self.now.time_zone().to_datetime(at),
            (When::Day(day), None) => day.to_datetime(Time::MIN),
            (When::Floating(moment) | When::Utc(moment) | When::Zoned(moment, _), None) => *moment,
        }
    }

    /// Whether that has begun on this clock; a day has with its first second.
    pub(crate) fn has_begun(&self, when: &When) -> bool {
        !self.is_before(self.shown(when))
    }

    /// Now on this clock, in milliseconds as if it were UTC.
    pub(crate) fn now_civil(&self) -> i64 {
        civil_millis(self.now.datetime())
    }

    /// The end of today on this clock, in milliseconds as if it were UTC.
    pub(crate) fn end_of_today(&self) -> i64 {
        civil_millis(self.today().to_datetime(Time::MAX))
    }

    /// A moment of this clock, as the protocol says it.
    pub(crate) fn moment(&self, moment: DateTime) -> When {
        on_clock(moment, &self.now)
    }

    /// A day or moment in words.
    pub(crate) fn words(&self, when: &When) -> InWords {
        let (moment, has_time) = match (when, instant(when)) {
            (When::Day(day), _) => (day.to_datetime(Time::MAX), false),
            (_, Some(at)) => (self.now.time_zone().to_datetime(at), true),
            (When::Floating(moment) | When::Utc(moment) | When::Zoned(moment, _), None) => {
                (*moment, true)
            }
        };
        let now = self.now.datetime();
        let tone = match days_between(now.date(), moment.date()) {
            _ if moment < now => Tone::Past,
            0 => Tone::Today,
            1..=7 => Tone::Soon,
            _ => Tone::Later,
        };
        let time = |text: String| match has_time {
            true => format!("{text} {}", moment.strftime("%H:%M")),
            false => text,
        };
        let mut whole = time(moment.strftime("%A, %-d %B %Y").to_string());
        if let When::Zoned(written, zone) = when
            && *written != moment
        {
            whole = format!("{whole} ({} {zone})", written.strftime("%Y-%m-%d %H:%M"));
        }
        InWords {
            words: time(day_words(now.date(), moment.date())),
            whole,
            tone,
        }
    }

    /// How long ago something was sent, in words.
    pub(crate) fn ago(&self, millis: Millis) -> InWords {
        let Ok(at) = Timestamp::from_millisecond(millis.0) else {
            return InWords {
                words: String::new(),
                whole: String::new(),
                tone: Tone::Past,
            };
        };
        let moment = self.now.time_zone().to_datetime(at);
        let minutes = (self.now.timestamp().as_second() - at.as_second()) / 60;
        let words = match minutes {
            ..=0 => "just now".to_owned(),
            1..=59 => format!("{minutes} min ago"),
            _ if moment.date() == self.today() => moment.strftime("%H:%M").to_string(),
            _ => day_words(self.today(), moment.date()),
        };
        InWords {
            words,
            whole: moment.strftime("%A, %-d %B %Y, %H:%M").to_string(),
            tone: Tone::Past,
        }
    }
}

/// When something is wanted: as a moment everywhere, or on the reader's own
/// clock, in milliseconds. A day ends with its last second.
pub(crate) fn keys(when: Option<&When>) -> (Option<i64>, Option<i64>) {
    match when {
        None => (None, None),
        Some(When::Day(day)) => (None, Some(civil_millis(day.to_datetime(Time::MAX)))),
        Some(When::Floating(moment)) => (None, Some(civil_millis(*moment))),
        Some(when @ (When::Utc(moment) | When::Zoned(moment, _))) => match instant(when) {
            Some(at) => (Some(at.as_millisecond()), None),
            // A zone that this machine does not know: better roughly than never.
            None => (None, Some(civil_millis(*moment))),
        },
    }
}

/// The same for what begins then: a day begins with its first second.
pub(crate) fn begin_keys(when: Option<&When>) -> (Option<i64>, Option<i64>) {
    match when {
        Some(When::Day(day)) => (None, Some(civil_millis(day.to_datetime(Time::MIN)))),
        other => keys(other),
    }
}

/// A zone by its name, if this machine knows it.
pub(crate) fn known_zone(name: &str) -> Option<TimeZone> {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_-+/".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(safe) {
        return None;
    }
    TimeZone::get(name).ok().filter(|zone| !zone.is_unknown())
}

/// The moment, if it is the same wherever the reader is.
fn instant(when: &When) -> Option<Timestamp> {
    let (moment, zone) = match when {
        When::Day(_) | When::Floating(_) => return None,
        When::Utc(moment) => (moment, TimeZone::UTC),
        When::Zoned(moment, zone) => (moment, known_zone(zone)?),
    };
    Some(moment.to_zoned(zone).ok()?.timestamp())
}

fn civil_millis(moment: DateTime) -> i64 {
    moment
        .to_zoned(TimeZone::UTC)
        .map_or(i64::MAX, |zoned| zoned.timestamp().as_millisecond())
}

fn days_between(from: Date, to: Date) -> i32 {
    from.until(to).map_or(i32::MAX, |span| span.get_days())
}

fn day_words(today: Date, day: Date) -> String {
    match days_between(today, day) {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        -1 => "yesterday".to_owned(),
        2..=6 => day.strftime("%A").to_string(),
        _ if day.year() == today.year() => day.strftime("%a %-d %b").to_string(),
        _ => day.strftime("%-d %b %Y").to_string(),
    }
}

#[cfg(test)]
mod tests;
