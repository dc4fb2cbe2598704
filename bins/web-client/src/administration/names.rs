//! The names of the administrators: a file that is read again while the website
//! runs, so that somebody is appointed or dismissed without a restart. While it
//! cannot be read, nobody is one.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use yoshi_protocol::AccountName;

use crate::limit::{NAMES_BYTES_MAX, NAMES_EVERY};

/// Why the names cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NamesError {
    /// The file cannot be read.
    #[error("{0}")]
    File(String),
    /// It holds more than [`NAMES_BYTES_MAX`].
    #[error("it is larger than {NAMES_BYTES_MAX} bytes")]
    TooLarge,
    /// A line is neither a name, nor empty, nor a comment.
    #[error("line {0} is not one account name")]
    Line(usize),
}

/// The file, and what it said when it was read last.
#[derive(Debug)]
pub(super) struct Names {
    file: PathBuf,
    read: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    at: Instant,
    names: Result<BTreeSet<AccountName>, NamesError>,
}

impl Names {
    /// # Errors
    /// [`NamesError`].
    pub(super) fn load(file: &Path) -> Result<Self, NamesError> {
        let names = read(file)?;
        Ok(Self {
            file: file.to_owned(),
            read: Mutex::new(Known {
                at: Instant::now(),
                names: Ok(names),
            }),
        })
    }

    /// Whether a name stands there, as of [`NAMES_EVERY`] ago at most.
    pub(super) fn contains(&self, account: &AccountName) -> bool {
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if known.at.elapsed() >= NAMES_EVERY {
            let names = read(&self.file);
            if let Err(error) = &names
                && names != known.names
            {
                let file = self.file.display();
                tracing::warn!(%error, "nobody is an administrator now: {file}: {error}");
            }
            *known = Known {
                at: Instant::now(),
                names,
            };
        }
        known
            .names
            .as_ref()
            .is_ok_and(|names| names.contains(account))
    }
}

fn read(file: &Path) -> Result<BTreeSet<AccountName>, NamesError> {
    let failed = |error: std::io::Error| NamesError::File(error.to_string());
    let mut text = String::new();
    let mut bounded = std::fs::File::open(file)
        .map_err(failed)?
        .take(NAMES_BYTES_MAX + 1);
    bounded.read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > NAMES_BYTES_MAX {
        return Err(NamesError::TooLarge);
    }
    parse(&text)
}

/// A name in each line; empty lines, and those that begin with `#`, say nothing.
fn parse(text: &str) -> Result<BTreeSet<AccountName>, NamesError> {
    let lines = text.lines().map(str::trim).enumerate();
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| AccountName::new(line).map_err(|_| NamesError::Line(index + 1)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_a_line() {
        let names = parse("# who\n\n ana \nben\r\n").unwrap();
        let names: Vec<_> = names.iter().map(AccountName::as_str).collect();
        assert_eq!(names, ["ana", "ben"]);
        assert_eq!(parse("ana\nana ben"), Err(NamesError::Line(2)));
        assert_eq!(parse("*"), Err(NamesError::Line(1)));
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn without_the_file_nobody_is_one() {
        let file = std::env::temp_dir().join(format!("yoshi-names-{}", uuid::Uuid::new_v4()));
        assert!(matches!(Names::load(&file), Err(NamesError::File(_))));
        std::fs::write(&file, "ana\n").unwrap();
        let names = Names::load(&file).unwrap();
        let ana = AccountName::new("ana").unwrap();
        assert!(names.contains(&ana));
        std::fs::remove_file(&file).unwrap();
        let long_ago = Instant::now().checked_sub(NAMES_EVERY).unwrap();
        names.read.lock().unwrap().at = long_ago;
        assert!(!names.contains(&ana));
        std::fs::write(&file, "#".repeat(1 + 64 * 1024)).unwrap();
        assert_eq!(read(&file), Err(NamesError::TooLarge));
        std::fs::remove_file(&file).unwrap();
    }
}
