//! Moves the accounts of message servers that died, drain or were destroyed,
//! without waiting for their next request. At a bounded rate, so that clients'
//! requests do not wait behind it.

use std::time::Duration;

use rand::seq::SliceRandom;
use tokio::time::{MissedTickBehavior, interval};

use crate::assign::Assigner;
use crate::limit;
use crate::view::SharedView;

/// Looks for accounts whose home is lost, for ever.
pub(crate) async fn run(view: SharedView, assigner: Assigner) {
    let mut ticks = interval(Duration::from_millis(limit::SPREAD_MILLIS));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut accounts = view.with(|view| view.stranded(limit::SPREAD_ACCOUNTS_MAX));
        if accounts.is_empty() {
            continue;
        }
        tracing::info!(
            accounts = accounts.len(),
            "moving {} accounts whose message server is lost",
            accounts.len()
        );
        // The other load balancers do the same: in another order, they rarely
        // write the same account at once.
        accounts.shuffle(&mut rand::rng());
        for account in accounts {
            assigner.relocate(account).await;
        }
    }
}
