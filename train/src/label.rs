//! `label`: writes the latent actions of every clip that lacks them.

#![allow(
    clippy::cast_possible_truncation,
    reason = "the frames of a clip are counted in 32 bits on disk"
)]

use anyhow::Result;
use genie_catalog::Catalog;
use genie_model::Device;
use genie_shards::{ActionWindow, ClipMeta};
use genie_stage::Exit;
use genie_stage::share::Share;
use genie_stage::stop::Stop;
use genie_training::{ActionLabeller, Chain, ModelSections, WindowModel, write_pending};

/// Labels the clips that lack latent actions, or a share of them.
///
/// # Errors
/// When the latent action model is missing or does not fit the clips, or a file cannot be read or
/// written.
pub fn label(
    sections: &ModelSections,
    chain: &Chain,
    (device, stop): (Device, &Stop),
    share: Option<Share>,
) -> Result<Exit> {
    let model = (&chain.lam, "genie-train lam");
    write_pending(sections, (device, stop), (&chain.actions, share), model, || {
        Ok(WindowLabeller { labeller: ActionLabeller::load(chain, &device)?, sections, chain })
    })
}

/// Ids of the clips that lack latent actions.
///
/// # Errors
/// When the catalog cannot be read.
pub fn pending(sections: &ModelSections, chain: &Chain) -> Result<Vec<String>> {
    let catalog = Catalog::open(&sections.data.root, sections.data.memory_mb)?;
    let frames = u32::try_from(sections.tokenizer.0.frames)?;
    Ok(catalog.clips_without_actions(chain.lam.key().as_str(), None, frames)?)
}

struct WindowLabeller<'a> {
    labeller: ActionLabeller,
    sections: &'a ModelSections,
    chain: &'a Chain,
}

impl WindowModel for WindowLabeller<'_> {
    type Window = ActionWindow;

    fn size(&self) -> (usize, usize) {
        self.labeller.size()
    }

    fn frames(&self) -> usize {
        self.sections.tokenizer.0.frames
    }

    fn pending(&self) -> Result<Vec<String>> {
        pending(self.sections, self.chain)
    }

    fn compute(&self, firsts: &[(&ClipMeta, usize)], frames: &[u8]) -> Result<Vec<ActionWindow>> {
        let steps = self.frames() - 1;
        let codes = self.labeller.actions(frames, self.frames())?;
        let window = |((clip, first), codes): (&(&ClipMeta, usize), &[u8])| ActionWindow {
            clip_id: clip.clip_id.clone(),
            split: clip.split,
            first_frame: *first as u32,
            codes: codes.to_vec(),
        };
        Ok(firsts.iter().zip(codes.chunks_exact(steps)).map(window).collect())
    }
}
