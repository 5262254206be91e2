//! The trained models as a [`WorldModel`].

use anyhow::Result;
use genie_model::{SamplerConfig, Turn};
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
        let start = |(b, seed): (usize, &u64)| {
            let given = &actions.window(b)[..prompt.frames - 1];
            dynamics.start(prompt.window(b), given, *seed)
        };
        let mut sessions = seeds.iter().enumerate().map(start).collect::<Result<Vec<_>, _>>()?;
        let mut rows: Vec<Vec<u16>> =
            (0..prompt.batch).map(|b| prompt.window(b).to_vec()).collect();
        let mut entropy = vec![Vec::new(); prompt.batch];
        for step in prompt.frames - 1..actions.steps {
            let turns = sessions.iter_mut().enumerate().map(|(b, session)| {
                let action = actions.window(b)[step];
                Turn { session, action, sampler: &self.sampler }
            });
            let mut turns: Vec<Turn<'_>> = turns.collect();
            for (b, frame) in dynamics.step(&mut turns)?.into_iter().enumerate() {
                rows[b].extend(&frame.tokens);
                let sum: f64 = frame.entropy.iter().copied().map(f64::from).sum();
                entropy[b].push(sum / frame.entropy.len() as f64);
            }
        }
        let tokens = TokenBatch {
            batch: prompt.batch,
            frames: actions.steps + 1,
            per_frame: prompt.per_frame,
            data: rows.concat(),
        };
        Ok(Continuation { tokens, entropy: entropy.concat() })
    }
}
