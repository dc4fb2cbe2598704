//! Folders that tests write to. None outlives its test for long: it goes away with its
//! value, also when the test fails, but for logs that are kept for a look; what a test
//! program that was killed has left, the next one that makes a folder removes.
//!
//! Whose folder it is, a lock on it tells: the system takes that from a process that ends.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::place;

/// What the names of all of them begin with.
const PREFIX: &str = "yoshi-";
/// Where a disk may be mounted in one.
pub(crate) const MOUNT: &str = "mount";
/// Says that a folder is kept for a look.
const KEPT: &str = "kept";
/// How long it is kept.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// A younger folder may not be locked yet.
const AGE_MIN: Duration = Duration::from_secs(60);

/// Removes a folder into which processes that were killed may still write.
const REMOVE: &str = "for try in 1 2 3 4 5 6 7 8 9 10; do \
    rm -rf -- \"$1\" 2>/dev/null && exit 0; sleep 0.1; done; exit 1";

/// The folders in which this program has looked for what others left.
static SWEPT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A folder that goes away with the value. One of [`Scratch::new`] stays for a day if
/// the test fails, and standard error says where.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    /// Locked as long as the folder has an owner.
    _owner: File,
    may_be_kept: bool,
    is_kept: bool,
}

impl Scratch {
    /// A new folder in `target/tmp`, for what is worth a look.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut scratch = Self::in_target(name);
        scratch.may_be_kept = true;
        scratch
    }

    /// The same for data: it goes away whatever happens.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn in_target(name: &str) -> Self {
        Self::within(&place::scratch(), name)
    }

    /// The same where every user may go: the project may lie below a folder that only
    /// root may enter. Its path is short, too.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn in_temp(name: &str) -> Self {
        Self::within(&std::env::temp_dir(), name)
    }

    fn within(parent: &Path, name: &str) -> Self {
        fs::create_dir_all(parent).expect("tests may write there");
        let mut swept = SWEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.insert(parent.to_owned()) {
            sweep(parent);
        }
        drop(swept);
        let folder = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{name}-"))
            .tempdir_in(parent)
            .expect("a folder for the test can be made");
        let owner = File::open(folder.path()).expect("the folder is there");
        owner.lock().expect("the folder is nobody else's");
        Self {
            folder,
            _owner: owner,
            may_be_kept: false,
            is_kept: false,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves it for a look, if it is for that.
    pub fn keep(&mut self) {
        if self.may_be_kept && !self.is_kept {
            self.is_kept = true;
            self.folder.disable_cleanup(true);
            // Without the mark it goes a little earlier.
            drop(fs::write(self.path().join(KEPT), ""));
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep();
        }
        if self.is_kept {
            eprintln!("kept for a look: {}", self.path().display());
        } else if let Err(error) = remove(self.path()) {
            eprintln!("left behind: {}: {error}", self.path().display());
        }
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    if fs::remove_dir_all(folder).is_ok() {
        return Ok(());
    }
    let status = Command::new("sh")
        .args(["-c", REMOVE, "sh"])
        .arg(folder)
        .stdin(Stdio::null())
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other(status.to_string())),
    }
}

/// Removes what programs have left that ended without dropping their values.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_ours && is_left(&entry.path()) {
            let mount = entry.path().join(MOUNT);
            if mount.is_dir() {
                // It fails where nothing is mounted.
                let mut unmount = Command::new("umount");
                unmount.arg("-l").arg(&mount).stderr(Stdio::null());
                drop(unmount.status());
            }
            // Somebody else's stays.
            drop(remove(&entry.path()));
        }
    }
}

/// Whether a folder has no owner any more, and is not to be kept.
fn is_left(folder: &Path) -> bool {
    let age = |path: &Path| {
        let modified = fs::metadata(path).and_then(|it| it.modified()).ok()?;
        SystemTime::now().duration_since(modified).ok()
    };
    let is_old = match age(&folder.join(KEPT)) {
        Some(kept) => kept > KEPT_FOR,
        None => age(folder).is_some_and(|age| age > AGE_MIN),
    };
    is_old && folder.is_dir() && File::open(folder).is_ok_and(|owner| owner.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG_AGO: Duration = Duration::from_secs(2 * 24 * 60 * 60);

    fn age(path: &Path, by: Duration) {
        let then = SystemTime::now() - by;
        File::open(path).unwrap().set_modified(then).unwrap();
    }

    #[test]
    fn a_folder_goes_with_its_value_and_what_is_left_goes_later() {
        let parent = Scratch::in_target("sweep");
        let scratch = |name| Scratch::within(parent.path(), name);
        let owned = scratch("owned");
        let mut kept = scratch("kept");
        kept.may_be_kept = true;
        kept.keep();
        let old = scratch("old");
        let (kept_at, old_at) = (kept.path().to_owned(), old.path().to_owned());
        drop((kept, old));
        assert!(kept_at.is_dir() && !old_at.exists());
        // As a program leaves it that is killed.
        let left = parent.path().join("yoshi-left-abc");
        let (young, foreign) = (
            parent.path().join("yoshi-young"),
            parent.path().join("other"),
        );
        for folder in [&left, &young, &foreign] {
            fs::create_dir_all(folder.join("data")).unwrap();
        }
        for folder in [&left, &foreign, owned.path(), &kept_at] {
            age(folder, LONG_AGO);
        }
        sweep(parent.path());
        assert!(!left.exists());
        assert!(young.exists() && foreign.exists() && owned.path().exists() && kept_at.exists());
        age(&kept_at.join(KEPT), LONG_AGO);
        sweep(parent.path());
        assert!(!kept_at.exists() && owned.path().exists());
    }

    #[test]
    fn data_goes_away_also_when_a_test_fails() {
        let failed = std::thread::spawn(|| {
            let (data, logs) = (Scratch::in_temp("data"), Scratch::new("logs"));
            std::panic::resume_unwind(Box::new([data.path().to_owned(), logs.path().to_owned()]));
        });
        let paths = failed.join().unwrap_err().downcast::<[PathBuf; 2]>();
        let [data, logs] = *paths.unwrap();
        assert!(!data.exists() && logs.join(KEPT).is_file());
        fs::remove_dir_all(logs).unwrap();
    }
}
