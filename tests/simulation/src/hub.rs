//! NATS as the code relies on it: two logs with an expectation per subject and
//! message ids, consumers that deliver in order, and a bucket with
//! compare-and-set, watches and times to live.

pub(crate) mod bucket;
pub(crate) mod log;

pub(crate) use bucket::Bucket;
pub(crate) use log::Log;
