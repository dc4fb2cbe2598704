//! The forms for logging in and registering.

use maud::{Markup, html};
use yoshi_protocol::limit::PASSWORD_CHARS_MIN;

use crate::view;
use crate::visitor::Guest;

/// What stands in the form, and what was wrong with it.
#[derive(Default)]
pub(super) struct Entry {
    pub account: String,
    pub next: String,
    pub error: Option<String>,
    pub notice: Option<&'static str>,
}

/// The page with the form for logging in.
pub(super) fn log_in_page(guest: &Guest, entry: &Entry) -> String {
    let content = html! {
        h1 { "Log in" }
        @if let Some(notice) = entry.notice { p.notice role="status" { (notice) } }
        (error(entry))
        form.stack method="post" action="/log-in" {
            (view::proof(&guest.id.form_token()))
            input type="hidden" name="next" value=(entry.next);
            (name_field(entry))
            label for="password" { "Password" }
            input #password type="password" name="password" required maxlength="1024"
                autocomplete="current-password" autofocus[!entry.account.is_empty()];
            button type="submit" { "Log in" }
        }
        p.aside { "New here? " a href="/register" { "Register" } }
    };
    view::alone(&guest.look, "Log in", &content)
}

/// The page with the form for registering.
pub(super) fn register_page(guest: &Guest, entry: &Entry) -> String {
    let content = html! {
        h1 { "Register" }
        p.lead { "Yoshi is a to-do list that colleagues can write on, and that stays yours." }
        (error(entry))
        form.stack method="post" action="/register" {
            (view::proof(&guest.id.form_token()))
            (name_field(entry))
            p.hint #name-hint { "Small letters, digits, - and _. Others will reach you by it." }
            label for="password" { "Password" }
            input #password type="password" name="password" required minlength=(PASSWORD_CHARS_MIN)
                maxlength="1024" autocomplete="new-password" aria-describedby="password-hint";
            p.hint #password-hint { "At least 8 characters; 15 or more are better. A sentence is fine." }
            label for="again" { "The same password again" }
            input #again type="password" name="again" required maxlength="1024" autocomplete="new-password";
            button type="submit" { "Register" }
        }
        p.aside { "Registered already? " a href="/log-in" { "Log in" } }
    };
    view::alone(&guest.look, "Register", &content)
}

fn name_field(entry: &Entry) -> Markup {
    html! {
        label for="account" { "Name" }
        input #account type="text" name="account" value=(entry.account) required maxlength="63"
            autocomplete="username" autocapitalize="none" spellcheck="false"
            autofocus[entry.account.is_empty()];
    }
}

fn error(entry: &Entry) -> Markup {
    html! {
        @if let Some(error) = &entry.error { p.notice.bad role="alert" { (error) } }
    }
}
