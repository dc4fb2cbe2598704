//! The codes of failures, for programs. None ever changes its meaning.
//!
//! A server's own codes stand as they are; those of failures on this side are here.

use yoshi_client::{Error, Last, NoAnswer};
use yoshi_protocol::ErrorReply;

use super::Exit;

/// NATS cannot be reached, or nobody listens there.
const UNREACHABLE: &str = "unreachable";
/// No clear answer in time.
const TIMEOUT: &str = "timeout";
/// An answer that cannot be read.
const BAD_ANSWER: &str = "bad_answer";

/// The code of a call that failed.
pub(super) fn of(error: &Error) -> &'static str {
    match error {
        Error::Connect { source, .. } if super::is_no_address(source) => of_exit(Exit::Usage),
        Error::Connect { .. } => UNREACHABLE,
        Error::InvalidTask(invalid) => ErrorReply::from(invalid.clone()).code.as_str(),
        Error::Refused(reply) | Error::RefusedLater(reply) => reply.code.as_str(),
        Error::Deadline {
            may_have_happened: true,
            ..
        } => TIMEOUT,
        Error::Deadline {
            answer: Some(reply),
            ..
        } => reply.code.as_str(),
        Error::Deadline {
            last: Last::NoAnswer(NoAnswer::NotConnected | NoAnswer::NoResponders),
            ..
        } => UNREACHABLE,
        Error::Deadline { .. } => TIMEOUT,
        _ => BAD_ANSWER,
    }
}

/// The code of a failure on this side that has no other of its own.
pub(super) const fn of_exit(exit: Exit) -> &'static str {
    match exit {
        Exit::Done => "done",
        Exit::Refused => "refused",
        Exit::Usage => "usage",
        Exit::Unclear => TIMEOUT,
        Exit::NoConnection => UNREACHABLE,
        Exit::BadInput => "input",
        Exit::NotAuthenticated => "not_logged_in",
        Exit::Queued => "queued",
        Exit::Differs => "differs",
    }
}
