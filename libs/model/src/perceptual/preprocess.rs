//! Frames as I3D takes them: floats `[batch, 3, t, 224, 224]` from bytes of any frame size.
//!
//! Published FVD differs more by how frames are resized than between many models. So there is a
//! preset for each code base that people compare with. All presets are bilinear without
//! antialiasing.

use std::fmt;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Side of the frames that I3D was trained on. Its head averages over 7 × 7 cells of 32 pixels.
pub const SIDE: usize = 224;

/// The code base whose FVD is computed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum I3dPreset {
    /// Half-pixel coordinates, stretched to 224 × 224, from −1 to 1, unbiased covariance.
    #[default]
    Default,
    /// The FVD paper's TensorFlow 1 code.
    ///
    /// Pixel i comes from position i · (old/new), without the half pixel. This shifts frames by up
    /// to half a source pixel to the top left. Otherwise it is the default.
    Tf1Legacy,
    /// StyleGAN-V: the default's frames, but the covariance is divided by n instead of n − 1.
    Styleganv,
    /// `VideoGPT`: the shorter side becomes 224, and the centre is cut out.
    ///
    /// Values are from −0.5 to 0.5, and I3D's batch normalisation has an ε of 1e-5 (the genuine one
    /// is 1e-3).
    Videogpt,
}

impl fmt::Display for I3dPreset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Tf1Legacy => "tf1-legacy",
            Self::Styleganv => "styleganv",
            Self::Videogpt => "videogpt",
        })
    }
}

impl I3dPreset {
    /// The ε of I3D's batch normalisation.
    pub(crate) fn epsilon(self) -> f64 {
        if self == Self::Videogpt { 1e-5 } else { 1e-3 }
    }

    /// Bytes from 0 to 255 become floats from minus this value to this value.
    fn half_range(self) -> f64 {
        if self == Self::Videogpt { 0.5 } else { 1.0 }
    }

    /// Height and width of the resized frame.
    fn target(self, height: usize, width: usize, side: usize) -> [usize; 2] {
        if self != Self::Videogpt {
            return [side, side];
        }
        // The order matters: 224/h · h can be slightly more than 224, which is then rounded up.
        let scale = side as f64 / height.min(width) as f64;
        let longer = |length: usize| (length as f64 * scale).ceil() as usize;
        if height < width { [side, longer(width)] } else { [longer(height), side] }
    }
}

/// The source of one output row or column: two source positions, and the share of the second.
struct Tap {
    low: usize,
    high: usize,
    share: f64,
}

/// Taps of the `side` middle positions, if `old` positions are resized to `new`.
fn taps(old: usize, new: usize, side: usize, half_pixel: bool) -> Vec<Tap> {
    let (scale, skipped) = (old as f64 / new as f64, (new - side) / 2);
    let tap = |i: usize| {
        let at =
            if half_pixel { ((i as f64 + 0.5) * scale - 0.5).max(0.0) } else { i as f64 * scale };
        let low = (at.floor() as usize).min(old - 1);
        Tap { low, high: (low + 1).min(old - 1), share: at - low as f64 }
    };
    (skipped..skipped + side).map(tap).collect()
}

/// Converts bytes `[batch, t, height, width, 3]` to floats `[batch, 3, t, side, side]`.
pub(crate) fn prepare(
    preset: I3dPreset,
    bytes: &[u8],
    [b, t, height, width]: [usize; 4],
    side: usize,
) -> Vec<f32> {
    let half_pixel = preset != I3dPreset::Tf1Legacy;
    let [new_height, new_width] = preset.target(height, width, side);
    let rows = taps(height, new_height, side, half_pixel);
    let columns = taps(width, new_width, side, half_pixel);
    let half_range = preset.half_range();
    let mut values = vec![0.0; b * 3 * t * side * side];
    values.par_chunks_mut(side * side).enumerate().for_each(|(plane, values)| {
        let (clip, channel, frame) = (plane / (3 * t), plane / t % 3, plane % t);
        let source = &bytes[(clip * t + frame) * height * width * 3..][..height * width * 3];
        let pixel = |y: usize, x: usize| f64::from(source[(y * width + x) * 3 + channel]);
        for (row, values) in rows.iter().zip(values.chunks_exact_mut(side)) {
            for (column, value) in columns.iter().zip(values) {
                let across = |y: usize| {
                    pixel(y, column.low) * (1.0 - column.share)
                        + pixel(y, column.high) * column.share
                };
                let level = across(row.low) * (1.0 - row.share) + across(row.high) * row.share;
                *value = ((level / 127.5 - 1.0) * half_range) as f32;
            }
        }
    });
    values
}
