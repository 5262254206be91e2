//! Notes about changes to the picture that the user may want to know.

use ffmpeg_next::frame;

use crate::decode::ffi::{has_alpha, layout, palette_shows_through, row};
use crate::decode::input::VideoInput;
use crate::decode::picture::{Colour, Conversion, Properties};

/// Collects the notes about one stream.
#[derive(Default)]
pub struct Notes {
    found: Vec<String>,
    begun: bool,
    is_transparent: bool,
}

impl Notes {
    /// The notes about an open file and the choice of its stream.
    pub fn of(input: &VideoInput) -> Self {
        let mut notes = Self::default();
        if input.streams > 1 {
            let (stream, streams) = (input.stream, input.streams);
            notes.add(format!("stream {stream} is used, of {streams} video streams"));
        }
        if let Some(second) = input.second {
            notes.add(format!(
                "another file begins at byte {second}, and only the first one is read: store the \
                 second one in a file of its own"
            ));
        }
        if input.rate_is_guess {
            let rate = "the file has no time stamps, and its 25 frames per second may be a guess";
            notes.add(rate.to_owned());
        }
        notes
    }

    /// Adds a note.
    pub fn add(&mut self, note: String) {
        self.found.push(note);
    }

    /// Examines a frame that is shown, with these properties.
    pub fn look(&mut self, found: &Properties, frame: &frame::Video) {
        if !self.begun {
            self.begun = true;
            if Conversion::of(found).hdr.is_some() {
                self.add(format!("HDR ({}) is mapped to SDR", Colour::of(found).transfer));
            }
            if frame.is_interlaced() {
                self.add("interlaced frames: the first field is shown".to_owned());
            }
        }
        if !self.is_transparent && has_alpha(found.pixel_format) && shows_through(found, frame) {
            self.is_transparent = true;
            self.add("the alpha channel is dropped".to_owned());
        }
    }

    pub fn finish(self) -> Vec<String> {
        self.found
    }
}

/// Returns whether a pixel of a frame with alpha is not opaque.
///
/// Returns `true` for a pixel format that this code cannot read.
fn shows_through(found: &Properties, frame: &frame::Video) -> bool {
    if let Some(shows_through) = palette_shows_through(frame) {
        return shows_through;
    }
    let Some(layout) = layout(found.pixel_format) else { return true };
    let Some(alpha) = layout.alpha else { return true };
    let (width, height) = (found.width.max(0).cast_unsigned(), found.height.max(0).cast_unsigned());
    (0..height).any(|y| {
        row(frame, &layout, alpha.plane, y)
            .is_some_and(|row| (0..width as usize).any(|x| alpha.level(row, x) < alpha.opaque()))
    })
}
