//! The env file that `deploy/up` writes: `KEY=VALUE` lines, `#` comments.
//!
//! Not a shell script: nothing is expanded, and nothing is executed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::EnvironmentError;

/// Where `deploy/up` writes it, below the folder of the project.
const PLACE: &str = ".run/yoshi.env";
/// Bytes of an env file.
const BYTES_MAX: u64 = 64 * 1024;

/// The lines of an env file; none if there is no file.
#[derive(Debug, Default)]
pub(super) struct EnvFile {
    folder: PathBuf,
    values: BTreeMap<String, String>,
}

impl EnvFile {
    /// Reads the nearest one, from the current folder upward.
    pub(super) fn look_for() -> Result<Self, EnvironmentError> {
        let Ok(here) = std::env::current_dir() else {
            return Ok(Self::default());
        };
        let found = here
            .ancestors()
            .map(|folder| folder.join(PLACE))
            .find(|path| path.is_file());
        match found {
            None => Ok(Self::default()),
            Some(path) if is_ours(&path) => Self::read(path),
            Some(path) => Err(EnvironmentError::Foreign(path)),
        }
    }

    /// Reads one that was named.
    pub(super) fn read(path: PathBuf) -> Result<Self, EnvironmentError> {
        let text = match read_bounded(&path, BYTES_MAX) {
            Ok(text) => text,
            Err(source) => return Err(EnvironmentError::File { path, source }),
        };
        match parse(&text) {
            Ok(values) => Ok(Self {
                folder: path.parent().unwrap_or(Path::new("")).to_owned(),
                values,
            }),
            Err(line) => Err(EnvironmentError::Line { path, line }),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// A value that is a path: relative to the file that it stands in.
    pub(super) fn path(&self, key: &str) -> Option<PathBuf> {
        self.get(key).map(|value| self.folder.join(value))
    }
}

/// Whether nobody else can have written a file. One that was found and not
/// named could be anybody's, and would make this program show a password to
/// whatever address it names.
#[cfg(unix)]
fn is_ours(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Ok(file) = path.metadata() else {
        return false;
    };
    // The owner of this process, where the system shows it as a file's.
    let mine = match Path::new("/proc/self").metadata() {
        Ok(process) => process.uid() == file.uid(),
        Err(_) => true,
    };
    (mine || file.uid() == 0) && file.mode() & 0o022 == 0
}

#[cfg(not(unix))]
fn is_ours(_path: &Path) -> bool {
    true
}

/// Reads a text file, but not one that is larger than it has any reason to be.
pub(super) fn read_bounded(path: &Path, bytes_max: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(bytes_max + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > bytes_max {
        let large = format!("larger than {bytes_max} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, large));
    }
    Ok(text)
}

/// The pairs, or the number of the first line that is none.
fn parse(text: &str) -> Result<BTreeMap<String, String>, usize> {
    let mut values = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').ok_or(index + 1)?;
        let key = key.strip_prefix("export ").unwrap_or(key).trim();
        let named = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if key.is_empty() || !key.bytes().all(named) {
            return Err(index + 1);
        }
        values.insert(key.to_owned(), unquoted(value.trim()).to_owned());
    }
    Ok(values)
}

fn unquoted(value: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_comments_and_quotes() {
        let values = parse("# where\n\nA=1\nexport B = \"two words\"\nC='x=y'\nD=\n").unwrap();
        let pairs: Vec<_> = values
            .iter()
            .map(|(key, value)| (&key[..], &value[..]))
            .collect();
        assert_eq!(
            pairs,
            [("A", "1"), ("B", "two words"), ("C", "x=y"), ("D", "")]
        );
    }

    #[test]
    fn a_bad_line_is_named() {
        assert_eq!(parse("A=1\nnonsense"), Err(2));
        assert_eq!(parse("=x"), Err(1));
        assert_eq!(parse("A B=x"), Err(1));
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let file = EnvFile {
            folder: PathBuf::from("/srv/yoshi"),
            values: parse("A=secrets/a\nB=/etc/b").unwrap(),
        };
        assert_eq!(file.path("A"), Some(PathBuf::from("/srv/yoshi/secrets/a")));
        assert_eq!(file.path("B"), Some(PathBuf::from("/etc/b")));
        assert_eq!(file.path("C"), None);
    }
}
