//! The communications library of Yoshi (§4.5.3): one method per opcode.
//!
//! A program gives it tasks, and gets tasks; where the servers are, how a
//! message looks on the wire, and what to do when one is lost, is its business.
//! It finds every server through NATS alone. Each call has a deadline, tries
//! again with growing, jittered pauses within it, and sends the very same bytes
//! each time, with the same id: so a retry never doubles anything.
//!
//! An error never hides an unknown outcome: see [`Error::may_have_happened`].
//!
//! ```no_run
//! use yoshi_client::{Client, Options, Position, Sent};
//! use yoshi_protocol::{AccountName, Credential, NewTask, Password};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let nats_password = std::env::var("YOSHI_CLIENT_PASSWORD")?;
//! let client = Client::connect(Options::new("127.0.0.1:4222", "client", nats_password)).await?;
//!
//! // Bo registers, and uses a token instead of the password from then on.
//! let bo = AccountName::new("bo")?;
//! let password = Password::new("correct horse battery".to_owned());
//! client.create_account(&bo, &password).await?;
//! let credential = Credential::Token(client.log_in(&bo, &password).await?.token);
//!
//! // A task to oneself: to others it is the same.
//! match client.send(&bo, &credential, NewTask::new("Ship 1.2", vec![bo.clone()])).await? {
//!     Sent::Accounted(receipt) => println!(
//!         "task {} is number {}, held by {} servers",
//!         receipt.task, receipt.number, receipt.accounted_for.len(),
//!     ),
//!     Sent::Queued(queued) => println!("one server has it so far: {}", queued.server),
//! }
//!
//! // Everything, page by page; the cursor continues where the last answer ended.
//! let mut cursor = Position::ZERO;
//! loop {
//!     let page = client.retrieve(&bo, &credential, cursor).await?;
//!     for task in &page.tasks {
//!         println!("{} from {}", task.new_task.title, task.sender);
//!     }
//!     cursor = page.cursor;
//!     if !page.more {
//!         break;
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod change;
mod client;
mod environment;
mod error;
mod find;
mod holders;
pub mod moment;
mod notice;
mod operator;
mod options;
mod outgoing;
#[cfg(feature = "planted-faults")]
mod planted;
mod retry;
mod task;
mod transport;

pub use change::{Happened, Step};
pub use client::Client;
pub use environment::{Environment, EnvironmentError, NatsUser};
pub use error::{Error, Last, NoAnswer};
pub use find::{Found, Query};
pub use notice::Notices;
pub use operator::{Operator, Silent, Standing, Stands, role};
pub use options::{DEADLINE, Options, TRY_WITHIN, for_people};
pub use outgoing::Outgoing;
pub use task::{Polled, Task};

pub use yoshi_protocol::Position;
pub use yoshi_protocol::message::change::ChangeReceipt;
pub use yoshi_protocol::message::find::{Filter, Levels, List};
pub use yoshi_protocol::message::task::{
    Ask, AskState, Note, Queued, Receipt, Sent, TaskStatus, View,
};
