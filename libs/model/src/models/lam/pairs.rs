//! Pairs of consecutive frames, evenly spread over all clips.

use crate::data::Video;
use crate::error::ModelError;

/// Calls `visit` with the grey values from 0 to 255 of both frames of at most `count` pairs.
///
/// A grey value is the mean of a pixel's channels. Fails if frames cannot be read.
pub fn visit_pairs(
    video: &dyn Video,
    count: usize,
    mut visit: impl FnMut(&[f32], &[f32]),
) -> Result<(), ModelError> {
    let ((height, width), channels) = (video.size(), video.channels());
    let steps = |clip| video.frames(clip).saturating_sub(1);
    let all: usize = (0..video.clips()).map(steps).sum();
    let count = count.min(all);
    let (mut clip, mut begin, mut bytes) = (0, 0, Vec::new());
    for index in 0..count {
        let pair = index * all / count;
        while pair >= begin + steps(clip) {
            begin += steps(clip);
            clip += 1;
        }
        bytes.clear();
        video.read(clip, pair - begin, 2, &mut bytes).map_err(ModelError::Source)?;
        let grey = grey(&bytes, channels);
        let (before, after) = grey.split_at(height * width);
        visit(before, after);
    }
    Ok(())
}

/// The mean of the channels of each pixel.
pub fn grey(bytes: &[u8], channels: usize) -> Vec<f32> {
    bytes
        .chunks_exact(channels)
        .map(|pixel| pixel.iter().map(|value| f32::from(*value)).sum::<f32>() / channels as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Clips;

    /// Catches: a pair crosses from one clip to the next, the last pair is left out, or all pairs
    /// come from the first clips.
    #[test]
    fn pairs_are_consecutive_frames_of_one_clip_and_spread_over_all() {
        let clip = |first: u8, frames: u8| (first..first + frames).flat_map(|t| [t; 3]).collect();
        let video = Clips { size: (1, 1), clips: vec![clip(0, 4), clip(50, 1), clip(100, 3)] };
        let pairs = |count| {
            let mut pairs = vec![];
            visit_pairs(&video, count, |a, b| pairs.push((a[0] as u8, b[0] as u8))).unwrap();
            pairs
        };
        assert_eq!(pairs(99), [(0, 1), (1, 2), (2, 3), (100, 101), (101, 102)]);
        assert_eq!(pairs(2), [(0, 1), (2, 3)]);
        assert_eq!(pairs(3), [(0, 1), (1, 2), (100, 101)]);
    }
}
