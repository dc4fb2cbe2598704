//! The settings: how the website looks, the password, the sessions.

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::{Markup, html};
use yoshi_protocol::limit::PASSWORD_CHARS_MIN;
use yoshi_protocol::{Millis, Password};

use super::{frame, trouble};
use crate::app::Shared;
use crate::clock::{self, Clock};
use crate::limit::CHANGE_WITHIN;
use crate::store::sessions::{self, Session};
use crate::view::refusal::{Refusal, see_other, with_cookie};
use crate::view::{self, Frame, Here, Theme};
use crate::visitor::{ForMembers, Form, Member, MemberForm, preference};

/// All settings.
pub(crate) async fn settings(
    State(app): State<Shared>,
    member: Member,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Refusal> {
    let asked = Form::parse(query.unwrap_or_default().as_bytes());
    let saved = asked.has("saved").then_some("Saved.");
    let ended = asked.has("ended").then_some("That log-in has ended.");
    let frame = frame(&app, &member).await?;
    let known = sessions::list(&app.pool, &member.account, Millis::now()).await?;
    let notice = saved.or(ended).map(Ok);
    let content = page(&frame, &member, &known, notice);
    Ok(Html(view::member(
        &frame,
        Here::Settings,
        "Settings",
        &content,
    )))
}

/// Theme, time zone and keys, which this browser remembers.
pub(crate) async fn look(
    State(app): State<Shared>,
    MemberForm { form, .. }: MemberForm,
) -> Response {
    let theme = Theme::named(form.text("theme"));
    let mut saved = with_cookie(
        see_other("/settings?saved=1"),
        preference(&app, "yoshi-theme", theme.name()),
    );
    let keys = if form.has("keys") { "on" } else { "off" };
    saved = with_cookie(saved, preference(&app, "yoshi-keys", keys));
    let zone = form.text("zone").trim();
    if clock::known_zone(zone).is_some() {
        saved = with_cookie(saved, preference(&app, "yoshi-zone", zone));
    }
    saved
}

/// A new password. Every log-in ends, everywhere; this browser logs in again.
pub(crate) async fn password(
    State(app): State<Shared>,
    MemberForm { member, form }: MemberForm,
) -> Result<Response, Refusal> {
    let new = form.text("new");
    let wrong = if new.chars().count() < PASSWORD_CHARS_MIN {
        Some("The new password is too short: at least 8 characters, better 15.".to_owned())
    } else if new != form.text("again") {
        Some("The two new passwords differ.".to_owned())
    } else {
        None
    };
    let wrong = match wrong {
        Some(wrong) => Some(wrong),
        None => change(&app, &member, form.text("old"), new).await,
    };
    if let Some(wrong) = wrong {
        let frame = frame(&app, &member).await?;
        let known = sessions::list(&app.pool, &member.account, Millis::now()).await?;
        let content = page(&frame, &member, &known, Some(Err(&wrong)));
        let page = view::member(&frame, Here::Settings, "Settings", &content);
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page)).into_response());
    }
    // The servers have ended every token; here the sessions end with them.
    sessions::end_all(&app.pool, &member.account, None).await?;
    app.hub.end(&member.account);
    tracing::info!(account = %member.account, "{} has a new password", member.account);
    let out = see_other("/log-in?ended=1");
    Ok(with_cookie(out, ForMembers::clear(&app)))
}

/// Changes the password at the servers; why not, if not.
async fn change(app: &Shared, member: &Member, old: &str, new: &str) -> Option<String> {
    // Whoever has a session must not find the password by trying.
    if let Err(wait) = app.throttles.old_password(&member.account) {
        let seconds = wait.as_secs() + 1;
        return Some(format!(
            "That was tried too often. Try again in {seconds} seconds."
        ));
    }
    let (old, new) = (Password::new(old.to_owned()), Password::new(new.to_owned()));
    let client = app.client.clone().with_deadline(CHANGE_WITHIN);
    let changed = client.change_password(&member.account, &old, &new).await;
    match changed {
        Ok(_) => None,
        Err(yoshi_client::Error::Refused(reply))
            if reply.code == yoshi_protocol::ErrorCode::Unauthenticated =>
        {
            Some("The old password is wrong.".to_owned())
        }
        Err(error) => Some(trouble::words(&error)),
    }
}

/// Ends one log-in, or all but this one.
pub(crate) async fn end(
    State(app): State<Shared>,
    MemberForm { member, form }: MemberForm,
) -> Result<Response, Refusal> {
    let (pool, account) = (&app.pool, &member.account);
    match form.text("session") {
        "others" => sessions::end_all(pool, account, Some(&member.session.hash)).await?,
        named => {
            let known = sessions::list(pool, account, Millis::now()).await?;
            let found = known.iter().find(|session| name(session) == named);
            if let Some(session) = found {
                sessions::end(pool, account, &session.hash).await?;
            }
        }
    }
    // Every open page looks again; those of ended sessions find the log-in.
    app.hub.end(account);
    Ok(see_other("/settings?ended=1"))
}

