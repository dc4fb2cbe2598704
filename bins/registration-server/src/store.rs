//! The server's tables in SQL: what the state machine reads and writes per
//! batch, in sets (`batch`), and what requests ask for (`query`). Knows rows
//! and rules' types; no CBOR and no subjects.

pub(crate) mod batch;
pub(crate) mod query;

use yoshi_protocol::AccountName;

/// This server's migrations, numbered, with their own history table.
#[must_use]
pub(crate) fn migrations() -> refinery::Runner {
    let mut runner = embedded::migrations::runner();
    runner.set_migration_table_name("registration_server_migrations");
    runner
}

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// An account name in a column. Only names are ever written, so any other text
/// means that somebody else has written to the database.
fn account_name(text: &str) -> AccountName {
    AccountName::new(text).expect("only account names are written to this column")
}
