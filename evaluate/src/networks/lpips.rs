//! LPIPS with the user's weights.
//!
//! Only a distance with the published channel weights is called LPIPS (alex). This module enforces
//! that.

use anyhow::{Context, Result, ensure};
use camino::Utf8Path;
use genie_model::{Device, Lpips};

use crate::measure::{FrameDistance, Pair};
use crate::networks::weights::content_hash;
use crate::report::schema::LpipsWeights;

/// LPIPS, and the origin of its weights.
pub struct LpipsDistance {
    model: Lpips,
    pub weights: LpipsWeights,
}

impl LpipsDistance {
    /// Loads weights, for frames of `size` (height and width).
    ///
    /// # Errors
    /// Fails if the file cannot be used, or if the frames are too small.
    pub fn load(path: &Utf8Path, size: (usize, usize), device: Device) -> Result<LpipsDistance> {
        let (height, width) = size;
        let least = Lpips::SMALLEST_SIDE;
        ensure!(
            height.min(width) >= least,
            "the clips have frames of {width}×{height} pixels, and LPIPS needs at least {least} \
             pixels a side: ingest larger frames, or remove [evaluate] lpips"
        );
        let hash = content_hash("lpips", path)?;
        let model = Lpips::load(path, &device)
            .context("cannot use the weights of LPIPS given by [evaluate] lpips")?;
        let weights = weights(model.published(), hash);
        Ok(LpipsDistance { model, weights })
    }

    /// Returns a warning if the channel weights are not the published ones.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let LpipsWeights { hash, published_layers, .. } = &self.weights;
        (!published_layers).then(|| {
            format!(
                "The channel weights of the LPIPS file ({hash}) differ from those of version 0.1. \
                 They may be those of version 0.0. Distances with these weights are not LPIPS \
                 (alex), and no published number is comparable."
            )
        })
    }
}

fn weights(published_layers: bool, hash: String) -> LpipsWeights {
    let name = if published_layers { "LPIPS (alex)" } else { "LPIPS with other weights" };
    LpipsWeights { name: name.to_owned(), hash, published_layers }
}

impl FrameDistance for LpipsDistance {
    fn distances(&self, frames: &[u8], size: (usize, usize), pairs: &[Pair]) -> Result<Vec<f64>> {
        let features = self.model.features(frames, size)?;
        let count = frames.len() / (size.0 * size.1 * 3);
        let rows: Vec<&[f32]> = features.chunks_exact(features.len() / count).collect();
        Ok(pairs.iter().map(|&(a, b)| Lpips::distance(rows[a], rows[b])).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::BufReader;

    use super::*;

    /// Catches: a distance with unknown weights is called LPIPS.
    #[test]
    fn only_the_published_layers_make_lpips() {
        assert_eq!(weights(true, "0123".into()).name, "LPIPS (alex)");
        let other = weights(false, "0123".into());
        assert!(!other.name.contains("alex") && other.hash == "0123");
    }

    /// Catches: an error about the frame size appears only after an hour of measurement.
    #[test]
    fn small_frames_are_refused_before_anything_else() {
        let error = LpipsDistance::load("nowhere.pt".into(), (64, 30), Device::Cpu)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("30×64") && error.contains("at least 31"), "{error}");
    }

    /// Catches: checksums do not fit the genuine weights; `AlexNet` differs from the published one.
    ///
    /// Needs genuine weights and the pictures `ex_ref.png`, `ex_p0.png` and `ex_p1.png` of the
    /// authors' repository (`imgs/`). The authors' code gives 0.7217 and 0.1374 or 0.1375; two
    /// copies of the repository have these numbers in `imgs/example_dists.txt`. Run it with
    /// `GENIE_LPIPS=lpips.pt GENIE_LPIPS_IMAGES=imgs cargo test --release --workspace --lib
    /// known_distance -- --ignored`.
    #[test]
    #[ignore = "needs genuine weights in GENIE_LPIPS, and the authors' pictures in \
                GENIE_LPIPS_IMAGES"]
    fn known_distances_with_genuine_weights() {
        let given = |name: &str| {
            std::env::var(name).unwrap_or_else(|_| panic!("set {name} to a file or directory"))
        };
        let (weights, directory) = (given("GENIE_LPIPS"), given("GENIE_LPIPS_IMAGES"));
        let picture = |name: &str| {
            let file = File::open(Utf8Path::new(&directory).join(name)).unwrap();
            let mut reader = png::Decoder::new(BufReader::new(file)).read_info().unwrap();
            let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut bytes).unwrap();
            assert_eq!(
                (info.width, info.height, info.color_type),
                (64, 64, png::ColorType::Rgb),
                "{name}"
            );
            bytes
        };
        let frames = ["ex_ref.png", "ex_p0.png", "ex_p1.png"].map(picture).concat();
        let lpips = LpipsDistance::load(weights.as_str().into(), (64, 64), Device::Cpu).unwrap();
        assert!(lpips.weights.published_layers);
        let found = lpips.distances(&frames, (64, 64), &[(0, 1), (0, 2)]).unwrap();
        for (found, known) in found.into_iter().zip([0.7218, 0.1375]) {
            assert!((found - known).abs() < 2e-4, "{found} instead of {known}");
        }
    }
}
