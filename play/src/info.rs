//! What a page needs to know about a world, as JSON.

use anyhow::Result;
use serde::Serialize;

use crate::actions::PlayAction;
use crate::engine::{Limits, SamplerSettings};
use crate::pictures::{PictureLimits, hex, palette};
use crate::world::{Clips, ModelKeys, PlayableWorld};

/// What a page needs to know about a world.
#[derive(Clone, Debug, Serialize)]
pub struct WorldInfo {
    /// Width and height of a frame, in pixels.
    pub width: usize,
    pub height: usize,
    /// Median frame rate of the held-out clips, in frames per second.
    pub fps: f64,
    /// Largest number of frames that the models see together.
    pub window: usize,
    pub actions: Vec<PlayAction>,
    /// The action that moves least.
    pub still: u8,
    pub sampler: SamplerSettings,
    pub orders: [&'static str; 5],
    /// Common colours of the recordings, as `#rrggbb`.
    pub palette: Vec<String>,
    /// Number of held-out clips.
    pub clips: usize,
    /// Directory of the report that names the actions.
    pub report: Option<String>,
    pub models: ModelKeys,
    pub device: String,
    pub version: &'static str,
    pub trust: Option<TrustInfo>,
    pub limits: LimitsInfo,
}

/// The threshold above which a page warns, and how well the signal follows the true error.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct TrustInfo {
    pub warn_above: f64,
    pub correlation: f64,
}

/// Limits that a page shows to its player.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LimitsInfo {
    pub sessions: usize,
    pub frames: usize,
    pub image_bytes: usize,
    pub image_pixels: u64,
}

impl WorldInfo {
    /// Describes a world and its clips.
    ///
    /// # Errors
    /// When a clip cannot be read.
    pub fn of(world: &PlayableWorld, clips: &Clips, limits: &Limits) -> Result<Self> {
        let ((height, width), lineage) = (world.size(), world.lineage());
        let pictures = PictureLimits::default();
        let trust = world.trust();
        Ok(Self {
            width,
            height,
            fps: clips.fps(),
            window: world.window(),
            actions: world.actions().actions.clone(),
            still: world.actions().still,
            sampler: SamplerSettings::from(&lineage.sampler),
            orders: ["random", "confidence", "greedy", "entropy", "tapered"],
            palette: palette(&clips.samples()?).into_iter().map(hex).collect(),
            clips: clips.len(),
            report: lineage.report.as_ref().map(ToString::to_string),
            models: lineage.keys.clone(),
            device: lineage.device.clone(),
            version: env!("CARGO_PKG_VERSION"),
            trust: trust.map(|trust| TrustInfo {
                warn_above: trust.warn_above,
                correlation: trust.correlation,
            }),
            limits: LimitsInfo {
                sessions: limits.sessions,
                frames: limits.frames,
                image_bytes: pictures.bytes,
                image_pixels: pictures.pixels,
            },
        })
    }
}
