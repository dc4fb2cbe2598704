//! What the election asks for, and what comes of it (`candidate/calls.rs`,
//! `lease.rs`).

use std::time::Instant;

use registration_server::election::{Action, Input as Step, Role, Written};
use registration_server::rules::Outcome;
use uuid::Uuid;
use yoshi_protocol::message::log::{AccountEntry, AccountOp};
use yoshi_protocol::message::roster::{PrimaryLease, RsHeartbeat};
use yoshi_protocol::{AccountName, Epoch, ErrorCode, Position, ServerId, cbor};

use super::{HEARTBEAT, Registrar, Submitted};
use crate::bug::Bug;
use crate::clock::{MILLI, Micros, SECOND};
use crate::message::{Addr, Message, Value, lease_view};
use crate::node::{Context, Out, Timer};

const LEASE_CALL: Micros = 2 * SECOND;
const CLAIM_PAUSE: Micros = 100 * MILLI;
const KEY: &str = "primary.lease";

/// A call under way.
#[derive(Debug, Clone, Copy)]
pub(super) enum Call {
    Beat(ServerId),
    Read,
    Write { epoch: Epoch, started: Instant },
    Claim { id: Uuid, epoch: Epoch },
}

impl Registrar {
    pub(super) fn act(&mut self, context: &mut Context<'_>, action: Action) {
        let from = Addr::Rs(self.index);
        match action {
            Action::Beat(of) => {
                let wait = u64::try_from(HEARTBEAT.as_micros()).expect("a second");
                let (Some(token), Some(replica)) = (
                    self.call(context, Call::Beat(of), wait),
                    &self.driver.replica,
                ) else {
                    return;
                };
                let beat = RsHeartbeat {
                    id: self.driver.disk.id,
                    host: String::new(),
                    lost: false,
                    stream: None,
                    applied: replica.applied,
                    incarnation: replica.life,
                };
                context
                    .out
                    .push(Out::ToServer(of, Message::Beat { from, token, beat }));
            }
            Action::ReadLease => {
                if let Some(token) = self.call(context, Call::Read, LEASE_CALL) {
                    context.send(
                        Addr::Hub,
                        Message::Get {
                            from,
                            token,
                            key: KEY.to_owned(),
                        },
                    );
                }
            }
            Action::WriteLease { expected, lease } => self.write_lease(context, expected, lease),
            Action::Claim(epoch) => {
                let id = context.random.uuid();
                self.claim(context, id, epoch);
            }
            Action::Announce(primary) => context.out.push(Out::ToAll(Message::Primary(primary))),
            Action::Release { expected } => {
                let put = Message::Put {
                    from,
                    token: 0,
                    key: KEY.to_owned(),
                    value: None,
                    expected: Some(expected),
                };
                context.send(Addr::Hub, put);
            }
        }
    }

    fn write_lease(&mut self, context: &mut Context<'_>, expected: u64, lease: PrimaryLease) {
        let started = context.instant();
        let call = Call::Write {
            epoch: lease.epoch,
            started,
        };
        if let Some(token) = self.call(context, call, LEASE_CALL) {
            let value = Some(Value::Lease(lease));
            let from = Addr::Rs(self.index);
            let put = Message::Put {
                from,
                token,
                key: KEY.to_owned(),
                value,
                expected: Some(expected),
            };
            context.send(Addr::Hub, put);
        }
    }

    fn call(&mut self, context: &mut Context<'_>, call: Call, wait: Micros) -> Option<u64> {
        let process = self.process.as_mut()?;
        process.next += 1;
        let token = process.next;
        process.calls.insert(token, call);
        context.after(wait, Timer::ElectionCall(token));
        Some(token)
    }

    fn take(&mut self, token: u64) -> Option<Call> {
        self.process.as_mut()?.calls.remove(&token)
    }

    pub(super) fn call_failed(&mut self, context: &mut Context<'_>, token: u64) {
        match self.take(token) {
            Some(Call::Beat(of)) => self.step(context, Step::Beat { of, answered: None }),
            Some(Call::Read) => self.step(context, Step::LeaseRead(None)),
            Some(Call::Write { epoch, started }) => {
                let result = Written::Failed;
                self.step(
                    context,
                    Step::LeaseWritten {
                        epoch,
                        started,
                        result,
                    },
                );
            }
            Some(Call::Claim { .. }) | None => {}
        }
    }

