//! The page's files, as they are in the folder `page`. Nothing has to be built to change them.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};

/// A file of the page.
pub(super) struct Asset {
    pub(super) path: &'static str,
    kind: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

macro_rules! asset {
    ($path:literal, $file:literal, $kind:ident) => {
        Asset { path: $path, kind: $kind, text: include_str!(concat!("page/", $file)) }
    };
}

/// All of them. The page names the others relative to itself, so that a proxy may put it anywhere.
pub(super) const ALL: &[Asset] = &[
    asset!("/", "index.html", HTML),
    asset!("/console/style.css", "style.css", STYLE),
    asset!("/console/icon.svg", "icon.svg", PICTURE),
    asset!("/console/main.js", "main.js", SCRIPT),
    asset!("/console/dom.js", "dom.js", SCRIPT),
    asset!("/console/words.js", "words.js", SCRIPT),
    asset!("/console/state.js", "state.js", SCRIPT),
    asset!("/console/charts.js", "charts.js", SCRIPT),
    asset!("/console/calls.js", "calls.js", SCRIPT),
    asset!("/console/simulate.js", "simulate.js", SCRIPT),
    asset!("/console/settings.js", "settings.js", SCRIPT),
];

impl Asset {
    /// Answers with the file, or that the browser has it already.
    pub(super) fn route(&'static self) -> MethodRouter {
        let tag = self.tag();
        get(move |headers: HeaderMap| std::future::ready(self.answer(&tag, &headers)))
    }

    /// Changes with the text.
    fn tag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.text.hash(&mut hasher);
        format!("\"{:016x}\"", hasher.finish())
    }

    fn answer(&self, tag: &str, headers: &HeaderMap) -> Response {
        let about = [
            (header::CONTENT_TYPE, self.kind),
            (header::ETAG, tag),
            // Kept, and asked after each time: a new version must not meet an old script.
            (header::CACHE_CONTROL, "no-cache"),
        ];
        let known = headers.get_all(header::IF_NONE_MATCH).iter().any(|value| value == tag);
        if known {
            (StatusCode::NOT_MODIFIED, about).into_response()
        } else {
            (about, self.text).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_files_that_are_here_and_nothing_from_elsewhere() {
        let page = ALL.iter().find(|asset| asset.path == "/").unwrap().text;
        for attribute in ["src=\"", "href=\""] {
            for target in page.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap())
            {
                let file = format!("/{target}");
                let known = ALL.iter().any(|asset| asset.path == file) || target.starts_with('#');
                assert!(known, "{target}");
            }
        }
        for asset in ALL.iter().filter(|asset| asset.kind == SCRIPT) {
            for line in asset.text.lines().filter(|line| line.starts_with("import ")) {
                let file =
                    line.split("\"./").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
                let file = format!("/console/{file}");
                assert!(ALL.iter().any(|asset| asset.path == file), "{}: {line}", asset.path);
            }
        }
    }

    #[test]
    fn no_script_makes_markup_of_data() {
        for asset in ALL.iter().filter(|asset| asset.kind == SCRIPT) {
            for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
                assert!(!asset.text.contains(way), "{} uses {way}", asset.path);
            }
        }
        let page = ALL.iter().find(|asset| asset.path == "/").unwrap().text;
        for inline in ["<style", "style=\"", " onclick", " onload", "javascript:"] {
            assert!(!page.contains(inline), "the page has {inline}");
        }
    }
}
