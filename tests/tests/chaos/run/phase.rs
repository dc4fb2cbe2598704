//! The faults of one phase: each is injected at its time, and heals when its own is over.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;
use yoshi_tests::System;

use super::supervise::Supervisor;
use crate::fault::{Fault, Injected, Step, choose};
use crate::verdict::Bite;
use crate::worker::Shared;

/// A fault at work.
pub(super) struct AtWork {
    fault: Fault,
    pub(super) injected: Injected,
    until: Instant,
    /// It should have met another one, and did not.
    alone: bool,
}

/// Does what the steps say, and answers what each did, in the order of healing.
pub(super) async fn phase(
    steps: &[Step],
    system: &mut System,
    supervisor: &mut Supervisor,
    shared: &Arc<Shared>,
) -> Vec<Bite> {
    let history = &shared.history;
    let targets = choose(steps, system).await;
    let mut waiting: VecDeque<_> = steps.iter().zip(targets).collect();
    let mut at_work: Vec<AtWork> = Vec::new();
    let mut bites = Vec::new();
    let mut next = Instant::now();
    while !waiting.is_empty() || !at_work.is_empty() {
        let now = Instant::now();
        if now >= next
            && let Some((step, targets)) = waiting.pop_front()
        {
            let alone = step.after.is_some() && at_work.is_empty();
            history.note("inject", step.fault.name());
            history.note("targets", &targets.join(" "));
            let injected = Injected::inject(*step, targets, system, shared).await;
            history.note("injected", step.fault.name());
            at_work.push(AtWork {
                fault: step.fault,
                injected,
                until: Instant::now() + step.lasts,
                alone,
            });
            let after = waiting.front().and_then(|(step, _)| step.after);
            next = Instant::now() + after.unwrap_or_default();
        } else if let Some(index) = at_work.iter().position(|it| now >= it.until) {
            bites.push(heal(at_work.remove(index), system, shared).await);
        } else {
            let ends = at_work.iter().map(|it| it.until);
            let begins = (!waiting.is_empty()).then_some(next);
            let until = ends.chain(begins).min().unwrap_or(now);
            supervisor.wait(system, until - now, &mut at_work).await;
        }
    }
    bites
}

async fn heal(it: AtWork, system: &mut System, shared: &Shared) -> Bite {
    let AtWork {
        fault,
        mut injected,
        alone,
        ..
    } = it;
    let targets = injected.targets.join(" ");
    let bite = injected.bite(system, shared).await;
    let side = injected.side(shared);
    injected.heal(system).await;
    shared.history.note("healed", fault.name());
    Bite {
        fault,
        targets,
        side,
        shown: match alone {
            true => Err("the other fault had healed before".to_owned()),
            false => bite,
        },
    }
}
