//! Times: in the reader's zone for people, RFC 3339 in UTC for programs.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use yoshi_client::moment::is_past;
use yoshi_protocol::{Millis, When};

/// A date with a time, to the minute.
const MINUTE: &str = "%Y-%m-%d %H:%M";

/// The time on the clock of whoever reads this, to the minute.
pub(crate) fn local(millis: Millis) -> String {
    match Timestamp::from_millisecond(millis.0) {
        Ok(time) => time
            .to_zoned(TimeZone::system())
            .strftime(MINUTE)
            .to_string(),
        Err(_) => format!("{} ms", millis.0),
    }
}

/// A day, or a moment on the clock of whoever reads this; or a dash.
pub(crate) fn moment(when: Option<&When>) -> String {
    when.map_or_else(
        || "-".to_owned(),
        |when| on_clock_of(when, &TimeZone::system()),
    )
}

/// The same, with the clock that its sender meant, if that is another one.
pub(crate) fn moment_at_length(when: Option<&When>) -> String {
    when.map_or_else(String::new, |when| at_length(when, &TimeZone::system()))
}

/// Whether a moment has come, on the clock of whoever reads this; a day comes with its beginning.
pub(crate) fn has_come(when: &When) -> bool {
    came_by(when, &Zoned::now())
}

/// Notes which of these moments are over: nobody is refused for that.
pub(crate) fn note_past<'a>(moments: impl IntoIterator<Item = (&'a str, Option<&'a When>)>) {
    let now = Zoned::now();
    for (name, when) in moments {
        if let Some(when) = when.filter(|when| is_past(when, &now)) {
            super::note(&format!("{name} {} is in the past", moment(Some(when))));
        }
    }
}

fn came_by(when: &When, now: &Zoned) -> bool {
    match (when, zoned(when)) {
        (When::Day(day), _) => *day <= now.date(),
        (_, Some(zoned)) => zoned.timestamp() <= now.timestamp(),
        (When::Floating(moment) | When::Utc(moment) | When::Zoned(moment, _), None) => {
            *moment <= now.datetime()
        }
    }
}

fn on_clock_of(when: &When, reader: &TimeZone) -> String {
    match (when, zoned(when)) {
        (When::Day(day), _) => day.to_string(),
        (When::Floating(moment), _) => minute(moment),
        (_, Some(zoned)) => minute(&zoned.with_time_zone(reader.clone()).datetime()),
        (When::Utc(moment), None) => format!("{} UTC", minute(moment)),
        // A zone that this machine does not know.
        (When::Zoned(moment, zone), None) => format!("{} {zone}", minute(moment)),
    }
}

fn at_length(when: &When, reader: &TimeZone) -> String {
    let short = on_clock_of(when, reader);
    match (when, zoned(when)) {
        (When::Utc(moment), Some(zoned)) if reader.to_datetime(zoned.timestamp()) != *moment => {
            format!("{short} ({} UTC)", minute(moment))
        }
        (When::Zoned(moment, zone), Some(zoned))
            if reader.to_datetime(zoned.timestamp()) != *moment =>
        {
            format!("{short} ({} {zone})", minute(moment))
        }
        _ => short,
    }
}

/// The moment, if it is the same wherever the reader is.
fn zoned(when: &When) -> Option<Zoned> {
    match when {
        When::Day(_) | When::Floating(_) => None,
        When::Utc(moment) => moment.to_zoned(TimeZone::UTC).ok(),
        When::Zoned(moment, zone) => moment.in_tz(zone).ok(),
    }
}

fn minute(moment: &DateTime) -> String {
    moment.strftime(MINUTE).to_string()
}

/// The time in RFC 3339, with milliseconds; none if no calendar reaches so far.
pub(crate) fn rfc3339(millis: Millis) -> Option<String> {
    let time = Timestamp::from_millisecond(millis.0).ok()?;
    Some(format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_programs_read_them() {
        let expected = Some("2026-11-22T18:02:03.040Z".to_owned());
        assert_eq!(rfc3339(Millis(1_795_370_523_040)), expected);
        assert_eq!(rfc3339(Millis(i64::MAX)), None);
        assert_eq!(local(Millis(i64::MAX)), format!("{} ms", i64::MAX));
    }

    #[test]
    fn a_moment_comes_on_the_clock_that_it_means() {
        let now: Zoned = "2026-11-27T16:00:00[Europe/Berlin]".parse().unwrap();
        for (text, come) in [
            ("2026-11-27", true),
            ("2026-11-28", false),
            ("2026-11-27T15:59:00", true),
            ("2026-11-27T16:01:00", false),
            ("2026-11-27T15:00:00Z", true),
            ("2026-11-27T15:01:00Z", false),
            ("2026-11-27T23:00:00[Asia/Tokyo]", true),
        ] {
            assert_eq!(came_by(&text.parse().unwrap(), &now), come, "{text}");
        }
    }

    #[test]
    fn moments_have_one_readable_form() {
        let tokyo = TimeZone::get("Asia/Tokyo").unwrap();
        for (text, short, long) in [
            ("2026-11-27", "2026-11-27", "2026-11-27"),
            (
                "2026-11-27T16:00:30",
                "2026-11-27 16:00",
                "2026-11-27 16:00",
            ),
            (
                "2026-11-27T16:00:00Z",
                "2026-11-28 01:00",
                "2026-11-28 01:00 (2026-11-27 16:00 UTC)",
            ),
            (
                "2026-11-27T16:00:00[Europe/Berlin]",
                "2026-11-28 00:00",
                "2026-11-28 00:00 (2026-11-27 16:00 Europe/Berlin)",
            ),
            (
                "2026-11-27T16:00:00[Asia/Tokyo]",
                "2026-11-27 16:00",
                "2026-11-27 16:00",
            ),
            (
                "2026-11-27T16:00:00[Mars/Base]",
                "2026-11-27 16:00 Mars/Base",
                "2026-11-27 16:00 Mars/Base",
            ),
        ] {
            let when = text.parse().unwrap();
            assert_eq!(on_clock_of(&when, &tokyo), short, "{text}");
            assert_eq!(at_length(&when, &tokyo), long, "{text}");
        }
    }
}
