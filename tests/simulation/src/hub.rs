//! NATS as the code relies on it: two logs with an expectation per subject and
//! message ids, consumers that deliver in order, and a bucket with
//! compare-and-set, watches and times to live.

pub mod bucket;
pub mod log;

pub use bucket::Bucket;
pub use log::Log;
