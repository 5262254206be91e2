//! Losses that were found before the frames are decoded.

use ffmpeg_next::Packet;

use crate::decode::input::VideoInput;

/// The places and times of lost data in one file.
pub struct KnownLosses {
    /// Places in the file before whose packets data are missing, the next one last.
    places: Vec<u64>,
    /// Presentation times after which frames are lost without a trace, the next one last.
    times: Vec<i64>,
}

impl KnownLosses {
    pub fn new(input: &VideoInput) -> Self {
        Self {
            places: input.lost.iter().rev().copied().collect(),
            times: input.lost_after.iter().rev().copied().collect(),
        }
    }

    /// Returns whether data are missing before the next packet.
    pub fn are_before(&mut self, packet: &Packet) -> bool {
        let (place, pts) = (u64::try_from(packet.position()).ok(), packet.pts());
        let mut found = false;
        while self.places.pop_if(|lost| place.is_some_and(|place| place >= *lost)).is_some()
            || self.times.pop_if(|lost| pts.is_some_and(|pts| pts > *lost)).is_some()
        {
            found = true;
        }
        found
    }
}
