//! What a server answers: a result, or an error with a stable code.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cbor::DecodeError;
use crate::limit::ERROR_MESSAGE_CHARS_MAX;
use crate::message::find::InvalidQuery;
use crate::task::InvalidTask;

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply<T> {
    /// It was done, and this is the result.
    Ok(T),
    /// It was refused, and nothing was changed by it, unless the code says otherwise.
    Error(ErrorReply),
}

impl<T> Reply<T> {
    /// The reply as a `Result`.
    ///
    /// # Errors
    /// The [`ErrorReply`], if it is one.
    pub fn into_result(self) -> Result<T, ErrorReply> {
        match self {
            Self::Ok(value) => Ok(value),
            Self::Error(error) => Err(error),
        }
    }
}

impl<T> From<Result<T, ErrorReply>> for Reply<T> {
    fn from(result: Result<T, ErrorReply>) -> Self {
        match result {
            Ok(value) => Self::Ok(value),
            Err(error) => Self::Error(error),
        }
    }
}

/// An error as it travels: a code for programs, words for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ErrorReply {
    /// What went wrong, for programs.
    pub code: ErrorCode,
    /// The names that it is about: each unknown recipient, for example.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// What happened and what to do, in a sentence.
    pub message: String,
}

impl ErrorReply {
    /// An error with these words, cut at the limit of the wire.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl fmt::Display) -> Self {
        let message = message
            .to_string()
            .chars()
            .take(ERROR_MESSAGE_CHARS_MAX)
            .collect();
        Self {
            code,
            names: Vec::new(),
            message,
        }
    }

    /// The same error, about these names.
    #[must_use]
    pub fn about(mut self, names: Vec<String>) -> Self {
        self.names = names;
        self
    }
}

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $retry:literal;)*) => {
        /// What went wrong. The text of a code never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $text)] $variant,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as it travels.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Whether the same request, with the same id, may succeed later
            /// without anybody changing it.
            #[must_use]
            pub const fn is_retryable(self) -> bool {
                match self { $(Self::$variant => $retry,)* }
            }
        }
    };
}

error_codes! {
    /// Not a message of this opcode.
    Malformed = "malformed", false;
    /// More bytes or items than allowed.
    TooLarge = "too_large", false;
    /// A field of the task breaks a rule.
    InvalidTask = "invalid_task", false;
    /// A filter of a search breaks a rule.
    InvalidQuery = "invalid_query", false;
    /// Not one safe token.
    InvalidName = "invalid_name", false;
    /// Some recipients do not exist, or are disabled; `names` lists each.
    UnknownRecipients = "unknown_recipients", false;
    /// The credential is not the account's; also for an unknown or disabled account.
    Unauthenticated = "unauthenticated", false;
    /// The name is taken.
    AccountExists = "account_exists", false;
    /// There is no such account (told to operators only).
    UnknownAccount = "unknown_account", false;
    /// The new password is too short, too long, or among those that are tried first.
    WeakPassword = "weak_password", false;
    /// The task's id was used before, with other content.
    IdReused = "id_reused", false;
    /// Nothing with this id that the account may see.
    NotFound = "not_found", false;
    /// The task waits in the outbox of the server that `names` holds; it is not
    /// in the log yet.
    Queued = "queued", false;
    /// It would stop the service, or lose what nobody else holds: an operator
    /// may insist on it.
    Unsafe = "unsafe", false;
    /// It is not the account's to do, or not as things stand; the message says why.
    NotAllowed = "not_allowed", false;
    /// Somebody has changed it since the state that the change was made from.
    Conflict = "conflict", false;
    /// There is no such server.
    UnknownServer = "unknown_server", false;
    /// The account has moved to another home meanwhile; ask again.
    StaleEpoch = "stale_epoch", true;
    /// This server has not caught up with the log, or with the client's cursor.
    Behind = "behind", true;
    /// This registration server is not the primary; ask again.
    NotPrimary = "not_primary", true;
    /// Too much is waiting already; ask again later.
    Busy = "busy", true;
    /// A part that is needed cannot be reached; ask again later.
    Unavailable = "unavailable", true;
    /// The outcome is not known: it may have happened, or happen later. Ask
    /// again with the same id to learn it.
    Unknown = "unknown", true;
    /// A bug: logged at the server.
    Internal = "internal", false;
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<DecodeError> for ErrorReply {
    fn from(error: DecodeError) -> Self {
        let code = match error {
            DecodeError::TooLarge { .. } | DecodeError::TooManyItems(_) => ErrorCode::TooLarge,
            DecodeError::TooDeep
            | DecodeError::Truncated
            | DecodeError::TrailingBytes(_)
            | DecodeError::NotDeterministic(_)
            | DecodeError::Unsupported(_)
            | DecodeError::Text
            | DecodeError::Shape(_) => ErrorCode::Malformed,
        };
        Self::new(code, error)
    }
}

impl From<InvalidTask> for ErrorReply {
    fn from(error: InvalidTask) -> Self {
        let code = match error {
            InvalidTask::Malformed(decode) => return decode.into(),
            InvalidTask::Field { .. } => ErrorCode::InvalidTask,
        };
        Self::new(code, error)
    }
}

impl From<InvalidQuery> for ErrorReply {
    fn from(error: InvalidQuery) -> Self {
        Self::new(ErrorCode::InvalidQuery, error)
    }
}
