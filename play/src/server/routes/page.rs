//! The page's files, which are part of the binary.

use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::server::error::ApiError;

/// A line for each file of `play/page`.
macro_rules! page_files {
    ($($name:literal)*) => {
        &[$(($name, include_bytes!(concat!("../../../page/", $name)))),*]
    };
}

/// Names and contents.
const FILES: &[(&str, &[u8])] = page_files!(
    "index.html"
    "page.css"
    "play.css"
    "actions.js"
    "api.js"
    "draw.js"
    "futures.js"
    "game.js"
    "input.js"
    "inspect.js"
    "keys.js"
    "main.js"
    "meters.js"
    "save.js"
    "shell.js"
    "start.js"
    "timeline.js"
    "ui.js"
    "view.js"
);

/// `GET /`
pub async fn index() -> Result<Response, ApiError> {
    answer("index.html")
}

/// `GET /page/<file>`
pub async fn file(Path(file): Path<String>) -> Result<Response, ApiError> {
    answer(&file)
}

fn answer(file: &str) -> Result<Response, ApiError> {
    let found = FILES.iter().find(|(name, _)| *name == file);
    let (_, content) = found.ok_or_else(|| {
        ApiError::not_found(format!("the page has no file {file:?}; load it again"))
    })?;
    Ok(([(CONTENT_TYPE, kind_of(file))], *content).into_response())
}

fn kind_of(file: &str) -> &'static str {
    match file.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a new file of the page is not in the binary, so the page does not start.
    #[test]
    fn all_files_of_the_page_are_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/page");
        let mut there: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let mut served: Vec<_> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        there.sort();
        served.sort();
        assert_eq!(there, served, "page_files! in routes/page.rs needs a line for each file");
        for name in served {
            assert_ne!(kind_of(&name), "application/octet-stream", "{name}");
        }
    }
}
