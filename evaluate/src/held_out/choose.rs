//! The choice of windows to measure.
//!
//! A report over 64 windows must represent all held-out recordings, not only the first one. So the
//! choice takes one window of each source, then a second one of each, and so on. Within a source it
//! takes one window of each clip before a second one of any clip. The seed decides the order of the
//! windows of a clip. The order is deterministic, and a smaller number of windows is a prefix of a
//! larger one. The content of a window has no influence.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use crate::random::{Purpose, stream};

/// A clip from which windows can be taken.
#[derive(Debug, Clone)]
pub struct ClipCandidate {
    /// Content hash of the clip's source.
    pub source: String,
    /// First frames of its windows.
    pub firsts: Vec<usize>,
}

/// A chosen window: the position of its clip in the list of candidates, and its first frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowChoice {
    pub clip: usize,
    pub first: usize,
}

/// Chooses at most `count` windows, spread over sources first, then over clips.
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

/// Takes the first element of each list, then the second of each, until all are empty.
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

    /// Catches: windows are chosen in file order, so all 7 are from the first clip.
    #[test]
    fn windows_are_spread_over_sources_then_clips() {
        let chosen = choose(&candidates(), 7, 0);
        let mut clips: Vec<usize> = chosen.iter().map(|choice| choice.clip).collect();
        clips.sort_unstable();
        assert_eq!(clips, [0, 1, 2, 3, 3, 3, 4]);
    }

    /// Catches: a selection depends on the count, which makes short and full reports incomparable;
    /// a window is chosen twice.
    #[test]
    fn fewer_windows_are_a_prefix_and_none_comes_twice() {
        let all = choose(&candidates(), 1000, 0);
        assert_eq!(all.len(), 41);
        assert_eq!(choose(&candidates(), 9, 0), all[..9]);
        let mut unique = all.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), all.len());
    }
}
