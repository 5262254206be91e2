//! Tests of the search: against a comparison of all pairs, and in any order.

use std::collections::HashSet;

use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{ClipRow, Manifest, NearPair, PairedClip, SourceRow};
use rayon::prelude::*;
use tempfile::TempDir;

use super::pass::FoundPairs;
use super::search::PairSearch;
use super::testing::{clip, coarse, later, mirrored, noise, source};
use crate::analysis::Likeness;
use crate::catalog::partitions::{CatalogLayout, CatalogUnit, units};
use crate::catalog::publish::NewFiles;

/// A synthetic clip: its source, its quality and its row.
type Made = (SourceRow, ClipRow);

fn made(number: usize, quality: u32, fingerprint: Vec<u8>) -> Made {
    (source(number, quality), clip(number, 0, 160, fingerprint))
}

/// A dataset root whose catalog has these clips, as loose files of at most 500 rows.
fn catalog(clips: &[Made]) -> (TempDir, Utf8PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(directory.path()).unwrap().to_owned();
    for (number, part) in clips.chunks(500).enumerate() {
        let (sources, clips): (Vec<SourceRow>, Vec<ClipRow>) = part.iter().cloned().unzip();
        let name = format!("group{number}");
        let files = NewFiles::write(&root, &name, Vec::new(), &sources, &clips).unwrap();
        files.commit(&root).unwrap();
    }
    (directory, root)
}

fn units_of(root: &Utf8Path) -> Vec<CatalogUnit> {
    units(root, &CatalogLayout::of(&Manifest::load(root).unwrap()), 20).unwrap()
}

fn search(clips: &[Made], common: u32) -> FoundPairs {
    search_within(clips, common, 64)
}

/// The pairs that a search with a limit of memory finds.
fn search_within(clips: &[Made], common: u32, memory_mb: u64) -> FoundPairs {
    let (_directory, root) = catalog(clips);
    let (units, dropped) = (units_of(&root), HashSet::new());
    PairSearch { common, ..PairSearch::new(&root, &units, &dropped, memory_mb) }.all().unwrap()
}

fn paired((source, row): &Made) -> PairedClip {
    PairedClip {
        clip_id: row.meta.clip_id.clone(),
        source_id: row.meta.source_id.clone(),
        start_pts: row.meta.start_pts,
        has_actions: row.meta.actions.is_some(),
        pixels: u64::from(source.width.unwrap()),
        bytes: source.bytes,
    }
}

/// The near pairs by a comparison of all pairs.
fn compared(clips: &[Made]) -> Vec<NearPair> {
    let mut sorted: Vec<(PairedClip, Likeness)> = clips
        .iter()
        .filter_map(|made| {
            let meta = &made.1.meta;
            let likeness = Likeness::of(&meta.scores.fingerprint, meta.seconds(), meta.fps)?;
            Some((paired(made), likeness))
        })
        .collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let of = |(number, (worse, likeness)): (usize, &(PairedClip, Likeness))| {
        let mirrored = likeness.mirrored();
        let is_near = |(better, other): &&(PairedClip, Likeness)| {
            better.source_id != worse.source_id
                && (other.resembles(likeness) || other.resembles(&mirrored))
        };
        let pair = |(better, _): &(PairedClip, Likeness)| NearPair {
            worse: worse.clone(),
            better: better.clone(),
        };
        sorted[..number].iter().filter(is_near).map(pair).collect::<Vec<_>>()
    };
    let mut pairs: Vec<NearPair> = sorted.par_iter().enumerate().flat_map(of).collect();
    pairs.sort();
    pairs
}

/// `count` clips: three quarters are original, the others are copies of all kinds.
fn planted(count: usize) -> Vec<Made> {
    (0..count)
        .map(|number| {
            let fingerprint = if number % 4 < 3 {
                noise(number)
            } else {
                let copy = coarse(&noise(number - 3), number);
                match number / 4 % 3 {
                    0 => copy,
                    1 => later(&copy, 700),
                    _ => later(&mirrored(&copy), 1300),
                }
            };
            made(number, u32::try_from(number % 7).unwrap(), fingerprint)
        })
        .collect()
}

/// Catches: the index misses copies that a comparison of all pairs finds, or invents some.
#[test]
fn the_search_finds_what_a_comparison_of_all_pairs_finds() {
    let clips = planted(1000);
    let expected = compared(&clips);
    assert_eq!(expected.len(), 250);
    assert_eq!(search(&clips, 1000), FoundPairs { pairs: expected, skipped: 0 });
}

/// Catches: pairs of clips in different blocks are lost or found twice; a hash that is common is
/// not, because only the later blocks were counted.
#[test]
fn the_pairs_do_not_depend_on_the_memory() {
    let copies = (0..120).map(|number| made(10_000 + number, 1, noise(10_000)));
    let clips: Vec<Made> = planted(200).into_iter().chain(copies).collect();
    let all = compared(&clips);
    for common in [100, 1000] {
        let found = search_within(&clips, common, 64);
        // A block of 1 MiB has about 80 clips.
        assert_eq!(search_within(&clips, common, 1).pairs, found.pairs);
        assert_eq!((found.skipped == 0, found.pairs == all), (common == 1000, common == 1000));
    }
}

