//! The page's files, which are part of the binary.

use genie_serve::{PageFile, page_files};

/// Names and contents.
pub const PAGE: &[PageFile] = page_files!(
    "../../../page/",
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

#[cfg(test)]
genie_serve::page_test!(PAGE);
