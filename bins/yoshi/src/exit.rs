//! How a command ends: an exit code, and for people what happened and what to do.

mod code;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::process::ExitCode;

use serde_json::json;
use yoshi_client::{Error, NoAnswer};
use yoshi_protocol::{ErrorCode, ErrorReply, InvalidTask};

use crate::output::{clean, count};

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
        /// For programs.
        code: &'static str,
        what: String,
        advice: String,
    },
    /// Nobody reads what is printed any more, which is not for us to judge.
    OutputClosed,
}

impl Failure {
    pub(crate) fn usage(what: impl fmt::Display, advice: impl Into<String>) -> Self {
        Self::here(Exit::Usage, what, advice)
    }

    /// A setting is missing, or not to be trusted.
    pub(crate) fn settings(what: impl fmt::Display, advice: impl Into<String>) -> Self {
        Self::here(Exit::Usage, what, advice).coded("settings")
    }

    pub(crate) fn input(what: impl fmt::Display) -> Self {
        Self::here(Exit::BadInput, what, "")
    }

    /// A failure with the code that goes with its exit code.
    pub(crate) fn here(exit: Exit, what: impl fmt::Display, advice: impl Into<String>) -> Self {
        Self::Here {
            exit,
            code: code::of_exit(exit),
            what: what.to_string(),
            advice: advice.into(),
        }
    }

    /// The same failure with another code for programs, if it is not a call's.
    pub(crate) fn coded(mut self, other: &'static str) -> Self {
        if let Self::Here { code, .. } = &mut self {
            *code = other;
        }
        self
    }

    /// The same failure with other advice, if it is not a call's.
    pub(crate) fn advised(mut self, other: &str) -> Self {
        if let Self::Here { advice, .. } = &mut self {
            other.clone_into(advice);
        }
        self
    }

    /// A command line that is none.
    pub(crate) fn misread(error: &clap::Error) -> Self {
        use clap::error::ErrorKind;
        if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            return Self::usage("a command is missing", "`yoshi --help` lists them");
        }
        let text = error.render().to_string();
        let text = text.split("\n\nUsage:").next().unwrap_or_default();
        let text = text.strip_prefix("error: ").unwrap_or(text).trim();
        Self::usage(text, "see `yoshi --help`")
    }

    /// A file, or the terminal, failed.
    pub(crate) fn local(what: impl fmt::Display, error: &io::Error) -> Self {
        Self::input(format!("{what}: {error}"))
    }

    /// The same failure with a further line of advice, if it is a call's.
    pub(crate) fn advise_also(self, text: &str) -> Self {
        match self {
            Self::Call { error, advice } => {
                let first = advice.unwrap_or_else(|| advice_for(&error).to_owned());
                let advice = Some(format!("{first}\n  {text}"));
                Self::Call { error, advice }
            }
            Self::Here { .. } | Self::OutputClosed => self,
        }
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

    /// The same failure with advice, if it is a server's that has not caught up.
    pub(crate) fn advise_if_behind(self, text: &str) -> Self {
        match self {
            Self::Call { error, .. } if code::of(&error) == ErrorCode::Behind.as_str() => {
                Self::Call {
                    error,
                    advice: Some(text.to_owned()),
                }
            }
            Self::Call { .. } | Self::Here { .. } | Self::OutputClosed => self,
        }
    }

    /// Whether nobody is logged in here who could act.
    pub(crate) fn is_not_logged_in(&self) -> bool {
        matches!(
            self,
            Self::Here {
                exit: Exit::NotAuthenticated,
                ..
            }
        )
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

    pub(crate) fn words(&self) -> String {
        let (what, advice) = match self {
            Self::Call { error, advice } => {
                let advice = advice.as_deref().unwrap_or_else(|| advice_for(error));
                (clean(&words_of(error)), advice)
            }
            Self::Here { what, advice, .. } => (clean(what), advice.as_str()),
            Self::OutputClosed => (String::new(), ""),
        };
        if advice.is_empty() {
            what
        } else {
            format!("{what}\n  {advice}")
        }
    }

    /// What went wrong, for programs.
    fn code(&self) -> &'static str {
        match self {
            Self::Call { error, .. } => code::of(error),
            Self::Here { code, .. } => code,
            Self::OutputClosed => "",
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
            "code": self.code(),
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

/// The words of an error. What a server said last says more than that time ran out.
fn words_of(error: &Error) -> String {
    match error {
        Error::Deadline {
            answer: Some(reply),
            may_have_happened: false,
            tries,
            within,
            ..
        } => format!(
            "{reply} (asked {} within {} s)",
            count(*tries as usize, "time"),
            within.as_secs_f32()
        ),
        _ => error.to_string(),
    }
}

fn exit_of(error: &Error) -> Exit {
    match error {
        Error::Connect { source, .. } if is_no_address(source) => Exit::Usage,
        Error::Connect { .. } => Exit::NoConnection,
        Error::InvalidTask(_) => Exit::BadInput,
        Error::Refused(reply) => exit_of_refusal(reply),
        _ => Exit::Unclear,
    }
}

/// Whether what was given is no address of NATS at all.
fn is_no_address(error: &async_nats::ConnectError) -> bool {
    error.kind() == async_nats::ConnectErrorKind::ServerParse
}

fn exit_of_refusal(reply: &ErrorReply) -> Exit {
    match reply.code {
        ErrorCode::Unauthenticated => Exit::NotAuthenticated,
        ErrorCode::Queued => Exit::Queued,
        _ => Exit::Refused,
    }
}

fn advice_for(error: &Error) -> &'static str {
    match error {
        Error::Connect { source, .. } => match source.kind() {
            async_nats::ConnectErrorKind::AuthorizationViolation
            | async_nats::ConnectErrorKind::Authentication => {
                "check the password file of the NATS user"
            }
            async_nats::ConnectErrorKind::ServerParse => {
                "check YOSHI_NATS_URL, or --nats-url: for example nats://127.0.0.1:4222"
            }
            _ => "is NATS running, and is YOSHI_NATS_URL, or --nats-url, its address?",
        },
        Error::Refused(reply) if reply.code == ErrorCode::Unauthenticated => {
            "check name and password, or run `yoshi login` again: tokens end"
        }
        Error::Refused(reply) if reply.code == ErrorCode::Queued => {
            "it is NOT safe yet: it goes in when the log is back; ask again in a while"
        }
        Error::Deadline {
            last: yoshi_client::Last::NoAnswer(NoAnswer::NoResponders),
            ..
        } => "is a load balancer running?",
        Error::Deadline { .. } => "try again, or give it more time with --timeout",
        _ => "",
    }
}
