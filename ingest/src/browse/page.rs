//! The page's files, which are part of the binary.

use genie_serve::{PageFile, page_files};

/// Names and contents.
pub const PAGE: &[PageFile] = page_files!(
    "../../page/",
    "index.html"
    "browse.css"
    "filter.js"
    "keep.js"
    "labels.js"
    "main.js"
    "sheets.js"
    "viewer.js"
    "wall.js"
);

#[cfg(test)]
genie_serve::page_test!(PAGE);
