//! What can go wrong with a call to the servers, in words for people.

use yoshi_client::Error;
use yoshi_protocol::ErrorCode;

/// Why a call did not succeed, and what to do.
pub(crate) fn words(error: &Error) -> String {
    match error {
        Error::InvalidTask(invalid) => invalid.to_string(),
        Error::Refused(reply) => match reply.code {
            ErrorCode::UnknownRecipients => match &reply.names[..] {
                [name] => format!("There is no account called {name}."),
                names => format!("There are no accounts called {}.", names.join(", ")),
            },
            ErrorCode::Unauthenticated => "Name or password is wrong.".to_owned(),
            ErrorCode::AccountExists => "That name is taken. Choose another one.".to_owned(),
            ErrorCode::IdReused => "This task was sent already, with other content. \
                 Look under “Asked by me”; to send another one, begin a new task."
                .to_owned(),
            _ => reply.message.clone(),
        },
        other if other.may_have_happened() => {
            "No clear answer came, so it is not known whether it happened. \
             Try again: it will not happen twice."
                .to_owned()
        }
        _ => {
            "The servers cannot be reached, and nothing happened. Try again in a moment.".to_owned()
        }
    }
}
