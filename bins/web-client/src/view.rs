//! The frame of every page, and its parts. HTML only: no database, no requests.

pub(crate) mod filter;
mod icon;
pub(crate) mod quick;
pub(crate) mod refusal;
pub(crate) mod row;

use maud::{DOCTYPE, Markup, html};
use yoshi_protocol::AccountName;

use crate::assets::ASSETS;
use crate::store::counts::Counts;
use crate::visitor::{Look, Member};
use icon::Icon;

/// Light or dark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    /// As the reader's system is.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// Every theme, in the order in which the form offers them.
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of that name.
    pub(crate) fn named(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|theme| theme.name() == name);
        found.unwrap_or_default()
    }
}

/// Where in the website a page stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Here {
    ForMe,
    Asked,
    New,
    Search,
    Settings,
    /// The pages for administrators.
    Admin,
    /// Below one of the lists.
    Task,
}

/// What the frame of a member's page needs.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub account: AccountName,
    pub look: Look,
    pub form_token: String,
    pub counts: Counts,
    /// The cache's latest position, from which news is counted.
    pub latest: i64,
    /// With whom tasks were exchanged.
    pub people: Vec<String>,
    /// What the page cannot promise: it is not up to date, for example.
    pub caution: Option<&'static str>,
    /// Whether the reader sees the pages for administrators.
    pub administers: bool,
}

impl Frame {
    /// The hidden field that proves where a form comes from.
    pub(crate) fn proof(&self) -> Markup {
        proof(&self.form_token)
    }

    /// A frame without counts, for a member's page that needs none.
    pub(crate) fn bare(member: &Member) -> Self {
        Self {
            account: member.account.clone(),
            look: member.look.clone(),
            form_token: member.id.form_token(),
            counts: Counts::default(),
            latest: 0,
            people: Vec::new(),
            caution: None,
            administers: false,
        }
    }
}

/// The hidden field that proves where a form comes from.
pub(crate) fn proof(token: &str) -> Markup {
    html! { input type="hidden" name="form_token" value=(token); }
}

/// A member's page.
pub(crate) fn member(frame: &Frame, here: Here, title: &str, content: &Markup) -> String {
    let body = html! {
        body data-live="/live" data-latest=(frame.latest) data-zone=(frame.look.clock.zone())
            data-people=(frame.people.join(" ")) data-keys=[(!frame.look.keys).then_some("off")] {
            a.skip href="#main" { "Skip to the content" }
            div.shell {
                (navigation(frame, here))
                main #main tabindex="-1" {
                    @if let Some(caution) = frame.caution {
                        p.notice.caution role="status" { (caution) }
                    }
                    (content)
                    noscript {
                        p.hint { "Times are those of " b { (frame.look.clock.zone()) } ". "
                            a href="/settings" { "Choose your own zone" } "." }
                    }
                }
            }
            p #status.toast role="status" aria-live="polite" {}
            (keys())
        }
    };
    document(&frame.look, title, &body)
}

fn navigation(frame: &Frame, here: Here) -> Markup {
    let open = frame.counts.waiting();
    let item = |to: &str, place: Here, icon: Icon, words: &str, count: Option<i64>| {
        html! {
            a.tab href=(to) aria-current=[(here == place).then_some("page")] {
                (icon.draw())
                span.tab-words { (words) }
                @if let Some(count) = count.filter(|count| *count > 0) {
                    span.count { (count) }
                }
            }
        }
    };
    html! {
        header.side #side {
            a.brand href="/" { img src=(ASSETS.icon.path) alt="" width="28" height="28"; span { "Yoshi" } }
            nav aria-label="Main" {
                (item("/", Here::ForMe, Icon::Inbox, "For me", Some(open)))
                (item("/asked", Here::Asked, Icon::Sent, "Asked by me", None))
                a.tab.make href="/new" aria-current=[(here == Here::New).then_some("page")] {
                    (Icon::Plus.draw())
                    span.tab-words { "New task" }
                }
                (item("/search", Here::Search, Icon::Search, "Search", None))
                (item("/settings", Here::Settings, Icon::Settings, "Settings", None))
                // On a phone there is no room: its settings lead there.
                @if frame.administers {
                    div.wide-only { (item("/admin/accounts", Here::Admin, Icon::Shield, "Administration", None)) }
                }
            }
            div.me {
                (row::avatar(frame.account.as_str()))
                span.me-name { (frame.account) }
                form method="post" action="/log-out" {
                    (frame.proof())
                    button.quiet type="submit" { "Log out" }
                }
            }
        }
    }
}

/// What the keys do; the script shows it.
fn keys() -> Markup {
    let pairs = [
        ("j  k", "next, previous task"),
        ("Enter", "open the task"),
        ("c", "new task"),
        ("/", "search"),
        ("g i", "for me"),
        ("g s", "asked by me"),
        ("f", "filter the list"),
        ("b", "back to the list"),
        ("a", "accept"),
        ("d", "decline"),
        ("s", "start"),
        ("p", "progress"),
        ("e  x", "complete"),
        ("1 – 9", "choose an option"),
        ("u", "undo my last step"),
        ("z", "snooze, or bring back"),
        ("r", "comment"),
        ("l  m", "labels; read or unread"),
        ("v  n", "change, remind"),
        ("o  w", "ask again, withdraw"),
        ("Esc", "leave a field"),
        ("?", "these keys"),
    ];
    html! {
        dialog #keys aria-labelledby="keys-title" {
            div.dialog-head {
                h2 #keys-title { "Keys" }
                form method="dialog" { button.secondary type="submit" { "Close" } }
            }
            dl.keys {
                @for (key, does) in pairs {
                    div {
                        dt { @for part in key.split_whitespace() { kbd { (part) } " " } }
                        dd { (does) }
                    }
                }
            }
        }
    }
}

/// A page for somebody who is not logged in, or that says only one thing.
pub(crate) fn alone(look: &Look, title: &str, content: &Markup) -> String {
    let body = html! {
        body.alone data-zone=(look.clock.zone()) {
            main #main tabindex="-1" {
                a.brand href="/" {
                    img src=(ASSETS.icon.path) alt="" width="40" height="40";
                    span { "Yoshi" }
                }
                (content)
            }
        }
    };
    document(look, title, &body)
}

fn document(look: &Look, title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" data-theme=(look.theme.name()) {
            head {
                meta charset="utf-8";
                title { (title) " · Yoshi" }
                meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover";
                meta name="color-scheme" content=(match look.theme {
                    Theme::System => "light dark",
                    Theme::Light => "light",
                    Theme::Dark => "dark",
                });
                meta name="theme-color" content="#f6f6f4" media="(prefers-color-scheme: light)";
                meta name="theme-color" content="#17181a" media="(prefers-color-scheme: dark)";
                link rel="stylesheet" href=(ASSETS.style.path);
                link rel="icon" type="image/svg+xml" href=(ASSETS.icon.path);
                link rel="apple-touch-icon" href=(ASSETS.icon_small.path);
                link rel="manifest" href="/manifest.webmanifest";
                script src=(ASSETS.script.path) defer {}
            }
            (body)
        }
    };
    page.into_string()
}
