//! What a registration server answers (`serve/`).

use registration_server::rules::Outcome;
use uuid::Uuid;
use yoshi_protocol::message::log::{AccountEntry, AccountOp, SetPassword};
use yoshi_protocol::message::roster::RsHeartbeat;
use yoshi_protocol::{AccountName, Epoch, ErrorCode};

use super::{Registrar, Submitted};
use crate::clock::{Micros, SECOND};
use crate::message::{AccountAnswer, AccountAsk, Addr, Message};
use crate::node::{Context, Timer};

const CHANGE_SLACK: Micros = 5 * SECOND;

impl Registrar {
    /// RS_HEARTBEAT.
    pub(super) fn beaten(
        &mut self,
        context: &mut Context<'_>,
        from: Addr,
        token: u64,
        beat: &RsHeartbeat,
    ) {
        let now = context.instant();
        let epoch = self.primary_epoch(now);
        let (Some(process), Some(replica)) = (&mut self.process, &self.driver.replica) else {
            return;
        };
        process.backups.heard(now, beat);
        let answer = epoch.map(|epoch| (epoch, replica.applied));
        context.send(from, Message::Alive { token, answer });
    }

    pub(super) fn request(
        &mut self,
        context: &mut Context<'_>,
        (from, number): (Addr, u64),
        id: Uuid,
        ask: AccountAsk,
    ) {
        let Some(epoch) = self.primary_epoch(context.instant()) else {
            return answer(
                context,
                (from, number),
                AccountAnswer::Refused(ErrorCode::NotPrimary),
            );
        };
        match ask {
            AccountAsk::Authenticate(account, password) => {
                let known = self.driver.disk.rows.accounts.get(&account);
                let valid = known.is_some_and(|known| known.password_hash == hash(password));
                answer(context, (from, number), AccountAnswer::Valid(valid));
            }
            AccountAsk::Create(account, password) => {
                let known = self.driver.disk.rows.accounts.contains_key(&account);
                if known && !self.driver.disk.rows.is_done(id) {
                    return answer(
                        context,
                        (from, number),
                        AccountAnswer::Refused(ErrorCode::AccountExists),
                    );
                }
                let op = AccountOp::Create(set(&account, password));
                self.change(context, (from, number), (id, epoch), account, op);
            }
            AccountAsk::Change(account, password) => {
                let op = AccountOp::ChangePassword(set(&account, password));
                self.change(context, (from, number), (id, epoch), account, op);
            }
        }
    }

    fn change(
        &mut self,
        context: &mut Context<'_>,
        to: (Addr, u64),
        (id, epoch): (Uuid, Epoch),
        account: AccountName,
        op: AccountOp,
    ) {
        let entry = AccountEntry {
            at: context.wall(),
            id,
            op,
            epoch,
        };
        let (from, number) = to;
        match self.submit(context, Submitted::Change { from, number }, account, &entry) {
            Some(ticket) => {
                let beta = u64::try_from(self.driver.beta.as_micros()).unwrap_or(u64::MAX);
                context.after(beta + CHANGE_SLACK, Timer::Request(ticket));
            }
            None => answer(context, to, AccountAnswer::Refused(ErrorCode::Busy)),
        }
    }

    pub(super) fn done(
        &mut self,
        context: &mut Context<'_>,
        ticket: u64,
        outcome: Option<Outcome>,
    ) {
        let Some(process) = &mut self.process else {
            return;
        };
        match process.tickets.remove(&ticket) {
            Some(Submitted::Claim { id, epoch }) => self.claimed(context, id, epoch, outcome),
            Some(Submitted::Change { from, number }) => {
                let result = match outcome {
                    Some(Outcome::Applied(_)) => AccountAnswer::Done,
                    Some(Outcome::Rejected(code)) => AccountAnswer::Refused(code),
                    None => AccountAnswer::Refused(ErrorCode::Unknown),
                };
                answer(context, (from, number), result);
            }
            None => {}
        }
    }

    pub(super) fn change_is_late(&mut self, context: &mut Context<'_>, ticket: u64) {
        let Some(process) = &mut self.process else {
            return;
        };
        if let Some(Submitted::Change { from, number }) = process.tickets.get(&ticket).cloned() {
            process.tickets.remove(&ticket);
            answer(
                context,
                (from, number),
                AccountAnswer::Refused(ErrorCode::Unknown),
            );
        }
    }
}

fn answer(context: &mut Context<'_>, (to, number): (Addr, u64), answer: AccountAnswer) {
    context.send(to, Message::AccountAnswer { number, answer });
}

/// Stands for the hash of a password: argon2 is not what is tested here.
fn hash(password: u64) -> String {
    format!("p{password}")
}

fn set(account: &AccountName, password: u64) -> SetPassword {
    SetPassword {
        account: account.clone(),
        password_hash: hash(password),
    }
}
