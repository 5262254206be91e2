//! The paper's keyword rules for the `.info.json` beside a video.
//!
//! Genie's videos were found by their titles and descriptions (appendix B.1): they had to contain
//! words for the genre and for playing, and no words for something else. yt-dlp writes both texts
//! to `NAME.info.json` beside `NAME.mp4`, and beside `NAME.f137.mp4` before it merges streams.
//! Older programs wrote `NAME.mp4.info.json`. A video without this file passes the rules. If the
//! file cannot be read completely, only the rule about words that must not occur is applied, and
//! the video's row says so.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use genie_shards::SourceRow;

use super::info_json::{self, Info};
use super::stamp::FileStamp;
use crate::config::MetadataRules;
use crate::reject::{Reason, Reject};

/// Start of the note about a file that could not be read.
const NOTE: &str = "cannot read all of";

/// What the rules say about a video.
#[derive(Debug, Default)]
pub struct MetadataVerdict {
    /// Why the video is dropped; `None` if it passes.
    pub reject: Option<Reject>,
    /// What could not be read, for the video's row.
    pub note: Option<String>,
}

/// The path and the stamp of a video's `.info.json`, if there is one.
fn info_file(video: &Path) -> Option<(PathBuf, FileStamp)> {
    // Marks of yt-dlp, as in `NAME.f137.temp.mp4`, `NAME.fhd.mp4` and `NAME.uncut.mp4`.
    let shorter = |stem: &PathBuf| {
        let part = stem.extension()?.to_str()?;
        (matches!(part, "temp" | "uncut") || part.starts_with('f')).then(|| stem.with_extension(""))
    };
    let with_info = |name: PathBuf| {
        let mut path = name.into_os_string();
        path.push(".info.json");
        PathBuf::from(path)
    };
    let own = video.with_extension("info.json");
    let stems = std::iter::successors(Some(video.with_extension("")), shorter).skip(1);
    // Programs before yt-dlp wrote `NAME.mp4.info.json`.
    let others = stems.chain([video.to_owned()]).map(with_info);
    let mut paths = std::iter::once(own).chain(others);
    paths.find_map(|path| FileStamp::of(&path).ok().map(|stamp| (path, stamp)))
}

/// A key of the rules and of the stamp of a video's `.info.json`.
///
/// Videos with the same key have the same result. The key is empty if there is no such file.
pub fn key(video: &Path, rules: &MetadataRules) -> String {
    let Some((_, FileStamp { bytes, modified_ns })) = info_file(video) else {
        return String::new();
    };
    let name = format!("{bytes} {modified_ns} {rules:?}");
    blake3::hash(name.as_bytes()).to_hex()[..16].to_owned()
}

/// Whether a row says that the `.info.json` could not be read.
pub fn is_noted(row: &SourceRow) -> bool {
    row.detail.as_deref().is_some_and(|detail| detail.contains(NOTE))
}

/// Applies the rules to a video.
pub fn check(video: &Path, rules: &MetadataRules) -> MetadataVerdict {
    let Some((path, _)) = info_file(video) else { return MetadataVerdict::default() };
    let note = |problem: &dyn std::fmt::Display| {
        let name = path.file_name().unwrap_or_default().display();
        format!(
            "{NOTE} {name}: {problem}; of the keyword rules only metadata.title_none is applied"
        )
    };
    match std::fs::read(&path) {
        Ok(text) => {
            let info = info_json::read(&text);
            let note = info.problem.map(|problem| note(&problem));
            MetadataVerdict { reject: rules.check(&info), note }
        }
        // It was deleted meanwhile.
        Err(error) if error.kind() == ErrorKind::NotFound => MetadataVerdict::default(),
        Err(error) => MetadataVerdict { reject: None, note: Some(note(&error)) },
    }
}

impl MetadataRules {
    fn check(&self, info: &Info) -> Option<Reject> {
        let (title, text) = (words(&info.title), words(&info.description));
        let found = |list: &[String], texts: &[&str]| {
            let is_there = |word: &&String| texts.iter().any(|text| text.contains(&words(word)));
            list.iter().find(is_there).cloned()
        };
        let reject = |detail: String| Some(Reject::new(Reason::Metadata, detail));
        if let Some(word) = found(&self.title_none, &[&title]) {
            return reject(format!("its title contains `{word}` (metadata.title_none)"));
        }
        // A word that was not found may be in the part that could not be read.
        if info.problem.is_some() {
            return None;
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
        let (title, description) = (title.to_owned(), description.to_owned());
        let info = Info { title, description, problem: None };
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

    /// Catches: a video of yt-dlp's unmerged streams, of an older program, or with an incomplete
    /// file, escapes the rules; a description that could not be read counts as one without the
    /// words.
    #[test]
    fn unmerged_streams_and_incomplete_files() {
        let place = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(place.path().join(name), text).unwrap();
        write("v1.2 [x].info.json", r#"{"title": "Jump Movie", "fps": NaN}"#);
        write("half.info.json", r#"{"title": "Jump", "descr"#);
        let rules = MetadataRules::default();
        let of = |name: &str| check(&place.path().join(name), &rules);
        assert!(of("v1.2 [x].f137.mp4").reject.unwrap().detail.contains("`movie`"));
        assert!(!key(&place.path().join("v1.2 [x].f137.mp4"), &rules).is_empty());
        write("old.mp4.info.json", r#"{"title": "Jump Movie"}"#);
        for name in ["v1.2 [x].f137.temp.mp4", "v1.2 [x].fhd.mp4", "v1.2 [x].uncut.mp4", "old.mp4"]
        {
            assert!(of(name).reject.is_some(), "{name}");
        }
        let half = of("half.mp4");
        assert!(half.reject.is_none() && half.note.unwrap().contains("half.info.json"));
        let none = of("other.mp4");
        assert!(none.reject.is_none() && none.note.is_none());
    }

    /// Catches: a note about a file that cannot exist, because its name would be too long.
    #[test]
    fn a_name_without_room_for_the_suffix_has_no_words() {
        let directory = tempfile::tempdir().unwrap();
        let video = directory.path().join("v".repeat(250) + ".mp4");
        let verdict = check(&video, &MetadataRules::default());
        assert!(verdict.note.is_none() && verdict.reject.is_none());
    }
}