/// A session's name in a form: the beginning of its hash.
fn name(session: &Session) -> String {
    let bytes = session.hash.iter().take(8);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

fn page(
    frame: &Frame,
    member: &Member,
    known: &[Session],
    notice: Option<Result<&str, &str>>,
) -> Markup {
    html! {
        div.head {
            h1 { "Settings" }
            p.sub { "You are " b { (frame.account) } ". Colleagues reach you as " b { "@" (frame.account) } "." }
        }
        @match notice {
            Some(Ok(words)) => p.notice.good role="status" data-once { (words) },
            Some(Err(words)) => p.notice.bad role="alert" { (words) },
            None => {}
        }
        (look_form(frame))
        (password_form(frame))
        (session_list(frame, member, known))
        @if frame.administers {
            section.card aria-labelledby="administration" {
                h2 #administration { "Administration" }
                p.hint { "You are an administrator of this system." }
                a.button.secondary href="/admin/accounts" { "Accounts and servers" }
            }
        }
        form.card method="post" action="/log-out" {
            (frame.proof())
            h2 { "Log out" }
            p.hint { "In this browser only." }
            button.secondary type="submit" { "Log out" }
        }
    }
}

fn look_form(frame: &Frame) -> Markup {
    html! {
        form.card.stack method="post" action="/settings/look" {
            (frame.proof())
            h2 { "How it looks" }
            fieldset.choice {
                legend { "Theme" }
                @for theme in Theme::ALL {
                    label {
                        input type="radio" name="theme" value=(theme.name()) checked[theme == frame.look.theme];
                        span { (match theme { Theme::System => "As the system", Theme::Light => "Light", Theme::Dark => "Dark" }) }
                    }
                }
            }
            label for="zone" { "Time zone" }
            input #zone type="text" name="zone" value=(frame.look.clock.zone()) autocomplete="off"
                spellcheck="false" maxlength="64";
            p.hint { "For example Europe/Berlin. Times are shown, and meant, in this zone." }
            fieldset.whom {
                legend { "Keys" }
                label {
                    input type="checkbox" name="keys" value="on" checked[frame.look.keys];
                    span { "Letters are shortcuts" span.hint { " as ? shows; never in a field" } }
                }
            }
            p.hint { "This browser remembers all of this." }
            button.secondary type="submit" { "Save" }
        }
    }
}

fn password_form(frame: &Frame) -> Markup {
    html! {
        form.card.stack method="post" action="/settings/password" {
            (frame.proof())
            h2 { "Password" }
            input.unseen type="text" name="account" value=(frame.account) autocomplete="username" tabindex="-1" aria-hidden="true" readonly;
            label for="old" { "The old one" }
            input #old type="password" name="old" required maxlength="1024" autocomplete="current-password";
            label for="new" { "A new one" }
            input #new type="password" name="new" required minlength=(PASSWORD_CHARS_MIN) maxlength="1024"
                autocomplete="new-password";
            label for="again" { "The new one again" }
            input #again type="password" name="again" required maxlength="1024" autocomplete="new-password";
            p.hint { "You will be logged out everywhere, here too." }
            button.secondary type="submit" { "Change the password" }
        }
    }
}

fn session_list(frame: &Frame, member: &Member, known: &[Session]) -> Markup {
    html! {
        section.card aria-labelledby="sessions" {
            h2 #sessions { "Where you are logged in" }
            ul.sessions {
                @for session in known {
                    @let here = session.hash == member.session.hash;
                    li {
                        div {
                            b { (browser(&session.agent)) } @if here { span.state { "this browser" } }
                            p.hint { (times(session, &frame.look.clock)) }
                        }
                        @if !here {
                            details.act name="ends" {
                                summary { "End…" span.unseen { " the log-in of " (browser(&session.agent)) } }
                                form.stack method="post" action="/settings/sessions" {
                                    (frame.proof())
                                    p.hint { "Whoever uses it has to log in again." }
                                    button type="submit" name="session" value=(name(session)) { "End it" }
                                }
                            }
                        }
                    }
                }
            }
            @if known.len() > 1 {
                details.act #end-others name="ends" {
                    summary { "End all others…" }
                    form.stack method="post" action="/settings/sessions" {
                        (frame.proof())
                        p.hint { "You stay logged in here, and have to log in again everywhere else." }
                        button type="submit" name="session" value="others" { "End them" }
                    }
                }
            }
            p.hint { "Log-ins of the command line and of other websites end with a new password." }
        }
    }
}

fn times(session: &Session, clock: &Clock) -> String {
    format!(
        "since {}, last seen {}",
        clock.ago(session.created_at).words,
        clock.ago(session.seen_at).words
    )
}

/// What a browser is called, from what it says of itself.
fn browser(agent: &str) -> String {
    const BROWSERS: [(&str, &str); 6] = [
        ("Firefox/", "Firefox"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ];
    let named = |known: &[(&str, &'static str)]| {
        let found = known.iter().find(|(part, _)| agent.contains(part));
        found.map(|(_, name)| *name)
    };
    match (named(&BROWSERS), named(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => "Some browser".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_by_their_names() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0 Safari/537.36";
        assert_eq!(browser(chrome), "Chrome on Linux");
        assert_eq!(browser("<script>"), "Some browser");
    }
}
