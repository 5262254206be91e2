//! The payload codec `rgb24+zstd`: lossless, and decoded without `FFmpeg`.
//!
//! The codec splits the frames into chunks of 16. Each chunk is one zstd frame, and the head
//! contains the chunk lengths. So a window of 16 aligned frames needs one chunk, for any length of
//! the clip. A GPU host needs only zstd.
//!
//! ```text
//! 0   8  magic  "genieRGB"            16  4  height
//! 8   2  version                      20  4  width
//! 10  2  frames in a chunk (16)       24  4n compressed length of each of n = ⌈t/16⌉ chunks
//! 12  4  t                            …      the chunks
//! ```
//! All numbers are little-endian.
//!
//! Frames are compressed as they are. Subtracting the previous frame first made four of five kinds
//! of recordings larger (by up to 80 %). One core decodes 9 000 to 17 000 frames of 160×90 per
//! second (a window in about 1 ms), and 150 000 frames of 32×32 (2026-11-22, 2-core x86-64 virtual
//! machine, busy).
//!
//! Decoding never panics and trusts no size in the payload. It checks sizes against [`MAX_BYTES`]
//! and against the length of the payload before it allocates memory.

use crate::frames::{Frames, ShapeError};

/// Name of the codec, as each clip row contains it.
pub const NAME: &str = "rgb24+zstd";
/// Frames per chunk: the length of a training window, so that an aligned window needs one chunk.
pub const CHUNK_FRAMES: usize = 16;
/// Maximum number of frame bytes in one payload: 1 GiB.
pub const MAX_BYTES: usize = 1 << 30;

const MAGIC: &[u8; 8] = b"genieRGB";
const VERSION: u16 = 1;
const HEAD: usize = 24;
/// zstd level, chosen for speed: decoding limits ingest, and reading limits training.
const LEVEL: i32 = 3;

/// Why the codec cannot encode or decode a payload.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    #[error(transparent)]
    Shape(#[from] ShapeError),
    #[error(
        "{t} frames of {height}×{width}: a clip needs at least one frame and at most {MAX_BYTES} \
         bytes; cut shorter clips"
    )]
    Size { t: usize, height: usize, width: usize },
    #[error("the payload is not `{NAME}`")]
    Magic,
    #[error("the payload is `{NAME}` version {0}, but this program reads version {VERSION}")]
    Version(u16),
    #[error("the chunk lengths do not add up to the payload: it is truncated or damaged")]
    Index,
    #[error("chunk {0} is damaged")]
    Chunk(usize),
    #[error("frames {first}..{first}+{len} are outside the {t} frames of the payload")]
    Range { first: usize, len: usize, t: usize },
    #[error("zstd failed")]
    Zstd(#[from] std::io::Error),
}

/// Shape of a payload's frames, from its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub t: usize,
    pub height: usize,
    pub width: usize,
}

/// Encodes frames.
///
/// # Errors
/// If the data does not agree with the shape, or if there are no frames or more than [`MAX_BYTES`].
pub fn encode(frames: &Frames) -> Result<Vec<u8>, CodecError> {
    frames.check()?;
    let shape = Shape { t: frames.t, height: frames.height, width: frames.width };
    let frame_bytes = bounded_frame_bytes(shape)?;
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    compressor.include_contentsize(true)?;
    let chunks: Vec<Vec<u8>> = frames
        .data
        .chunks(CHUNK_FRAMES * frame_bytes)
        .map(|raw| compressor.compress(raw))
        .collect::<Result<_, _>>()?;

    let mut payload =
        Vec::with_capacity(HEAD + chunks.iter().map(|chunk| 4 + chunk.len()).sum::<usize>());
    payload.extend_from_slice(MAGIC);
    payload.extend_from_slice(&VERSION.to_le_bytes());
    payload.extend_from_slice(&to_u16(CHUNK_FRAMES).to_le_bytes());
    for size in [shape.t, shape.height, shape.width] {
        payload.extend_from_slice(&to_u32(size).to_le_bytes());
    }
    for chunk in &chunks {
        payload.extend_from_slice(&to_u32(chunk.len()).to_le_bytes());
    }
    for chunk in &chunks {
        payload.extend_from_slice(chunk);
    }
    Ok(payload)
}

