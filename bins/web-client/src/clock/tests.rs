//! What the words for times are.

use super::*;

fn clock() -> Clock {
    let now: Zoned = "2026-11-23T10:00:00+01:00[Europe/Berlin]".parse().unwrap();
    Clock::at(now)
}

fn words(when: &str) -> (String, Tone) {
    let found = clock().words(&when.parse().unwrap());
    (found.words, found.tone)
}

#[test]
fn days_and_moments_in_words() {
    for (when, expected, tone) in [
        ("2026-11-23", "today", Tone::Today),
        ("2026-11-24", "tomorrow", Tone::Soon),
        ("2026-11-27", "Friday", Tone::Soon),
        ("2026-12-24", "Thu 24 Dec", Tone::Later),
        ("2027-02-01", "1 Feb 2027", Tone::Later),
        ("2026-11-22", "yesterday", Tone::Past),
        ("2026-11-23T09:00:00", "today 09:00", Tone::Past),
        ("2026-11-23T16:00:00Z", "today 17:00", Tone::Today),
        (
            "2026-11-24T01:00:00[Asia/Tokyo]",
            "today 17:00",
            Tone::Today,
        ),
        (
            "2026-11-24T01:00:00[Mars/Base]",
            "tomorrow 01:00",
            Tone::Soon,
        ),
    ] {
        assert_eq!(words(when), (expected.to_owned(), tone), "{when}");
    }
    let tokyo = clock().words(&"2026-11-24T01:00:00[Asia/Tokyo]".parse().unwrap());
    assert_eq!(
        tokyo.whole,
        "Monday, 23 November 2026 17:00 (2026-11-24 01:00 Asia/Tokyo)"
    );
}

#[test]
fn keys_compare_on_the_readers_clock() {
    let clock = clock();
    let due = |when: &str| {
        let (at, civil) = keys(Some(&when.parse().unwrap()));
        at.map(|at| at + clock.offset_millis()).or(civil).unwrap()
    };
    assert!(due("2026-11-23") <= clock.end_of_today());
    assert!(due("2026-11-23") > clock.now_civil());
    assert!(due("2026-11-23T08:59:00Z") < clock.now_civil());
    assert!(due("2026-11-23T09:01:00Z") > clock.now_civil());
    assert!(due("2026-11-24T00:00:00") > clock.end_of_today());
    assert_eq!(keys(None), (None, None));
}

#[test]
fn unknown_zones_are_utc() {
    for zone in [None, Some(""), Some("../etc/passwd"), Some("Mars/Base")] {
        assert_eq!(Clock::in_zone(zone).zone(), "UTC", "{zone:?}");
    }
    assert_eq!(Clock::in_zone(Some("Asia/Tokyo")).zone(), "Asia/Tokyo");
}
