//! How many tasks stand in each group of an account's lists, and with whom it has
//! exchanged any.

use deadpool_postgres::Pool;
use yoshi_protocol::AccountName;

use super::list::sql;
use super::{Error, rows};
use crate::clock::Clock;
use crate::filter::Filter;
use crate::limit::PEOPLE_MAX;

/// How many groups *For me* has.
const GROUPS: usize = 7;

/// How many tasks there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// For the account, by group.
    pub for_me: [i64; GROUPS],
    /// That the account asks, by group.
    pub asked: [i64; 3],
}

impl Counts {
    /// Those that wait for the account: to answer, and due.
    pub(crate) fn waiting(&self) -> i64 {
        self.for_me[0] + self.for_me[1]
    }
}

/// How many tasks there are that a filter wants, by the groups of
/// [`super::list::for_me`] and [`super::list::asked`].
pub(crate) async fn counts(
    pool: &Pool,
    account: &AccountName,
    clock: &Clock,
    filter: &Filter,
) -> Result<Counts, Error> {
    let sql = concat!(
        "-- counts\nWITH ",
        sql::task!(),
        "\nSELECT CASE WHEN received AND ($5::text IS NULL OR state = $5) THEN ",
        sql::for_me_group!(),
        " ELSE -1 END AS rank, CASE WHEN sent AND ($5::text IS NULL OR $5 = ANY(states)) THEN ",
        sql::asked_group!(),
        " ELSE -1 END AS asked, count(*)\nFROM task WHERE ",
        sql::filtered!(),
        " GROUP BY 1, 2"
    );
    let shared = sql::Shared::new(account, clock, filter);
    let mut counts = Counts::default();
    for row in rows(pool, sql, &shared.params()).await? {
        let count: i64 = row.try_get(2)?;
        let (group, asked): (i32, i32) = (row.try_get(0)?, row.try_get(1)?);
        if let Some(all) = slot(&mut counts.for_me, group) {
            *all += count;
        }
        if let Some(all) = slot(&mut counts.asked, asked) {
            *all += count;
        }
    }
    Ok(counts)
}

fn slot(counts: &mut [i64], group: i32) -> Option<&mut i64> {
    counts.get_mut(usize::try_from(group).ok()?)
}

/// With whom the account has exchanged tasks, the latest first.
pub(crate) async fn people(pool: &Pool, account: &AccountName) -> Result<Vec<String>, Error> {
    let sql = "
-- people
SELECT name FROM cached_person WHERE account = $1 ORDER BY latest DESC, name LIMIT $2";
    let found = rows(pool, sql, &[&account.as_str(), &PEOPLE_MAX]).await?;
    found.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
