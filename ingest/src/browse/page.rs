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
mod tests {
    use genie_serve::kind_of;

    use super::*;

    /// Catches: a new file of the page is not in the binary, so the page does not start.
    #[test]
    fn all_files_of_the_page_are_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/page");
        let mut there: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let mut served: Vec<_> = PAGE.iter().map(|(name, _)| (*name).to_owned()).collect();
        there.sort();
        served.sort();
        assert_eq!(there, served, "page_files! in browse/page.rs needs a line for each file");
        for name in served {
            assert_ne!(kind_of(&name), "application/octet-stream", "{name}");
        }
    }
}
