//! Which sources are held out: their labels measure the network, and it is not trained on them.
//!
//! Clips of one source are alike, so a source is in one part as a whole. The order of sources is
//! that of hashes. A source is held out as long as one of its classes lacks held-out clips.

use anyhow::{Result, bail};

use super::labels::MajorityLabel;

/// How much more than its share of a class may be held out, because sources are not divided.
const SLACK: f64 = 1.5;

/// The labelled clips of one source.
struct LabelledSource<'a> {
    clips: &'a [MajorityLabel],
    /// Number of bad and of good clips.
    counts: [usize; 2],
}

/// Divides labelled clips, sorted by source, into those to train on and the held-out ones.
///
/// About `share` of each class is held out. `seed` decides of which sources.
///
/// # Errors
/// When all clips of a class are of one source.
pub fn divide(
    clips: &[MajorityLabel],
    share: f64,
    seed: u64,
) -> Result<(Vec<MajorityLabel>, Vec<MajorityLabel>)> {
    let count = |clips: &[MajorityLabel], good| clips.iter().filter(|one| one.good == good).count();
    let counts = |clips: &[MajorityLabel]| [count(clips, false), count(clips, true)];
    let mut sources: Vec<LabelledSource<'_>> = clips
        .chunk_by(|one, other| one.source_id == other.source_id)
        .map(|clips| LabelledSource { clips, counts: counts(clips) })
        .collect();
    sources.sort_by_cached_key(|source| {
        *blake3::hash(format!("{seed} {}", source.clips[0].source_id).as_bytes()).as_bytes()
    });
    let all = counts(clips);
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "people do not label 2^52 clips"
    )]
    let part = |class: usize, share: f64| ((all[class] as f64 * share).ceil() as usize).max(1);
    let mut is_held_out = vec![false; sources.len()];
    let mut held = [0, 0];
    // At first, no source that is too large. If a class then has no held-out clip, any source.
    for is_strict in [true, false] {
        for (source, is_held_out) in sources.iter().zip(&mut is_held_out) {
            let wanted = |class: usize| {
                let least = if is_strict { part(class, share) } else { 1 };
                source.counts[class] > 0 && held[class] < least
            };
            let fits = |class: usize| {
                let sum = held[class] + source.counts[class];
                let most = part(class, SLACK * share);
                source.counts[class] == 0 || sum < all[class] && (!is_strict || sum <= most)
            };
            let classes = [0, 1];
            if !*is_held_out && classes.into_iter().any(wanted) && classes.into_iter().all(fits) {
                *is_held_out = true;
                for class in classes {
                    held[class] += source.counts[class];
                }
            }
        }
    }
    for (class, name) in ["bad", "good"].into_iter().enumerate() {
        if held[class] == 0 {
            bail!(
                "the clips that are labelled {name} are of too few sources: some sources are held \
                 out to measure the network, so label {name} clips of more sources"
            );
        }
    }
    let of = |wanted: bool| {
        let found = sources.iter().zip(&is_held_out).filter(|(_, held_out)| **held_out == wanted);
        let mut clips: Vec<_> = found.flat_map(|(source, _)| source.clips.to_vec()).collect();
        clips.sort();
        clips
    };
    Ok((of(false), of(true)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Labelled clips: for each source its number of bad and good clips.
    fn labelled(sources: &[(usize, usize)]) -> Vec<MajorityLabel> {
        let mut clips = Vec::new();
        for (number, &(bad, good)) in sources.iter().enumerate() {
            let clip = |clip: usize| MajorityLabel {
                source_id: format!("{number:02}"),
                clip_id: format!("{number:02} {clip:02}"),
                good: clip >= bad,
            };
            clips.extend((0..bad + good).map(clip));
        }
        clips
    }

    fn sources(clips: &[MajorityLabel]) -> BTreeSet<&str> {
        clips.iter().map(|clip| clip.source_id.as_str()).collect()
    }

    /// Catches: a source is in both parts; a part lacks a class; a clip is lost; nearly everything
    /// is held out.
    #[test]
    fn sources_are_whole_and_both_parts_have_both_classes() {
        let mixed: Vec<_> = (0..20).map(|n| (n % 4, 3 - n % 4)).collect();
        let pure: Vec<_> = (0..20).map(|n| if n % 5 == 0 { (20, 0) } else { (0, 5) }).collect();
        for counts in [mixed, pure, vec![(60, 1), (1, 60), (3, 3)], vec![(5, 5), (5, 5)]] {
            for seed in 0..20 {
                let clips = labelled(&counts);
                let (train, held_out) = divide(&clips, 0.25, seed).unwrap();
                assert!(sources(&train).is_disjoint(&sources(&held_out)));
                let mut all = [train.clone(), held_out.clone()].concat();
                all.sort();
                assert_eq!(all, clips);
                for part in [&train, &held_out] {
                    assert!(part.iter().any(|clip| clip.good), "{counts:?} {seed}");
                    assert!(part.iter().any(|clip| !clip.good), "{counts:?} {seed}");
                }
                if counts.len() == 20 {
                    assert!(held_out.len() * 2 <= clips.len(), "{} held out", held_out.len());
                }
            }
        }
    }

    /// Catches: the division depends on chance, or the seed has no effect.
    #[test]
    fn the_seed_decides() {
        let clips = labelled(&[(3, 3); 20]);
        let of = |seed| divide(&clips, 0.25, seed).unwrap().1;
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    /// Catches: a network that cannot be measured is trained.
    #[test]
    fn a_class_of_one_source_is_refused() {
        let mut counts = vec![(0, 5); 12];
        counts.push((60, 0));
        let error = divide(&labelled(&counts), 0.25, 0).unwrap_err().to_string();
        assert!(error.contains("labelled bad"), "{error}");
    }
}
