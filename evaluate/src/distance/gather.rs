//! Features of all clips of a run: of the real ones before it, of the generated ones as they come.

use std::cell::RefCell;

use anyhow::Result;

use crate::distance::{
    Draws, Encoders, Features, Groups, RealClips, RealFeatures, describe, features_of,
};
use crate::measure::Watch;
use crate::report;
use crate::world::Video;

/// Encoders, and what they made of the clips so far.
pub struct Gathering {
    groups: Groups,
    encoders: Encoders,
    real: Vec<RealFeatures>,
    generated: RefCell<Vec<Vec<f32>>>,
}

impl Gathering {
    /// Encodes the real clips, or finds their features on disk. `None` when stopped on the way.
    ///
    /// # Errors
    /// When clips cannot be read or encoded.
    pub fn begin(
        groups: Groups,
        encoders: Encoders,
        clips: &RealClips<'_>,
        watch: &dyn Watch,
    ) -> Result<Option<Gathering>> {
        let mut real = Vec::with_capacity(encoders.len());
        for encoder in &encoders {
            let Some(features) = clips.features(encoder.as_ref(), watch)? else { return Ok(None) };
            real.push(features);
        }
        let generated = RefCell::new(vec![Vec::new(); encoders.len()]);
        Ok(Some(Gathering { groups, encoders, real, generated }))
    }

    /// Encodes the next generated clips.
    ///
    /// # Errors
    /// When they cannot be encoded.
    pub fn add(&self, generated: &Video) -> Result<()> {
        for (encoder, features) in self.encoders.iter().zip(self.generated.borrow_mut().iter_mut())
        {
            features.extend(features_of(encoder.as_ref(), generated)?);
        }
        Ok(())
    }

    /// Features a clip, of all encoders together.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.encoders.iter().map(|encoder| encoder.encoder().dimension).sum()
    }

    /// Takes [`Self::features`] of the next clip from an earlier run.
    pub fn take(&self, features: &[f32]) {
        let mut rest = features;
        for (encoder, generated) in self.encoders.iter().zip(self.generated.borrow_mut().iter_mut())
        {
            let (own, others) = rest.split_at(encoder.encoder().dimension);
            generated.extend_from_slice(own);
            rest = others;
        }
    }

    /// Features of the generated clip of window `index`, by each encoder, one after the other.
    #[must_use]
    pub fn features(&self, index: usize) -> Vec<f32> {
        let generated = self.generated.borrow();
        let rows = self.encoders.iter().zip(&*generated).map(|(encoder, features)| {
            let dimension = encoder.encoder().dimension;
            &features[index * dimension..(index + 1) * dimension]
        });
        rows.collect::<Vec<_>>().concat()
    }

    /// The distances, once all windows were generated.
    #[must_use]
    pub fn finish(self, draws: Draws) -> Vec<report::Distance> {
        let sides = self.real.iter().zip(self.generated.into_inner());
        let all = self.encoders.iter().zip(sides);
        all.map(|(encoder, (real, generated))| {
            let encoder = encoder.encoder();
            describe(
                encoder,
                real,
                &Features::new(encoder.dimension, generated),
                &self.groups,
                draws,
            )
        })
        .collect()
    }
}
