//! What a server tells of its rows, and what it can find wrong with them by
//! itself. Pure.

use sha2::{Digest, Sha256};
use yoshi_protocol::message::operate::{AccountSample, TaskSample};
use yoshi_protocol::{AccountName, Epoch, NewTask, Position, TaskId};

use crate::rules::{self, Hash};
use crate::store::compare::{AccountRow, Rows, TaskRow};

/// What a digest begins with, so that it is never the hash of anything else.
/// A change of what follows needs a new `DIGEST_VERSION`.
const DIGEST_TAG: &[u8] = b"yoshi task 2";

/// A task as COMPARE_MS tells of it; none if its row cannot be told of at all.
#[must_use]
pub fn task(row: &TaskRow) -> Option<TaskSample> {
    Some(TaskSample {
        id: TaskId(row.id),
        digest: digest(row).into(),
        changed: Position(u64::try_from(row.latest()).ok()?),
    })
}

/// An account as COMPARE_MS tells of it; none if its row cannot be told of at all.
#[must_use]
pub fn account(row: &AccountRow) -> Option<AccountSample> {
    let head: Hash = row.head.as_slice().try_into().ok()?;
    Some(AccountSample {
        head: head.into(),
        name: AccountName::new(&row.name).ok()?,
        epoch: Epoch(u64::try_from(row.epoch).ok()?),
        number: u64::try_from(row.number).ok()?,
    })
}

/// SHA-256 over everything that is stored of a task. Numbers are eight bytes,
/// most significant first; what has no fixed length comes after its length.
fn digest(row: &TaskRow) -> Hash {
    fn bytes(hasher: &mut Sha256, bytes: &[u8]) {
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    }
    let mut hasher = Sha256::new();
    hasher.update(DIGEST_TAG);
    hasher.update(row.id.as_bytes());
    bytes(&mut hasher, row.sender.as_bytes());
    let numbers = [
        row.number,
        row.position,
        row.changed,
        row.epoch,
        row.sent_at,
        row.public,
    ];
    for number in numbers.into_iter().chain(row.standing) {
        hasher.update(number.to_be_bytes());
    }
    bytes(&mut hasher, &row.hash);
    bytes(&mut hasher, &row.content);
    bytes(&mut hasher, row.revised.as_deref().unwrap_or_default());
    bytes(&mut hasher, row.actor.as_bytes());
    hasher.update((row.asks.len() as u64).to_be_bytes());
    for ask in &row.asks {
        bytes(&mut hasher, ask.recipient.as_bytes());
        let standing = ask.standing.map(i64::from);
        for number in [i64::from(ask.place), ask.changed]
            .into_iter()
            .chain(standing)
        {
            hasher.update(number.to_be_bytes());
        }
        ask.said.iter().for_each(|said| bytes(&mut hasher, said));
    }
    hasher.update((row.notes.len() as u64).to_be_bytes());
    for note in &row.notes {
        for text in [&note.account, &note.labels, &note.snoozed_until] {
            bytes(&mut hasher, text.as_bytes());
        }
        hasher.update(note.read.to_be_bytes());
    }
    bytes(&mut hasher, &row.changes);
    hasher.finalize().into()
}

/// The first row that is wrong by its own evidence, and why: no other server
/// needs to be asked about it.
#[must_use]
pub fn flaw(rows: &Rows) -> Option<String> {
    let applied = rows.applied.to_i64();
    let of_task = |row: &TaskRow| Some(format!("task {}: {}", row.id, flaw_of_task(row, applied)?));
    let of_account =
        |row: &AccountRow| Some(format!("account {:?}: {}", row.name, flaw_of_account(row)?));
    let mut tasks = rows.tasks.iter();
    let mut accounts = rows.accounts.iter();
    tasks
        .find_map(of_task)
        .or_else(|| accounts.find_map(of_account))
}

fn flaw_of_task(row: &TaskRow, applied: i64) -> Option<&'static str> {
    let in_log = |changed: i64| (row.position..=applied).contains(&changed);
    if !in_log(row.changed) || !row.asks.iter().all(|ask| in_log(ask.changed)) {
        return Some("it changed at a position that is not in the log");
    }
    if let Some(previous) = &row.previous {
        let Ok(previous): Result<Hash, _> = previous.as_slice().try_into() else {
            return Some("the hash before it is none");
        };
        if row.number == 1 && previous != [0; 32] {
            return Some("it is the sender's first entry, and there is a hash before it");
        }
        let number = u64::try_from(row.number).unwrap_or(0);
        if rules::chain(&previous, number, &row.content)[..] != row.hash {
            return Some("its content and the hash chain do not agree");
        }
    }
    if !row.chained {
        return Some("its changes and the hash chain do not agree");
    }
    // Bytes that the chain vouches for, but that this release cannot read, were
    // written by a later one: no flaw.
    let task = NewTask::decode_logged(&row.content).ok()?;
    if task.id.0 != row.id {
        return Some("its id is another one than its content's");
    }
    let asked = row.asks.iter().map(|ask| ask.recipient.as_str());
    let places = row.asks.iter().map(|ask| ask.place);
    if !asked.eq(task.recipients.iter().map(AccountName::as_str))
        || !places.eq((0_i16..).take(row.asks.len()))
    {
        return Some("its recipients are other ones than its content's");
    }
    None
}

