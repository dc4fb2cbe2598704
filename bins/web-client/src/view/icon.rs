//! The icons of the navigation: lines, drawn in the colour of their words.

use maud::{Markup, html};

/// What an icon stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Icon {
    Inbox,
    Sent,
    Plus,
    Search,
    Settings,
    Shield,
}

impl Icon {
    const fn path(self) -> &'static str {
        match self {
            Self::Inbox => "M4 13h4l1.5 3h5L16 13h4M4 13l2.5-8h11L20 13v6H4z",
            Self::Sent => "M20 4 10 14M20 4l-6.5 16L10 14l-6-3.500z",
            Self::Plus => "M12 5v14M5 12h14",
            Self::Search => "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM20 20l-4-4",
            Self::Shield => "M12 3l7 3v5c0 5-3 8.500-7 10-4-1.500-7-5-7-10V6zM9 12l2 2 4-4",
            Self::Settings => {
                "M4 8h9M17 8h3M4 16h3M11 16h9M15 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM9 18a2 2 0 1 0 0-4 2 2 0 0 0 0 4z"
            }
        }
    }

    /// The drawing; words beside it say what it is.
    pub(crate) fn draw(self) -> Markup {
        html! {
            svg.icon viewBox="0 0 24 24" aria-hidden="true" focusable="false" { path d=(self.path()) {} }
        }
    }
}
