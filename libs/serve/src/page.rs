//! The files of a page, which are part of the binary.

use axum::Router;
use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::error::ApiError;

/// Name and content of a file of a page.
pub type PageFile = (&'static str, &'static [u8]);

/// Files that all pages use: `/page/base.css` and `/page/ask.js`.
const COMMON: &[PageFile] = &[
    ("base.css", include_bytes!("../page/base.css")),
    ("ask.js", include_bytes!("../page/ask.js")),
];

/// Makes a list of [`PageFile`] of the files in a folder, which the first argument names.
///
/// The folder is relative to the file that uses the macro, and ends with a slash.
#[macro_export]
macro_rules! page_files {
    ($folder:literal, $($name:literal)*) => {
        &[$(($name, include_bytes!(concat!($folder, $name)).as_slice())),*]
    };
}

/// Makes the test that a page has all files in the folder `page` of its crate.
#[macro_export]
macro_rules! page_test {
    ($page:expr) => {
        /// Catches: a new file of the page is not in the binary, so the page does not start.
        #[test]
        fn all_files_of_the_page_are_served() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/page");
            let mut there: Vec<_> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            let mut served: Vec<_> = $page.iter().map(|(name, _)| (*name).to_owned()).collect();
            there.sort();
            served.sort();
            assert_eq!(there, served, "page_files! in {} needs a line for each file", file!());
            for name in served {
                assert_ne!($crate::kind_of(&name), "application/octet-stream", "{name}");
            }
        }
    };
}

/// Returns the routes of a page: `/` is its `index.html`, and `/page/<file>` are all files.
pub fn page_routes<S: Clone + Send + Sync + 'static>(files: &'static [PageFile]) -> Router<S> {
    Router::new()
        .route("/", get(async move || answer(files, "index.html")))
        .route("/page/{file}", get(async move |Path(file): Path<String>| answer(files, &file)))
}

fn answer(files: &[PageFile], file: &str) -> Result<Response, ApiError> {
    let found = files.iter().chain(COMMON).find(|(name, _)| *name == file);
    let (_, content) = found.ok_or_else(|| {
        ApiError::not_found(format!("the page has no file {file:?}; load it again"))
    })?;
    Ok(([(CONTENT_TYPE, kind_of(file))], *content).into_response())
}

/// The media type of a file of a page, by its name.
pub fn kind_of(file: &str) -> &'static str {
    match file.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}
