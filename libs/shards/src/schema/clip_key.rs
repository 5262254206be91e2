//! The id of a clip as a number.

use std::fmt;

/// The id of a clip in sixteen bytes.
///
/// An id has 32 hex digits. The order of such keys is that of the ids. A hash stands for another
/// id, which only tests have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClipKey([u8; 16]);

impl From<&str> for ClipKey {
    fn from(clip_id: &str) -> Self {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let number = (clip_id.len() == 32 && clip_id.bytes().all(is_hex))
            .then(|| u128::from_str_radix(clip_id, 16).ok())
            .flatten();
        let hash = || {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&blake3::hash(clip_id.as_bytes()).as_bytes()[..16]);
            bytes
        };
        Self(number.map_or_else(hash, u128::to_be_bytes))
    }
}

/// Prints the id, or the hash that stands for it.
impl fmt::Display for ClipKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: two ids have one key, such as an id and the same id in capitals; the order of the
    /// keys is not that of the ids.
    #[test]
    fn keys_are_as_different_as_ids_and_in_their_order() {
        let id = |n: u32| format!("{:032x}", u128::from(n) << 90 | 0xabc);
        let ids = [id(1), id(2), id(200), id(3000)];
        let mut keys: Vec<ClipKey> = ids.iter().map(|id| id.as_str().into()).collect();
        assert!(keys.is_sorted());
        assert_eq!(keys[1].to_string(), ids[1]);
        let others =
            ["", "clip", &ids[3].to_uppercase(), &ids[3][1..], &format!("+{}", &ids[3][1..])];
        keys.extend(others.map(ClipKey::from));
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 9);
    }
}
