//! An instance's files as its operator backs them up, and puts them back later.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::{Postgres, SUPERUSER, program};
use crate::place;
use crate::process::Process;

/// How long a backup may take.
const BACKUP_WITHIN: Duration = Duration::from_secs(60);

impl Postgres {
    /// Whether the programs that take backups are here.
    #[must_use]
    pub fn can_back_up() -> bool {
        place::postgres_binaries().join("pg_basebackup").is_file()
    }

    /// Takes a backup while it runs, in place of the one that was taken before.
    ///
    /// # Panics
    /// If that fails, or takes too long; see [`Postgres::can_back_up`].
    pub async fn back_up(&self) {
        let backup = self.backup();
        if backup.exists() {
            std::fs::remove_dir_all(&backup).expect("the old backup is ours");
        }
        let mut command = program("pg_basebackup", self.owner);
        command
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-U", SUPERUSER, "-w", "-X", "stream", "-c", "fast", "-D"])
            .arg(&backup)
            .env("PGPASSWORD", &self.password);
        let log = self.logs.path().join("backup.log");
        let mut process = Process::start("pg_basebackup", &mut command, &log);
        let status = process.end(BACKUP_WITHIN).await;
        assert!(status.success(), "pg_basebackup: {}", process.log_end());
    }

    /// Puts the backup in place of its files, and starts from that, without
    /// waiting until it is ready. The backup stays.
    ///
    /// # Panics
    /// If none was taken, or the files cannot be replaced.
    pub fn restore(&mut self) {
        self.kill();
        std::fs::remove_dir_all(&self.data).expect("the files are ours");
        let copied = Command::new("cp")
            .arg("-a")
            .args([&self.backup(), &self.data])
            .status()
            .expect("there is a cp");
        assert!(copied.success(), "the backup cannot be copied");
        self.run_again();
    }

    fn backup(&self) -> PathBuf {
        self.scratch.path().join("backup")
    }
}

#[cfg(test)]
mod tests {
    use crate::Postgres;

    #[tokio::test]
    async fn a_restored_instance_holds_what_it_held_then() {
        if !Postgres::can_back_up() {
            eprintln!("SKIPPED: there is no pg_basebackup");
            return;
        }
        let mut postgres = Postgres::start_small(None).await;
        let database = postgres.database().await;
        database.rows("CREATE TABLE kept (number int)").await;
        database.rows("INSERT INTO kept VALUES (1)").await;
        postgres.back_up().await;
        database.rows("INSERT INTO kept VALUES (2)").await;
        postgres.restore();
        postgres.ready().await;
        let rows = database.rows("SELECT number FROM kept").await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].get::<_, i32>(0), 1);
    }
}
