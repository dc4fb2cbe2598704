//! Which account acts: the one that is named, else the only one that is logged in.

use yoshi_client::for_people;
use yoshi_protocol::AccountName;

use crate::exit::{Exit, Failure};
use crate::session::{Kept, Session};
use crate::settings::Settings;

/// Sessions that a message lists.
const LISTED_MAX: usize = 10;

/// The account to act as: the one named, else the only one that is logged in.
pub(crate) fn acting(settings: &Settings) -> Result<AccountName, Failure> {
    if let Some(account) = &settings.account {
        return Ok(account.clone());
    }
    let kept = Session::kept()?;
    let here: Vec<_> = kept
        .iter()
        .filter(|kept| kept.system == settings.nats_url)
        .collect();
    match here.as_slice() {
        [only] => Ok(only.account.clone()),
        [] if kept.is_empty() => Err(unnamed("nobody is logged in here")),
        [] => Err(not_logged_in_among(None, &settings.nats_url, &kept)),
        several => {
            let names = several.iter().map(|kept| kept.account.to_string());
            Err(unnamed(&format!("logged in: {}", listed(names))))
        }
    }
}

/// The account that is named.
pub(crate) fn named(settings: &Settings) -> Result<&AccountName, Failure> {
    settings
        .account
        .as_ref()
        .ok_or_else(|| unnamed("no account is named"))
}

fn unnamed(why: &str) -> Failure {
    Failure::usage(
        format!("which account? {why}"),
        "name it with --account, or in YOSHI_ACCOUNT",
    )
}

/// The same failure; but if it is that nobody is logged in at an address, and NATS
/// is not at that address, that is what is wrong: tokens belong to an address.
pub(crate) async fn or_unreachable(settings: &Settings, failure: Failure) -> Failure {
    if !failure.is_not_logged_in() {
        return failure;
    }
    match settings.client().await {
        Ok(_) => failure,
        Err(unreachable) => match Session::kept() {
            Ok(kept) if !kept.is_empty() => {
                unreachable.advise_also(&format!("logged in: {}", listed(others(&kept))))
            }
            Ok(_) | Err(_) => unreachable,
        },
    }
}

/// An account is not logged in at the address in use. Others may be, or it may
/// be elsewhere: tokens belong to an address.
pub(crate) fn not_logged_in(settings: &Settings, account: &AccountName) -> Failure {
    match Session::kept() {
        Ok(kept) => not_logged_in_among(Some(account), &settings.nats_url, &kept),
        Err(failure) => failure,
    }
}

fn not_logged_in_among(account: Option<&AccountName>, system: &str, kept: &[Kept]) -> Failure {
    let subject = account.map_or_else(String::new, |account| format!("{account} is "));
    let mut what = format!("{subject}not logged in at {}", for_people(system));
    if !kept.is_empty() {
        what = format!("{what}; logged in: {}", listed(others(kept)));
    }
    let elsewhere = kept.iter().any(|kept| {
        kept.system != system && account.is_none_or(|account| kept.account == *account)
    });
    let advice = if elsewhere {
        "is the address right? if so, run `yoshi login`, or set YOSHI_PASSWORD"
    } else {
        "run `yoshi login`, or set YOSHI_PASSWORD"
    };
    Failure::here(Exit::NotAuthenticated, what, advice)
}

/// Who is logged in, and where.
fn others(kept: &[Kept]) -> impl ExactSizeIterator<Item = String> {
    kept.iter()
        .map(|kept| format!("{} at {}", kept.account, for_people(&kept.system)))
}

/// Some of them, and how many there are besides.
fn listed(texts: impl ExactSizeIterator<Item = String>) -> String {
    let besides = texts.len().saturating_sub(LISTED_MAX);
    let shown: Vec<_> = texts.take(LISTED_MAX).collect();
    let shown = shown.join(", ");
    if besides == 0 {
        shown
    } else {
        format!("{shown}, and {besides} more")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(account: &str, system: &str) -> Kept {
        Kept {
            account: AccountName::new(account).unwrap(),
            system: system.to_owned(),
        }
    }

    #[test]
    fn a_wrong_address_shows() {
        let ana = AccountName::new("ana").unwrap();
        let failure = not_logged_in_among(
            Some(&ana),
            "nats://here:1",
            &[kept("ana", "nats://bo:secret@there:2")],
        );
        assert_eq!(failure.exit(), Exit::NotAuthenticated);
        let words = failure.words();
        assert!(
            words.starts_with("ana is not logged in at nats://here:1; logged in: ana at there:2"),
            "{words}"
        );
        assert!(words.contains("is the address right?"), "{words}");
    }

    #[test]
    fn long_lists_are_cut() {
        let many = (0..12).map(|number| number.to_string());
        let many: Vec<_> = many.collect();
        assert!(listed(many.into_iter()).ends_with("9, and 2 more"));
    }
}
