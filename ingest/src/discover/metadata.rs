//! The paper's keyword rules, on what a downloader wrote beside a video.
//!
//! Genie's videos were found by their titles and descriptions (appendix B.1): words for the genre and for playing in them, and no
//! words for something else. `NAME.info.json` beside `NAME.mp4`, as yt-dlp writes it, has both. A video without one is not judged by
//! words; one whose file cannot be read is not either, with a warning.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::stamp::FileStamp;
use crate::config::MetadataRules;
use crate::reject::{Reason, Reject};

/// The part of an `.info.json` that counts.
#[derive(Deserialize, Default)]
struct Info {
    title: Option<String>,
    description: Option<String>,
}

/// Where a video's `.info.json` would be.
fn beside(video: &Path) -> PathBuf {
    video.with_extension("info.json")
}

/// A key of everything that decides what the rules say of a video, without reading the file; empty where there is none.
pub fn key(video: &Path, rules: &MetadataRules) -> String {
    let Ok(FileStamp { bytes, modified_ns }) = FileStamp::of(&beside(video)) else {
        return String::new();
    };
    let name = format!("{bytes} {modified_ns} {rules:?}");
    blake3::hash(name.as_bytes()).to_hex()[..16].to_owned()
}

/// What the rules say of a video: `None` where they have nothing against it.
pub fn judge(video: &Path, rules: &MetadataRules) -> Option<Reject> {
    let path = beside(video);
    let text = std::fs::read(&path).ok()?;
    match serde_json::from_slice(&text) {
        Ok(info) => rules.judge(&info),
        Err(error) => {
            tracing::warn!("{}: {error}; the video is not judged by it", path.display());
            None
        }
    }
}

impl MetadataRules {
    fn judge(&self, info: &Info) -> Option<Reject> {
        let title = words(info.title.as_deref().unwrap_or_default());
        let text = words(info.description.as_deref().unwrap_or_default());
        let found = |list: &[String], texts: &[&str]| {
            let is_there = |word: &&String| texts.iter().any(|text| text.contains(&words(word)));
            list.iter().find(is_there).cloned()
        };
        let reject = |detail: String| Some(Reject::new(Reason::Metadata, detail));
        if let Some(word) = found(&self.title_none, &[&title]) {
            return reject(format!("its title has `{word}` (metadata.title_none)"));
        }
        if !self.title_any.is_empty() && found(&self.title_any, &[&title]).is_none() {
            return reject(format!(
                "its title has none of: {} (metadata.title_any)",
                self.title_any.join(", ")
            ));
        }
        if !self.text_any.is_empty() && found(&self.text_any, &[&title, &text]).is_none() {
            let list = self.text_any.join(", ");
            return reject(format!(
                "neither title nor description has one of: {list} (metadata.text_any)"
            ));
        }
        None
    }
}

/// The words of a text in lower case, each between spaces: a phrase is in a text if its words are, as they stand.
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
        MetadataRules::default().judge(&info).map(|reject| reject.detail)
    }

    /// Would catch letters that are found inside of other words, or only in the very case of the rule.
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

    /// Would catch an empty list that rejects everything.
    #[test]
    fn an_empty_list_is_no_rule() {
        let none =
            MetadataRules { title_any: Vec::new(), text_any: Vec::new(), title_none: Vec::new() };
        assert!(none.judge(&Info::default()).is_none());
        assert!(MetadataRules::default().judge(&Info::default()).is_some());
    }
}
