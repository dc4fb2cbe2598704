//! How a command ends: an exit code, and for people what happened and what to do.

use std::fmt;
use std::io;
use std::process::ExitCode;

use serde_json::json;
use yoshi_client::{Error, NoAnswer};
use yoshi_protocol::{ErrorCode, ErrorReply, InvalidTask};

use crate::output::clean;

/// The exit codes. `yoshi --help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Refused = 1,
    Usage = 2,
    Unclear = 3,
    NoConnection = 4,
    BadInput = 5,
    NotAuthenticated = 6,
    Queued = 7,
    Differs = 8,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A call failed.
    Call {
        error: Error,
        /// What to do, if more is known than the error itself says.
        advice: Option<String>,
    },
    /// Something here, on this machine.
    Here {
        exit: Exit,
        what: String,
        advice: &'static str,
    },
    /// Nobody reads what is printed any more, which is not for us to judge.
    OutputClosed,
}

impl Failure {
    pub(crate) fn usage(what: impl fmt::Display, advice: &'static str) -> Self {
        Self::here(Exit::Usage, what, advice)
    }

    pub(crate) fn input(what: impl fmt::Display) -> Self {
        Self::here(Exit::BadInput, what, "")
    }

    pub(crate) fn here(exit: Exit, what: impl fmt::Display, advice: &'static str) -> Self {
        Self::Here {
            exit,
            what: what.to_string(),
            advice,
        }
    }

    /// A file, or the terminal, failed.
    pub(crate) fn local(what: impl fmt::Display, error: &io::Error) -> Self {
        Self::input(format!("{what}: {error}"))
    }

    pub(crate) fn not_logged_in() -> Self {
        Self::here(
            Exit::NotAuthenticated,
            "not logged in",
            "run `yoshi login`, or set YOSHI_PASSWORD",
        )
    }

    /// The same failure with advice, if the outcome is unknown.
    pub(crate) fn advise_if_unclear(self, advice: impl FnOnce() -> String) -> Self {
        match self {
            Self::Call { error, .. } if error.may_have_happened() => Self::Call {
                error,
                advice: Some(advice()),
            },
            Self::Call { .. } | Self::Here { .. } | Self::OutputClosed => self,
        }
    }

    /// Whether the same call may succeed a moment later.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Call {
                error: Error::Deadline { .. },
                ..
            }
        )
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Call { error, .. } => exit_of(error),
            Self::Here { exit, .. } => *exit,
            Self::OutputClosed => Exit::Done,
        }
    }

    /// Tells on standard error, in words or as JSON.
    pub(crate) fn report(&self, json: bool) {
        use io::Write;
        let text = match self {
            Self::OutputClosed => return,
            _ if json => self.as_json().to_string(),
            _ => format!("yoshi: {}", self.words()),
        };
        // Where errors cannot be written, nothing is left to be told.
        writeln!(anstream::stderr().lock(), "{text}").unwrap_or_default();
    }

    fn words(&self) -> String {
        let (what, advice) = match self {
            Self::Call { error, advice } => {
                let advice = advice.as_deref().unwrap_or_else(|| advice_for(error));
                (clean(&error.to_string()), advice)
            }
            Self::Here { what, advice, .. } => (clean(what), *advice),
            Self::OutputClosed => (String::new(), ""),
        };
        if advice.is_empty() {
            what
        } else {
            format!("{what}\n  {advice}")
        }
    }

    fn as_json(&self) -> serde_json::Value {
        let reply = match self {
            Self::Call {
                error: Error::Refused(reply) | Error::RefusedLater(reply),
                ..
            } => Some(reply),
            _ => None,
        };
        let unclear = match self {
            Self::Call { error, .. } => error.may_have_happened(),
            Self::Here { .. } | Self::OutputClosed => false,
        };
        json!({ "error": {
            "exit": self.exit() as u8,
            "code": reply.map(|reply| reply.code.as_str()),
            "names": reply.map_or(&[][..], |reply| &reply.names),
            "message": self.words(),
            "may_have_happened": unclear,
        }})
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Call {
            error,
            advice: None,
        }
    }
}

impl From<InvalidTask> for Failure {
    fn from(error: InvalidTask) -> Self {
        Error::from(error).into()
    }
}

fn exit_of(error: &Error) -> Exit {
    match error {
        Error::Connect { .. } => Exit::NoConnection,
        Error::InvalidTask(_) => Exit::BadInput,
        Error::Refused(reply) => exit_of_refusal(reply),
        _ => Exit::Unclear,
    }
}

fn exit_of_refusal(reply: &ErrorReply) -> Exit {
    if reply.code == ErrorCode::Unauthenticated {
        Exit::NotAuthenticated
    } else {
        Exit::Refused
    }
}

fn advice_for(error: &Error) -> &'static str {
    match error {
        Error::Connect { source, .. } => match source.kind() {
            async_nats::ConnectErrorKind::AuthorizationViolation
            | async_nats::ConnectErrorKind::Authentication => {
                "check the password file of the NATS user"
            }
            async_nats::ConnectErrorKind::ServerParse => "check YOSHI_NATS_URL, or --nats-url",
            _ => "is NATS running, and is YOSHI_NATS_URL, or --nats-url, its address?",
        },
        Error::Refused(reply) if reply.code == ErrorCode::Unauthenticated => {
            "check name and password, or run `yoshi login` again: tokens end"
        }
        Error::Deadline {
            last: yoshi_client::Last::NoAnswer(NoAnswer::NoResponders),
            ..
        } => "is a load balancer running?",
        Error::Deadline { .. } => "try again, or give it more time with --timeout",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use yoshi_client::Last;

    fn refused(code: ErrorCode) -> Failure {
        Error::Refused(ErrorReply::new(code, "no\x1b[2J").about(vec!["bo".into()])).into()
    }

    #[test]
    fn codes_of_failures() {
        assert_eq!(refused(ErrorCode::NotFound).exit(), Exit::Refused);
        assert_eq!(
            refused(ErrorCode::Unauthenticated).exit(),
            Exit::NotAuthenticated
        );
        assert_eq!(Failure::not_logged_in().exit(), Exit::NotAuthenticated);
        let unclear = |may_have_happened| {
            Failure::from(Error::Deadline {
                within: Duration::from_secs(1),
                tries: 2,
                may_have_happened,
                last: Last::NoAnswer(NoAnswer::TimedOut),
            })
        };
        assert_eq!(unclear(false).exit(), Exit::Unclear);
        assert!(
            unclear(true)
                .advise_if_unclear(|| "use --id".into())
                .words()
                .contains("--id")
        );
        assert!(
            !unclear(false)
                .advise_if_unclear(|| "use --id".into())
                .words()
                .contains("--id")
        );
    }

    #[test]
    fn json_names_the_code_and_the_names() {
        let value = refused(ErrorCode::UnknownRecipients).as_json();
        assert_eq!(value["error"]["code"], "unknown_recipients");
        assert_eq!(value["error"]["names"][0], "bo");
        assert_eq!(value["error"]["exit"], 1);
    }

    #[test]
    fn a_servers_words_cannot_drive_the_terminal() {
        assert!(!refused(ErrorCode::NotFound).words().contains('\x1b'));
    }
}
