//! Days and moments as people type them: `fri`, `24 dec`, `tomorrow 4pm`, `in 3 days`.

use jiff::ToSpan;
use jiff::civil::{Date, Time, Weekday, time};
use yoshi_protocol::When;

use crate::clock::Clock;

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

/// A day or moment, in small letters, on the writer's clock; none if it is neither.
pub(crate) fn parse(text: &str, clock: &Clock) -> Option<When> {
    if let Ok(when) = text.to_uppercase().parse() {
        return Some(when);
    }
    let words: Vec<&str> = text.split(' ').filter(|word| *word != "at").collect();
    if let Some(day) = day(&words, clock) {
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
            [] => next_at(time, clock),
            days => day(days, clock),
        };
        if let Some(on) = on {
            return Some(clock.moment(on.to_datetime(time)));
        }
    }
    None
}

/// Today if that time is still to come, else tomorrow.
fn next_at(time: Time, clock: &Clock) -> Option<Date> {
    let today = clock.today();
    match clock.is_before(today.to_datetime(time)) {
        true => Some(today),
        false => today.tomorrow().ok(),
    }
}

fn day(words: &[&str], clock: &Clock) -> Option<Date> {
    let today = clock.today();
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
            .or_else(|| word.parse().ok()),
        [one, other] => month_day(one, other, today).or_else(|| month_day(other, one, today)),
        _ => None,
    }
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

/// `16:00`, `4pm`, `noon`.
fn clock_time(word: &str) -> Option<Time> {
    if word == "noon" {
        return Some(time(12, 0, 0, 0));
    }
    let (digits, afternoon) = match (word.strip_suffix("am"), word.strip_suffix("pm")) {
        (Some(digits), _) => (digits, Some(false)),
        (_, Some(digits)) => (digits, Some(true)),
        _ => (word, None),
    };
    let (hour, minute) = match digits.split_once(':') {
        Some((hour, minute)) if minute.len() == 2 => (hour, minute.parse().ok()?),
        // A bare number is no time, unless am or pm says so.
        None if afternoon.is_some() => (digits, 0),
        _ => return None,
    };
    let hour: i8 = hour.parse().ok()?;
    let hour = match afternoon {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
    };
    Time::new(hour, minute, 0, 0).ok()
}
