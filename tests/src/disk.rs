//! A disk of its own for one part, which can lose its power and run full: an
//! ext4 file system in a file, mounted through a loop device. Needs root.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use crate::scratch::{MOUNT, Scratch};

/// Enough for a small Postgres and its write-ahead log, or a node of NATS.
const MEBIBYTES: u64 = 320;
/// `EXT4_IOC_SHUTDOWN` without flushing the journal: what was not synced is
/// gone, and everything fails from then on, as with a disk without power.
const LOSE_POWER: &str = "\
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))
";

/// Processes that were killed may hold it for a moment yet.
const UNMOUNT: &str = "for try in 1 2 3 4 5 6 7 8 9 10; do \
    umount \"$1\" 2>/dev/null && exit 0; sleep 0.5; done; umount \"$1\"";

/// A disk, unmounted with the value. Whoever uses it must have ended by then.
#[derive(Debug)]
pub struct Disk {
    image: PathBuf,
    mount: PathBuf,
    _scratch: Scratch,
}

/// Whether this machine lets us have such disks, tried once.
pub fn available() -> bool {
    static AVAILABLE: LazyLock<bool> = LazyLock::new(|| Disk::try_new().is_ok());
    *AVAILABLE
}

impl Disk {
    /// A new, empty disk.
    ///
    /// # Panics
    /// If this machine does not let us; see [`available()`].
    #[must_use]
    pub fn new() -> Self {
        Self::try_new().unwrap_or_else(|error| panic!("no disk: {error}"))
    }

    fn try_new() -> Result<Self, String> {
        let scratch = Scratch::in_temp("disk");
        let (image, mount) = (scratch.path().join("image"), scratch.path().join(MOUNT));
        fs::create_dir(&mount).expect("a folder can be made");
        // Postgres runs as another user, and must get through.
        fs::set_permissions(scratch.path(), PermissionsExt::from_mode(0o755))
            .expect("the folder is ours");
        File::create(&image)
            .and_then(|file| file.set_len(MEBIBYTES * 1024 * 1024))
            .map_err(|error| error.to_string())?;
        run("mkfs.ext4", &["-q", "-F", "-m", "0", text(&image)])?;
        let disk = Self {
            image,
            mount,
            _scratch: scratch,
        };
        disk.try_mount()?;
        Ok(disk)
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.mount
    }

    /// The power fails: what was not synced is gone, and whoever still runs
    /// on it gets errors only.
    ///
    /// # Panics
    /// If the system refuses.
    pub fn lose_power(&self) {
        let arguments = ["-c", LOSE_POWER, text(&self.mount)];
        run("python3", &arguments).expect("root may shut a file system down");
    }

    /// The power is back. Whoever ran on it must have ended.
    ///
    /// # Panics
    /// If somebody still uses it, or the file system cannot be read.
    pub fn restore_power(&self) {
        run("sh", &["-c", UNMOUNT, "sh", text(&self.mount)]).expect("nobody uses it any more");
        self.try_mount().expect("ext4 survives a loss of power");
    }

    /// Writes until nothing more fits, and answers how many bytes did.
    ///
    /// # Panics
    /// If the file cannot be made.
    #[must_use]
    pub fn fill(&self) -> u64 {
        let mut file = File::create(self.ballast()).expect("a file can be made");
        let mut written = 0;
        for piece in [1024 * 1024, 4096] {
            let piece = vec![1; piece];
            while file.write_all(&piece).is_ok() {
                written += piece.len() as u64;
            }
        }
        written
    }

    /// Takes away what [`Disk::fill`] wrote.
    ///
    /// # Panics
    /// If it is not there.
    pub fn free(&self) {
        fs::remove_file(self.ballast()).expect("it was filled");
    }

    fn ballast(&self) -> PathBuf {
        self.mount.join("ballast")
    }

    fn try_mount(&self) -> Result<(), String> {
        run(
            "mount",
            &["-o", "loop", text(&self.image), text(&self.mount)],
        )
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, so that a forgotten user does not keep the name.
        drop(run("umount", &["-l", text(&self.mount)]));
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program}: {}", words.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_survives_a_loss_of_power() {
        if !available() {
            eprintln!("SKIPPED: this machine does not let us mount a disk");
            return;
        }
        let disk = Disk::new();
        let (synced, lost) = (disk.path().join("synced"), disk.path().join("lost"));
        let mut file = File::create(&synced).unwrap();
        file.write_all(b"kept").unwrap();
        file.sync_all().unwrap();
        fs::write(&lost, b"gone").unwrap();
        drop(file);
        disk.lose_power();
        assert!(fs::write(disk.path().join("late"), b"x").is_err());
        disk.restore_power();
        assert_eq!(fs::read(&synced).unwrap(), b"kept");
        assert_ne!(fs::read(&lost).unwrap_or_default(), b"gone");
        let filled = disk.fill();
        assert!(filled > 100 * 1024 * 1024 && fs::write(&lost, vec![1; 4096]).is_err());
        disk.free();
        fs::write(&lost, b"fits").unwrap();
    }
}
