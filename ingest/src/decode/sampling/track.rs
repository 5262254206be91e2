//! The track of the shown frames: it changes with the orientation and the crop.

use std::rc::Rc;

use crate::decode::borders::share;
use crate::decode::event::Track;
use crate::decode::input::VideoInput;
use crate::decode::picture::{Colour, Orientation, Properties, Rectangle};

/// Makes the tracks of one stream.
pub struct Tracks {
    stream: u32,
    time_base: (i32, i32),
    codec: String,
    fps: f64,
    sample_aspect: (i32, i32),
    first: Option<Rc<Track>>,
    /// Some track has another crop than the first one.
    crop_changes: bool,
    latest: Option<Rc<Track>>,
}

impl Tracks {
    pub fn new(input: &VideoInput) -> Self {
        Self {
            stream: u32::try_from(input.stream).unwrap_or(u32::MAX),
            time_base: input.time_base,
            codec: input.codec.clone(),
            fps: input.rates.first().copied().unwrap_or(0.0),
            sample_aspect: input.presentation.sample_aspect,
            first: None,
            crop_changes: false,
            latest: None,
        }
    }

    /// Returns the track of a frame. Size and colour are those of the first frame.
    pub fn of(
        &mut self,
        frame: &Properties,
        orientation: Orientation,
        crop: Option<Rectangle>,
    ) -> Rc<Track> {
        let (rotation, mirrored) = (orientation.degrees(), orientation.mirrored);
        let same = |track: &&Rc<Track>| {
            (track.rotation, track.mirrored, track.crop) == (rotation, mirrored, crop)
        };
        if let Some(track) = self.latest.as_ref().filter(same) {
            return Rc::clone(track);
        }
        let base = self.first.as_deref().cloned().unwrap_or_else(|| self.start(frame));
        let letterbox = share(crop.as_ref(), base.width, base.height);
        let track = Rc::new(Track { rotation, mirrored, crop, letterbox, ..base });
        self.crop_changes |= self.first.as_ref().is_some_and(|first| first.crop != crop);
        self.first.get_or_insert_with(|| Rc::clone(&track));
        self.latest = Some(Rc::clone(&track));
        track
    }

    /// Returns the track of the whole stream.
    ///
    /// It is the first one. It has a crop only if all others have the same.
    pub fn summary(&self) -> Option<Track> {
        let first = self.first.as_deref()?.clone();
        Some(if self.crop_changes { Track { crop: None, letterbox: 0.0, ..first } } else { first })
    }

    /// Returns whether the crop changed in mid-stream.
    pub fn crop_changes(&self) -> bool {
        self.crop_changes
    }

    fn start(&self, frame: &Properties) -> Track {
        Track {
            stream: self.stream,
            time_base: self.time_base,
            codec: self.codec.clone(),
            width: frame.width.max(0).cast_unsigned(),
            height: frame.height.max(0).cast_unsigned(),
            fps: self.fps,
            colour: Colour::of(frame),
            rotation: 0,
            mirrored: false,
            sample_aspect: self.sample_aspect,
            crop: None,
            letterbox: 0.0,
        }
    }
}
