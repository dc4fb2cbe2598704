//! The wall clock of one process, which a test can put wrong: libfaketime, told
//! by a file. Its monotonic clock stays right, as that of a real machine does.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a process may go by what the file said before, in seconds.
const SEEN_AFTER_SECONDS: &str = "1";
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Where libfaketime is, if it is installed.
#[must_use]
pub fn library() -> Option<&'static str> {
    const PLACES: [&str; 4] = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib64/faketime/libfaketime.so.1",
        "/usr/local/lib/faketime/libfaketime.so.1",
    ];
    PLACES.into_iter().find(|path| Path::new(path).is_file())
}

/// The clock of one process, right at first.
#[derive(Debug, Clone)]
pub struct Clock {
    file: PathBuf,
}

impl Clock {
    /// What puts it right.
    pub const RIGHT: &str = "+0s";

    /// A clock that is told by `<folder>/<name>.clock`.
    ///
    /// # Panics
    /// If the file cannot be written.
    #[must_use]
    pub fn new(folder: &Path, name: &str) -> Self {
        let clock = Self {
            file: folder.join(format!("{name}.clock")),
        };
        clock.set(Self::RIGHT);
        clock
    }

    /// The environment of the process.
    ///
    /// # Panics
    /// If libfaketime is not installed; see [`library`].
    #[must_use]
    pub fn variables(&self) -> [(&'static str, String); 4] {
        let library = library().expect("libfaketime is installed");
        [
            ("LD_PRELOAD", library.to_owned()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_CACHE_DURATION", SEEN_AFTER_SECONDS.to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }

    /// Puts it so far off, as libfaketime says it: `+3600s x1.2` for example.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn set(&self, offset: &str) {
        // Whole at once: the process may read at any moment.
        let new = self.file.with_extension("new");
        std::fs::write(&new, offset).expect("a file can be written");
        std::fs::rename(&new, &self.file).expect("a file can be renamed");
    }
}

/// How far the time of day in an HTTP date is from ours, either way; none if
/// it is no date.
#[must_use]
pub fn apart(date: &str) -> Option<Duration> {
    let mut time = date.split(' ').nth(4)?.splitn(3, ':').map(str::parse);
    let mut next = || -> Option<i64> { time.next()?.ok() };
    let theirs = (next()? * 60 + next()?) * 60 + next()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let ours = i64::try_from(now.as_secs()).ok()? % DAY_SECONDS;
    let ahead = (theirs - ours).rem_euclid(DAY_SECONDS);
    Some(Duration::from_secs(
        ahead.min(DAY_SECONDS - ahead).unsigned_abs(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_so_far_from_ours() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let today = i64::try_from(now.as_secs()).unwrap() % DAY_SECONDS;
        for off in [0, 3_600, -3_600] {
            let then = (today + off).rem_euclid(DAY_SECONDS);
            let (hours, minutes) = (then / 3_600, then / 60 % 60);
            let date = format!(
                "Sun, 22 Nov 2026 {hours:02}:{minutes:02}:{:02} GMT",
                then % 60
            );
            let apart = apart(&date).unwrap().as_secs();
            assert!(apart.abs_diff(off.unsigned_abs()) <= 2, "{off}: {apart}");
        }
        assert_eq!(apart("no date"), None);
    }
}
