//! `RS_HEARTBEAT`: a backup asks whether this server is alive, and primary.

use async_nats::Message;
use yoshi_protocol::ErrorReply;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::roster::{RsHeartbeat, StillAlive};
use yoshi_service::request;

use super::Server;

pub(super) async fn answer(server: Server, message: Message) {
    let result = alive(&server, &message);
    request::respond(server.nats(), &message, result).await;
}

fn alive(server: &Server, message: &Message) -> Result<StillAlive, ErrorReply> {
    let beat: RsHeartbeat = cbor::decode(&message.payload, Bound::REQUEST)?;
    // Also while this server is not primary yet: its first changes shall wait for the backup.
    server.heard(&beat);
    Ok(StillAlive {
        epoch: server.primary_epoch()?,
        applied: server.applied(),
    })
}