/// Catches: the same at a size at which hashes of different moments are equal by chance, so often
/// that some are common: copies that share other hashes must be found.
#[test]
#[ignore = "minutes: make test-slow"]
fn the_search_finds_all_pairs_of_twenty_thousand_clips() {
    let clips = planted(20_000);
    let expected = compared(&clips);
    assert_eq!(expected.len(), 5000);
    for (common, has_common) in [(1000, true), (20_000, false)] {
        let FoundPairs { pairs, skipped } = search(&clips, common);
        let missed = expected.iter().filter(|pair| pairs.binary_search(pair).is_err()).count();
        assert_eq!((missed, pairs.len()), (0, 5000), "{common}");
        assert_eq!(skipped > 0, has_common);
    }
}

/// Catches: clips of one source are near-duplicates of each other; clips without a fingerprint
/// match every clip; a copy must have the same length or rate.
#[test]
fn only_the_same_play_of_another_source_is_a_near_duplicate() {
    let mut nearly = noise(1);
    nearly[7] ^= 1;
    let original = || made(1, 9, noise(1));
    let is_found = |other: ClipRow| {
        let number = if other.meta.source_id == original().0.source_id { 1 } else { 3 };
        let found = search(&[original(), (source(number, 1), other)], 1000).pairs;
        assert!(found.iter().all(|pair| pair.better == paired(&original())));
        !found.is_empty()
    };
    assert!(is_found(clip(3, 0, 161, nearly.clone())));
    assert!(!is_found(clip(1, 5, 160, nearly.clone())), "the same source");
    assert!(is_found(clip(3, 0, 167, later(&nearly, 700))), "a later start");
    let mut fast = clip(3, 0, 960, nearly.clone());
    fast.meta.fps = 60.0;
    assert!(is_found(fast), "another rate");
    assert!(is_found(clip(3, 0, 160, mirrored(&nearly))), "a mirrored copy");
    assert!(!is_found(clip(3, 0, 160, noise(2))));
    assert!(!is_found(clip(3, 0, 160, Vec::new())), "no fingerprint");
    assert!(!is_found(clip(3, 0, 160, vec![7; 192])), "another format");
}

/// Catches: a title that many clips share makes the search compare all of them; the best clip of
/// many copies is not found.
#[test]
fn of_a_common_moment_only_the_best_clips_are_compared() {
    let copies: Vec<Made> = (0..200)
        .map(|number| made(number, 200 - u32::try_from(number).unwrap(), noise(1)))
        .collect();
    let found = search(&copies, 100);
    let best: HashSet<&str> = found.pairs.iter().map(|pair| pair.better.clip_id.as_str()).collect();
    assert_eq!(best.len(), 64);
    assert!(found.skipped > 0);
    let of_best = found.pairs.iter().filter(|pair| pair.better == paired(&copies[0]));
    assert_eq!(of_best.count(), 199, "all other clips are copies of the best one");
}

/// Catches: a search of all pairs limits a hash that was common only before sources were dropped.
#[test]
fn a_hash_that_is_no_longer_common_has_all_its_pairs() {
    let copies: Vec<Made> = (0..200).map(|number| made(number, 1, noise(1))).collect();
    let (sources, clips): (Vec<SourceRow>, Vec<ClipRow>) = copies.iter().cloned().unzip();
    let (_directory, root) = catalog(&[]);
    // The name is that of a partition, because the clips of loose files count as new.
    NewFiles::write(&root, "p", Vec::new(), &sources, &clips).unwrap().commit(&root).unwrap();
    let dropped = sources[80..].iter().map(|row| row.source_id.clone()).collect();
    let units = units_of(&root);
    let search = PairSearch { common: 100, ..PairSearch::new(&root, &units, &dropped, 64) };
    let found = search.all().unwrap();
    assert_eq!(found, FoundPairs { pairs: compared(&copies[..80]), skipped: 0 });
    assert_eq!(found.pairs.len(), 80 * 79 / 2);
}

/// Catches: in a large catalog, hashes that clips share by chance are common; a limit that grew is
/// applied to new clips only.
#[test]
fn the_limit_for_common_hashes_grows_with_the_number_of_clips() {
    let clips = planted(260);
    let expected = compared(&clips);
    assert!(!expected.is_empty(), "two clips share a hash, and the least limit is one");
    assert_eq!(search(&clips, 1), FoundPairs { pairs: expected, skipped: 0 });
    let (sources, rows): (Vec<SourceRow>, Vec<ClipRow>) = clips.into_iter().unzip();
    let (_directory, root) = catalog(&[]);
    for (name, part) in [("p", 0..200), ("new", 200..260)] {
        let (sources, rows) = (&sources[part.clone()], &rows[part]);
        let files = NewFiles::write(&root, name, Vec::new(), sources, rows).unwrap();
        files.commit(&root).unwrap();
    }
    let (units, dropped) = (units_of(&root), HashSet::new());
    let all: Vec<usize> = (0..units.len()).collect();
    // The limits of 200 and 260 clips are 4 and 8, unless the least limit is higher.
    for (common, is_same) in [(100, true), (1, false)] {
        let search = PairSearch { common, ..PairSearch::new(&root, &units, &dropped, 64) };
        assert_eq!(search.new_clips(&all).unwrap().is_some(), is_same);
    }
}
