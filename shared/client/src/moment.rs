//! Days and moments as people type them: `fri`, `24 dec`, `tomorrow 4pm`, `in 3 days`.
//! The command line and the website read the same. Pure: now is passed in.

use jiff::civil::{Date, DateTime, Time, Weekday, time};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use yoshi_protocol::When;

/// Some of what [`parse`] reads, for people.
pub const EXAMPLES: &str =
    "2026-11-27, today, friday, next mon, 24 dec, in 3 days, fri 16:00, tomorrow 4pm, 16:30";

/// The furthest that `in … days` reaches.
const DAYS_MAX: i64 = 3_650;

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// A day or moment; none if it is neither. Small and capital letters are the same.
///
/// What is written as on the wire means what it means there, also without
/// seconds: `2026-11-27T16:00` is that time wherever the reader is, with `Z` or
/// `[Europe/Berlin]` behind it a moment. Everything else is read on the clock of
/// whoever writes it: `2026-11-27 16:00` and `fri 4pm` are moments there.
#[must_use]
pub fn parse(text: &str, now: &Zoned) -> Option<When> {
    let text = text.trim();
    if let Some(when) = as_on_the_wire(text) {
        return Some(when);
    }
    let text = text.to_lowercase();
    let words: Vec<&str> = text
        .split_whitespace()
        .filter(|word| *word != "at")
        .collect();
    if let Some(day) = day(&words, now) {
        return Some(When::Day(day));
    }
    // The last one or two words may be a time: `4pm`, `4 pm`, `16:00`.
    for length in [1, 2] {
        let Some(split) = words.len().checked_sub(length) else {
            continue;
        };
        let (before, last) = words.split_at(split);
        let Some(time) = clock_time(&last.concat()) else {
            continue;
        };
        let on = match before {
            [] => next_at(time, now),
            days => day(days, now),
        };
        if let Some(on) = on {
            return Some(on_clock(on.to_datetime(time), now));
        }
    }
    None
}

/// A moment of the clock that shows `now`, as the protocol says it: floating if
/// its zone has no name.
#[must_use]
pub fn on_clock(moment: DateTime, now: &Zoned) -> When {
    match now.time_zone().iana_name() {
        Some("UTC") => When::Utc(moment),
        Some(zone) => When::Zoned(moment, zone.into()),
        None => When::Floating(moment),
    }
}

/// Whether a day or moment is over; a day is with its last second. A zone that
/// this machine does not know counts as the one of `now`.
#[must_use]
pub fn is_past(when: &When, now: &Zoned) -> bool {
    let on = |moment: &DateTime, zone: TimeZone| {
        let there = moment.to_zoned(zone).ok()?;
        Some(there.timestamp() < now.timestamp())
    };
    let here = |moment: &DateTime| *moment < now.datetime();
    match when {
        When::Day(day) => *day < now.date(),
        When::Floating(moment) => here(moment),
        When::Utc(moment) => on(moment, TimeZone::UTC).unwrap_or_else(|| here(moment)),
        When::Zoned(moment, zone) => TimeZone::get(zone)
            .ok()
            .and_then(|zone| on(moment, zone))
            .unwrap_or_else(|| here(moment)),
    }
}

/// A day, or a date-time with a T, with a zone, or with both; seconds may lack.
fn as_on_the_wire(text: &str) -> Option<When> {
    let zone_at = text.find(['Z', 'z', '[']).unwrap_or(text.len());
    let (moment, zone) = text.split_at(zone_at);
    let (day, time) = moment.split_at_checked(10)?;
    let day: Date = day.parse().ok()?;
    if time.is_empty() && zone.is_empty() {
        return Some(When::Day(day));
    }
    let time = match time.strip_prefix(['T', 't']) {
        Some(time) => time.trim(),
        None if zone.is_empty() => return None,
        None => time.trim(),
    };
    // An offset, which a parser may pass over, is no time.
    let plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b':' | b'.');
    let time: Time = match time.bytes().all(plain) {
        true => time.parse().ok()?,
        false => return None,
    };
    let zone = if zone == "z" { "Z" } else { zone };
    format!("{:.0}{zone}", day.to_datetime(time)).parse().ok()
}

