//! Converts a decoded frame to upright RGB of the configured size, in one swscale pass.
//!
//! swscale cannot read YCgCo and does not map HDR. For such frames it scales samples of 16 bits,
//! and [`colour`](super::colour) converts them.
//!
//! An interlaced frame contains two pictures, half a frame apart in time, in alternating lines.
//! Only the first field is shown (`ffmpeg -vf field`), so there is no comb and nothing to
//! interpolate. Borders are cut if there is a crop and the frame has the crop's native size. The
//! display aspect ratio, including the shape of the samples, matters only if the picture is padded.

use std::collections::hash_map::{Entry, HashMap};

use ffmpeg_next::frame;

use super::colour::{ContainerColour, Conversion, Hdr, ToneMap, eight_bits, rgb_of_ycgco};
use super::upright::Orientation;
use super::view::{Field, FrameView, Properties, Rectangle};
use crate::config::{Aspect, FrameFormat};
use crate::decode::ffi::{Scaler, properties};

/// Largest number of cached scalers. A file needs a few; a hostile file must not fill the memory.
const KINDS: usize = 16;

/// Presentation settings of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Presentation {
    /// The container's orientation, for frames without one of their own.
    pub orientation: Orientation,
    /// Width and height of a sample, as a ratio; (1, 1) if the file does not contain it.
    pub sample_aspect: (i32, i32),
    pub colour: ContainerColour,
}

impl Presentation {
    /// Returns a frame's properties, with the container's colour tags where the frame has none.
    pub fn properties(self, frame: &frame::Video) -> Properties {
        self.colour.complete(properties(frame))
    }
}

/// Converts the frames of one stream.
pub struct Converter {
    format: FrameFormat,
    presentation: Presentation,
    /// The rectangle to show of frames of this native size.
    crop: Option<((u32, u32), Rectangle)>,
    scalers: HashMap<(FrameView, (u32, u32)), Scaler>,
    tone_maps: HashMap<Hdr, ToneMap>,
}

impl Converter {
    pub fn new(format: FrameFormat, presentation: Presentation) -> Self {
        Self {
            format,
            presentation,
            crop: None,
            scalers: HashMap::new(),
            tone_maps: HashMap::new(),
        }
    }

    /// Sets the rectangle to show of all later frames of `size`; `None` shows the whole frame.
    pub fn crop(&mut self, size: (u32, u32), crop: Option<Rectangle>) {
        self.crop = crop.map(|crop| (size, crop));
    }

