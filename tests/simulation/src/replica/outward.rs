//! What a replica asks for, as messages: the same for both kinds of servers.

use yoshi_protocol::{Incarnation, ServerId};

use super::Effect;
use crate::disk::{Disk, Rows};
use crate::message::{Addr, Message};
use crate::node::{Context, Out, Timer};

/// Does what an effect asks for; answers it, if it is its server's business.
pub(crate) fn outward<R: Rows>(
    context: &mut Context<'_>,
    life: Incarnation,
    disk: &Disk<R>,
    effect: Effect<R::Outcome>,
) -> Option<Effect<R::Outcome>> {
    let (from, id) = (context.own, disk.id);
    match effect {
        Effect::After(delay, timer) => context.after(delay, Timer::Replica(timer)),
        Effect::Publish {
            token,
            id: message,
            expected,
            entries,
        } => {
            let publish = Message::Publish {
                from,
                token,
                id: message,
                root: id,
                life,
                expected,
                entries,
            };
            context.send(Addr::Hub, publish);
        }
        Effect::AskLast(token) => {
            let root = id;
            context.send(Addr::Hub, Message::AskLast { from, token, root });
        }
        Effect::AskView(token) => context.send(Addr::Hub, Message::AskView { from, token }),
        Effect::AskId { token, sequence } => {
            let ask = Message::AskId {
                from,
                token,
                sequence,
            };
            context.send(Addr::Hub, ask);
        }
        Effect::Read { consumer, start } => {
            let read = Message::Read {
                from,
                consumer,
                start,
            };
            context.send(Addr::Hub, read);
        }
        Effect::AskPage { token, peer, since } => {
            let stream = disk.cursor.expect("made at the start").incarnation;
            let ask = Message::AskPage {
                from,
                token,
                since,
                stream,
            };
            context.out.push(Out::ToServer(peer, ask));
        }
        Effect::Commit(transaction) => context.out.push(Out::Commit(transaction)),
        Effect::Account(block, position) => accounted(context, (id, life), &block, position),
        Effect::Stop(why) => context.out.push(Out::Stop(why)),
        Effect::Down(_) | Effect::Done(..) | Effect::Decided(..) => return Some(effect),
    }
    None
}

fn accounted(
    context: &mut Context<'_>,
    (server, life): (ServerId, Incarnation),
    block: &crate::message::StoredBlock,
    position: yoshi_protocol::Position,
) {
    let accounted = Message::Accounted {
        to: block.life,
        server,
        life,
        position,
    };
    context.send(block.from, accounted);
}
