//! `register`, `login`, `logout` and `passwd`.

use serde_json::json;
use yoshi_protocol::AccountName;
use yoshi_protocol::message::account::AccountReceipt;

use crate::exit::{Exit, Failure};
use crate::output;
use crate::secret;
use crate::session::Session;
use crate::settings::Settings;
use crate::who::{acting, named, not_logged_in, or_unreachable};

pub(crate) async fn register(settings: &Settings) -> Result<Exit, Failure> {
    let account = named(settings)?;
    let password = secret::new_password(settings, account)?;
    let client = settings.client().await?;
    let receipt = client
        .create_account(account, &password)
        .await
        .map_err(|error| {
            Failure::from(error).advise_if_unclear(|| {
                format!("try `yoshi login {account}`: if it works, the account was created")
            })
        })?;
    let done = format!("account {account} created");
    report(settings, account, &receipt, &done)
}

pub(crate) async fn log_in(settings: &Settings) -> Result<Exit, Failure> {
    let account = named(settings)?;
    let password = secret::password(settings, account)?;
    let logged_in = settings.client().await?.log_in(account, &password).await?;
    let session = Session {
        token: logged_in.token,
        expires_at: logged_in.expires_at,
    };
    session.save(&settings.nats_url, account)?;
    if settings.json {
        let expires_at = output::rfc3339(session.expires_at);
        return output::json(&json!({ "account": account, "expires_at": expires_at }));
    }
    let until = output::local(session.expires_at);
    output::lines(&format!("logged in as {account} until {until}"))
}

pub(crate) async fn log_out(settings: &Settings) -> Result<Exit, Failure> {
    let account = match kept(settings) {
        Ok(account) => account,
        Err(failure) => return Err(or_unreachable(settings, failure).await),
    };
    if let Some(session) = Session::load(&settings.nats_url, &account)? {
        let client = settings.client().await?;
        match client.log_out(&account, &session.token).await {
            Ok(()) => {}
            // It ended before, which is what was asked for.
            Err(yoshi_client::Error::Refused(reply))
                if reply.code == yoshi_protocol::ErrorCode::Unauthenticated => {}
            // The file stays, so that the token can still be ended.
            Err(error) => return Err(error.into()),
        }
    }
    Session::remove(&settings.nats_url, &account)?;
    if settings.json {
        return output::json(&json!({ "account": account }));
    }
    output::lines(&format!("{account} is logged out"))
}

/// The account whose session is to end.
fn kept(settings: &Settings) -> Result<AccountName, Failure> {
    let account = acting(settings)?;
    match Session::is_kept(&settings.nats_url, &account)? {
        true => Ok(account),
        false => Err(not_logged_in(settings, &account).advised("there is no token to end here")),
    }
}

pub(crate) async fn change_password(settings: &Settings) -> Result<Exit, Failure> {
    let account = &match acting(settings) {
        Ok(account) => account,
        Err(failure) => return Err(or_unreachable(settings, failure).await),
    };
    let (old, new) = secret::both_passwords(settings, account)?;
    let client = settings.client().await?;
    let receipt = client
        .change_password(account, &old, &new)
        .await
        .map_err(|error| {
            Failure::from(error).advise_if_unclear(|| {
                format!("try `yoshi login {account}` with the new password, then with the old one")
            })
        })?;
    Session::remove(&settings.nats_url, account)?;
    let done = format!("password of {account} changed; its tokens have ended: `yoshi login` again");
    report(settings, account, &receipt, &done)
}

fn report(
    settings: &Settings,
    account: &AccountName,
    receipt: &AccountReceipt,
    done: &str,
) -> Result<Exit, Failure> {
    if settings.json {
        return output::json(&json!({
            "account": account,
            "position": receipt.position,
            "accounted_for": receipt.accounted_for.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }));
    }
    let servers = output::count(receipt.accounted_for.len(), "registration server");
    output::lines(&format!("{done} (held by {servers})"))
}
