//! Video streams that are only pictures: they have too few packets for a video.
//!
//! MP4 and AVI state the number of frames of each stream. Of other containers, the packets are
//! counted. Otherwise a cover that is not marked as one would be used instead of the video.

use ffmpeg_next::format::context::Input;
use ffmpeg_next::format::stream::Disposition;
use ffmpeg_next::{Error, Packet, Stream, media};

/// Number of frames below which a stream is a picture.
pub const PICTURE_FRAMES: i64 = 5;
/// Largest number of packets that are read. A stream may begin late in a file.
const MOST: u32 = 20_000;

/// Returns the video streams of a file that are not marked as cover pictures.
pub fn videos(input: &Input) -> impl Iterator<Item = Stream<'_>> {
    input.streams().filter(|stream| {
        stream.parameters().medium() == media::Type::Video
            && !stream.disposition().contains(Disposition::ATTACHED_PIC)
    })
}

/// Returns the indices of the video streams with few packets, if another one has more.
///
/// `input` is at the start of the file. In most files, a few packets are read.
pub fn pictures(mut input: Input) -> Vec<usize> {
    let mut counts: Vec<(usize, i64)> = videos(&input).map(|video| (video.index(), 0)).collect();
    let is_few = |(_, count): &&(usize, i64)| *count < PICTURE_FRAMES;
    for _ in 0..MOST {
        let mut packet = Packet::empty();
        match packet.read(&mut input) {
            Ok(()) => {}
            Err(Error::Other { errno: ffmpeg_next::error::EAGAIN }) => continue,
            Err(Error::Eof | Error::Other { .. }) => break,
            Err(_) => continue,
        }
        let mut found = counts.iter_mut().filter(|(index, _)| *index == packet.stream());
        found.next().into_iter().for_each(|(_, count)| *count += 1);
        if counts.iter().find(is_few).is_none() {
            break;
        }
    }
    let few: Vec<usize> = counts.iter().filter(is_few).map(|(index, _)| *index).collect();
    if few.len() < counts.len() { few } else { Vec::new() }
}
