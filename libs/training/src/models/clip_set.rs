//! A set of clips in sixteen bytes a clip.

use genie_shards::ClipKey;

/// Ids of clips.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClipSet(Vec<ClipKey>);

impl ClipSet {
    /// The number of clips.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the set has this clip.
    #[must_use]
    pub fn contains(&self, clip: impl Into<ClipKey>) -> bool {
        self.position(clip).is_some()
    }

    /// The number of this clip: its position in the order of keys.
    #[must_use]
    pub fn position(&self, clip: impl Into<ClipKey>) -> Option<usize> {
        self.0.binary_search(&clip.into()).ok()
    }
}

impl FromIterator<ClipKey> for ClipSet {
    fn from_iter<I: IntoIterator<Item = ClipKey>>(clips: I) -> Self {
        let mut clips: Vec<ClipKey> = clips.into_iter().collect();
        clips.sort_unstable();
        clips.dedup();
        clips.shrink_to_fit();
        Self(clips)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a set has other clips than were added; a clip that was added twice counts twice.
    #[test]
    fn a_set_has_exactly_its_clips() {
        let ids = ["c", "a", "b", "a"];
        let set: ClipSet = ids.into_iter().map(ClipKey::from).collect();
        assert_eq!(set.len(), 3);
        assert!(ids.iter().all(|id| set.contains(*id)));
        assert!(!set.contains("d") && !set.contains(""));
        let mut positions = ["a", "b", "c"].map(|id| set.position(id));
        positions.sort_unstable();
        assert_eq!(positions, [Some(0), Some(1), Some(2)]);
    }
}
