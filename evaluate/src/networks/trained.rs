//! The trained models as a [`WorldModel`].

use anyhow::Result;
use genie_model::SamplerConfig;
use genie_training::TrainedModels;

use crate::world::{ActionBatch, Continuation, TokenBatch, VideoBatch, WorldModel};

/// Trained models, with the settings of the sampler.
pub struct Trained {
    pub models: TrainedModels,
    pub sampler: SamplerConfig,
}

impl WorldModel for Trained {
    fn codebook_size(&self) -> usize {
        self.models.tokenizer.codebook_size()
    }

    fn num_actions(&self) -> usize {
        self.models.dynamics.num_actions()
    }

    fn encode(&self, video: &VideoBatch) -> Result<TokenBatch> {
        let (rows, columns) = self.models.tokenizer.grid();
        let data = self.models.tokenizer.encode(&video.data)?;
        Ok(TokenBatch { batch: video.batch, frames: video.frames, per_frame: rows * columns, data })
    }

    fn decode(&self, tokens: &TokenBatch) -> Result<VideoBatch> {
        let (height, width) = self.models.tokenizer.size();
        let data = self.models.tokenizer.decode(&tokens.data, tokens.frames)?;
        Ok(VideoBatch { batch: tokens.batch, frames: tokens.frames, height, width, data })
    }

    fn infer_actions(&self, video: &VideoBatch) -> Result<ActionBatch> {
        let data = self.models.labeller.actions(&video.data, video.frames)?;
        Ok(ActionBatch { batch: video.batch, steps: video.frames - 1, data })
    }

    fn rollout(
        &self,
        prompt: &TokenBatch,
        actions: &ActionBatch,
        seeds: &[u64],
    ) -> Result<Continuation> {
        let dynamics = &self.models.dynamics;
        let generated = dynamics.generate(&prompt.data, &actions.data, seeds, &self.sampler)?;
        let (mut data, mut entropy) = (Vec::new(), Vec::new());
        for (b, frames) in generated.iter().enumerate() {
            data.extend_from_slice(prompt.window(b));
            for frame in frames {
                data.extend(&frame.tokens);
                entropy.push(frame.mean_entropy());
            }
        }
        let tokens = TokenBatch {
            batch: prompt.batch,
            frames: actions.steps + 1,
            per_frame: prompt.per_frame,
            data,
        };
        Ok(Continuation { tokens, entropy })
    }
}
