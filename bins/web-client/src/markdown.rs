//! A task's body as HTML: Markdown whose every tag is ours. Pure.
//!
//! Raw HTML is shown as text. Links lead to the web or to mail; images become
//! links to them, so that reading a task tells nobody that it was read.

use maud::{Markup, PreEscaped, Render};
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

use crate::limit::MARKDOWN_BYTES_MAX;

/// How a link may begin, in capitals or not.
const SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];

/// Renders Markdown. More than a task's body may hold is shown as it was typed.
pub(crate) fn render(text: &str) -> Markup {
    if text.len() > MARKDOWN_BYTES_MAX {
        return maud::html! { pre { (text) } };
    }
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut safe = Safe::default();
    let events = Parser::new_ext(text, options).map(|event| safe.event(event));
    let mut out = String::with_capacity(text.len() * 2);
    html::push_html(&mut out, events);
    PreEscaped(out)
}

/// What is open, so that each end is that of its beginning.
#[derive(Default)]
struct Safe {
    /// Of each open link or image: whether it became an `<a>`.
    links: Vec<bool>,
}

impl Safe {
    fn event<'a>(&mut self, event: Event<'a>) -> Event<'a> {
        match event {
            Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
            Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
            Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                self.begin(&dest_url)
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                let close = self.links.pop() == Some(true);
                raw(if close { "</a>" } else { "" }.to_owned())
            }
            // The page has a heading of its own.
            Event::Start(Tag::Heading { level, .. }) => Event::Start(Tag::Heading {
                level: lower(level),
                id: None,
                classes: Vec::new(),
                attrs: Vec::new(),
            }),
            Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(lower(level))),
            // A box to tick would have no name, and ticking it would do nothing.
            Event::TaskListMarker(ticked) => {
                Event::Text(CowStr::from(if ticked { "\u{2611} " } else { "\u{2610} " }))
            }
            other => other,
        }
    }

    fn begin<'a>(&mut self, to: &str) -> Event<'a> {
        let good = SCHEMES.iter().any(|scheme| {
            let begin = to.get(..scheme.len());
            begin.is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
        });
        // An image within a link would nest two links.
        let good = good && !self.links.contains(&true);
        self.links.push(good);
        if !good {
            return raw(String::new());
        }
        let mut tag = String::from("<a rel=\"nofollow noopener noreferrer\" href=\"");
        to.render_to(&mut tag);
        tag.push_str("\">");
        raw(tag)
    }
}

fn raw<'a>(html: String) -> Event<'a> {
    Event::InlineHtml(CowStr::from(html))
}

fn lower(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H2,
        HeadingLevel::H2 => HeadingLevel::H3,
        HeadingLevel::H3 => HeadingLevel::H4,
        HeadingLevel::H4 => HeadingLevel::H5,
        HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn html_of(text: &str) -> String {
        render(text).into_string()
    }

    #[test]
    fn markdown_is_shown_and_html_is_text() {
        assert_eq!(html_of("# A\n\n*b*"), "<h2>A</h2>\n<p><em>b</em></p>\n");
        assert_eq!(
            html_of("<script>alert(1)</script>").trim(),
            "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"
        );
        assert!(html_of("a <b onclick=x>c</b>").contains("&lt;b onclick=x&gt;"));
    }

    #[test]
    fn boxes_are_letters() {
        let list = html_of("- [ ] one\n- [x] two");
        assert!(
            list.contains("\u{2610} one") && list.contains("\u{2611} two"),
            "{list}"
        );
        assert!(!list.contains("<input"), "{list}");
    }

    #[test]
    fn links_lead_to_the_web_or_mail() {
        let good = html_of("[x](https://a.example/?b=1&c=\"2\")");
        assert!(
            good.contains("href=\"https://a.example/?b=1&amp;c=&quot;2&quot;\">x</a>"),
            "{good}"
        );
        for text in [
            "[x](javascript:alert(1))",
            "[x](JAVASCRIPT:alert(1))",
            "[x](data:text/html,<script>)",
            "[x](//evil.example)",
            "[x](&#106;avascript:alert(1))",
            "<javascript:alert(1)>",
            "![x](javascript:alert(1))",
            "[x][y]\n\n[y]: vbscript:x",
        ] {
            let html = html_of(text);
            assert!(
                !html.contains("<a") && !html.contains("<img"),
                "{text}: {html}"
            );
        }
        let image = html_of("![cat](https://a.example/cat.png)");
        assert!(
            image.contains(">cat</a>") && !image.contains("<img"),
            "{image}"
        );
    }

    proptest! {
        /// Whatever is typed, only these tags come out.
        #[test]
        fn every_tag_is_ours(text in "[<>\\[\\]()!#*_`~|a-z\"'=:/& \n-]{0,120}") {
            const OURS: &str = "p h2 h3 h4 h5 h6 em strong del a code pre blockquote ul ol li hr br \
                                table thead tbody tr th td";
            let html = html_of(&text);
            for tag in html.split('<').skip(1) {
                let name = tag.trim_start_matches('/').split(|char: char| !char.is_alphanumeric()).next();
                prop_assert!(OURS.split(' ').any(|ours| Some(ours) == name), "{text:?} {html:?}");
            }
        }
    }
}
