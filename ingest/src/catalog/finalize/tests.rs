//! Tests of the finalizer on synthetic catalogs with many partitions.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use genie_shards::{
    ClipRow, ClipStore, Entry, Frames, NearPair, Split, near_pairs_of_file, read_clip_rows,
    read_sources,
};
use tempfile::TempDir;

use super::*;
use crate::catalog::near_duplicates::testing::{
    clip, coarse, id, later, mirrored, noise, random, source,
};
use crate::catalog::partitions::CatalogLayout;
use crate::catalog::{GroupWriter, QualityScores};

/// A small limit, so that few rows have many partitions.
const SMALL: Partitioning = Partitioning { rows: 10 };

const KEEP: &str = "motion > 0.5";

/// A dataset root with synthetic sources.
struct TestRoot {
    _directory: TempDir,
    root: Utf8PathBuf,
    held_out: f64,
}

impl TestRoot {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap().to_owned();
        Self { _directory: directory, root, held_out: 0.0 }
    }

    fn with<T>(&self, keep: &str, act: impl FnOnce(&Finalizer<'_>) -> T) -> T {
        let rules = KeepRules::new(keep, true, QualityScores::default()).unwrap();
        act(&Finalizer::new(&self.root, self.held_out, &rules, SMALL, 16))
    }

    /// Adds sources in a group, as a run that decodes them does.
    fn add(&self, numbers: &[usize], keep: &str) {
        let rules = KeepRules::new(keep, true, QualityScores::default()).unwrap();
        let mut numbers = numbers.to_vec();
        numbers.sort_by_key(|number| id(*number));
        for (part, numbers) in numbers.chunks(4).enumerate() {
            let mut writer = GroupWriter::new(&self.root, &format!("group{}-{part}", numbers[0]));
            for &number in numbers {
                let mut row = source(number, 10);
                for mut clip in clips(number) {
                    clip.reason = rules.failure(&mut clip).unwrap();
                    clip.kept = clip.reason.is_none();
                    row.clips_kept += u32::from(clip.kept);
                    clip.meta.split = split_of(&clip.meta.source_id, self.held_out);
                    let data = vec![number.to_le_bytes()[0]; clip.meta.frame_count() * 12];
                    let t = clip.meta.frame_count();
                    writer.clip(clip, Frames { t, height: 2, width: 2, data }).unwrap();
                }
                writer.source(row);
            }
            writer.publish().unwrap().commit(&self.root).unwrap();
        }
    }

    fn finalize(&self, keep: &str) {
        let finalize = |finalizer: &Finalizer<'_>| {
            finalizer.finalize(&FileChanges::default(), &|_| false).unwrap()
        };
        assert_eq!(self.with(keep, finalize), Finalized::Changed);
        self.check();
        assert!(self.with(keep, |finalizer| finalizer.is_finalized().unwrap()));
        assert_eq!(self.with(keep, finalize), Finalized::Unchanged);
    }

    /// Decodes the sources again whose clips are in no shard.
    fn restore(&self, keep: &str) {
        let gone = self.with(keep, |finalizer| {
            finalizer.judge().unwrap();
            finalizer.gone(&|_| true).unwrap()
        });
        self.drop_sources(&gone, keep);
        let numbers: Vec<usize> = (0..200).filter(|number| gone.contains(&id(*number))).collect();
        self.add(&numbers, keep);
    }

    fn drop_sources(&self, ids: &HashSet<String>, keep: &str) {
        let edit = |mut rows: Vec<SourceRow>| {
            rows.retain(|row| !ids.contains(&row.source_id));
            EditedSources { rows, dropped: ids.clone() }
        };
        self.with(keep, |finalizer| finalizer.update(&edit)).unwrap();
    }

    fn layout(&self) -> CatalogLayout {
        CatalogLayout::of(&Manifest::load(&self.root).unwrap())
    }

    fn pairs(&self) -> Vec<NearPair> {
        let manifest = Manifest::load(&self.root).unwrap();
        let files = manifest.table(tables::NEAR_PAIRS).iter();
        let mut pairs: Vec<NearPair> =
            files.flat_map(|entry| near_pairs_of_file(&self.root, entry).unwrap()).collect();
        pairs.sort();
        pairs
    }

    /// Everything that a run decides. Splits of sources stay, so they depend on earlier runs.
    fn state(&self) -> (Vec<SourceRow>, Vec<ClipRow>, Vec<NearPair>) {
        let mut sources = read_sources(&self.root).unwrap();
        for row in &mut sources {
            row.split = None;
        }
        (sources, read_clip_rows(&self.root).unwrap(), self.pairs())
    }

    /// Checks that shards and rows agree.
    fn check_shards(&self) {
        let store = ClipStore::open(&self.root, None).unwrap();
        let clips = (0..store.len()).map(|clip| store.meta(clip).unwrap());
        let stored: BTreeSet<_> =
            clips.map(|clip| (clip.clip_id, clip.split, clip.source_path)).collect();
        let rows = read_clip_rows(&self.root).unwrap();
        let kept: BTreeSet<_> = (rows.iter().filter(|row| row.kept))
            .map(|row| &row.meta)
            .map(|meta| (meta.clip_id.clone(), meta.split, meta.source_path.clone()))
            .collect();
        assert_eq!(stored, kept);
    }

    /// Checks that shards and rows agree, and that the partitions are as large as they can be.
    fn check(&self) {
        self.check_shards();
        let layout = self.layout();
        assert!(layout.is_folded());
        let prefixes: Vec<_> = layout.partitions.keys().copied().collect();
        assert!(prefixes.windows(2).all(|pair| !pair[0].covers(pair[1])));
        for (prefix, files) in &layout.partitions {
            assert!(files.rows() <= SMALL.rows, "{prefix} has {} rows", files.rows());
            let siblings = layout
                .partitions
                .iter()
                .filter(|(other, _)| prefix.parent().is_some_and(|parent| parent.covers(**other)));
            let together: u64 = siblings.map(|(_, files)| files.rows()).sum();
            assert!(prefix.parent().is_none() || together > SMALL.rows, "{prefix}");
        }
    }

    /// Damages a file and forgets it. Returns the numbers of the sources that this costs.
    fn damage(&self, entry: &Entry) -> Vec<usize> {
        let ids = || -> HashSet<String> {
            let rows = read_sources(&self.root).unwrap();
            rows.into_iter().map(|row| row.source_id).collect()
        };
        let before = ids();
        std::fs::write(self.root.join(&entry.file), "damaged").unwrap();
        let removed = forget_files(&self.root, &HashSet::from([entry.file.clone()])).unwrap();
        self.check_shards();
        let after = ids();
        let is_lost =
            |number: &usize| before.contains(&id(*number)) && !after.contains(&id(*number));
        let lost: Vec<usize> = (0..200).filter(is_lost).collect();
        assert_eq!(removed, lost.len() as u64);
        lost
    }

    fn files(&self) -> BTreeSet<String> {
        let manifest = Manifest::load(&self.root).unwrap();
        let files = manifest.entries().map(|(_, Entry { file, .. })| file.clone());
        files.filter(|file| file.starts_with("catalog/")).collect()
    }
}

