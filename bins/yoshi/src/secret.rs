//! An account's passwords: from standard input, the environment, or a prompt.

use std::io::{self, BufRead, IsTerminal, Read};

use yoshi_protocol::limit::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use yoshi_protocol::{AccountName, Credential, Password};

use crate::exit::Failure;
use crate::output;
use crate::session::Session;
use crate::settings::Settings;
use crate::who;

const PASSWORD: &str = "YOSHI_PASSWORD";
const NEW_PASSWORD: &str = "YOSHI_NEW_PASSWORD";
/// What `passwd --password-stdin` reads.
const TWO_LINES: &str =
    "standard input must hold two lines: the password until now, and the new one";

/// The password of an account that exists.
pub(crate) fn password(settings: &Settings, account: &AccountName) -> Result<Password, Failure> {
    match given(settings)? {
        Some(password) => Ok(password),
        None => prompt(&format!("Password of {account}: ")),
    }
}

/// The password for a new account: asked for twice.
pub(crate) fn new_password(
    settings: &Settings,
    account: &AccountName,
) -> Result<Password, Failure> {
    match given(settings)? {
        Some(password) => Ok(password),
        None => prompt_new(account),
    }
}

/// The password until now, and the one from now on.
pub(crate) fn both_passwords(
    settings: &Settings,
    account: &AccountName,
) -> Result<(Password, Password), Failure> {
    if settings.password_stdin {
        if io::stdin().is_terminal() {
            output::note(TWO_LINES);
        }
        return two_lines(&mut io::stdin().lock());
    }
    let old = password(settings, account)?;
    let new = match from_environment(NEW_PASSWORD)? {
        Some(password) => password,
        None => prompt_new(account)?,
    };
    Ok((old, new))
}

/// What to show servers for an account: a password that was given, else the
/// token of its session, else a password that is asked for.
pub(crate) fn credential(
    settings: &Settings,
    account: &AccountName,
) -> Result<Credential, Failure> {
    if let Some(password) = given(settings)? {
        return Ok(Credential::Password(password));
    }
    if let Some(session) = Session::load(&settings.nats_url, account)? {
        return Ok(Credential::Token(session.token));
    }
    if io::stdin().is_terminal() && !settings.json {
        return Ok(Credential::Password(password(settings, account)?));
    }
    Err(who::not_logged_in(settings, account))
}

fn given(settings: &Settings) -> Result<Option<Password>, Failure> {
    if settings.password_stdin {
        let given = line(&mut io::stdin().lock())?;
        return given
            .ok_or_else(|| Failure::input("standard input holds no password"))
            .map(Some);
    }
    from_environment(PASSWORD)
}

fn from_environment(variable: &str) -> Result<Option<Password>, Failure> {
    match std::env::var(variable) {
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => fitting(text).map(Some),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Failure::input(format!("{variable} is not UTF-8")))
        }
    }
}

/// The password until now and the new one, each on a line.
fn two_lines(input: &mut impl BufRead) -> Result<(Password, Password), Failure> {
    match (line(input)?, line(input)?) {
        (Some(old), Some(new)) => Ok((old, new)),
        _ => Err(Failure::input(TWO_LINES)),
    }
}

/// One line of at most as many bytes as a password may have; none if it is
/// empty, or there is no more.
fn line(input: &mut impl BufRead) -> Result<Option<Password>, Failure> {
    let mut text = String::new();
    input
        .take(PASSWORD_BYTES_MAX as u64 + 2)
        .read_line(&mut text)
        .map_err(|error| Failure::local("standard input", &error))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Ok(None);
    }
    fitting(text.to_owned()).map(Some)
}

fn fitting(text: String) -> Result<Password, Failure> {
    if text.len() > PASSWORD_BYTES_MAX {
        let long = format!("the password is longer than {PASSWORD_BYTES_MAX} bytes");
        return Err(Failure::input(long));
    }
    Ok(Password::new(text))
}

/// Asks for a new password, and says first what makes one.
fn prompt_new(account: &AccountName) -> Result<Password, Failure> {
    prompt_twice(&format!(
        "New password of {account} (at least {PASSWORD_CHARS_MIN} characters): "
    ))
}

fn prompt(text: &str) -> Result<Password, Failure> {
    rpassword::prompt_password(text)
        .map(Password::new)
        .map_err(|_| {
            Failure::usage(
                "there is no terminal to ask for a password",
                "use --password-stdin, or YOSHI_PASSWORD",
            )
        })
}

fn prompt_twice(text: &str) -> Result<Password, Failure> {
    let password = prompt(text)?;
    if prompt("The same again: ")?.expose() != password.expose() {
        return Err(Failure::input(
            "the two passwords differ; nothing was changed",
        ));
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: Option<Password>) -> Option<String> {
        line.map(|password| password.expose().to_owned())
    }

    #[test]
    fn a_line_is_a_password() {
        let mut input = io::Cursor::new("old one\r\nnew\nrest");
        for expected in [Some("old one"), Some("new"), Some("rest"), None] {
            let line = line(&mut input).unwrap();
            assert_eq!(text(line).as_deref(), expected);
        }
    }

    #[test]
    fn two_lines_are_told_when_they_lack() {
        let (old, new) = two_lines(&mut io::Cursor::new("old\nnew\n")).unwrap();
        assert_eq!((old.expose(), new.expose()), ("old", "new"));
        for lacking in ["", "old", "old\n", "old\n\n", "\nnew\n"] {
            let failure = two_lines(&mut io::Cursor::new(lacking)).unwrap_err();
            assert_eq!(failure.words(), TWO_LINES, "{lacking:?}");
        }
    }

    #[test]
    fn an_endless_line_is_refused() {
        let most = "x".repeat(PASSWORD_BYTES_MAX);
        assert!(line(&mut io::Cursor::new(format!("{most}\n"))).is_ok());
        assert!(line(&mut io::Cursor::new(format!("{most}x\n"))).is_err());
        let endless = io::repeat(b'x').take(1 << 20);
        assert!(line(&mut io::BufReader::new(endless)).is_err());
    }
}
