//! The paper's keyword rules for the `.info.json` beside a video.
//!
//! Genie's videos were found by their titles and descriptions (appendix B.1): they had to contain
//! words for the genre and for playing, and no words for something else. yt-dlp writes both texts
//! to `NAME.info.json` beside `NAME.mp4`. A video without this file passes the rules. So does a
//! video whose file cannot be read, with a warning.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::stamp::FileStamp;
use crate::config::MetadataRules;
use crate::reject::{Reason, Reject};

/// The fields of an `.info.json` that the rules use.
#[derive(Deserialize, Default)]
struct Info {
    title: Option<String>,
    description: Option<String>,
}

/// The path of a video's `.info.json`.
fn info_path(video: &Path) -> PathBuf {
    video.with_extension("info.json")
}

/// A key of the rules and of the stamp of a video's `.info.json`.
///
/// Videos with the same key have the same result. The key is empty if there is no such file.
pub fn key(video: &Path, rules: &MetadataRules) -> String {
    let Ok(FileStamp { bytes, modified_ns }) = FileStamp::of(&info_path(video)) else {
        return String::new();
    };
    let name = format!("{bytes} {modified_ns} {rules:?}");
    blake3::hash(name.as_bytes()).to_hex()[..16].to_owned()
}

/// Applies the rules to a video. Returns `None` if it passes.
pub fn check(video: &Path, rules: &MetadataRules) -> Option<Reject> {
    let path = info_path(video);
    let text = std::fs::read(&path).ok()?;
    match serde_json::from_slice(&text) {
        Ok(info) => rules.check(&info),
        Err(error) => {
            tracing::warn!(
                "cannot read {}: {error}; the keyword rules are not applied to its video",
                path.display()
            );
            None
        }
    }
}

impl MetadataRules {
    fn check(&self, info: &Info) -> Option<Reject> {
        let title = words(info.title.as_deref().unwrap_or_default());
        let text = words(info.description.as_deref().unwrap_or_default());
        let found = |list: &[String], texts: &[&str]| {
            let is_there = |word: &&String| texts.iter().any(|text| text.contains(&words(word)));
            list.iter().find(is_there).cloned()
        };
        let reject = |detail: String| Some(Reject::new(Reason::Metadata, detail));
        if let Some(word) = found(&self.title_none, &[&title]) {
            return reject(format!("its title contains `{word}` (metadata.title_none)"));
        }
        if !self.title_any.is_empty() && found(&self.title_any, &[&title]).is_none() {
            return reject(format!(
                "its title contains none of: {} (metadata.title_any)",
                self.title_any.join(", ")
            ));
        }
        if !self.text_any.is_empty() && found(&self.text_any, &[&title, &text]).is_none() {
            let list = self.text_any.join(", ");
            return reject(format!(
                "neither title nor description contains one of: {list} (metadata.text_any)"
            ));
        }
        None
    }
}

/// The words of a text in lower case, with a space before and after each.
///
/// In this form a text contains a phrase only as whole words in the same order.
fn words(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(String::from(" "), |text, word| text + word + " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(title: &str, description: &str) -> Option<String> {
        let info =
            Info { title: Some(title.to_owned()), description: Some(description.to_owned()) };
        MetadataRules::default().check(&info).map(|reject| reject.detail)
    }

    /// Catches: a phrase matches inside a longer word; a match depends on the case.
    #[test]
    fn words_are_found_as_words() {
        assert_eq!(verdict("SUPER Jumper: SPEEDRUN (any%)", ""), None);
        assert_eq!(verdict("Super Jumper, level 3", "a full Playthrough."), None);
        assert_eq!(verdict("Let's-play Super Jumper", ""), None);
        assert!(verdict("Super Jumper", "watched by speedrunners").unwrap().contains("text_any"));
        assert!(verdict("Super Jumper Movie gameplay", "").unwrap().contains("`movie`"));
        assert_eq!(
            verdict("Moviemaker's gameplay", "not a movie"),
            None,
            "the title, and whole words"
        );
    }

    /// Catches: an empty list rejects every video.
    #[test]
    fn an_empty_list_is_no_rule() {
        let none =
            MetadataRules { title_any: Vec::new(), text_any: Vec::new(), title_none: Vec::new() };
        assert!(none.check(&Info::default()).is_none());
        assert!(MetadataRules::default().check(&Info::default()).is_some());
    }
}