    /// Converts a frame of this orientation to upright `[height, width, 3]` bytes.
    ///
    /// Returns `None` if swscale cannot read the frame.
    pub fn rgb(&mut self, frame: &frame::Video, orientation: Orientation) -> Option<Vec<u8>> {
        let found = self.presentation.properties(frame);
        let size = (u32::try_from(found.width).ok()?, u32::try_from(found.height).ok()?);
        let conversion = Conversion::of(&found);
        let view = FrameView {
            frame: found,
            crop: self.crop.filter(|(of, _)| *of == size).map(|(_, crop)| crop),
            field: first_field(frame),
            sws_matrix: conversion.sws_matrix,
            full_range: conversion.full_range,
            output: conversion.output(),
        };
        let shown = self.shown_size(size, orientation);
        let (width, height) = if orientation.swaps_sides() { (shown.1, shown.0) } else { shown };
        if self.scalers.len() >= KINDS {
            self.scalers.clear();
        }
        let scaler = match self.scalers.entry((view, (width, height))) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                // The format may change in mid-stream to one that allows no field or no crop.
                let views = [
                    view,
                    FrameView { field: None, ..view },
                    FrameView { field: None, crop: None, ..view },
                ];
                place.insert(views.into_iter().find_map(|view| Scaler::new(view, width, height))?)
            }
        };
        let mut samples = scaler.convert(frame)?;
        if conversion.ycgco {
            samples = rgb_of_ycgco(&samples, conversion.full_range);
        }
        let rgb = match conversion.hdr {
            Some(hdr) => {
                self.tone_maps.entry(hdr).or_insert_with(|| ToneMap::new(hdr)).apply(&samples)
            }
            None if conversion.ycgco => eight_bits(&samples),
            None => samples,
        };
        Some(self.pad(orientation.apply(rgb, width as usize, height as usize), shown))
    }

    /// Returns the size of an upright picture within the configured size.
    fn shown_size(&self, (width, height): (u32, u32), orientation: Orientation) -> (u32, u32) {
        let whole = (self.format.width, self.format.height);
        if self.format.aspect != Aspect::Pad {
            return whole;
        }
        let (across, down) = self.presentation.sample_aspect;
        let shape = (f64::from(width) * f64::from(across), f64::from(height) * f64::from(down));
        let (wide, high) = if orientation.swaps_sides() { (shape.1, shape.0) } else { shape };
        fit(wide, high, whole)
    }

    /// Centres a picture in the configured size. The rest is black.
    fn pad(&self, rgb: Vec<u8>, (shown_width, shown_height): (u32, u32)) -> Vec<u8> {
        let (width, height) = (self.format.width, self.format.height);
        if (shown_width, shown_height) == (width, height) {
            return rgb;
        }
        let (row, shown_row) = (width as usize * 3, shown_width as usize * 3);
        let (left, top) =
            ((width - shown_width) as usize / 2 * 3, (height - shown_height) as usize / 2);
        let mut padded = vec![0; row * height as usize];
        for (line, shown) in padded.chunks_exact_mut(row).skip(top).zip(rgb.chunks_exact(shown_row))
        {
            line[left..left + shown_row].copy_from_slice(shown);
        }
        padded
    }
}

/// Returns the largest size with a given aspect ratio within `whole`, at least one pixel.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 1 and the configured size"
)]
fn fit(wide: f64, high: f64, whole: (u32, u32)) -> (u32, u32) {
    let scale = (f64::from(whole.0) / wide).min(f64::from(whole.1) / high);
    let side = |length: f64, most: u32| (length * scale).round().clamp(1.0, f64::from(most)) as u32;
    (side(wide, whole.0), side(high, whole.1))
}

/// Returns the earlier field of an interlaced frame.
fn first_field(frame: &frame::Video) -> Option<Field> {
    frame.is_interlaced().then(|| if frame.is_top_first() { Field::Top } else { Field::Bottom })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::IngestConfig;
    use crate::decode::picture::ColourTags;

    /// Catches: a picture is squeezed instead of padded, or becomes thinner than one pixel.
    #[test]
    fn pictures_fit_into_the_configured_size() {
        assert_eq!(fit(640.0, 360.0, (160, 90)), (160, 90));
        assert_eq!(fit(640.0, 480.0, (160, 90)), (120, 90));
        assert_eq!(fit(1280.0, 360.0, (160, 90)), (160, 45));
        assert_eq!(fit(100_000.0, 1.0, (160, 90)), (160, 1));
    }

    /// Catches: an upright phone video is padded before it is turned, or the shape of samples is
    /// ignored.
    #[test]
    fn shape_is_that_of_the_upright_picture() {
        let format = FrameFormat { aspect: Aspect::Pad, ..IngestConfig::default().frame_format() };
        let shown = |quarters, sample_aspect, size| {
            let (orientation, colour) =
                (Orientation::default(), ContainerColour::new(ColourTags::NONE, "h264"));
            Converter::new(format, Presentation { orientation, sample_aspect, colour })
                .shown_size(size, Orientation { mirrored: false, quarters })
        };
        assert_eq!(shown(0, (4, 3), (480, 360)), (160, 90));
        assert_eq!(shown(0, (1, 1), (480, 360)), (120, 90));
        assert_eq!(shown(1, (1, 1), (360, 640)), (160, 90));
    }
}
