//! Style, script and icons: part of the program, under names that hold a hash
//! of their content, so that browsers may keep them for good.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// One of them.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Its path: `/assets/style.1a2b3c4d5e6f.css`.
    pub path: String,
    /// Its media type.
    pub media: &'static str,
    /// Its content.
    pub content: &'static [u8],
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Assets {
    pub style: Asset,
    pub script: Asset,
    pub icon: Asset,
    pub icon_small: Asset,
    pub icon_large: Asset,
    pub icon_mask: Asset,
}

/// The service worker stands at a fixed path: browsers look there for a newer one.
pub(crate) const WORKER: &str = include_str!("../assets/worker.js");

/// All of them, with their names.
pub(crate) static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    style: asset(
        "style",
        "css",
        "text/css; charset=utf-8",
        include_bytes!("../assets/style.css"),
    ),
    script: asset(
        "app",
        "js",
        "text/javascript; charset=utf-8",
        include_bytes!("../assets/app.js"),
    ),
    icon: asset(
        "icon",
        "svg",
        "image/svg+xml",
        include_bytes!("../assets/icon.svg"),
    ),
    icon_small: asset(
        "icon-192",
        "png",
        "image/png",
        include_bytes!("../assets/icon-192.png"),
    ),
    icon_large: asset(
        "icon-512",
        "png",
        "image/png",
        include_bytes!("../assets/icon-512.png"),
    ),
    icon_mask: asset(
        "icon-mask-512",
        "png",
        "image/png",
        include_bytes!("../assets/icon-mask-512.png"),
    ),
});

fn asset(name: &str, extension: &str, media: &'static str, content: &'static [u8]) -> Asset {
    Asset {
        path: format!("/assets/{name}.{}.{extension}", hash(content)),
        media,
        content,
    }
}

/// Enough of a hash to tell two versions apart.
fn hash(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    digest[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Assets {
    /// The one at a path.
    pub(crate) fn at(&self, path: &str) -> Option<&Asset> {
        [
            &self.style,
            &self.script,
            &self.icon,
            &self.icon_small,
            &self.icon_large,
            &self.icon_mask,
        ]
        .into_iter()
        .find(|asset| asset.path == path)
    }

    /// What an installed website is called and looks like.
    pub(crate) fn manifest(&self) -> String {
        format!(
            r##"{{"name":"Yoshi","short_name":"Yoshi","description":"What others want from you, and you from them","id":"/","start_url":"/","scope":"/","display":"standalone","background_color":"#f6f6f4","theme_color":"#f6f6f4","icons":[{{"src":"{}","type":"image/svg+xml","sizes":"any"}},{{"src":"{}","type":"image/png","sizes":"192x192"}},{{"src":"{}","type":"image/png","sizes":"512x512"}},{{"src":"{}","type":"image/png","sizes":"512x512","purpose":"maskable"}}],"shortcuts":[{{"name":"New task","url":"/new"}},{{"name":"Asked by me","url":"/asked"}}]}}"##,
            self.icon.path, self.icon_small.path, self.icon_large.path, self.icon_mask.path
        )
    }

    /// The service worker, which changes whenever an asset does.
    pub(crate) fn worker(&self) -> String {
        WORKER
            .replace("{style}", &self.style.path)
            .replace("{script}", &self.script.path)
            .replace("{icon}", &self.icon.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_a_hash_and_lead_back() {
        for asset in [&ASSETS.style, &ASSETS.script, &ASSETS.icon_large] {
            assert_eq!(ASSETS.at(&asset.path).unwrap().content, asset.content);
        }
        assert!(ASSETS.at("/assets/style.css").is_none());
        assert!(ASSETS.at("/assets/../Cargo.toml").is_none());
        assert!(ASSETS.worker().contains(&ASSETS.style.path));
    }

    #[test]
    fn the_first_load_is_light() {
        let bytes =
            ASSETS.style.content.len() + ASSETS.script.content.len() + ASSETS.icon.content.len();
        // A full list has some 36 KB: all of it stays below 100 KB.
        assert!(bytes < 55_000, "{bytes}");
    }
}
