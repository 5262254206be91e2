//! A set of clips that needs 24 bytes for each clip.

use genie_shards::ClipKey;

/// Ids of clips, the number of frames of each, and their order by source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClipSet {
    keys: Vec<ClipKey>,
    frames: Vec<u32>,
    by_source: Vec<u32>,
}

/// A clip that is added to a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SetClip {
    pub key: ClipKey,
    /// The first 64 bits of the source's hash.
    source: u64,
    pub frames: u32,
}

impl SetClip {
    /// A clip of the source with this id.
    #[must_use]
    pub fn new(clip_id: &str, source_id: &str, frames: u32) -> Self {
        // An id has 64 hex digits; only tests have others.
        let source = source_id.get(..16).and_then(|hex| u64::from_str_radix(hex, 16).ok());
        Self { key: clip_id.into(), source: source.unwrap_or_default(), frames }
    }
}

impl ClipSet {
    /// The number of clips.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether the set has this clip.
    #[must_use]
    pub fn contains(&self, clip: impl Into<ClipKey>) -> bool {
        self.position(clip).is_some()
    }

    /// The number of this clip: its position in the order of keys.
    #[must_use]
    pub fn position(&self, clip: impl Into<ClipKey>) -> Option<usize> {
        self.keys.binary_search(&clip.into()).ok()
    }

    /// The key of the clip with this number.
    ///
    /// # Panics
    /// If there is no such clip.
    #[must_use]
    pub fn key(&self, number: usize) -> ClipKey {
        self.keys[number]
    }

    /// How many frames the clip with this number has.
    ///
    /// # Panics
    /// If there is no such clip.
    #[must_use]
    pub fn frames(&self, number: usize) -> usize {
        self.frames[number] as usize
    }

    /// The numbers of all clips, in the order of their sources.
    ///
    /// Windows are stored in about this order. It depends on the clips alone.
    #[must_use]
    pub fn by_source(&self) -> &[u32] {
        &self.by_source
    }
}

impl FromIterator<SetClip> for ClipSet {
    fn from_iter<I: IntoIterator<Item = SetClip>>(clips: I) -> Self {
        let mut clips: Vec<SetClip> = clips.into_iter().collect();
        clips.sort_unstable();
        clips.dedup_by_key(|clip| clip.key);
        let mut by_source: Vec<u32> = (0_u32..).zip(&clips).map(|(number, _)| number).collect();
        by_source.sort_unstable_by_key(|number| (clips[*number as usize].source, *number));
        let (keys, frames) = clips.into_iter().map(|clip| (clip.key, clip.frames)).unzip();
        Self { keys, frames, by_source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a set has other clips than were added; a clip that was added twice counts twice;
    /// the order by source is that of ids, or depends on the order of adding.
    #[test]
    fn a_set_has_exactly_its_clips() {
        let clips = [("c", "b0"), ("a", "b0"), ("b", "0a"), ("a", "b0")];
        let clip = |(id, source): &(&str, &str)| SetClip::new(id, &source.repeat(32), 7);
        let set: ClipSet = clips.iter().map(clip).collect();
        let reversed: ClipSet = clips.iter().rev().map(clip).collect();
        assert_eq!(set, reversed);
        assert_eq!(set.len(), 3);
        assert!(clips.iter().all(|(id, _)| set.contains(*id)));
        assert!(!set.contains("d") && !set.contains(""));
        let mut positions = ["a", "b", "c"].map(|id| set.position(id));
        positions.sort_unstable();
        assert_eq!(positions, [Some(0), Some(1), Some(2)]);
        assert_eq!((set.frames(1), set.position(set.key(1))), (7, Some(1)));
        let mut expected = ["a", "c"].map(|id| set.position(id).unwrap());
        expected.sort_unstable();
        let by_source: Vec<usize> = set.by_source().iter().map(|number| *number as usize).collect();
        assert_eq!(by_source, [&[set.position("b").unwrap()][..], &expected].concat());
    }
}
