//! Tests of the codec: any shape, any window, any damage.

use proptest::prelude::*;

use super::*;

fn frames(t: usize, height: usize, width: usize, seed: u64) -> Frames {
    // Noise with runs: some of it compresses and some does not, like real frames.
    let mut state = seed | 1;
    let mut data = Vec::with_capacity(t * height * width * 3);
    while data.len() < t * height * width * 3 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let [value, run, ..] = (state >> 32).to_le_bytes();
        data.extend(std::iter::repeat_n(value, 1 + usize::from(run % 16)));
    }
    data.truncate(t * height * width * 3);
    Frames { t, height, width, data }
}

/// Decodes all frames of a payload.
fn decode(payload: &[u8]) -> Result<Frames, CodecError> {
    decode_range(payload, 0, shape(payload)?.t)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Catches: the last, partial chunk is lost, or rows of odd sizes are mixed up.
    #[test]
    fn decoding_returns_the_encoded_frames(
        t in 1_usize..50,
        height in 1_usize..12,
        width in 1_usize..12,
        seed: u64,
    ) {
        let frames = frames(t, height, width, seed);
        let payload = encode(&frames).unwrap();
        prop_assert_eq!(decode(&payload).unwrap(), frames);
        prop_assert_eq!(shape(&payload).unwrap(), Shape { t, height, width });
    }

    /// Catches: a window that starts or ends inside a chunk is off by one frame.
    #[test]
    fn a_window_is_that_part_of_the_whole(
        t in 1_usize..50,
        first in 0_usize..50,
        len in 0_usize..50,
        seed: u64,
    ) {
        let frames = frames(t, 5, 3, seed);
        let payload = encode(&frames).unwrap();
        let window = decode_range(&payload, first, len);
        if len == 0 || first + len > t {
            let out_of_range = matches!(window, Err(CodecError::Range { .. }));
            prop_assert!(out_of_range);
        } else {
            let bytes = frames.frame_bytes();
            let window = window.unwrap();
            prop_assert_eq!(window.t, len);
            prop_assert_eq!(&window.data, &frames.data[first * bytes..(first + len) * bytes]);
        }
    }

    /// Catches: damaged or foreign bytes cause a panic or a huge allocation.
    #[test]
    fn damage_is_an_error_or_changes_frames_but_never_panics(
        seed: u64,
        at: prop::sample::Index,
        bit in 0_u8..8,
    ) {
        let frames = frames(20, 4, 4, seed);
        let mut payload = encode(&frames).unwrap();
        let at = at.index(payload.len());
        payload[at] ^= 1 << bit;
        // The zstd frames have no checksum, so a flipped bit may decode to other pixels. The
        // payload hash in the row finds that. This test only requires that nothing panics and that
        // the amount of data is what the head says.
        if let Ok(decoded) = decode(&payload) {
            prop_assert!(decoded.check().is_ok());
        }
    }

    /// Catches: a payload that was cut off is sliced past its end.
    #[test]
    fn every_truncation_is_an_error(seed: u64, at: prop::sample::Index) {
        let payload = encode(&frames(20, 4, 4, seed)).unwrap();
        prop_assert!(decode(&payload[..at.index(payload.len())]).is_err());
    }

    /// Catches: bytes that were never a payload cause a panic.
    #[test]
    fn arbitrary_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode(&bytes).is_err());
    }

    /// Catches: a head that claims petabytes is trusted. The magic is right, and the rest is
    /// random.
    #[test]
    fn arbitrary_heads_are_an_error(
        t: u32,
        height: u32,
        width: u32,
        rest in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut bytes = Vec::from(*MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(16_u16.to_le_bytes());
        for size in [t, height, width] {
            bytes.extend(size.to_le_bytes());
        }
        bytes.extend(rest);
        prop_assert!(decode(&bytes).is_err());
    }
}

/// Catches: a payload of a later version is decoded as garbage instead of giving an error.
#[test]
fn a_later_version_is_refused() {
    let mut payload = encode(&frames(1, 2, 2, 7)).unwrap();
    payload[8] = 2;
    assert!(matches!(decode(&payload), Err(CodecError::Version(2))));
}

/// Catches: bytes after the last chunk are ignored, so two payloads mean the same clip.
#[test]
fn trailing_bytes_are_an_error() {
    let mut payload = encode(&frames(17, 2, 2, 7)).unwrap();
    payload.push(0);
    assert!(matches!(decode(&payload), Err(CodecError::Index)));
}

/// Catches: a window reads the whole clip. Damage in another chunk must not matter to it.
#[test]
fn a_window_touches_only_its_own_chunks() {
    let frames = frames(48, 8, 8, 3);
    let mut payload = encode(&frames).unwrap();
    let first_chunk = HEAD + 3 * 4;
    payload[first_chunk..first_chunk + 4].fill(0xff);
    assert!(matches!(decode(&payload), Err(CodecError::Chunk(0))));
    let bytes = frames.frame_bytes();
    assert_eq!(decode_range(&payload, 16, 16).unwrap().data, frames.data[16 * bytes..32 * bytes]);
}

/// Catches: a payload without frames is accepted.
#[test]
fn no_frames_cannot_be_encoded() {
    assert!(matches!(encode(&Frames::default()), Err(CodecError::Size { .. })));
}
