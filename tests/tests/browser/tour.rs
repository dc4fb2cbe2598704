//! Every page of the website in every state that is worth a look: what is in it, how
//! one gets there, and what it shows then.

mod work;

use crate::browser::Browser;

pub(crate) use work::{Filled, fill};

/// Opens every fold of a page.
const UNFOLD: &str = "for (const fold of document.querySelectorAll('main details')) { fold.name = ''; fold.open = true; }";
const NOTHING: &str = "";

/// A page in one state.
#[derive(Clone)]
pub(crate) struct Stop {
    /// What its picture is called.
    pub name: &'static str,
    pub path: String,
    /// What is done there.
    pub then: String,
    /// An element that is there in the end.
    pub shows: &'static str,
}

fn stop(name: &'static str, path: impl Into<String>, then: &str, shows: &'static str) -> Stop {
    Stop {
        name,
        path: path.into(),
        then: then.to_owned(),
        shows,
    }
}

/// Fills the fields of a form as a script, and submits it: no check of the browser's
/// own stands between.
fn submit(form: &str, fields: &[(&str, &str)]) -> String {
    let set: String = fields
        .iter()
        .map(|(name, value)| format!("form.elements['{name}'].value = '{value}';"))
        .collect();
    format!("const form = document.querySelector(\"{form}\"); {set} form.submit();")
}

impl Browser {
    /// Goes to a stop, and waits until it is there.
    pub(crate) async fn visit(&self, stop: &Stop) {
        self.go(&stop.path).await;
        self.run(&stop.then).await;
        self.sees(stop.shows, "").await;
    }
}

/// What somebody sees who is not logged in.
pub(crate) fn outside() -> Vec<Stop> {
    let register = |again| {
        submit(
            "form",
            &[
                ("account", "Mara Ö"),
                ("password", "short"),
                ("again", again),
            ],
        )
    };
    vec![
        stop("log-in", "/log-in", NOTHING, "form"),
        stop("log-in-ended", "/log-in?ended=1", NOTHING, ".notice"),
        stop(
            "log-in-wrong",
            "/log-in",
            &submit("form", &[("account", "nobody"), ("password", "wrong")]),
            ".notice.bad",
        ),
        stop("register", "/register", NOTHING, "form"),
        stop(
            "register-wrong",
            "/register",
            &register("other"),
            ".notice.bad",
        ),
        stop("offline", "/offline", NOTHING, "h1"),
        stop("nothing-here", "/no-such-page", NOTHING, "h1"),
    ]
}

/// What somebody sees whose lists are empty.
pub(crate) fn empty() -> Vec<Stop> {
    vec![
        stop("empty-for-me", "/", NOTHING, ".empty"),
        stop("empty-asked", "/asked", NOTHING, ".empty"),
        stop("empty-search", "/search", NOTHING, ".empty"),
    ]
}

/// What somebody with work to do sees, who is an administrator, too.
pub(crate) fn inside(filled: &Filled) -> Vec<Stop> {
    [
        lists(filled),
        forms(),
        tasks(filled),
        administration(filled),
    ]
    .concat()
}

fn lists(filled: &Filled) -> Vec<Stop> {
    let sent = format!("/?sent={}", filled.own);
    let chosen = "/?kind=decide&importance=high&person=jonas";
    let done = "document.querySelector('#done').open = true";
    let focus = "document.querySelector('.row-title').focus()";
    let keys = "document.querySelector('#keys').showModal()";
    vec![
        stop("for-me", "/", done, ".rows"),
        stop("for-me-sent", sent, NOTHING, ".notice.good"),
        stop("for-me-row", "/", focus, ".row"),
        stop("filters", chosen, UNFOLD, ".chips"),
        stop("nothing-fits", "/asked?label=nothing", NOTHING, ".empty"),
        stop("asked", "/asked", NOTHING, ".rows"),
        stop("search", "/search?q=the", NOTHING, ".rows"),
        stop("search-nothing", "/search?q=absent", NOTHING, ".empty"),
        stop("search-no-word", "/search?q=%3F%21", NOTHING, ".empty"),
        stop("keys", "/", keys, "dialog[open]"),
    ]
}

fn forms() -> Vec<Stop> {
    let line = "@jonas @nobody-so decide: lunch? [pizza / soup] by fri !high #team";
    let preview = format!(
        "const line = document.querySelector('#quick'); line.value = '{line}'; line.dispatchEvent(new Event('input'));"
    );
    let nobody = submit(".quick", &[("line", "nobody is asked")]);
    let unknown = [("to", "nobody-of-that-name"), ("title", "Lunch?")];
    let unknown = submit("form.compose", &unknown);
    let passwords = [("old", "x"), ("new", "y"), ("again", "z")];
    let passwords = submit("form[action='/settings/password']", &passwords);
    vec![
        stop("preview", "/", &preview, "#quick-preview .due"),
        stop("quick-wrong", "/", &nobody, ".notice.bad"),
        stop("new", "/new", UNFOLD, "form"),
        stop("new-wrong", "/new", &unknown, ".notice.bad"),
        stop("settings", "/settings?saved=1", NOTHING, ".notice"),
        stop("settings-wrong", "/settings", &passwords, ".notice.bad"),
    ]
}

fn tasks(filled: &Filled) -> Vec<Stop> {
    let own = format!("/task/{}", filled.own);
    let (reminded, revise) = (format!("{own}?done=remind"), format!("{own}/revise"));
    let title = "The offsite: who brings what, really?";
    let conflict = submit("form.compose", &[("revision", "0"), ("title", title)]);
    let no_reason = submit("form[data-key='d']", &[("reason", "")]);
    let begun = format!("{}?done=start", filled.asked("do"));
    vec![
        stop("task-decide", filled.asked("decide"), UNFOLD, "#task"),
        stop("task-answer", filled.asked("answer"), UNFOLD, "#task"),
        stop("task-review", filled.asked("review"), NOTHING, "#task"),
        stop("task-read", filled.asked("read"), NOTHING, "#task"),
        stop("task-do", begun, UNFOLD, "#task"),
        stop(
            "task-wrong",
            filled.asked("answer"),
            &no_reason,
            ".notice.bad",
        ),
        stop("task-own", reminded, UNFOLD, "#steps"),
        stop("revise", revise.as_str(), UNFOLD, "form"),
        stop("revise-conflict", revise, &conflict, ".changes"),
    ]
}

fn administration(filled: &Filled) -> Vec<Stop> {
    let me = format!("/admin/accounts/{}", filled.me);
    let nobody = "/admin/accounts?q=nobody-begins-so";
    vec![
        stop("accounts", "/admin/accounts", NOTHING, ".accounts"),
        stop("accounts-nobody", nobody, NOTHING, ".empty"),
        stop("disable", "/admin/accounts/jonas", NOTHING, ".confirm"),
        stop("disable-me", me, NOTHING, ".confirm"),
        stop("servers", "/admin/servers", UNFOLD, ".servers"),
    ]
}