/// Reads the shape of a payload's frames from its head alone.
///
/// # Errors
/// If the payload has another codec or version, or its sizes are out of bounds.
pub fn shape(payload: &[u8]) -> Result<Shape, CodecError> {
    let head = payload.get(..HEAD).ok_or(CodecError::Magic)?;
    if &head[..8] != MAGIC {
        return Err(CodecError::Magic);
    }
    let version = u16::from_le_bytes([head[8], head[9]]);
    if version != VERSION || usize::from(u16::from_le_bytes([head[10], head[11]])) != CHUNK_FRAMES {
        return Err(CodecError::Version(version));
    }
    let shape =
        Shape { t: read_u32(head, 12), height: read_u32(head, 16), width: read_u32(head, 20) };
    bounded_frame_bytes(shape)?;
    Ok(shape)
}

/// Decodes frames `first .. first + len`, and decompresses only the chunks that contain them.
///
/// # Errors
/// If the range is empty or outside the clip, or the payload has another codec or is damaged.
pub fn decode_range(payload: &[u8], first: usize, len: usize) -> Result<Frames, CodecError> {
    let shape = shape(payload)?;
    let end = first.checked_add(len).filter(|&end| len > 0 && end <= shape.t);
    let end = end.ok_or(CodecError::Range { first, len, t: shape.t })?;
    let frame_bytes = bounded_frame_bytes(shape)?;
    let chunks = chunks(payload, shape)?;

    let mut decompressor = zstd::bulk::Decompressor::new()?;
    let mut data = vec![0; len * frame_bytes];
    let mut scratch = Vec::new();
    let mut rest = data.as_mut_slice();
    for (number, &chunk) in
        chunks.iter().enumerate().take(end.div_ceil(CHUNK_FRAMES)).skip(first / CHUNK_FRAMES)
    {
        let start = number * CHUNK_FRAMES;
        let stop = shape.t.min(start + CHUNK_FRAMES);
        let (from, to) = (first.max(start), end.min(stop));
        let (wanted, after) = rest.split_at_mut((to - from) * frame_bytes);
        rest = after;
        let raw_bytes = (stop - start) * frame_bytes;
        if wanted.len() == raw_bytes {
            decompress(&mut decompressor, chunk, wanted, number)?;
        } else {
            scratch.resize(raw_bytes, 0);
            decompress(&mut decompressor, chunk, &mut scratch, number)?;
            wanted.copy_from_slice(
                &scratch[(from - start) * frame_bytes..(to - start) * frame_bytes],
            );
        }
    }
    Ok(Frames { t: len, height: shape.height, width: shape.width, data })
}

/// Decompresses one chunk into exactly `raw`.
fn decompress(
    decompressor: &mut zstd::bulk::Decompressor,
    chunk: &[u8],
    raw: &mut [u8],
    number: usize,
) -> Result<(), CodecError> {
    match decompressor.decompress_to_buffer(chunk, raw) {
        Ok(written) if written == raw.len() => Ok(()),
        Ok(_) | Err(_) => Err(CodecError::Chunk(number)),
    }
}

/// Returns the compressed chunks, using the index in the head.
fn chunks(payload: &[u8], shape: Shape) -> Result<Vec<&[u8]>, CodecError> {
    let count = shape.t.div_ceil(CHUNK_FRAMES);
    let index_end = HEAD + 4 * count;
    let index = payload.get(HEAD..index_end).ok_or(CodecError::Index)?;
    let mut rest = &payload[index_end..];
    let mut chunks = Vec::with_capacity(count);
    for length in index.chunks_exact(4) {
        let (chunk, after) = rest.split_at_checked(read_u32(length, 0)).ok_or(CodecError::Index)?;
        chunks.push(chunk);
        rest = after;
    }
    if rest.is_empty() { Ok(chunks) } else { Err(CodecError::Index) }
}

/// Bytes per frame, if the clip is not empty and at most [`MAX_BYTES`] large.
fn bounded_frame_bytes(shape: Shape) -> Result<usize, CodecError> {
    let Shape { t, height, width } = shape;
    let frame = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(3));
    let total = frame.and_then(|frame| frame.checked_mul(t));
    match (frame, total) {
        (Some(frame), Some(1..=MAX_BYTES)) => Ok(frame),
        _ => Err(CodecError::Size { t, height, width }),
    }
}

fn read_u32(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
}

/// Converts a size that [`MAX_BYTES`] already bounds.
fn to_u32(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

fn to_u16(size: usize) -> u16 {
    u16::try_from(size).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
