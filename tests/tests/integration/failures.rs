//! What a system does on a bad day. Each test has a system of its own.

pub(crate) mod joining;
mod message_server;
mod nats_node;
mod registration_server;
mod senders;
