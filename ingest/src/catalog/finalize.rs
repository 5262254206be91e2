//! Finalizing the catalog: decisions at the end of a run that concern the whole dataset.
//!
//! The finalizer reads the catalog's rows and decides:
//! - which clips are kept ([`super::verdict`]);
//! - what this means for their sources;
//! - the splits of new sources ([`super::split`]).
//!
//! It removes sources that newer contents replaced ([`super::follow`]), and pending rows.
//!
//! It publishes all changes with one commit, with one catalog file per table. So the state of a
//! dataset does not depend on where a run was killed. It depends on earlier runs in two things:
//! sources whose files were deleted stay, and splits stay.
//!
//! The file `catalog/settled` names the rules and the manifest of the last finalized catalog. While
//! both stay the same, the finalizer reads no rows.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{ClipRow, Manifest, SourceRow, Status, read_clip_rows, read_sources};
use genie_stage::key::Key;

use super::follow::FileChanges;
use super::publish::republish;
use super::row_kinds::{is_decided, is_duplicate, is_pending};
use super::source_index::SourceIndex;
use super::split;
use super::verdict::KeepRules;
use crate::reject::Reason;

/// Version of the decisions in this file.
const CODE_FORMAT: u32 = 2;

/// Finalizes the catalog of a dataset root.
pub struct Finalizer<'a> {
    root: &'a Utf8Path,
    held_out: f64,
    rules: &'a KeepRules,
    key: Key,
}

impl<'a> Finalizer<'a> {
    /// A finalizer with the given rules and share of held-out sources.
    pub fn new(root: &'a Utf8Path, held_out: f64, rules: &'a KeepRules) -> Self {
        // "settle" is an old name. It stays, because another name would change the key.
        let key = Key::builder("settle", CODE_FORMAT).config(&rules.keyed()).finish();
        Self { root, held_out, rules, key }
    }

    /// Content hashes of sources with a clip that the rules now keep, but that is in no shard.
    ///
    /// The clip was rejected when its source was decoded. `sources` are the rows of the catalog.
    pub fn widened(&self, sources: &[SourceRow]) -> Result<HashSet<String>> {
        if self.is_finalized()? {
            return Ok(HashSet::new());
        }
        let mut clips = read_clip_rows(self.root)?;
        self.rules.apply(&mut clips, sources)?;
        let gone = |row: &&ClipRow| row.reason.as_deref() == Some(Reason::Gone.code());
        Ok(clips.iter().filter(gone).map(|row| row.meta.source_id.clone()).collect())
    }

    /// Finalizes the catalog and returns it. Returns `None` if it is already finalized.
    ///
    /// `changes` says which sources are replaced. A source stays until ingest knows what became of
    /// the content that replaces it.
    pub fn finalize(&self, changes: &FileChanges) -> Result<Option<(SourceIndex, Vec<ClipRow>)>> {
        let finalized = self.is_finalized()?;
        if finalized && changes.replaced.is_empty() {
            return Ok(None);
        }
        let mut sources = read_sources(self.root)?;
        let gone = replaced(changes, &sources);
        if finalized && gone.is_empty() {
            return Ok(None);
        }
        let waits = |row: &SourceRow| changes.replaced.contains_key(&row.source_id);
        sources.retain(|row| !gone.contains(&row.source_id) && (!is_pending(row) || waits(row)));
        let mut clips = read_clip_rows(self.root)?;
        clips.retain(|row| !gone.contains(&row.meta.source_id));
        self.rules.apply(&mut clips, &sources)?;
        split::decide(&mut sources, &mut clips, self.held_out);
        conclude(&mut sources, &clips);
        republish(self.root, &sources, &clips)?;
        genie_durable::write(self.mark(), self.state()?)?;
        Ok(Some((SourceIndex::new(sources), clips)))
    }

    /// Whether the current catalog is finalized with these rules.
    pub fn is_finalized(&self) -> Result<bool> {
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

/// The replaced sources whose replacement has a reliable row: their content hashes.
///
/// A row is not reliable if another run may find something else, for example after a timeout.
fn replaced(changes: &FileChanges, sources: &[SourceRow]) -> HashSet<String> {
    let taints = |row: &SourceRow| row.reason.as_deref().is_some_and(Reason::code_taints);
    let reliable: HashSet<&str> = (sources.iter())
        .filter(|row| is_decided(row) && !taints(row))
        .map(|row| row.source_id.as_str())
        .collect();
    let is_gone = |by: &[String]| by.iter().any(|id| reliable.contains(id.as_str()));
    let gone = changes.replaced.iter().filter(|(_, by)| is_gone(by));
    gone.map(|(id, _)| id.clone()).collect()
}

/// Updates the rows of sources from the verdict on their clips.
fn conclude(sources: &mut [SourceRow], clips: &[ClipRow]) {
    let mut by_source: HashMap<&str, Vec<&ClipRow>> = HashMap::new();
    for row in clips {
        by_source.entry(&row.meta.source_id).or_default().push(row);
    }
    for row in sources.iter_mut().filter(|row| !is_duplicate(row)) {
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
        // What the cutter cut off or out tells less about its source than the other clips.
        let short = Reason::TooShort.code();
        let judged: Vec<&&str> =
            reasons.keys().filter(|reason| !Reason::is_of_cutter(reason)).collect();
        let reason = match judged[..] {
            [] if reasons.keys().all(|reason| *reason == short) => short,
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

    /// Catches: a timeout removes the clips of the last good recording; a replaced source stays for
    /// ever; the row of a copy does not count as the new content.
    #[test]
    fn a_source_stays_until_its_replacement_is_known() {
        let row = |id: &str, reason: Option<Reason>| SourceRow {
            source_id: id.to_owned(),
            reason: reason.map(|reason| reason.code().to_owned()),
            ..SourceRow::default()
        };
        let replaced_by = [("a", "timeout"), ("b", "new"), ("c", "unreadable"), ("d", "unknown")];
        let mut changes = FileChanges::default();
        for (old, new) in replaced_by {
            changes.replaced.insert(old.to_owned(), vec![new.to_owned()]);
        }
        let sources = [
            row("timeout", Some(Reason::Timeout)),
            row("new", None),
            row("unreadable", Some(Reason::Unreadable)),
        ];
        let mut gone: Vec<String> = replaced(&changes, &sources).into_iter().collect();
        gone.sort();
        assert_eq!(gone, ["b", "c"]);
    }

    /// Catches: a source without kept clips is accepted; a source with kept clips is rejected; a
    /// reason depends on the order of clips.
    #[test]
    fn the_row_of_a_source_follows_from_its_clips() {
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
        let beside_still =
            |other| reason(&[clip("a", false, Some(other)), clip("a", false, Some("still"))]);
        assert_eq!(beside_still("near_duplicate"), "near_duplicate");
        assert_eq!(beside_still("gone"), "gone");
        assert_eq!(beside_still("too_short"), "filtered");
        assert_eq!(reason(&[clip("a", false, Some("still"))]), "filtered");
        let mixed =
            [clip("a", false, Some("near_duplicate")), clip("a", false, Some("motion > 0.1"))];
        assert_eq!(reason(&mixed), "filtered");
        assert!(concluded(&mixed).detail.unwrap().contains("1 of 2 clips: motion > 0.1"));
    }
}
