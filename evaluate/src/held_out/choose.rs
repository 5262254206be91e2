//! Which windows are measured.
//!
//! A report over 64 windows should speak for all held-out recordings, not for the first one. So windows are taken in
//! turn: one of each source, then a second of each, and within a source one of each clip before a second of any; which
//! window of a clip comes first is drawn from the seed. The order is deterministic, and asking for fewer windows
//! gives a prefix of asking for more. Nothing is chosen by what is in it.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use crate::random::{Purpose, stream};

/// A clip that windows can be taken from.
#[derive(Debug, Clone)]
pub struct ClipCandidate {
    /// Content hash of the recording that the clip was cut from.
    pub source: String,
    /// First frames of its windows.
    pub firsts: Vec<usize>,
}

/// A window: which clip (position in the list of candidates), and its first frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowChoice {
    pub clip: usize,
    pub first: usize,
}

/// At most `count` windows, spread over sources, then clips.
#[must_use]
pub fn choose(candidates: &[ClipCandidate], count: usize, seed: u64) -> Vec<WindowChoice> {
    let mut sources: BTreeMap<&str, Vec<Vec<WindowChoice>>> = BTreeMap::new();
    for (clip, candidate) in candidates.iter().enumerate() {
        let mut windows: Vec<WindowChoice> =
            candidate.firsts.iter().map(|&first| WindowChoice { clip, first }).collect();
        windows.shuffle(&mut stream(seed, Purpose::Windows, clip));
        sources.entry(&candidate.source).or_default().push(windows);
    }
    let by_source: Vec<Vec<WindowChoice>> = sources.values().map(|clips| in_turn(clips)).collect();
    let mut chosen = in_turn(&by_source);
    chosen.truncate(count);
    chosen
}

/// The first of each list, then the second of each, and so on until all are empty.
fn in_turn(lists: &[Vec<WindowChoice>]) -> Vec<WindowChoice> {
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    (0..longest)
        .flat_map(|rank| lists.iter().filter_map(move |list| list.get(rank)).copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates() -> Vec<ClipCandidate> {
        let clip = |source: &str, windows: usize| ClipCandidate {
            source: source.into(),
            firsts: (0..windows).map(|w| w * 16).collect(),
        };
        vec![
            clip("long", 10),
            clip("long", 10),
            clip("long", 10),
            clip("short", 10),
            clip("tiny", 1),
        ]
    }

    #[test]
    fn windows_are_spread_over_sources_then_clips() {
        // Taking them in file order would fill all 7 from the first clip.
        let chosen = choose(&candidates(), 7, 0);
        let mut clips: Vec<usize> = chosen.iter().map(|choice| choice.clip).collect();
        clips.sort_unstable();
        assert_eq!(clips, [0, 1, 2, 3, 3, 3, 4]);
    }

    #[test]
    fn fewer_windows_are_a_prefix_and_none_comes_twice() {
        // A selection that depends on the count would make quick and full reports incomparable.
        let all = choose(&candidates(), 1000, 0);
        assert_eq!(all.len(), 41);
        assert_eq!(choose(&candidates(), 9, 0), all[..9]);
        let mut unique = all.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), all.len());
    }
}