/// Every entry that an account's row counts is a task or a change. Of a large
/// account, the walk counts them ([`super::tally`]).
fn flaw_of_account(row: &AccountRow) -> Option<&'static str> {
    if AccountName::new(&row.name).is_err() {
        return Some("it is not a name");
    }
    if row.entries.is_some_and(|entries| entries != row.number) {
        return Some("its entries are not all there");
    }
    match &row.latest {
        None if row.latest_position.is_none() => None,
        None => Some("its latest entry is missing"),
        Some((number, ..)) if *number != row.number => {
            Some("its number is another one than its latest entry's")
        }
        Some((_, hash, _)) if *hash != row.head => {
            Some("its head is another one than its latest entry's")
        }
        Some((_, _, epoch)) if *epoch != row.epoch => {
            Some("its epoch is another one than its latest entry's")
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::compare::{AskRow, NoteRow};
    use yoshi_protocol::{Incarnation, cbor};

    fn rows() -> Rows {
        let ana = AccountName::new("ana").unwrap();
        let task = NewTask::new("Ship 1.2", vec![ana]);
        let content = cbor::encode(&task);
        let hash = rules::chain(&[7; 32], 2, &content).to_vec();
        let ask = AskRow {
            recipient: "ana".into(),
            place: 0,
            standing: [0, 0, -1, -1],
            said: Default::default(),
            changed: 2048,
        };
        let row = TaskRow {
            id: task.id.0,
            sender: "ana".into(),
            number: 2,
            position: 2048,
            changed: 2048,
            epoch: 5,
            sent_at: 9,
            hash: hash.clone(),
            content,
            previous: Some(vec![7; 32]),
            revised: None,
            standing: [0; 6],
            public: 2048,
            actor: "ana".into(),
            asks: vec![ask],
            notes: vec![NoteRow {
                account: "ana".into(),
                labels: "home".into(),
                snoozed_until: String::new(),
                read: 0,
            }],
            changes: vec![5; 32],
            chained: true,
        };
        let account = AccountRow {
            name: "ana".into(),
            epoch: 5,
            number: 2,
            head: hash.clone(),
            latest_position: Some(2048),
            latest: Some((2, hash, 5)),
            entries: Some(2),
        };
        Rows {
            stream: Incarnation::random(),
            applied: Position(3071),
            tasks: vec![row],
            accounts: vec![account],
        }
    }

    type Damage = fn(&mut Rows);

    #[test]
    fn good_rows_have_no_flaw() {
        assert_eq!(flaw(&rows()), None);
    }

    #[test]
    fn what_the_chain_vouches_for_is_found_to_be_wrong_at_home() {
        let damages: &[Damage] = &[
            |rows| rows.tasks[0].content[20] ^= 1,
            |rows| rows.tasks[0].hash[3] ^= 1,
            |rows| rows.tasks[0].number = 3,
            |rows| rows.tasks[0].previous = Some(vec![6; 32]),
            |rows| rows.accounts[0].entries = Some(1),
            |rows| rows.tasks[0].id = TaskId::fresh().0,
            |rows| rows.tasks[0].changed = 4096,
            |rows| rows.tasks[0].asks.clear(),
            |rows| rows.tasks[0].chained = false,
            |rows| rows.tasks[0].asks[0].recipient = "bo".into(),
            |rows| rows.tasks[0].asks[0].place = 1,
            |rows| rows.accounts[0].head[0] ^= 1,
            |rows| rows.accounts[0].number = 3,
            |rows| rows.accounts[0].epoch = 6,
            |rows| rows.accounts[0].latest = None,
            |rows| rows.accounts[0].name = "Ana".into(),
        ];
        for (index, damage) in damages.iter().enumerate() {
            let mut damaged = rows();
            damage(&mut damaged);
            assert!(flaw(&damaged).is_some(), "damage {index}");
        }
    }

    #[test]
    fn every_column_is_in_the_digest() {
        let damages: &[fn(&mut TaskRow)] = &[
            |row| row.id = TaskId::fresh().0,
            |row| row.sender.push('x'),
            |row| row.number += 1,
            |row| row.position += 1,
            |row| row.changed += 1,
            |row| row.epoch += 1,
            |row| row.sent_at += 1,
            |row| row.hash[0] ^= 1,
            |row| row.content[0] ^= 1,
            |row| row.asks[0].recipient.push('x'),
            |row| row.asks[0].place += 1,
            |row| row.asks[0].standing[0] += 1,
            |row| row.asks[0].said[0].push(1),
            |row| row.standing[5] += 1,
            |row| row.revised = Some(vec![1]),
            |row| row.public += 1,
            |row| row.actor.push('x'),
            |row| row.notes[0].labels.push('x'),
            |row| row.notes[0].read += 1,
            |row| row.notes.clear(),
            |row| row.changes[0] ^= 1,
            |row| row.asks[0].changed += 1,
            |row| row.asks.clear(),
        ];
        let good = &rows().tasks[0];
        let before = digest(good);
        for (index, damage) in damages.iter().enumerate() {
            let mut damaged = good.clone();
            damage(&mut damaged);
            assert_ne!(digest(&damaged), before, "damage {index}");
        }
    }

    #[test]
    fn the_digest_of_a_row_never_changes() {
        let row = TaskRow {
            id: uuid::Uuid::from_u128(1),
            sender: "ana".into(),
            number: 1,
            position: 1024,
            changed: 1024,
            epoch: 5,
            sent_at: 9,
            hash: vec![7; 32],
            content: b"content".to_vec(),
            previous: None,
            revised: None,
            standing: [0; 6],
            public: 1024,
            actor: "ana".into(),
            asks: vec![AskRow {
                recipient: "bo".into(),
                place: 0,
                standing: [0, 0, -1, -1],
                said: Default::default(),
                changed: 1024,
            }],
            notes: Vec::new(),
            changes: vec![5; 32],
            chained: true,
        };
        let hex: String = digest(&row)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            hex,
            "4a5c5954846c38619b4d4edc8c2e8aa4b57f54b54618bce78ce5acfb051e56af"
        );
    }
}
