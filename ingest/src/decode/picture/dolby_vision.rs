//! Dolby Vision whose pictures cannot be shown without Dolby's metadata.
//!
//! The matrix of profile 5 is IPT-PQ-c2, and the metadata reshape it. Other profiles have a base
//! layer that any player can show (Dolby Vision streams within ISO BMFF, 2.1.2 and 2.2). A file may
//! say so in three places: the container's configuration record, the name of the track's format in
//! MP4, and the metadata in the HEVC stream itself. The record may be missing.

use super::view::ColourTags;
use crate::decode::damage::{Bits, Framing};

/// Names of formats of MP4 tracks that only Dolby's players can decode.
const ONLY_DOLBY: [[u8; 4]; 4] = [*b"dvh1", *b"dvhe", *b"dva1", *b"dvav"];
/// First bytes of a unit of HEVC with metadata: its kind, 62, and a prefix.
const METADATA: [u8; 3] = [62 << 1, 1, 25];
/// Number of packets that are searched for metadata. Each of them has some.
const SEARCHED: u32 = 16;
const UNSPECIFIED: i32 = 2;

/// Returns why the colours of a stream cannot be converted, by what the container says.
///
/// `record` is the configuration record, if there is one. `format` is the name of the track's
/// format. `tags` are the colours that the stream or the container names.
pub fn problem(record: Option<&[u8]>, format: [u8; 4], tags: ColourTags) -> Option<String> {
    match record {
        Some(&[_, _, profile, _, _, _, _, compatible, ..]) => {
            matches!((profile, compatible), (5 | 20, _) | (8 | 10, 0)).then(|| needs(profile))
        }
        // Profile 5 names no colours, because players without Dolby's metadata know no name.
        _ if ONLY_DOLBY.contains(&format) && tags.transfer == UNSPECIFIED => Some(needs(5)),
        _ => None,
    }
}

/// Returns why a stream of a profile cannot be used.
fn needs(profile: u8) -> String {
    format!(
        "the colours of Dolby Vision profile {profile} need Dolby's metadata, which ingest does \
         not apply: convert the video to HDR10 or SDR"
    )
}

/// Searches the first packets of an HEVC stream for metadata of profile 5.
pub struct MetadataFinder {
    framing: Framing,
    /// Number of packets that are still searched.
    left: u32,
    found: bool,
}

impl MetadataFinder {
    /// Creates a search for a codec, by FFmpeg's name, and its global header.
    pub fn new(codec: &str, extradata: &[u8]) -> Self {
        let left = if codec == "hevc" { SEARCHED } else { 0 };
        Self { framing: Framing::of_hevc(extradata), left, found: false }
    }

    /// Searches a packet.
    pub fn packet(&mut self, packet: &[u8]) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        // Damage is found elsewhere.
        let _ = self.framing.units(packet, |unit| {
            if unit.starts_with(&METADATA) {
                self.found |= is_profile_5(unit).unwrap_or(false);
            }
            !self.found
        });
    }

    /// Returns why the colours cannot be converted, if a packet had metadata of profile 5.
    pub fn problem(&self) -> Option<String> {
        self.found.then(|| needs(5))
    }
}

/// Returns whether metadata are of profile 5: no profile of the base layer, and full range.
///
/// Returns `None` if they are cut off. (ETSI GS CCM 001, 5.2.2)
fn is_profile_5(unit: &[u8]) -> Option<bool> {
    let mut bits = Bits::new(unit, METADATA.len());
    let (kind, _format) = (bits.number(6)?, bits.number(11)?);
    let (profile, _level) = (bits.number(4)?, bits.number(4)?);
    let has_sequence = bits.flag()?;
    if kind != 2 || profile != 0 || !has_sequence {
        return Some(false);
    }
    let _explicit_filter = bits.flag()?;
    if bits.number(2)? == 0 {
        bits.golomb()?;
    }
    let _normalized = bits.number(2)?;
    bits.flag()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a file without a record is green and violet; one with a base layer is rejected.
    #[test]
    fn the_format_of_a_track_tells_without_a_record() {
        let pq = ColourTags { transfer: 16, ..ColourTags::NONE };
        assert!(problem(None, *b"dvh1", ColourTags::NONE).is_some());
        assert_eq!(problem(None, *b"dvh1", pq), None);
        assert_eq!(problem(None, *b"hvc1", ColourTags::NONE), None);
        let record = |profile: u8, compatible: u8| [1, 0, profile, 0, 0, 0, 0, compatible];
        assert_eq!(problem(Some(&record(8, 1)), *b"dvh1", ColourTags::NONE), None);
        assert!(problem(Some(&record(8, 0)), *b"hvc1", pq).is_some());
    }

    /// Returns a unit with metadata: its profile, and whether the base layer has full range.
    fn metadata(profile: u8, is_full: bool) -> Vec<u8> {
        // 000010 00000000000 pppp llll 1 0 01 rr f
        let bits = u64::from(profile) << 11 | 1 << 6 | 1 << 3 | u64::from(is_full);
        let bytes = (2_u64 << 26 | bits) << 32;
        [&METADATA[..], &bytes.to_be_bytes()].concat()
    }

    /// Catches: metadata in the stream are not seen with start codes or lengths, or those of
    /// another profile reject a video that can be shown; half of them cause a panic.
    #[test]
    fn metadata_in_the_stream_tell_the_profile() {
        let found = |codec: &str, extradata: &[u8], packet: &[u8]| {
            let mut finder = MetadataFinder::new(codec, extradata);
            finder.packet(packet);
            finder.problem().is_some()
        };
        let coded = |unit: &[u8]| [&[0, 0, 1, 2, 1, 9, 9, 0, 0, 1], unit].concat();
        assert!(found("hevc", &[], &coded(&metadata(0, true))));
        assert!(!found("hevc", &[], &coded(&metadata(0, false))));
        assert!(!found("hevc", &[], &coded(&metadata(1, true))));
        assert!(!found("h264", &[], &coded(&metadata(0, true))));
        let unit = metadata(0, true);
        let boxed = [&[0, 0, 0, u8::try_from(unit.len()).unwrap()], &unit[..]].concat();
        let record = [&[1][..], &[0; 20], &[3]].concat();
        assert!(found("hevc", &record, &boxed));
        for length in 0..unit.len() {
            found("hevc", &[], &coded(&unit[..length]));
        }
    }
}
