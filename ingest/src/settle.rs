//! The end of a run: everything that is a matter of the whole dataset and not of one source.
//!
//! From the catalog's rows and the config it decides which clips are kept ([`crate::verdict`]), what that means for their sources,
//! and, where a split would be empty, which source moves ([`crate::split`]); then publishes that at once, the catalog in one file a table. So
//! the state of a dataset depends on its sources and the config, not on how many runs made it or where they were killed.
//! What is settled is remembered with the manifest it was settled for: nothing is read again while nothing changes.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{ClipRow, Manifest, SourceRow, Status, read_clip_rows, read_sources};
use genie_stage::config::DataConfig;
use genie_stage::key::Key;

use crate::catalogue::republish;
use crate::config::IngestConfig;
use crate::reject::Reason;
use crate::split;
use crate::verdict::Judge;

/// Version of what is decided here.
const CODE_FORMAT: u32 = 1;

/// The rules of a dataset as a whole.
pub struct Settler<'a> {
    root: &'a Utf8Path,
    held_out: f64,
    judge: &'a Judge,
    key: Key,
}

impl<'a> Settler<'a> {
    pub fn new(data: &'a DataConfig, config: &IngestConfig, judge: &'a Judge) -> Self {
        let rules =
            serde_json::json!({ "keep": config.keep, "near_duplicates": config.near_duplicates });
        let key = Key::builder("settle", CODE_FORMAT).config(&rules).finish();
        Self { root: &data.root, held_out: data.held_out, judge, key }
    }

    /// Sources of which the verdict now wants clips that were not kept when they were decoded.
    pub fn widened(&self) -> Result<HashSet<String>> {
        if self.is_settled()? {
            return Ok(HashSet::new());
        }
        let (mut clips, sources) = (read_clip_rows(self.root)?, read_sources(self.root)?);
        self.judge.judge(&mut clips, &sources)?;
        let gone = |row: &&ClipRow| row.reason.as_deref() == Some(Reason::Gone.code());
        Ok(clips.iter().filter(gone).map(|row| row.meta.source_id.clone()).collect())
    }

    /// Settles the dataset; `false` if it was settled.
    pub fn settle(&self) -> Result<bool> {
        if self.is_settled()? {
            return Ok(false);
        }
        let (mut clips, mut sources) = (read_clip_rows(self.root)?, read_sources(self.root)?);
        self.judge.judge(&mut clips, &sources)?;
        if let Some((id, split)) = split::balanced(&clips, self.held_out) {
            for row in clips.iter_mut().filter(|row| row.meta.source_id == id) {
                row.meta.split = split;
            }
        }
        conclude(&mut sources, &clips);
        republish(self.root, &sources, &clips)?;
        genie_durable::write(self.mark(), self.state()?)?;
        Ok(true)
    }

    /// Whether the dataset as it is has been settled by these rules.
    pub fn is_settled(&self) -> Result<bool> {
        let known = std::fs::read_to_string(self.mark()).unwrap_or_default();
        Ok(known == self.state()?)
    }

    fn state(&self) -> Result<String> {
        Ok(format!("{} {}\n", self.key, Manifest::load(self.root)?.content_hash()))
    }

    fn mark(&self) -> Utf8PathBuf {
        self.root.join("catalog/settled")
    }
}

/// What the verdict on clips means for their sources.
fn conclude(sources: &mut [SourceRow], clips: &[ClipRow]) {
    let mut by_source: HashMap<&str, Vec<&ClipRow>> = HashMap::new();
    for row in clips {
        by_source.entry(&row.meta.source_id).or_default().push(row);
    }
    for row in
        sources.iter_mut().filter(|row| row.reason.as_deref() != Some(Reason::Duplicate.code()))
    {
        let Some(clips) = by_source.get(row.source_id.as_str()) else { continue };
        row.clips_kept =
            u32::try_from(clips.iter().filter(|clip| clip.kept).count()).unwrap_or(u32::MAX);
        if row.clips_kept > 0 {
            (row.status, row.reason) = (Status::Accepted, None);
            continue;
        }
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for clip in clips {
            *reasons.entry(clip.reason.as_deref().unwrap_or_default()).or_default() += 1;
        }
        // Where clips differ, what was long enough to be judged says more than what was not.
        let short = Reason::TooShort.code();
        let judged: Vec<&&str> = reasons.keys().filter(|reason| **reason != short).collect();
        let reason = match judged[..] {
            [] => short,
            [one] if *one == Reason::NearDuplicate.code() => one,
            [one] if *one == Reason::Gone.code() => one,
            _ => Reason::Filtered.code(),
        };
        row.status = Status::Rejected;
        if row.reason.as_deref() != Some(reason) || reason != short {
            let words = reasons
                .iter()
                .map(|(reason, count)| format!("{count} of {} clips: {reason}", clips.len()));
            row.detail = Some(words.collect::<Vec<_>>().join("; "));
            row.reason = Some(reason.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(source: &str, kept: bool, reason: Option<&str>) -> ClipRow {
        let mut row = ClipRow { kept, reason: reason.map(str::to_owned), ..ClipRow::default() };
        row.meta.source_id = source.to_owned();
        row
    }

    fn concluded(clips: &[ClipRow]) -> SourceRow {
        let mut rows = [SourceRow { source_id: "a".to_owned(), ..SourceRow::default() }];
        conclude(&mut rows, clips);
        let [row] = rows;
        row
    }

    /// Would catch a source that says `accepted` with no clips, or `rejected` with some; and reasons that depend on the order.
    #[test]
    fn a_source_says_what_its_clips_say() {
        let kept = concluded(&[
            clip("a", true, None),
            clip("a", false, Some("motion > 0.1")),
            clip("b", false, None),
        ]);
        assert_eq!((kept.status, kept.clips_kept, kept.reason), (Status::Accepted, 1, None));
        let reason = |clips: &[ClipRow]| concluded(clips).reason.unwrap();
        assert_eq!(reason(&[clip("a", false, Some("too_short"))]), "too_short");
        assert_eq!(
            reason(&[
                clip("a", false, Some("near_duplicate")),
                clip("a", false, Some("too_short"))
            ]),
            "near_duplicate"
        );
        let mixed =
            [clip("a", false, Some("near_duplicate")), clip("a", false, Some("motion > 0.1"))];
        assert_eq!(reason(&mixed), "filtered");
        assert!(concluded(&mixed).detail.unwrap().contains("1 of 2 clips: motion > 0.1"));
    }
}