/// The clips of a synthetic source.
///
/// Every fourth source is a copy of the one before it, and its clips begin later, are mirrored, or
/// are a copy of a copy.
fn clips(number: usize) -> Vec<ClipRow> {
    let print = |start: usize| {
        let print = |number: usize| noise(1000 * number + start);
        match number % 8 {
            3 => coarse(&print(number - 1), number),
            7 => later(&mirrored(&coarse(&print(number - 1), number)), 700),
            _ => print(number),
        }
    };
    let clip = |start: usize| {
        let mut row = clip(number, i64::try_from(start).unwrap(), 160, print(start));
        // Copies have the motion of their originals, or nearly so.
        let motion = f32::from(random(number / 2, 8)[start]) / 255.0;
        row.meta.scores.motion = (motion + 0.02 * f32::from(u8::from(number % 2 == 1))).min(1.0);
        row
    };
    (0..=number % 3).map(clip).collect()
}

fn row(id: &str, reason: Option<Reason>) -> SourceRow {
    SourceRow {
        source_id: id.to_owned(),
        reason: reason.map(|reason| reason.code().to_owned()),
        ..SourceRow::default()
    }
}

/// Catches: a timeout removes the clips of the last good recording; a replaced source stays for
/// ever; the row of a copy does not count as the new content.
#[test]
fn a_source_stays_until_its_replacement_is_known() {
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
    assert_eq!(gone, ["b"], "the clips stay while their file is no video");
}

