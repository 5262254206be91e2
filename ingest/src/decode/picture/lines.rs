//! The pixels of a frame as the search for borders reads them, before any conversion.

use ffmpeg_next::frame;

use super::colour::Conversion;
use super::layout::Layout;
use crate::decode::ffi::{layout, properties, row};

/// The pixels of a frame, line by line.
pub struct Lines<'a> {
    pub layout: Layout,
    pub width: u32,
    pub height: u32,
    /// For each line of the picture, the row of each component.
    rows: Vec<[&'a [u8]; 3]>,
    /// Whether luma's black and white are 16 and 235.
    limited: bool,
}

impl<'a> Lines<'a> {
    /// Returns `None` for a pixel format that this code cannot read.
    pub fn of(frame: &'a frame::Video) -> Option<Self> {
        let found = properties(frame);
        let layout = layout(found.pixel_format)?;
        let limited = !layout.rgb && !Conversion::of(&found).full_range;
        let (width, height) = (u32::try_from(found.width).ok()?, u32::try_from(found.height).ok()?);
        let rows = (0..height).map(|y| rows(frame, &layout, y)).collect();
        Some(Self { layout, width, height, rows, limited })
    }

    /// Returns the row of each component that contains a line.
    pub fn line(&self, y: u32) -> [&'a [u8]; 3] {
        self.rows.get(y as usize).copied().unwrap_or_default()
    }

    /// Returns a pixel's brightness and its distance from grey, in levels of 255.
    ///
    /// For RGB, the brightness is the largest component and the distance is 0.
    pub fn pixel(&self, rows: &[&[u8]; 3], x: u32) -> (u32, u32) {
        let level = |index: usize, x: u32| {
            self.layout
                .components
                .get(index)
                .map(|component| u32::from(component.level(rows[index], x as usize)))
        };
        if self.layout.rgb {
            return ((0..3).filter_map(|index| level(index, x)).max().unwrap_or(0), 0);
        }
        let luma = level(0, x).unwrap_or(0);
        let bright = if self.limited { luma.saturating_sub(16) * 255 / 219 } else { luma };
        let chroma =
            |index| level(index, x / self.layout.chroma.0).map_or(0, |level| level.abs_diff(128));
        (bright, chroma(1).max(chroma(2)))
    }
}

/// Returns the row of each component that contains line `y` of the picture.
fn rows<'a>(frame: &'a frame::Video, layout: &Layout, y: u32) -> [&'a [u8]; 3] {
    let mut rows: [&[u8]; 3] = [&[]; 3];
    for (component, place) in layout.components.iter().zip(&mut rows) {
        let line = y / layout.sharing(component.plane).1;
        *place = row(frame, layout, component.plane, line).unwrap_or_default();
    }
    rows
}
