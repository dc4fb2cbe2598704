//! A child process as a value: it ends with it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use crate::eventually;

/// What a process can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ends it at once (SIGKILL).
    Kill,
    /// Asks it to end (SIGTERM).
    Terminate,
    /// Halts it (SIGSTOP).
    Pause,
    /// Lets it go on (SIGCONT).
    Resume,
    /// Asks Postgres for a fast shutdown (SIGINT).
    Interrupt,
}

impl Signal {
    const fn name(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Terminate => "TERM",
            Self::Pause => "STOP",
            Self::Resume => "CONT",
            Self::Interrupt => "INT",
        }
    }
}

/// A running child process, killed when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts a command; its output is appended to the log.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Self {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("the log can be written");
        let errors = output.try_clone().expect("a file can be shared");
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        WATCHDOG.tell("add", child.id());
        Self {
            name: name.to_owned(),
            log: log.to_owned(),
            child,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal. Does nothing to a process that has ended.
    ///
    /// # Panics
    /// If the signal cannot be sent.
    pub fn signal(&mut self, signal: Signal) {
        if self.ended().is_none() {
            send(self.child.id(), signal);
        }
    }

    /// Sends a signal to it and to the processes that it has started, itself first.
    ///
    /// # Panics
    /// If the signal cannot be sent to itself.
    pub fn signal_all(&mut self, signal: Signal) {
        if self.ended().is_some() {
            return;
        }
        // Itself first, so that it starts no more of them. One that is to die is halted
        // before: nobody could find the children of the dead.
        let id = self.child.id();
        let first = match signal {
            Signal::Kill => Signal::Pause,
            other => other,
        };
        send(id, first);
        let children = children(id);
        if signal != first {
            send(id, signal);
        }
        for id in children {
            // A child that is paused would outlive a test program that is killed.
            match signal {
                Signal::Pause => WATCHDOG.tell("add", id),
                Signal::Resume => WATCHDOG.tell("drop", id),
                Signal::Kill | Signal::Terminate | Signal::Interrupt => {}
            }
            // It may have ended just now.
            try_send(id, signal);
        }
    }

    /// Whether it is paused, as the system sees it.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        status(self.child.id(), "State:").is_some_and(|state| state.starts_with('T'))
    }

    /// The memory that it holds, in bytes; none if it has ended.
    #[must_use]
    pub fn memory_bytes(&self) -> Option<u64> {
        let text = status(self.child.id(), "VmRSS:")?;
        let kibibytes: u64 = text.split(' ').next()?.parse().ok()?;
        Some(kibibytes * 1024)
    }

    /// How it ended, if it has.
    ///
    /// # Panics
    /// If the system does not say.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Waits until it ends.
    ///
    /// # Panics
    /// If it does not end within the time.
    pub async fn end(&mut self, within: Duration) -> ExitStatus {
        let name = self.name.clone();
        eventually(&format!("{name} ends"), within, async || {
            self.ended().ok_or("it still runs")
        })
        .await
    }

    /// The end of its log, for the message of a failed test.
    #[must_use]
    pub fn log_end(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Also ends a process that is paused.
        drop(self.child.kill());
        drop(self.child.wait());
        WATCHDOG.tell("drop", self.child.id());
        if std::thread::panicking() {
            eprintln!("the end of {}'s log:\n{}\n", self.name, self.log_end());
        }
    }
}

/// Signals a process through the shell: its `kill` is everywhere, and the
/// workspace forbids the unsafe call.
fn send(id: u32, signal: Signal) {
    assert!(try_send(id, signal), "{signal:?} could not be sent to {id}");
}

fn try_send(id: u32, signal: Signal) -> bool {
    Command::new("sh")
        .args(["-c", "kill -s \"$1\" \"$2\"", "sh", signal.name()])
        .arg(id.to_string())
        .stderr(Stdio::null())
        .status()
        .expect("there is a shell")
        .success()
}

/// A line of what the system tells about a process.
fn status(id: u32, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(value.trim().to_owned())
}

/// The processes that a process has started and that still run.
fn children(id: u32) -> Vec<u32> {
    let parent = id.to_string();
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|child| status(*child, "PPid:").as_deref() == Some(&*parent))
        .collect()
}

/// Ends what is left when this program ends without dropping its values: it
/// learns of that by the end of its standard input.
struct Watchdog(Mutex<Child>);

const WATCH: &str = r#"
trap '' INT TERM HUP
left=''
while read -r word id; do
  case $word in
    add) left="$left $id" ;;
    drop)
      rest=''
      for one in $left; do [ "$one" = "$id" ] || rest="$rest $one"; done
      left=$rest
      ;;
  esac
done
for one in $left; do kill -s KILL "$one"; done
"#;

static WATCHDOG: LazyLock<Watchdog> = LazyLock::new(|| {
    let child = Command::new("sh")
        .args(["-c", WATCH])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("there is a shell");
    Watchdog(Mutex::new(child))
});

impl Watchdog {
    fn tell(&self, word: &str, id: u32) {
        let mut child = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(input) = &mut child.stdin {
            // Without a watchdog the values still end their processes.
            drop(writeln!(input, "{word} {id}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[tokio::test]
    async fn a_process_ends_with_its_value() {
        let scratch = Scratch::new("process");
        let log = scratch.path().join("log");
        let mut process = Process::start("sleep", Command::new("sleep").arg("60"), &log);
        let proc = PathBuf::from(format!("/proc/{}", process.id()));
        process.signal(Signal::Pause);
        assert!(process.ended().is_none());
        drop(process);
        assert!(!proc.exists());
        let mut process = Process::start("sleep", Command::new("sleep").arg("60"), &log);
        process.signal(Signal::Terminate);
        assert!(!process.end(Duration::from_secs(5)).await.success());
    }

    #[tokio::test]
    async fn what_is_killed_with_all_its_children_leaves_none() {
        let scratch = Scratch::new("process");
        let mut parent = Command::new("sh");
        parent.args(["-c", "for n in 1 2 3 4 5; do sleep 60 & done; wait"]);
        let mut parent = Process::start("sh", &mut parent, &scratch.path().join("log"));
        let id = parent.id();
        let started = eventually("it has children", Duration::from_secs(5), async || {
            let children = children(id);
            (children.len() == 5).then_some(children).ok_or("not yet")
        })
        .await;
        parent.signal_all(Signal::Kill);
        assert!(!parent.end(Duration::from_secs(5)).await.success());
        eventually("none is left", Duration::from_secs(5), async || {
            let is_left = |id: &&u32| status(**id, "State:").is_some_and(|it| !it.starts_with('Z'));
            started
                .iter()
                .find(is_left)
                .map_or(Ok(()), |id| Err(format!("{id} is")))
        })
        .await;
    }
}