    pub(super) fn alive(
        &mut self,
        context: &mut Context<'_>,
        token: u64,
        answer: Option<(Epoch, Position)>,
    ) {
        let Some(Call::Beat(of)) = self.take(token) else {
            return;
        };
        if let (Some(process), Some((_, applied))) = (&mut self.process, answer) {
            process.primary_applied = Some((of, applied));
        }
        let answered = answer.map(|(epoch, _)| epoch);
        self.step(context, Step::Beat { of, answered });
    }

    pub(super) fn lease_read(
        &mut self,
        context: &mut Context<'_>,
        token: u64,
        revision: u64,
        value: Option<Value>,
    ) {
        if let Some(Call::Read) = self.take(token) {
            self.step(context, Step::LeaseRead(Some(lease_view(revision, value))));
        }
    }

    pub(super) fn lease_stored(
        &mut self,
        context: &mut Context<'_>,
        token: u64,
        revision: Option<u64>,
    ) {
        if let Some(Call::Write { epoch, started }) = self.take(token) {
            let result = revision.map_or(Written::Failed, Written::At);
            self.step(
                context,
                Step::LeaseWritten {
                    epoch,
                    started,
                    result,
                },
            );
        }
    }

    fn claim(&mut self, context: &mut Context<'_>, id: Uuid, epoch: Epoch) {
        let server = self.driver.disk.id;
        let entry = AccountEntry {
            at: context.wall(),
            id,
            op: AccountOp::Primary(server),
            epoch,
        };
        let order = AccountName::new("primary").expect("it is a name");
        self.submit(context, Submitted::Claim { id, epoch }, order, &entry);
    }

    /// Puts an entry into the log; the ticket, unless too much is waiting.
    pub(super) fn submit(
        &mut self,
        context: &mut Context<'_>,
        what: Submitted,
        order: AccountName,
        entry: &AccountEntry,
    ) -> Option<u64> {
        let process = self.process.as_mut()?;
        process.next += 1;
        let ticket = process.next;
        process.tickets.insert(ticket, what);
        let entry = cbor::encode(entry);
        let (taken, asked) = self.driver.submit(context, ticket, order, entry);
        self.perform(context, asked);
        taken.is_ok().then_some(ticket)
    }

    /// A claim has gone through the log, or nobody knows.
    pub(super) fn claimed(
        &mut self,
        context: &mut Context<'_>,
        id: Uuid,
        epoch: Epoch,
        outcome: Option<Outcome>,
    ) {
        let Some(process) = &self.process else {
            return;
        };
        if process.election.role() != (Role::Claiming { epoch }) {
            return;
        }
        match outcome {
            Some(Outcome::Applied(_)) => self.step(context, Step::Claimed(epoch)),
            Some(Outcome::Rejected(ErrorCode::NotPrimary | _)) => {
                let logged = self.driver.disk.rows.primary.epoch;
                self.step(context, Step::Outranked(logged));
                self.step(context, Step::ClaimRefused(epoch));
            }
            None => {
                if let Some(token) = self.call(context, Call::Claim { id, epoch }, LEASE_CALL) {
                    context.after(CLAIM_PAUSE, Timer::Claim(token));
                }
            }
        }
    }

    pub(super) fn claim_again(&mut self, context: &mut Context<'_>, token: u64) {
        if let Some(Call::Claim { id, epoch }) = self.take(token)
            && self
                .process
                .as_ref()
                .is_some_and(|process| process.election.role() == (Role::Claiming { epoch }))
        {
            self.claim(context, id, epoch);
        }
    }

    /// With a planted mistake, a primary never finds out that its time is over.
    pub(super) fn remember_reign(&mut self) {
        if self.bug == Some(Bug::PrimaryOutlivesLease)
            && let Some(process) = &mut self.process
            && let Role::Primary { epoch, .. } = process.election.role()
        {
            process.sticky = Some(epoch);
        }
    }

    /// The epoch in which this server answers as primary now.
    pub(crate) fn primary_epoch(&self, now: Instant) -> Option<Epoch> {
        let process = self.process.as_ref()?;
        process
            .sticky
            .or_else(|| process.election.role().primary_epoch(now))
    }
}
