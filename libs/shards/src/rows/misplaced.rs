//! Contradictions between the clip rows and the clip shards.

use std::collections::BTreeMap;

use arrow::array::{BooleanArray, StringArray};
use camino::Utf8Path;

use super::stream::visit_columns;
use crate::{
    error::Result,
    manifest::{Manifest, tables},
};

/// Number of clips that are in memory at the same time.
const CLIPS: u64 = 1 << 18;

/// A clip that is kept and in no shard, or in a shard and not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MisplacedClip {
    pub clip_id: String,
    /// Source of a kept clip; `None` for a clip that is only in a shard.
    pub source_id: Option<String>,
}

/// Where a clip was found.
#[derive(Default)]
struct Places {
    /// Source of the clip, if a row says that it is kept.
    kept: Option<String>,
    in_shard: bool,
}

/// Passes each clip to `found` about which the clip rows and the clip shards disagree.
///
/// The ids of all clips may not fit in memory. So each pass reads all of them, and looks at a part.
///
/// # Errors
/// If a file of the catalog or a shard cannot be read, or has another number of rows than its
/// entry says.
pub fn misplaced_clips(
    root: &Utf8Path,
    manifest: &Manifest,
    mut found: impl FnMut(MisplacedClip),
) -> Result<()> {
    let clips = manifest.rows(tables::CLIP_ROWS).max(manifest.rows(tables::CLIPS));
    // The number of passes follows from the entries, so reading checks their numbers of rows. Files
    // that have rows although their entries say 0 need a pass, too.
    let passes = clips.div_ceil(CLIPS).max(1);
    for pass in 0..passes {
        let mut places: BTreeMap<String, Places> = BTreeMap::new();
        let is_now = |id: &str| part(id, passes) == pass;
        for entry in manifest.table(tables::CLIP_ROWS) {
            let wanted = ["clip_id", "source_id", "kept"];
            visit_columns(root, tables::CLIP_ROWS, entry, &wanted, |columns| {
                let ids = columns.required::<StringArray>("clip_id")?;
                let sources = columns.required::<StringArray>("source_id")?;
                let kept = columns.required::<BooleanArray>("kept")?;
                let rows = (0..columns.rows()).filter(|&row| kept.value(row));
                for row in rows.filter(|&row| is_now(ids.value(row))) {
                    let place = places.entry(ids.value(row).to_owned()).or_default();
                    place.kept = Some(sources.value(row).to_owned());
                }
                Ok(())
            })?;
        }
        for entry in manifest.table(tables::CLIPS) {
            visit_columns(root, tables::CLIPS, entry, &["clip_id"], |columns| {
                let ids = columns.required::<StringArray>("clip_id")?;
                for id in ids.iter().flatten().filter(|id| is_now(id)) {
                    places.entry(id.to_owned()).or_default().in_shard = true;
                }
                Ok(())
            })?;
        }
        for (clip_id, Places { kept, in_shard }) in places {
            if kept.is_some() != in_shard {
                found(MisplacedClip { clip_id, source_id: kept });
            }
        }
    }
    Ok(())
}

/// The number of the pass that looks at a clip.
fn part(id: &str, passes: u64) -> u64 {
    let hash = blake3::hash(id.as_bytes());
    hash.as_bytes()[..8].iter().fold(0, |number, &byte| number << 8 | u64::from(byte)) % passes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClipRow, Entry, testing, write_clip_rows};

    /// Catches: `verify` does not see that a kept clip is in no shard, or that a shard contains a
    /// clip that is not kept; a clip in two shards counts as misplaced.
    #[test]
    fn rows_and_shards_disagree_about_misplaced_clips() {
        let (_dir, root) = testing::root();
        let clip = |source: &str| testing::clip(source, 0, 2);
        let shards = [
            testing::publish(&root, "one", &["a", "b", "c"].map(clip)).entry,
            testing::publish(&root, "two", &["a"].map(clip)).entry,
        ];
        let row = |source, kept| ClipRow { meta: clip(source).meta, kept, ..ClipRow::default() };
        let rows = [row("a", true), row("b", false), row("d", true), row("e", false)];
        let rows = write_clip_rows(&root, "one", &rows).unwrap();
        Manifest::commit(&root, |manifest| {
            for entry in &shards {
                manifest.add(tables::CLIPS, entry.clone());
            }
            manifest.add(tables::CLIP_ROWS, rows.clone());
        })
        .unwrap();
        let mut misplaced = Vec::new();
        let manifest = Manifest::load(&root).unwrap();
        misplaced_clips(&root, &manifest, |clip| misplaced.push(clip)).unwrap();
        let found = |source: &str, kept: bool| {
            let meta = clip(source).meta;
            MisplacedClip { clip_id: meta.clip_id, source_id: kept.then_some(meta.source_id) }
        };
        let mut expected = [found("b", false), found("c", false), found("d", true)];
        expected.sort_by(|a, b| a.clip_id.cmp(&b.clip_id));
        assert_eq!(misplaced, expected);
    }

    /// Catches: a wrong row count in the manifest leads to billions of passes, or to a panic.
    #[test]
    fn a_wrong_row_count_is_an_error() {
        let (_dir, root) = testing::root();
        let clip = testing::clip("a", 0, 2);
        let shard = testing::publish(&root, "one", std::slice::from_ref(&clip)).entry;
        let row = ClipRow { meta: clip.meta, kept: true, ..ClipRow::default() };
        let rows = write_clip_rows(&root, "one", &[row]).unwrap();
        for (table, right) in [(tables::CLIPS, &shard), (tables::CLIP_ROWS, &rows)] {
            for count in [0, 1 << 60, u64::MAX] {
                Manifest::commit(&root, |manifest| {
                    manifest.add(tables::CLIPS, shard.clone());
                    manifest.add(tables::CLIP_ROWS, rows.clone());
                    manifest.add(table, Entry { rows: count, ..right.clone() });
                })
                .unwrap();
                let manifest = Manifest::load(&root).unwrap();
                let error = misplaced_clips(&root, &manifest, |clip| panic!("{clip:?}"));
                assert!(error.unwrap_err().to_string().contains(&right.file));
            }
        }
    }

    /// Catches: a pass sees the clips of another one, or no pass sees a clip.
    #[test]
    fn passes_share_the_clips_evenly() {
        let mut counts = [0; 4];
        for n in 0..1000 {
            counts[usize::try_from(part(&n.to_string(), 4)).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (200..300).contains(count)), "{counts:?}");
    }
}
