//! Synthetic clips for the tests of near-duplicates.

use genie_shards::{ClipMeta, ClipRow, Scores, SourceRow};

/// Random bytes that depend on a seed alone.
pub fn random(seed: usize, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// The content hash of a synthetic source.
pub fn id(source: usize) -> String {
    blake3::hash(&source.to_le_bytes()).to_hex().to_string()
}

/// A fingerprint with a moment in every second, of random bits.
pub fn noise(seed: usize) -> Vec<u8> {
    (0..15_u32)
        .flat_map(|second| {
            let mut moment = (1000 * second + 500).to_le_bytes().to_vec();
            moment.extend(random(seed * 100 + second as usize, 24));
            moment
        })
        .collect()
}

/// The fingerprint of the same play that starts `by` milliseconds earlier.
pub fn later(fingerprint: &[u8], by: u32) -> Vec<u8> {
    let mut bytes = fingerprint.to_vec();
    for moment in bytes.chunks_exact_mut(28) {
        let time = u32::from_le_bytes(*moment.first_chunk().unwrap()) + by;
        moment[..4].copy_from_slice(&time.to_le_bytes());
    }
    bytes
}

/// The fingerprint of the mirrored play.
pub fn mirrored(fingerprint: &[u8]) -> Vec<u8> {
    let mut bytes = fingerprint.to_vec();
    for moment in bytes.chunks_exact_mut(28) {
        for byte in &mut moment[4..] {
            *byte = byte.reverse_bits();
        }
        let (brighter, darker) = moment[4..20].split_at_mut(8);
        brighter.swap_with_slice(darker);
    }
    bytes
}

/// The fingerprint of a coarse copy: one bit in twenty differs, as in measured re-encodings.
pub fn coarse(fingerprint: &[u8], seed: usize) -> Vec<u8> {
    let mut bytes = fingerprint.to_vec();
    let flips = random(seed + 1_000_000, bytes.len() / 28 * 192);
    for (number, _) in flips.iter().enumerate().filter(|(_, flip)| **flip < 13) {
        let (moment, bit) = (number / 192, number % 192);
        bytes[moment * 28 + 4 + bit / 8] ^= 1 << (bit % 8);
    }
    bytes
}

/// The row of a synthetic source. A higher `quality` is better.
pub fn source(source: usize, quality: u32) -> SourceRow {
    SourceRow {
        source_id: id(source),
        source_path: format!("videos/{source}.mp4"),
        bytes: 1000,
        width: Some(quality),
        height: Some(1),
        ingest_key: "key".to_owned(),
        ..SourceRow::default()
    }
}

/// The row of a clip of a synthetic source, as ingest writes it before it is finalized.
pub fn clip(source: usize, start_pts: i64, frames: usize, fingerprint: Vec<u8>) -> ClipRow {
    let frame_pts = (0..).take(frames).map(|frame| start_pts + frame).collect();
    let meta = ClipMeta {
        clip_id: id(source)[..24].to_owned() + &format!("{start_pts:08}"),
        source_id: id(source),
        source_path: format!("videos/{source}.mp4"),
        start_pts,
        frame_pts,
        fps: 10.0,
        source_fps: 10.0,
        width: 2,
        height: 2,
        scores: Scores { fingerprint, ..Scores::default() },
        ..ClipMeta::default()
    };
    ClipRow { meta, kept: true, ..ClipRow::default() }
}
