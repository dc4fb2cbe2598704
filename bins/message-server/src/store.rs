//! All SQL of the message server. It sees rows, never CBOR or subjects.

pub mod apply;
pub mod changing;
pub mod compare;
pub mod find;
pub mod fork;
pub mod log;
pub mod outbox;
pub mod poll;
pub mod stale;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The migrations of the tasks' tables.
#[must_use]
pub fn migrations() -> refinery::Runner {
    embedded::migrations::runner()
}
