//! The links of Markdown pages, and the anchors that they can lead to.

use std::collections::{BTreeMap, BTreeSet};

/// The lines of a page that are not in code blocks.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    page.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !fence && !in_code && !line.starts_with("    ")
    })
}

/// The targets of the page's relative links, each with its file and its anchor.
///
/// The file is empty in a link to the page itself, and the anchor in a link to a whole file.
pub fn relative_links(page: &str) -> Vec<(String, String)> {
    let targets = prose(page).flat_map(|line| line.split("](").skip(1));
    let targets = targets.filter_map(|rest| rest.split([')', ' ']).next());
    let relative = targets.filter(|target| !target.contains(':'));
    let parts = relative.map(|target| target.split_once('#').unwrap_or((target, "")));
    parts.map(|(file, anchor)| (file.to_owned(), anchor.to_owned())).collect()
}

/// The anchors of the page's headings, as GitHub makes them.
pub fn anchors(page: &str) -> BTreeSet<String> {
    let mut counts = BTreeMap::new();
    let headings = prose(page).filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        let name: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let number = counts.entry(name.clone()).and_modify(|count| *count += 1).or_insert(0);
        // A second heading of the same name gets a number.
        if *number == 0 { name } else { format!("{name}-{number}") }
    };
    headings.map(anchor).collect()
}