/// Today if that time is still to come, else tomorrow.
fn next_at(time: Time, now: &Zoned) -> Option<Date> {
    let today = now.date();
    match now.datetime() < today.to_datetime(time) {
        true => Some(today),
        false => today.tomorrow().ok(),
    }
}

fn day(words: &[&str], now: &Zoned) -> Option<Date> {
    let today = now.date();
    match words {
        ["today" | "tonight"] => Some(today),
        ["tomorrow" | "tmr"] => today.tomorrow().ok(),
        ["next", word] => {
            let day = coming(today, weekday(word)?)?;
            // The next one after this week's.
            match day.duration_since(monday(today)?).as_hours() < 7 * 24 {
                true => day.checked_add(7.days()).ok(),
                false => Some(day),
            }
        }
        ["in", count, unit] => {
            let count: i64 = count.parse().ok()?;
            let days = match unit.trim_end_matches('s') {
                "day" => count,
                "week" => count.checked_mul(7)?,
                _ => return None,
            };
            let days = (0..=DAYS_MAX).contains(&days).then_some(days)?;
            today.checked_add(days.days()).ok()
        }
        [word] => weekday(word)
            .and_then(|day| coming(today, day))
            .or_else(|| as_date(word)),
        [one, other] => month_day(one, other, today).or_else(|| month_day(other, one, today)),
        _ => None,
    }
}

/// `2026-11-27`, and nothing beside it.
fn as_date(word: &str) -> Option<Date> {
    (word.len() == 10).then(|| word.parse().ok()).flatten()
}

/// The next such day after today.
fn coming(today: Date, weekday: Weekday) -> Option<Date> {
    today.nth_weekday(1, weekday).ok()
}

fn monday(today: Date) -> Option<Date> {
    let since = today.weekday().to_monday_zero_offset();
    today.checked_sub(i64::from(since).days()).ok()
}

fn weekday(word: &str) -> Option<Weekday> {
    let found = |(name, _): &&(&str, Weekday)| word.len() >= 3 && name.starts_with(word);
    WEEKDAYS.iter().find(found).map(|(_, day)| *day)
}

/// `24 dec`: this year's, or the next if that has passed.
fn month_day(day: &str, month: &str, today: Date) -> Option<Date> {
    let day: i8 = day.trim_end_matches('.').parse().ok()?;
    let found = |name: &&str| month.len() >= 3 && name.starts_with(month);
    let index = MONTHS.iter().position(found)?;
    let month = i8::try_from(index + 1).ok()?;
    let this = Date::new(today.year(), month, day).ok();
    let next = Date::new(today.year().checked_add(1)?, month, day).ok();
    this.filter(|day| *day >= today).or(next)
}

/// `16:00`, `16:00:30`, `4pm`, `noon`.
fn clock_time(word: &str) -> Option<Time> {
    if word == "noon" {
        return Some(time(12, 0, 0, 0));
    }
    let (digits, afternoon) = match (word.strip_suffix("am"), word.strip_suffix("pm")) {
        (Some(digits), _) => (digits, Some(false)),
        (_, Some(digits)) => (digits, Some(true)),
        _ => (word, None),
    };
    let sixty = |text: &str| -> Option<i8> {
        let two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        two.then(|| text.parse().ok()).flatten()
    };
    let mut parts = digits.split(':');
    let hour = parts.next()?;
    let (minute, second) = match (parts.next(), parts.next(), parts.next()) {
        (Some(minute), None, None) => (sixty(minute)?, 0),
        (Some(minute), Some(second), None) => (sixty(minute)?, sixty(second)?),
        // A bare number is no time, unless am or pm says so.
        (None, None, None) if afternoon.is_some() => (0, 0),
        _ => return None,
    };
    let hour: i8 = hour.parse().ok()?;
    let hour = match afternoon {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
    };
    Time::new(hour, minute, second, 0).ok()
}

#[cfg(test)]
mod tests;
