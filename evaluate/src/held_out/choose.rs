//! The choice of windows to measure.
//!
//! A report over 64 windows must represent all held-out recordings, not only the first one. So the
//! choice takes one window of each source, then a second one of each, and so on. Within a source it
//! takes one window of each clip before a second one of any clip. The seed decides the order of the
//! windows of a clip. The order is deterministic, and a smaller number of windows is a prefix of a
//! larger one. The content of a window has no influence.

use rand::seq::SliceRandom;

use crate::random::{Purpose, stream};

/// A clip from which windows can be taken.
#[derive(Debug, Clone, Copy)]
pub struct ClipCandidate {
    /// Number of the clip's source. The clips of a source follow each other.
    pub source: u32,
    /// Number of its windows.
    pub windows: usize,
}

/// A chosen window: the position of its clip in the list of candidates, and its first frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowChoice {
    pub clip: usize,
    pub first: usize,
}

/// Chooses at most `count` windows of `frames` frames, spread over sources first, then over clips.
///
/// Only the chosen windows need memory.
#[must_use]
pub fn choose(
    candidates: &[ClipCandidate],
    frames: usize,
    count: usize,
    seed: u64,
) -> Vec<WindowChoice> {
    // For each source: the position of its first clip, its clips, and the number of its windows.
    let mut sources: Vec<(usize, &[ClipCandidate], usize)> = Vec::new();
    let mut first = 0;
    for clips in candidates.chunk_by(|clip, next| clip.source == next.source) {
        let windows = clips.iter().map(|clip| clip.windows).sum();
        sources.push((first, clips, windows));
        first += clips.len();
    }
    let mut chosen = Vec::new();
    for turn in 0.. {
        sources.retain(|(.., windows)| *windows > turn);
        if sources.is_empty() || chosen.len() == count {
            break;
        }
        for (first, clips, _) in sources.iter().take(count - chosen.len()) {
            let (clip, rank) = in_turn(clips, turn);
            let mut firsts: Vec<usize> =
                (0..clips[clip].windows).map(|window| window * frames).collect();
            firsts.shuffle(&mut stream(seed, Purpose::Windows, first + clip));
            chosen.push(WindowChoice { clip: first + clip, first: firsts[rank] });
        }
    }
    chosen
}

/// Returns the clip of window number `turn` of a source, and the window's rank in that clip.
///
/// The order takes the first window of each clip, then the second window of each clip, and so on.
///
/// The clips must have more windows than `turn`.
fn in_turn(clips: &[ClipCandidate], turn: usize) -> (usize, usize) {
    let mut left = turn;
    for rank in 0.. {
        let with = || (0..clips.len()).filter(|clip| clips[*clip].windows > rank);
        if let Some(clip) = with().nth(left) {
            return (clip, rank);
        }
        left -= with().count();
    }
    unreachable!("the clips have more windows than {turn}")
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;

    fn candidates() -> Vec<ClipCandidate> {
        let clip = |source, windows| ClipCandidate { source, windows };
        vec![clip(0, 10), clip(0, 10), clip(0, 10), clip(1, 10), clip(2, 1)]
    }

    /// Catches: windows are chosen in file order, so all 7 are from the first clip.
    #[test]
    fn windows_are_spread_over_sources_then_clips() {
        let chosen = choose(&candidates(), 16, 7, 0);
        let mut clips: Vec<usize> = chosen.iter().map(|choice| choice.clip).collect();
        clips.sort_unstable();
        assert_eq!(clips, [0, 1, 2, 3, 3, 3, 4]);
    }

    /// Catches: a selection depends on the count, which makes short and full reports incomparable;
    /// a window is chosen twice.
    #[test]
    fn fewer_windows_are_a_prefix_and_none_comes_twice() {
        let all = choose(&candidates(), 16, 1000, 0);
        assert_eq!(all.len(), 41);
        assert_eq!(choose(&candidates(), 16, 9, 0), all[..9]);
        let mut unique = all.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), all.len());
    }

    /// Catches: the choice differs from that of earlier versions, which listed all windows, so that
    /// their reports are not comparable.
    #[test]
    fn the_choice_is_that_of_lists_of_all_windows() {
        fn in_turn(lists: &[Vec<WindowChoice>]) -> Vec<WindowChoice> {
            let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
            (0..longest)
                .flat_map(|rank| lists.iter().filter_map(move |list| list.get(rank)).copied())
                .collect()
        }
        for seed in 0..50 {
            let mut random = stream(seed, Purpose::Windows, 999);
            let mut source = 0;
            let candidates: Vec<ClipCandidate> = (0..random.random_range(0..30))
                .map(|_| {
                    source += random.random_range(0..2);
                    ClipCandidate { source, windows: random.random_range(0..5) }
                })
                .collect();
            let mut lists: Vec<Vec<Vec<WindowChoice>>> = vec![vec![]; source as usize + 1];
            for (clip, candidate) in candidates.iter().enumerate() {
                let mut windows: Vec<_> = (0..candidate.windows)
                    .map(|window| WindowChoice { clip, first: window * 16 })
                    .collect();
                windows.shuffle(&mut stream(seed, Purpose::Windows, clip));
                lists[candidate.source as usize].push(windows);
            }
            let sources: Vec<_> = lists.iter().map(|clips| in_turn(clips)).collect();
            let all = in_turn(&sources);
            for count in [0, 1, 2, 7, 20, 1000] {
                let expected = &all[..all.len().min(count)];
                assert_eq!(choose(&candidates, 16, count, seed), expected, "seed {seed}, {count}");
            }
        }
    }
}
