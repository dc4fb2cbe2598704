//! Times: in the reader's zone for people, RFC 3339 in UTC for programs.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use yoshi_protocol::Millis;

/// The time on the clock of whoever reads this, to the minute.
pub(crate) fn local(millis: Millis) -> String {
    match Timestamp::from_millisecond(millis.0) {
        Ok(time) => time
            .to_zoned(TimeZone::system())
            .strftime("%Y-%m-%d %H:%M")
            .to_string(),
        Err(_) => format!("{} ms", millis.0),
    }
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
}
