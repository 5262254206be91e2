//! Prefixes of the content hashes of sources: they divide the catalog into partitions.

use std::fmt;

use genie_shards::SourceRow;

/// The first bits of the content hash of a source.
///
/// Keys have the order of the hashes in hex. So partitions in the order of their prefixes contain
/// sources in the order of their ids.
pub fn key_of(source_id: &str) -> u64 {
    let head = source_id.get(..16).and_then(|head| u64::from_str_radix(head, 16).ok());
    head.unwrap_or_else(|| hashed(source_id))
}

/// The key of a source row; a row without a content hash has the key of its path.
pub fn key_of_row(row: &SourceRow) -> u64 {
    if row.source_id.is_empty() { hashed(&row.source_path) } else { key_of(&row.source_id) }
}

fn hashed(text: &str) -> u64 {
    blake3::hash(text.as_bytes())
        .as_bytes()
        .first_chunk()
        .map_or(0, |head| u64::from_be_bytes(*head))
}

/// A number of leading bits that the keys of a partition have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPrefix {
    /// The bits, from the highest one on; the other bits are 0.
    bits: u64,
    len: u32,
}

impl KeyPrefix {
    /// The prefix of all keys.
    pub const ALL: Self = Self { bits: 0, len: 0 };

    /// Whether a key begins with the prefix.
    pub fn contains(self, key: u64) -> bool {
        self.len == 0 || (key ^ self.bits) >> (64 - self.len) == 0
    }

    /// Whether all keys of another prefix begin with this one.
    pub fn covers(self, other: Self) -> bool {
        self.len <= other.len && self.contains(other.bits)
    }

    /// Whether some keys begin with both prefixes.
    pub fn meets(self, other: Self) -> bool {
        self.covers(other) || other.covers(self)
    }

    /// The two prefixes that are one bit longer.
    pub fn halves(self) -> [Self; 2] {
        let len = (self.len + 1).min(64);
        [self.bits, self.bits | 1 << (64 - len)].map(|bits| Self { bits, len })
    }

    /// The prefix that is one bit shorter.
    #[cfg(test)]
    pub fn parent(self) -> Option<Self> {
        let len = self.len.checked_sub(1)?;
        Some(Self { bits: self.bits & !(1 << (63 - len)), len })
    }

    /// Whether only one key has the prefix.
    pub fn is_one_key(self) -> bool {
        self.len == 64
    }

    /// The smallest and the largest key with the prefix.
    pub fn range(self) -> std::ops::RangeInclusive<u64> {
        let rest = if self.len == 64 { 0 } else { u64::MAX >> self.len };
        self.bits..=self.bits | rest
    }

    /// The prefix whose `Display` form is `text`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('p')?;
        let len = u32::try_from(digits.len()).ok().filter(|&len| len <= 64)?;
        if !digits.bytes().all(|digit| matches!(digit, b'0' | b'1')) {
            return None;
        }
        let bits = if len == 0 { 0 } else { u64::from_str_radix(digits, 2).ok()? << (64 - len) };
        Some(Self { bits, len })
    }
}

impl fmt::Display for KeyPrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("p")?;
        (0..self.len).try_for_each(|bit| write!(formatter, "{}", self.bits >> (63 - bit) & 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a prefix loses bits in a file name; a name of other files counts as a prefix.
    #[test]
    fn a_prefix_is_read_as_it_was_written() {
        let [_, one] = KeyPrefix::ALL.halves();
        let [middle, _] = one.halves();
        for (prefix, text) in [(KeyPrefix::ALL, "p"), (one, "p1"), (middle, "p10")] {
            assert_eq!(prefix.to_string(), text);
            assert_eq!(KeyPrefix::parse(text), Some(prefix));
        }
        let deepest = (0..64).fold(KeyPrefix::ALL, |prefix, _| prefix.halves()[1]);
        assert_eq!(KeyPrefix::parse(&deepest.to_string()), Some(deepest));
        assert_eq!((deepest.range(), deepest.contains(u64::MAX)), (u64::MAX..=u64::MAX, true));
        for text in ["", "all", "0123456789abcdef", "p2", &format!("p{:065}", 0)] {
            assert_eq!(KeyPrefix::parse(text), None, "{text}");
        }
    }

    /// Catches: a key belongs to no half or to both; partitions are not in the order of the ids.
    #[test]
    fn halves_divide_the_keys() {
        let id = |first: char| first.to_string().repeat(64);
        let [low, high] = KeyPrefix::ALL.halves();
        assert!(low.contains(key_of(&id('7'))) && !high.contains(key_of(&id('7'))));
        assert!(high.contains(key_of(&id('8'))) && !low.contains(key_of(&id('8'))));
        assert!(KeyPrefix::ALL.covers(high) && !high.covers(KeyPrefix::ALL) && !low.covers(high));
        assert_eq!(high.range(), 1 << 63..=u64::MAX);
        let path = SourceRow { source_path: "a.mp4".to_owned(), ..SourceRow::default() };
        assert_eq!(key_of_row(&path), hashed("a.mp4"));
    }
}
