//! Chooses the video stream of a file that has several: programs, qualities, thumbnails.

use std::cmp::Reverse;

use ffmpeg_next::Stream;
use ffmpeg_next::format::context::Input;
use ffmpeg_next::format::stream::Disposition;

use super::pictures::{PICTURE_FRAMES, videos};
use crate::decode::ffi::{StreamFacts, stream_facts};

/// Frames per second below which a stream is a slide show or a track of thumbnails.
const SLIDES_FPS: f64 = 5.0;

/// What decides between the video streams of a file. Earlier fields count first; larger is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// This FFmpeg can decode it, and found the size of its frames.
    usable: bool,
    /// It is a video, not a slide show.
    moves: bool,
    /// The file marks it as its default, and not as a version for visually impaired people.
    preferred: bool,
    pixels: i64,
    /// Thousandths of a frame per second.
    rate: i64,
    bit_rate: i64,
    /// Among equals, the first one counts.
    first: Reverse<usize>,
}

impl Rank {
    fn of(facts: StreamFacts, disposition: Disposition, fps: f64, index: usize) -> Self {
        let pixels = i64::from(facts.width.max(0)) * i64::from(facts.height.max(0));
        let picture = (1..PICTURE_FRAMES).contains(&facts.frames);
        let impaired = disposition.contains(Disposition::VISUAL_IMPAIRED);
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        let rate = (fps * 1000.0) as i64;
        Self {
            usable: facts.decodable && pixels > 0,
            moves: !picture && (fps == 0.0 || fps >= SLIDES_FPS),
            preferred: disposition.contains(Disposition::DEFAULT) && !impaired,
            pixels,
            rate,
            bit_rate: facts.bit_rate,
            first: Reverse(index),
        }
    }
}

/// Returns whether a file has several video streams, and does not state their numbers of frames.
pub fn are_unclear(input: &Input) -> bool {
    let frames: Vec<i64> = videos(input).map(|video| stream_facts(&video).frames).collect();
    frames.len() > 1 && frames.contains(&0)
}

/// Returns the indices of a file's video streams without cover pictures. The best one comes first.
///
/// `pictures` are the indices of streams with few frames.
pub fn video_streams(input: &Input, pictures: &[usize]) -> Vec<usize> {
    let mut ranks: Vec<Rank> = videos(input)
        .map(|stream| {
            let fps = rates(&stream).into_iter().fold(0.0, f64::max);
            let mut facts = stream_facts(&stream);
            if pictures.contains(&stream.index()) {
                facts.frames = 1;
            }
            Rank::of(facts, stream.disposition(), fps, stream.index())
        })
        .collect();
    ranks.sort_unstable_by(|one, other| other.cmp(one));
    ranks.into_iter().map(|rank| rank.first.0).collect()
}

/// Returns the known rates of a stream, in frames per second: its mean rate, then its base rate.
pub fn rates(stream: &Stream<'_>) -> Vec<f64> {
    [stream.avg_frame_rate(), stream.rate()]
        .into_iter()
        .filter(|rate| rate.0 > 0 && rate.1 > 0)
        .map(f64::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: StreamFacts =
        StreamFacts { width: 1280, height: 720, decodable: true, ..StreamFacts::NONE };
    const SMALL: StreamFacts = StreamFacts { width: 640, height: 360, ..HD };
    const NONE: Disposition = Disposition::empty();

    fn best(streams: &[(StreamFacts, Disposition, f64)]) -> Option<usize> {
        let ranks = streams.iter().enumerate();
        let ranks = ranks
            .map(|(index, &(facts, disposition, fps))| Rank::of(facts, disposition, fps, index));
        ranks.max().map(|rank| rank.first.0)
    }

    /// Catches: the first program of a broadcast is used although another has a larger picture.
    #[test]
    fn the_largest_of_equals_is_used() {
        assert_eq!(best(&[(SMALL, NONE, 30.0), (HD, NONE, 30.0), (SMALL, NONE, 30.0)]), Some(1));
        let default = Disposition::DEFAULT;
        assert_eq!(best(&[(SMALL, default, 30.0), (HD, default, 30.0)]), Some(1));
        assert_eq!(best(&[(SMALL, default, 30.0), (HD, NONE, 30.0)]), Some(0));
        assert_eq!(best(&[(HD, NONE, 30.0), (HD, NONE, 60.0)]), Some(1));
        assert_eq!(best(&[(HD, NONE, 0.0), (HD, NONE, 0.0)]), Some(0));
        assert_eq!(best(&[]), None);
    }

    /// Catches: thumbnails, a cover, or a stream without a decoder are used instead of the video.
    #[test]
    fn a_stream_that_is_no_video_is_not_used() {
        let default = Disposition::DEFAULT;
        assert_eq!(best(&[(HD, default, 2.0), (SMALL, NONE, 30.0)]), Some(1), "thumbnails");
        let cover = StreamFacts { frames: 1, ..HD };
        assert_eq!(best(&[(cover, default, 90_000.0), (SMALL, NONE, 30.0)]), Some(1));
        let unknown = StreamFacts { decodable: false, ..HD };
        assert_eq!(best(&[(unknown, default, 30.0), (SMALL, NONE, 30.0)]), Some(1));
        let empty = StreamFacts { width: 0, height: 0, ..HD };
        assert_eq!(best(&[(empty, default, 0.0), (SMALL, NONE, 30.0)]), Some(1));
        assert_eq!(best(&[(HD, NONE, 2.0)]), Some(0), "there is nothing else");
    }
}
