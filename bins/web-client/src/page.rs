//! The pages: one file each, what it does with a request and what it looks like.

pub(crate) mod admin;
pub(crate) mod compose;
pub(crate) mod entrance;
pub(crate) mod lists;
pub(crate) mod live;
pub(crate) mod search;
pub(crate) mod settings;
pub(crate) mod task;
pub(crate) mod trouble;

use crate::app::App;
use crate::fill::Freshness;
use crate::filter::Filter;
use crate::store::{cache, counts};
use crate::view::Frame;
use crate::view::refusal::Refusal;
use crate::visitor::Member;

/// Brings a member's cache up to date, and gathers what the frame of a page
/// shows. A log-in that has ended elsewhere ends the session here.
pub(crate) async fn frame(app: &App, member: &Member) -> Result<Frame, Refusal> {
    let freshness = fresh(app, member).await?;
    let account = &member.account;
    let everything = Filter::default();
    let (counts, people, reach) = tokio::try_join!(
        counts::counts(&app.pool, account, &member.look.clock, &everything),
        counts::people(&app.pool, account),
        cache::reach(&app.pool, account),
    )?;
    Ok(Frame {
        counts,
        people,
        latest: reach.latest.to_i64(),
        caution: caution(freshness),
        administers: app.administers(account),
        ..Frame::bare(member)
    })
}

/// Brings a member's cache up to date.
pub(crate) async fn fresh(app: &App, member: &Member) -> Result<Freshness, Refusal> {
    let freshness = app.freshen(&member.account, &member.credential).await;
    if matches!(freshness, Err(crate::fill::Error::Ended)) {
        let hash = &member.session.hash;
        crate::store::sessions::end(&app.pool, &member.account, hash).await?;
    }
    Ok(freshness?)
}

pub(crate) const fn caution(freshness: Freshness) -> Option<&'static str> {
    match freshness {
        Freshness::Fresh => None,
        Freshness::Filling => Some("Your tasks are still being fetched. More will appear."),
        Freshness::Behind => {
            Some("The servers are catching up: the newest tasks may be missing for a moment.")
        }
        Freshness::OutOfReach => {
            Some("The servers cannot be reached. This is what was known last; nothing is lost.")
        }
    }
}
