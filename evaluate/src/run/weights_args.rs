//! The weight files on the command line.

use camino::Utf8PathBuf;
use clap::Args;
use genie_training::EvaluateConfig;

/// Weight files on the command line; they override the config.
#[derive(Args, Debug)]
pub struct WeightsArgs {
    /// Use these I3D weights (.pt or .safetensors) for FVD, instead of `[evaluate] i3d`.
    #[arg(long, global = true, value_name = "FILE")]
    i3d: Option<Utf8PathBuf>,
    /// Use these LPIPS (alex) weights (.pt or .safetensors), instead of `[evaluate] lpips`.
    #[arg(long, global = true, value_name = "FILE")]
    lpips: Option<Utf8PathBuf>,
}

impl WeightsArgs {
    /// Overrides the config's weight files with the command line's.
    pub fn put(&self, config: &mut EvaluateConfig) {
        let places = [(&self.i3d, &mut config.i3d), (&self.lpips, &mut config.lpips)];
        for (given, place) in places {
            if let Some(given) = given {
                place.clone_from(given);
            }
        }
    }
}
