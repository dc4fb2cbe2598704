//! Databases that are set back: emptied, or restored from an old backup.

use yoshi_tests::System;

/// How far a database has applied its log.
const APPLIED: &str = "SELECT coalesce(max(applied), 0) FROM replica_cursor";

/// Empties a server's database, as a new disk does. Answers what it lost.
pub(super) async fn wipe(system: &System, name: &str) -> Result<String, String> {
    let before = applied(system, name).await;
    // Its connections may still be closing.
    for statement in ["DROP SCHEMA public CASCADE", "CREATE SCHEMA public"] {
        system.database(name).rows(statement).await;
    }
    match before {
        0 => Err("its database was empty".to_owned()),
        before => Ok(format!("everything up to {before} is gone")),
    }
}

/// Puts the backup from before the first fault in place of a server's database.
/// Answers what it lost.
pub(super) async fn restore(system: &mut System, name: &str) -> Result<String, String> {
    let before = applied(system, name).await;
    system.postgres(name).restore();
    system.postgres(name).ready().await;
    let now = applied(system, name).await;
    match now {
        0 => Err("the backup is as good as empty".to_owned()),
        now if now < before => Ok(format!("it stands at {now} instead of {before}")),
        now => Err(format!("it still stands at {now}")),
    }
}

async fn applied(system: &System, name: &str) -> i64 {
    system.database(name).rows(APPLIED).await[0].get(0)
}
