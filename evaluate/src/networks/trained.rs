//! The trained models as a [`WorldModel`].

use anyhow::Result;
use genie_model::{Decoding, SamplerConfig, Tokenizer};
use genie_training::TrainedModels;

use crate::world::{ActionBatch, Continuation, TokenBatch, VideoBatch, WorldModel};

/// Decodes clips that are longer than the tokenizer's window, frame by frame, as in play.
fn decode_beyond_window(tokenizer: &Tokenizer, tokens: &TokenBatch) -> Result<Vec<u8>> {
    let mut clips = vec![Vec::new(); tokens.batch];
    let mut decodings = vec![Decoding::new(); tokens.batch];
    for t in 0..tokens.frames {
        let next: Vec<u16> = (0..tokens.batch).flat_map(|b| tokens.frame(b, t)).copied().collect();
        let frames = tokenizer.decode_next(&mut decodings.iter_mut().collect::<Vec<_>>(), &next)?;
        for (clip, frame) in clips.iter_mut().zip(frames.chunks_exact(frames.len() / tokens.batch))
        {
            clip.extend_from_slice(frame);
        }
    }
    Ok(clips.concat())
}

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
        let tokenizer = &self.models.tokenizer;
        let (height, width) = tokenizer.size();
        let data = if tokens.frames <= tokenizer.frames() {
            tokenizer.decode(&tokens.data, tokens.frames)?
        } else {
            decode_beyond_window(tokenizer, tokens)?
        };
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
