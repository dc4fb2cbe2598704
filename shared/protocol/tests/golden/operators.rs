//! The vectors of what operators ask of servers, and servers of each other, when
//! something has failed.

use serde_bytes::ByteArray;
use yoshi_protocol::message::Done;
use yoshi_protocol::message::operate::{
    AccountSample, CompareMs, Compared, DIGEST_VERSION, DrainMs, ResyncMs, ServerStatus, TaskSample,
};
use yoshi_protocol::message::task::{OutboxToHome, Queued, Sent};
use yoshi_protocol::{Opcode, Position, TaskId};

use crate::fixtures::{EPOCH, POSITION, id, incarnation, name, report, server, task_from_client};
use crate::vectors::{Vector, answer, request};

pub(crate) fn of_recovery() -> Vec<Vector> {
    let task = TaskSample {
        id: TaskId(id(1)),
        digest: ByteArray::new([0xdd; 32]),
        changed: POSITION,
    };
    let account = AccountSample {
        head: ByteArray::new([0xaa; 32]),
        name: name("ana"),
        epoch: EPOCH,
        number: 1,
    };
    let compare = CompareMs {
        id: server(1),
        tasks: vec![task],
        stream: incarnation(),
        applied: Position::end_of_block(7),
        version: DIGEST_VERSION,
        accounts: vec![account],
    };
    let compared = Compared {
        tasks: vec![task.id],
        accounts: vec![name("ana")],
    };
    let outbox = OutboxToHome {
        task: task_from_client().task,
    };
    let sent = Sent::Queued(Queued {
        task: TaskId(id(1)),
        server: server(1),
    });
    vec![
        request(Opcode::ServerStatus, &ServerStatus {}),
        answer(Opcode::ServerStatus, report()),
        request(Opcode::CompareMs, &compare),
        answer(Opcode::CompareMs, compared),
        request(Opcode::OutboxToHome, &outbox),
        answer(Opcode::OutboxToHome, sent),
        request(
            Opcode::DrainMs,
            &DrainMs {
                drain: true,
                force: false,
            },
        ),
        answer(Opcode::DrainMs, Done {}),
        request(
            Opcode::ResyncMs,
            &ResyncMs {
                keep: false,
                force: false,
            },
        ),
        answer(Opcode::ResyncMs, Done {}),
    ]
}
