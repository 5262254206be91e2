//! A set of clips in sixteen bytes a clip.

/// Ids of clips.
///
/// An id has 32 hex digits, so it is stored as a number. The hash of another id stands for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClipSet(Vec<u128>);

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
    pub fn contains(&self, clip_id: &str) -> bool {
        self.position(clip_id).is_some()
    }

    /// The number of this clip: its position in the order of ids.
    #[must_use]
    pub fn position(&self, clip_id: &str) -> Option<usize> {
        self.0.binary_search(&number(clip_id)).ok()
    }
}

impl<'a> FromIterator<&'a str> for ClipSet {
    fn from_iter<I: IntoIterator<Item = &'a str>>(ids: I) -> Self {
        let mut builder = ClipSetBuilder::default();
        ids.into_iter().for_each(|id| builder.add(id));
        builder.finish()
    }
}

/// Collects the ids of a set.
#[derive(Default)]
pub struct ClipSetBuilder(Vec<u128>);

impl ClipSetBuilder {
    /// Adds a clip; adding it twice changes nothing.
    pub fn add(&mut self, clip_id: &str) {
        self.0.push(number(clip_id));
    }

    /// The set of the clips that were added.
    #[must_use]
    pub fn finish(mut self) -> ClipSet {
        self.0.sort_unstable();
        self.0.dedup();
        self.0.shrink_to_fit();
        ClipSet(self.0)
    }
}

fn number(clip_id: &str) -> u128 {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if clip_id.len() == 32 && clip_id.bytes().all(is_hex) {
        u128::from_str_radix(clip_id, 16).unwrap_or_default()
    } else {
        let hash = blake3::hash(clip_id.as_bytes());
        u128::from_le_bytes(hash.as_bytes()[..16].try_into().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: two ids count as one, such as an id and the same id in capitals; the order of the
    /// numbers is not that of the ids; a clip that was added twice counts twice.
    #[test]
    fn a_set_has_exactly_its_clips() {
        let id = |n: u32| format!("{:032x}", u128::from(n) << 90 | 0xabc);
        let ids = [id(3), id(1), "clip".to_owned(), id(2), id(1)];
        let set: ClipSet = ids.iter().map(String::as_str).collect();
        assert_eq!(set.len(), 4);
        assert!(ids.iter().all(|id| set.contains(id)));
        assert!(
            ![&id(4), "", "Clip", &id(1).to_uppercase(), &id(1)[1..]]
                .map(|id| set.contains(id))
                .contains(&true)
        );
        let hex: ClipSet = [&id(3), &id(1), &id(2)].map(String::as_str).into_iter().collect();
        assert_eq!([id(1), id(2), id(3)].map(|id| hex.position(&id)), [Some(0), Some(1), Some(2)]);
    }
}
