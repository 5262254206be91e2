//! Collects the features of all clips: first of the real ones, then of each generated batch.

use std::cell::RefCell;

use anyhow::Result;

use crate::distance::describe::{Draws, Groups, describe};
use crate::distance::encoder::{Encoders, features_of};
use crate::distance::features::Features;
use crate::distance::real::{RealClips, RealFeatures};
use crate::measure::MeasurementObserver;
use crate::report::schema::Distance;
use crate::world::VideoBatch;

/// Encoders, and the features of the clips so far.
pub struct FeatureCollector {
    groups: Groups,
    encoders: Encoders,
    real: Vec<RealFeatures>,
    generated: RefCell<Vec<Vec<f32>>>,
}

impl FeatureCollector {
    /// Encodes the real clips, or reads their features from disk; `None` if the observer stops it.
    ///
    /// # Errors
    /// Fails if clips cannot be read or encoded.
    pub fn begin(
        groups: Groups,
        encoders: Encoders,
        clips: &RealClips<'_>,
        observer: &dyn MeasurementObserver,
    ) -> Result<Option<FeatureCollector>> {
        let mut real = Vec::with_capacity(encoders.len());
        for encoder in &encoders {
            let Some(features) = clips.features(encoder.as_ref(), observer)? else {
                return Ok(None);
            };
            real.push(features);
        }
        let generated = RefCell::new(vec![Vec::new(); encoders.len()]);
        Ok(Some(FeatureCollector { groups, encoders, real, generated }))
    }

    /// Encodes the next generated clips.
    ///
    /// # Errors
    /// Fails if the clips cannot be encoded.
    pub fn add(&self, generated: &VideoBatch) -> Result<()> {
        for (encoder, features) in self.encoders.iter().zip(self.generated.borrow_mut().iter_mut())
        {
            features.extend(features_of(encoder.as_ref(), generated)?);
        }
        Ok(())
    }

    /// Returns the number of features of a clip, of all encoders together.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.encoders.iter().map(|encoder| encoder.encoder().dimension).sum()
    }

    /// Adds the features of the next generated clip, as [`Self::features`] returned them earlier.
    pub fn take(&self, features: &[f32]) {
        let mut rest = features;
        for (encoder, generated) in self.encoders.iter().zip(self.generated.borrow_mut().iter_mut())
        {
            let (own, others) = rest.split_at(encoder.encoder().dimension);
            generated.extend_from_slice(own);
            rest = others;
        }
    }

    /// Returns the features of the generated clip of window `index`, encoder after encoder.
    #[must_use]
    pub fn features(&self, index: usize) -> Vec<f32> {
        let generated = self.generated.borrow();
        let rows = self.encoders.iter().zip(&*generated).map(|(encoder, features)| {
            let dimension = encoder.encoder().dimension;
            &features[index * dimension..(index + 1) * dimension]
        });
        rows.collect::<Vec<_>>().concat()
    }

    /// Computes the distances after all windows are generated.
    #[must_use]
    pub fn finish(self, draws: Draws) -> Vec<Distance> {
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