/// Catches: the state depends on the order of runs, on kills before finalizing, or on rules that
/// were in force in between; a partition has another size than its rows imply.
#[test]
fn the_state_follows_from_sources_and_rules_in_any_order() {
    let all: Vec<usize> = (0..60).collect();
    let once = TestRoot::new();
    once.add(&all, KEEP);
    once.finalize(KEEP);
    let expected = once.state();
    assert!(once.layout().partitions.len() > 10 && expected.2.len() > 10);
    let copies = expected.1.iter().filter(|row| row.duplicate_of.is_some()).count();
    assert!(copies > 5, "{copies}");

    for seed in 0..4 {
        let dice = random(seed, 64);
        let mut left = all.clone();
        left.sort_by_key(|number| random(seed * 1000 + number, 8));
        let other = TestRoot::new();
        for step in 0.. {
            if left.is_empty() {
                break;
            }
            let keep = ["", "motion > 0.8", KEEP, "motion > 2"][usize::from(dice[step] % 4)];
            let count = usize::from(dice[32 + step] % 25).clamp(1, left.len());
            let numbers: Vec<usize> = left.drain(..count).collect();
            // A run that is killed does not finalize the catalog.
            other.restore(keep);
            other.add(&numbers, keep);
            if dice[step] % 8 < 5 {
                other.finalize(keep);
            }
            if dice[step].is_multiple_of(3) {
                // A sidecar changed, so the source is decoded again.
                let again = HashSet::from([id(numbers[0])]);
                other.with(keep, |finalizer| finalizer.judge().unwrap());
                other.drop_sources(&again, keep);
                left.push(numbers[0]);
            }
        }
        other.restore(KEEP);
        other.finalize(KEEP);
        assert!(other.state() == expected, "seed {seed}");
        assert_eq!(other.layout().partitions.len(), once.layout().partitions.len());
    }
}

/// Catches: a new source rewrites partitions that it does not belong to, or clip shards.
#[test]
fn a_new_source_rewrites_its_partition_only() {
    let root = TestRoot::new();
    root.add(&(0..100).filter(|number| number % 8 < 3).collect::<Vec<_>>(), "");
    root.finalize("");
    let before = root.files();
    root.add(&[101], "");
    root.finalize("");
    let after = root.files();
    assert!(before.len() > 20, "{}", before.len());
    let written: Vec<_> = after.difference(&before).collect();
    assert!((1..=4).contains(&written.len()), "{written:?}");
    assert!(before.difference(&after).count() <= 2, "one partition is replaced");
}

/// Catches: a copy stays a near-duplicate of a clip that is no longer there; it does not become one
/// when the original comes back.
#[test]
fn removing_the_original_frees_its_copy() {
    let root = TestRoot::new();
    root.add(&(0..40).collect::<Vec<_>>(), "");
    root.finalize("");
    let expected = root.state();
    let copies = |root: &TestRoot| {
        let mut rows = read_clip_rows(&root.root).unwrap();
        rows.retain(|row| [id(2), id(3)].contains(&row.meta.source_id) && !row.kept);
        rows.into_iter().map(|row| (row.meta.source_id, row.reason.unwrap())).collect::<Vec<_>>()
    };
    let found = copies(&root);
    assert_eq!(found.len(), 1, "source 2 has three clips, and source 3 has one");
    let copy = found[0].0.clone();
    let original = if copy == id(2) { id(3) } else { id(2) };
    assert_eq!(found[0].1, "near_duplicate");
    root.drop_sources(&HashSet::from([original.clone()]), "");
    assert_eq!(copies(&root), [(copy.clone(), "gone".to_owned())]);
    assert_eq!(root.with("", |finalizer| finalizer.gone(&|_| true)).unwrap(), [copy].into());
    root.restore("");
    root.finalize("");
    assert_eq!(copies(&root), []);
    root.add(&[if original == id(2) { 2 } else { 3 }], "");
    root.finalize("");
    assert!(root.state() == expected);
}

/// Catches: a dataset of an older version is decoded again, or its files stay large; its catalog
/// differs from that of a new dataset.
#[test]
fn a_catalog_in_one_file_is_divided() {
    let (old, new) = (TestRoot::new(), TestRoot::new());
    for root in [&old, &new] {
        root.add(&(0..60).collect::<Vec<_>>(), KEEP);
    }
    let (sources, clips) = (read_sources(&old.root).unwrap(), read_clip_rows(&old.root).unwrap());
    let files = [
        (tables::SOURCES, genie_shards::write_sources(&old.root, "all", &sources).unwrap()),
        (tables::CLIP_ROWS, genie_shards::write_clip_rows(&old.root, "all", &clips).unwrap()),
    ];
    Manifest::commit(&old.root, |manifest| {
        for (table, entry) in &files {
            manifest.retain(table, |_| false);
            manifest.add(table, entry.clone());
        }
    })
    .unwrap();
    for root in [&old, &new] {
        root.finalize(KEEP);
    }
    assert!(old.state() == new.state());
    assert_eq!(old.files(), new.files());
}

