//! An entry of the accounts log as the rules see it, from its form on the wire.

use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::log::{AccountEntry, AccountOp, SetPassword};

use crate::rules::{Entry, NewPassword, Operation, TokenHash};

/// A token's hash that is not one of 32 bytes: no honest primary writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hash of a token has not 32 bytes")]
pub struct NoHash;

/// Reads an entry; none if the bytes are none.
pub(crate) fn read(bytes: &[u8]) -> Option<Entry> {
    let entry: AccountEntry = cbor::decode(bytes, Bound::ENTRY).ok()?;
    entry.try_into().ok()
}

impl TryFrom<AccountEntry> for Entry {
    type Error = NoHash;

    fn try_from(entry: AccountEntry) -> Result<Self, NoHash> {
        Ok(Self {
            at: entry.at,
            id: entry.id,
            epoch: entry.epoch,
            operation: operation(entry.op)?,
        })
    }
}

fn operation(op: AccountOp) -> Result<Operation, NoHash> {
    let hash = |bytes: &[u8]| TokenHash::from_slice(bytes).ok_or(NoHash);
    Ok(match op {
        AccountOp::Primary(server) => Operation::Primary(server),
        AccountOp::Create(set) => Operation::Create(password(set)),
        AccountOp::ChangePassword(set) => Operation::ChangePassword(password(set)),
        AccountOp::LogIn(new) => Operation::LogIn {
            token: hash(&new.token_hash)?,
            account: new.account,
            expires_at: new.expires_at,
        },
        AccountOp::LogOut(end) => Operation::LogOut {
            token: hash(&end.token_hash)?,
            account: end.account,
        },
        AccountOp::Set(set) => Operation::Set {
            account: set.account,
            disabled: set.disabled,
        },
    })
}

fn password(set: SetPassword) -> NewPassword {
    NewPassword {
        account: set.account,
        hash: set.password_hash,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_bytes::ByteBuf;
    use uuid::Uuid;
    use yoshi_protocol::message::log::{EndToken, NewToken};
    use yoshi_protocol::{AccountName, Epoch, Millis};

    fn entry(op: AccountOp) -> Vec<u8> {
        cbor::encode(&AccountEntry {
            at: Millis(1),
            id: Uuid::from_u128(2),
            op,
            epoch: Epoch(3),
        })
    }

    #[test]
    fn an_entry_is_read_as_it_stands() {
        let account = AccountName::new("ana").unwrap();
        let bytes = entry(AccountOp::LogIn(NewToken {
            account: account.clone(),
            expires_at: Millis(5),
            token_hash: ByteBuf::from([7; 32]),
        }));
        let expected = Entry {
            at: Millis(1),
            id: Uuid::from_u128(2),
            epoch: Epoch(3),
            operation: Operation::LogIn {
                account,
                token: TokenHash([7; 32]),
                expires_at: Millis(5),
            },
        };
        assert_eq!(read(&bytes), Some(expected));
        assert_eq!(read(&bytes[1..]), None);
    }

    #[test]
    fn a_token_has_a_whole_hash() {
        for bytes in [0, 31, 33] {
            let account = AccountName::new("ana").unwrap();
            let token_hash = ByteBuf::from(vec![7; bytes]);
            let end = EndToken {
                account,
                token_hash,
            };
            assert_eq!(read(&entry(AccountOp::LogOut(end))), None, "{bytes}");
        }
    }
}
