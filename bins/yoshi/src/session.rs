//! The tokens of `login`: one private file per account and system.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use yoshi_protocol::{AccountName, Millis, Token};

use crate::exit::Failure;

/// Bytes of a session file.
const BYTES_MAX: u64 = 16 * 1024;

/// Sessions that are looked at.
const KEPT_MAX: usize = 1_000;

/// A token with its end.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) token: Token,
    pub(crate) expires_at: Millis,
}

/// An account that is logged in, and the address of its system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kept {
    pub(crate) account: AccountName,
    pub(crate) system: String,
}

#[derive(Serialize, Deserialize)]
struct Record {
    account: String,
    system: String,
    token: String,
    expires_at: i64,
}

impl Session {
    /// The account's session, if it has one that has not ended.
    pub(crate) fn load(system: &str, account: &AccountName) -> Result<Option<Self>, Failure> {
        Self::load_from(&folder()?, system, account)
    }

    /// Keeps a session, readable for its owner alone, whole or not at all.
    pub(crate) fn save(&self, system: &str, account: &AccountName) -> Result<(), Failure> {
        let folder = folder()?;
        self.save_to(&folder, system, account)
            .map_err(|error| Failure::local(folder.display(), &error))
    }

    /// Forgets a session.
    pub(crate) fn remove(system: &str, account: &AccountName) -> Result<(), Failure> {
        let path = file(&folder()?, system, account);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Failure::local(path.display(), &error))
            }
            _ => Ok(()),
        }
    }

    /// Whether there is a session file, be it one that has ended.
    pub(crate) fn is_kept(system: &str, account: &AccountName) -> Result<bool, Failure> {
        Ok(file(&folder()?, system, account).is_file())
    }

    /// Who is logged in, and where: in order, at most [`KEPT_MAX`].
    pub(crate) fn kept() -> Result<Vec<Kept>, Failure> {
        Ok(Self::kept_in(&folder()?))
    }

    fn kept_in(folder: &Path) -> Vec<Kept> {
        let Ok(entries) = fs::read_dir(folder) else {
            return Vec::new();
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut kept: Vec<_> = names
            .filter_map(|name| {
                let (account, system) = name.split_once('@')?;
                Some(Kept {
                    account: AccountName::new(account).ok()?,
                    system: decoded(system)?,
                })
            })
            .filter(|kept| {
                matches!(
                    Self::load_from(folder, &kept.system, &kept.account),
                    Ok(Some(_))
                )
            })
            .take(KEPT_MAX)
            .collect();
        kept.sort();
        kept
    }

    fn load_from(
        folder: &Path,
        system: &str,
        account: &AccountName,
    ) -> Result<Option<Self>, Failure> {
        let path = file(folder, system, account);
        let mut text = String::new();
        match File::open(&path).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::local(path.display(), &error)),
        }
        let unreadable = || {
            Failure::input(format!(
                "{} is damaged; `yoshi login` makes it anew",
                path.display()
            ))
        };
        let record: Record = serde_json::from_str(&text).map_err(|_| unreadable())?;
        let bytes = from_hex(&record.token).ok_or_else(unreadable)?;
        let session = Self {
            token: Token::from_slice(&bytes).ok_or_else(unreadable)?,
            expires_at: Millis(record.expires_at),
        };
        Ok((session.expires_at > Millis::now()).then_some(session))
    }

    fn save_to(&self, folder: &Path, system: &str, account: &AccountName) -> io::Result<()> {
        let record = Record {
            account: account.to_string(),
            system: system.to_owned(),
            token: to_hex(self.token.expose()),
            expires_at: self.expires_at.0,
        };
        private_folder(folder)?;
        let path = file(folder, system, account);
        let fresh = folder.join(format!(".{}.{}", account, uuid::Uuid::new_v4()));
        let written = write_private(&fresh, &serde_json::to_vec(&record)?)
            .and_then(|()| fs::rename(&fresh, &path));
        if written.is_err() {
            // The error that matters is the first one.
            fs::remove_file(&fresh).unwrap_or_default();
        }
        written
    }
}

