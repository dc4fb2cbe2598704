//! What follows once somebody's rows are known to be wrong: this server stops, or
//! raises the alarm about another one.

use std::time::Duration;

use deadpool_postgres::Pool;
use tokio_postgres::error::SqlState;
use yoshi_replica::DatabaseError;

use super::voter::Voter;
use crate::store::fork;

/// How long writing that this database has forked may take before the server
/// stops without it, and goes on trying.
const MARK_WITHIN: Duration = Duration::from_secs(2);
const MARK_PAUSE: Duration = Duration::from_secs(5);

/// Writes that this database has forked, however long that takes. Safe to cancel.
pub(crate) async fn keep_marking(pool: &Pool, what: &str) {
    while !mark(pool, what).await {
        tokio::time::sleep(MARK_PAUSE).await;
    }
}

async fn mark(pool: &Pool, what: &str) -> bool {
    let marked = tokio::time::timeout(MARK_WITHIN, fork::mark(pool, what)).await;
    let error = match marked {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => error.to_string(),
        Err(elapsed) => elapsed.to_string(),
    };
    tracing::error!(
        error,
        "a restart would forget that this server must not serve"
    );
    false
}

impl Voter {
    /// This server is in the wrong: it serves no more, and does not forget it.
    pub(super) async fn stop(&self, what: &str) {
        if self.membership.refusal().is_some() {
            return;
        }
        tracing::error!(
            what,
            "THIS SERVER'S ROWS ARE WRONG, and it stops serving: {what}"
        );
        let marked = mark(&self.pool, what).await;
        self.membership.refuse(what);
        if !marked {
            tokio::time::sleep(MARK_PAUSE).await;
            keep_marking(&self.pool, what).await;
        }
    }

    /// A database that says itself that it is damaged is in the wrong, too.
    pub(super) async fn failed(&self, error: &DatabaseError) {
        if let DatabaseError::Statement(statement) = error
            && [
                Some(&SqlState::DATA_CORRUPTED),
                Some(&SqlState::INDEX_CORRUPTED),
            ]
            .contains(&statement.code())
        {
            return self
                .stop(&format!("Postgres finds damage: {statement}"))
                .await;
        }
        let error = error as &dyn std::error::Error;
        tracing::warn!(error, "rows could not be compared");
    }
}

pub(super) fn alarm(words: &str) {
    metrics::counter!("yoshi_compare_alarms_total").increment(1);
    tracing::error!(
        rows = words,
        "ANOTHER SERVER'S ROWS ARE WRONG: {words}; most servers hold it as this one does"
    );
}
