//! The hash of selected clips, computed in bounded memory.
//!
//! The hash is of a sorted list with one line for each clip, as JSON. The lines of many clips do
//! not fit into memory. Then the clips are visited several times. Each time, the lines of one range
//! are collected, sorted and hashed. The ranges follow each other in the order of the lines.

use anyhow::Result;
use genie_shards::ClipMeta;
use serde_json::json;

/// Version of the hash.
const FORMAT: u32 = 1;
/// Number of ranges into which the lines are divided: one for each value of three hex digits.
const RANGES: usize = 4096;
/// Number of hex digits in the result.
const HEX_DIGITS: usize = 16;

/// Collects selected clips. The order of the clips does not matter.
pub struct SelectionHash {
    /// The lines of all clips, as long as they fit into `limit` bytes.
    lines: Option<Vec<String>>,
    limit: usize,
    /// Number of bytes of the lines of each range, and of all ranges.
    bytes: Vec<usize>,
    total: usize,
    clips: usize,
}

impl SelectionHash {
    /// Collects at most `limit` bytes of lines.
    pub fn new(limit: usize) -> Self {
        Self { lines: Some(Vec::new()), limit, bytes: vec![0; RANGES], total: 0, clips: 0 }
    }

    /// Adds a clip.
    pub fn add(&mut self, clip: &ClipMeta) {
        let line = line(clip);
        self.clips += 1;
        let bytes = size_of::<String>() + line.len();
        self.bytes[range(&line)] += bytes;
        self.total += bytes;
        if self.total > self.limit {
            self.lines = None;
        }
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }

    /// The hash, and the number of clips that were added.
    ///
    /// `again` calls its argument for the same clips again. It is used if the lines do not fit into
    /// memory.
    ///
    /// # Errors
    /// The errors of `again`.
    pub fn finish(
        self,
        again: impl Fn(&mut dyn FnMut(&ClipMeta)) -> Result<()>,
    ) -> Result<(String, usize)> {
        let mut hasher = ListHasher::begin();
        if let Some(lines) = self.lines {
            hasher.add(lines);
            return Ok((hasher.finish(), self.clips));
        }
        let mut first = 0;
        while first < RANGES {
            let (mut end, mut bytes) = (first, 0);
            while end < RANGES && (end == first || bytes + self.bytes[end] <= self.limit) {
                bytes += self.bytes[end];
                end += 1;
            }
            let mut lines = Vec::new();
            again(&mut |clip| {
                let line = line(clip);
                if (first..end).contains(&range(&line)) {
                    lines.push(line);
                }
            })?;
            hasher.add(lines);
            first = end;
        }
        Ok((hasher.finish(), self.clips))
    }
}

/// Computes the hash of a work key whose config is the list, without the list in memory.
///
/// A test compares it with `genie_stage::key`.
struct ListHasher {
    hasher: blake3::Hasher,
    is_first: bool,
}

impl ListHasher {
    fn begin() -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(br#"{"config":{"clips":["#);
        Self { hasher, is_first: true }
    }

    /// Adds lines that come after all earlier ones.
    fn add(&mut self, mut lines: Vec<String>) {
        lines.sort_unstable();
        lines.dedup();
        for line in lines {
            if !std::mem::take(&mut self.is_first) {
                self.hasher.update(b",");
            }
            self.hasher.update(json!(line).to_string().as_bytes());
        }
    }

    fn finish(mut self) -> String {
        let end = format!(r#"]}},"format":{FORMAT},"inputs":{{}},"step":"selection"}}"#);
        self.hasher.update(end.as_bytes());
        let mut hex = self.hasher.finalize().to_hex().to_string();
        hex.truncate(HEX_DIGITS);
        hex
    }
}

/// Id and true actions of a clip.
fn line(clip: &ClipMeta) -> String {
    json!([clip.clip_id, clip.actions, clip.action_names]).to_string()
}

/// The range of a line; sorted lines have ascending ranges.
///
/// A line begins with `["` and the clip's id. The range is the value of the id's first three hex
/// digits. For a byte that is not a hex digit, it is the nearest value that keeps the order.
fn range(line: &str) -> usize {
    let mut range = 0;
    for (place, byte) in line.bytes().skip(2).take(3).enumerate() {
        let rest = [256, 16, 1][place];
        match byte {
            b'0'..=b'9' => range += usize::from(byte - b'0') * rest,
            b'a'..=b'f' => range += usize::from(byte - b'a' + 10) * rest,
            _ if byte < b'0' => return range,
            _ if byte < b'a' => return range + 10 * rest,
            _ => return range + 16 * rest - 1,
        }
    }
    range
}

#[cfg(test)]
mod tests {
    use genie_stage::key::Key;

    use super::*;

    fn clip(id: String, actions: Option<Vec<u8>>) -> ClipMeta {
        let action_names = actions.as_ref().map(|_| vec!["left \"x\"".to_owned()]);
        ClipMeta { clip_id: id, actions, action_names, ..ClipMeta::default() }
    }

    /// The hash as it was computed first, with all lines in memory.
    fn in_memory(clips: &[ClipMeta]) -> String {
        let mut lines: Vec<String> = clips.iter().map(line).collect();
        lines.sort_unstable();
        lines.dedup();
        Key::builder("selection", FORMAT).config(&json!({ "clips": lines })).finish().to_string()
    }

    /// Catches: existing selections get another hash, so that all their models are trained again;
    /// the hash depends on the memory or on the order of the clips; a clip is left out at the
    /// border of two ranges.
    #[test]
    fn the_hash_is_the_same_in_any_memory() {
        let byte = |n: u32| u8::try_from(n % 7).unwrap();
        let id = |n: u32| blake3::hash(&n.to_le_bytes()).to_hex()[..32].to_owned();
        let actions = |n: u32| n.is_multiple_of(3).then(|| vec![byte(n); (n % 5) as usize]);
        let odd =
            ["", "\"", "Z", "zz", "~", "é", "a", "0", "00"].map(|id| clip(id.to_owned(), None));
        let mut clips: Vec<ClipMeta> =
            (0..500).map(|n| clip(id(n), actions(n))).chain(odd).collect();
        clips.push(clips[7].clone());
        for clips in [&clips[..], &clips[..1], &[]] {
            let expected = in_memory(clips);
            for limit in [0, 1000, 20_000, usize::MAX] {
                let mut hash = SelectionHash::new(limit);
                clips.iter().rev().for_each(|clip| hash.add(clip));
                let again = |visit: &mut dyn FnMut(&ClipMeta)| {
                    clips.iter().for_each(visit);
                    Ok(())
                };
                assert_eq!(hash.finish(again).unwrap(), (expected.clone(), clips.len()), "{limit}");
            }
        }
    }
}