fn folder() -> Result<PathBuf, Failure> {
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/state")))
        .ok_or_else(|| {
            Failure::usage(
                "there is no home folder to keep sessions in",
                "set XDG_STATE_HOME, or use YOSHI_PASSWORD instead of `yoshi login`",
            )
        })?;
    Ok(state.join("yoshi/sessions"))
}

fn file(folder: &Path, system: &str, account: &AccountName) -> PathBuf {
    folder.join(format!("{account}@{}", encoded(system)))
}

/// The address of a system as a file name; two addresses never get the same.
fn encoded(system: &str) -> String {
    let mut name = String::with_capacity(system.len());
    for byte in system.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02x}"));
        }
    }
    name
}

/// The address that a file name stands for.
fn decoded(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            bytes.extend(from_hex(std::str::from_utf8(digits).ok()?)?);
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEM: &str = "nats://127.0.0.1:4222";

    fn with_folder(test: impl FnOnce(&Path)) {
        let folder = std::env::temp_dir().join(format!("yoshi-session-{}", uuid::Uuid::new_v4()));
        test(&folder);
        fs::remove_dir_all(&folder).unwrap();
    }

    fn session(expires_at: i64) -> Session {
        Session {
            token: Token::new([7; 32]),
            expires_at: Millis(expires_at),
        }
    }

    #[test]
    fn a_session_comes_back_and_is_private() {
        with_folder(|folder| {
            let ana = AccountName::new("ana").unwrap();
            session(i64::MAX).save_to(folder, SYSTEM, &ana).unwrap();
            let loaded = Session::load_from(folder, SYSTEM, &ana).unwrap().unwrap();
            assert_eq!(loaded.token.expose(), [7; 32]);
            assert!(
                Session::load_from(folder, "other:1", &ana)
                    .unwrap()
                    .is_none()
            );
            assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                let mode = file(folder, SYSTEM, &ana)
                    .metadata()
                    .unwrap()
                    .permissions()
                    .mode();
                assert_eq!(mode & 0o777, 0o600);
            }
        });
    }

    #[test]
    fn who_is_logged_in_where() {
        with_folder(|folder| {
            let (ana, ben) = (
                AccountName::new("ana").unwrap(),
                AccountName::new("ben").unwrap(),
            );
            session(i64::MAX).save_to(folder, SYSTEM, &ben).unwrap();
            session(i64::MAX).save_to(folder, SYSTEM, &ana).unwrap();
            session(i64::MAX).save_to(folder, "other:1", &ana).unwrap();
            session(1).save_to(folder, "ended:1", &ana).unwrap();
            fs::write(folder.join("no session"), b"x").unwrap();
            let kept = Session::kept_in(folder);
            let shown = kept
                .iter()
                .map(|kept| (kept.account.as_str(), &kept.system[..]));
            assert_eq!(
                shown.collect::<Vec<_>>(),
                [("ana", SYSTEM), ("ana", "other:1"), ("ben", SYSTEM)]
            );
        });
    }

    #[test]
    fn ended_and_damaged_sessions_are_not_used() {
        with_folder(|folder| {
            let ana = AccountName::new("ana").unwrap();
            session(1).save_to(folder, SYSTEM, &ana).unwrap();
            assert!(Session::load_from(folder, SYSTEM, &ana).unwrap().is_none());
            fs::write(file(folder, SYSTEM, &ana), b"{}").unwrap();
            assert!(Session::load_from(folder, SYSTEM, &ana).is_err());
        });
    }

    #[test]
    fn no_two_systems_share_a_file() {
        assert_eq!(encoded("a/../b:1"), "a%2f..%2fb%3a1");
        assert_ne!(encoded("a_b"), encoded("a/b"));
        assert_eq!(
            decoded(&encoded("a/../ü_b:1")),
            Some("a/../ü_b:1".to_owned())
        );
        assert_eq!((decoded("a%2"), decoded("a%zz")), (None, None));
        assert_eq!(from_hex("0g"), None);
        assert_eq!(from_hex("ü"), None);
    }
}
