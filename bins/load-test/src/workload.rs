//! Which tasks are sent: their content, and who gets them. No I/O.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use yoshi_protocol::{AccountName, InvalidName, NewTask, TaskId};

use crate::arguments::Arguments;
use crate::record::Record;

/// Who gets what, and under which names.
///
/// The first accounts form a *ring*: those that send, and receive. A task goes
/// to consecutive accounts of it. The last accounts are the *observers*: now
/// and then one takes the place of a task's first recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) senders: u32,
    pub(crate) ring: u32,
    pub(crate) observers: u32,
    pub(crate) recipients: u32,
}

/// The tasks of a run.
#[derive(Debug)]
pub(crate) struct Workload {
    plan: Plan,
    body: String,
    pub(crate) prefix: String,
    pub(crate) seed: u64,
    /// Stands at the start of every title: what bears it was made by this run.
    pub(crate) mark: String,
    names: Vec<AccountName>,
}

impl Plan {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        Self {
            senders: arguments.senders,
            // Two at least, so that a lone sender writes to somebody else.
            ring: arguments.senders.max(arguments.recipients).max(2),
            observers: arguments.observers,
            recipients: arguments.recipients,
        }
    }

    pub(crate) fn accounts(self) -> u32 {
        self.ring + self.observers
    }

    /// The accounts that a task goes to.
    pub(crate) fn recipients_of(
        self,
        first: u32,
        observer: Option<u32>,
    ) -> impl Iterator<Item = u32> {
        let ring = self.ring;
        let others = (u32::from(observer.is_some())..self.recipients)
            .map(move |index| (first + index) % ring);
        observer
            .map(|observer| ring + observer)
            .into_iter()
            .chain(others)
    }

    pub(crate) fn recipients_of_record(self, record: &Record) -> impl Iterator<Item = u32> {
        self.recipients_of(record.first, record.observer)
    }
}

impl Workload {
    pub(crate) fn new(arguments: &Arguments) -> Result<Self, String> {
        let seed = arguments.seed.unwrap_or_else(rand::random);
        let run = TaskId::fresh().0.simple().to_string();
        let prefix = match &arguments.accounts_prefix {
            Some(prefix) => prefix.clone(),
            // The last digits are the random ones.
            None => format!("load-{}", &run[20..]),
        };
        let plan = Plan::new(arguments);
        let names =
            (0..plan.accounts()).map(|index| AccountName::new(&format!("{prefix}-{index}")));
        let names = names
            .collect::<Result<_, _>>()
            .map_err(|error: InvalidName| format!("--accounts-prefix: {error}"))?;
        Ok(Self {
            plan,
            body: body(seed, arguments.body_bytes as usize),
            prefix,
            seed,
            mark: format!("load {run}"),
            names,
        })
    }

    pub(crate) fn plan(&self) -> Plan {
        self.plan
    }

    pub(crate) fn names(&self) -> &[AccountName] {
        &self.names
    }

    pub(crate) fn name(&self, index: u32) -> &AccountName {
        &self.names[index as usize]
    }

    /// The first recipient of a sender's next task: every one has its turn,
    /// beginning with the sender's neighbour or another, as the seed says.
    pub(crate) fn first_recipient(&self, sender: u32, sequence: u64) -> u32 {
        let ring = u64::from(self.plan.ring);
        let shift = 1 + self.seed % (ring - 1);
        let first = (u64::from(sender) + shift + sequence) % ring;
        u32::try_from(first).expect("less than the ring, which is a u32")
    }

    pub(crate) fn task(&self, sequence: u64, first: u32, observer: Option<u32>) -> NewTask {
        let recipients = self.plan.recipients_of(first, observer);
        let mut task = NewTask::new(
            format!("{} #{sequence}", self.mark),
            recipients.map(|index| self.name(index).clone()).collect(),
        );
        task.body.clone_from(&self.body);
        task
    }
}

/// Words of a size, so that no compression makes light of them.
fn body(seed: u64, bytes: usize) -> String {
    let mut random = StdRng::seed_from_u64(seed);
    (0..bytes)
        .map(|_| match random.random_range(0..32_u8) {
            letter @ 0..26 => char::from(b'a' + letter),
            _ => ' ',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn workload(line: &[&str]) -> Workload {
        let line = std::iter::once("load-test").chain(line.iter().copied());
        Workload::new(&Arguments::parse_from(line)).unwrap()
    }

    #[test]
    fn tasks_are_well_formed_and_go_where_the_plan_says() {
        for recipients in ["1", "3", "9"] {
            let line = [
                "--senders",
                "4",
                "--recipients",
                recipients,
                "--body-bytes",
                "300",
            ];
            let workload = workload(&line);
            for sequence in 0..20 {
                let first = workload.first_recipient(3, sequence);
                for observer in [None, Some(0), Some(1)] {
                    let task = workload.task(sequence, first, observer);
                    assert_eq!(task.check(), Ok(()));
                    assert_eq!(task.recipients.len().to_string(), recipients);
                    assert_eq!(task.body.len(), 300);
                }
            }
        }
    }

    #[test]
    fn a_lone_sender_writes_to_another_first() {
        let workload = workload(&["--senders", "1", "--seed", "5"]);
        assert_eq!(workload.first_recipient(0, 0), 1);
        assert_eq!(workload.plan().accounts(), 4);
    }

    #[test]
    fn runs_have_accounts_of_their_own_unless_told() {
        assert_ne!(workload(&[]).prefix, workload(&[]).prefix);
        assert_eq!(
            workload(&["--accounts-prefix", "lt"]).name(3).as_str(),
            "lt-3"
        );
        let bad = Arguments::parse_from(["load-test", "--accounts-prefix", "A.b"]);
        assert!(Workload::new(&bad).is_err());
    }
}