/// Catches: a killed run balances the splits before all sources are there; a new source that
/// replaces a copy does not inherit its split.
#[test]
fn splits_are_decided_once_at_the_end() {
    let mut root = TestRoot::new();
    root.held_out = 0.0001;
    let numbers: Vec<usize> = (0..6).map(|number| 8 * number).collect();
    root.add(&numbers[..3], "");
    root.with("", |finalizer| finalizer.judge().unwrap());
    assert!(read_sources(&root.root).unwrap().iter().all(|row| row.split.is_none()));
    root.add(&numbers[3..], "");
    root.finalize("");
    let held = |root: &TestRoot| {
        let rows = read_sources(&root.root).unwrap();
        let held = rows.into_iter().filter(|row| row.split == Some(Split::HeldOut));
        held.map(|row| row.source_id).collect::<Vec<_>>()
    };
    let first = numbers.iter().map(|number| id(*number)).min().unwrap();
    assert_eq!(held(&root), std::slice::from_ref(&first));
    root.add(&[80, 88], "");
    root.finalize("");
    assert_eq!(held(&root), [first]);
}

/// Catches: a damaged file of near pairs costs sources; the lost pairs are not searched again.
#[test]
fn damaged_near_pairs_cost_no_source() {
    let root = TestRoot::new();
    root.add(&(0..40).collect::<Vec<_>>(), "");
    root.finalize("");
    let (expected, before) = (root.state(), Manifest::load(&root.root).unwrap());
    let pairs = before.table(tables::NEAR_PAIRS);
    assert!(pairs.len() > 1, "{pairs:?}");
    assert_eq!(root.damage(&pairs[0]), Vec::<usize>::new());
    let now = Manifest::load(&root.root).unwrap();
    assert_eq!(now.table(tables::NEAR_PAIRS), &pairs[1..]);
    for table in [tables::CLIPS, tables::SOURCES, tables::CLIP_ROWS] {
        assert_eq!(now.table(table), before.table(table));
    }
    root.finalize("");
    assert!(root.state() == expected);
    assert_eq!(Manifest::load(&root.root).unwrap(), before);
}

/// Catches: a damaged partition or shard costs the sources of others; its clips stay in shards; the
/// rows of a group that no run finalized stay without their clips; the next run ends in another
/// state.
#[test]
fn a_damaged_partition_or_shard_costs_its_sources_only() {
    let once = TestRoot::new();
    once.add(&(0..64).collect::<Vec<_>>(), "");
    once.finalize("");
    let expected = once.state();
    for table in [tables::SOURCES, tables::CLIP_ROWS, tables::CLIPS] {
        let root = TestRoot::new();
        root.add(&(0..60).collect::<Vec<_>>(), "");
        root.finalize("");
        // A killed run published this group, and did not finalize the catalog.
        root.add(&(60..64).collect::<Vec<_>>(), "");
        let entries = Manifest::load(&root.root).unwrap().table(table).to_vec();
        let is_whole = |entry: &&Entry| entry.rows > 1 && entry.file.contains("-p");
        let entry = match table {
            tables::CLIPS => &entries[0],
            _ => entries.iter().find(is_whole).unwrap(),
        };
        let lost = root.damage(entry);
        assert!((1..=14).contains(&lost.len()), "{table}: {lost:?}");
        root.restore("");
        root.add(&lost, "");
        root.finalize("");
        assert!(root.state() == expected, "{table}");
    }
}

/// Catches: a damaged file that may contain any source leaves clips without rows.
#[test]
fn a_damaged_loose_file_costs_everything() {
    let root = TestRoot::new();
    root.add(&[0, 1, 2, 4, 5], "");
    let loose = root.layout().loose_clips[0].clone();
    std::fs::write(root.root.join(&loose.file), "damaged").unwrap();
    assert_eq!(forget_files(&root.root, &HashSet::from([loose.file])).unwrap(), 5);
    assert_eq!(Manifest::load(&root.root).unwrap(), Manifest::default());
}
