//! What a system does on a bad day. Each test has a system of its own.

mod beginning;
mod degraded;
mod draining;
mod elsewhere;
mod empty_server;
mod fork;
mod hung;
pub(crate) mod joining;
mod lost_log;
mod message_server;
mod nats_node;
mod older_bucket;
mod parted_log;
mod registration_server;
mod regrown_log;
mod senders;
mod silent;
mod two_resyncs;
mod unreadable;
mod unsafe_ground;
