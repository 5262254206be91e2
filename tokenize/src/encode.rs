//! `encode`: writes token shards of every clip that lacks tokens.

#![allow(
    clippy::cast_possible_truncation,
    reason = "the frames of a window and the rows and columns of a frame fit into 16 bits"
)]

use anyhow::Result;
use genie_catalog::Catalog;
use genie_model::{Device, Tokenizer};
use genie_shards::{ClipMeta, TokenWindow};
use genie_stage::Exit;
use genie_stage::share::Share;
use genie_stage::stop::Stop;
use genie_training::{Chain, ModelSections, WindowModel, write_pending};

/// Encodes the clips that lack tokens, or a share of them.
///
/// # Errors
/// When the tokenizer is missing or does not fit the clips, or a file cannot be read or written.
pub fn encode(
    sections: &ModelSections,
    chain: &Chain,
    (device, stop): (Device, &Stop),
    share: Option<Share>,
) -> Result<Exit> {
    let model = (&chain.tokenizer, "genie-tokenize fit");
    write_pending(sections, (device, stop), (&chain.tokens, share), model, || {
        Ok(WindowEncoder {
            tokenizer: Tokenizer::load(chain.tokenizer.fetched()?, &device)?,
            sections,
            chain,
        })
    })
}

/// Ids of the clips that lack tokens, for windows of `frames` frames.
///
/// # Errors
/// When the catalog cannot be read.
pub fn pending(sections: &ModelSections, chain: &Chain, frames: usize) -> Result<Vec<String>> {
    let catalog = Catalog::open(&sections.data.root, sections.data.memory_mb)?;
    Ok(catalog.clips_without_tokens(
        chain.tokenizer.key().as_str(),
        None,
        u32::try_from(frames)?,
    )?)
}

struct WindowEncoder<'a> {
    tokenizer: Tokenizer,
    sections: &'a ModelSections,
    chain: &'a Chain,
}

impl WindowModel for WindowEncoder<'_> {
    type Window = TokenWindow;

    fn size(&self) -> (usize, usize) {
        self.tokenizer.size()
    }

    fn frames(&self) -> usize {
        self.tokenizer.frames()
    }

    fn pending(&self) -> Result<Vec<String>> {
        pending(self.sections, self.chain, self.frames())
    }

    fn compute(&self, firsts: &[(&ClipMeta, usize)], frames: &[u8]) -> Result<Vec<TokenWindow>> {
        let (t, (h, w)) = (self.frames(), self.tokenizer.grid());
        let tokens = self.tokenizer.encode(frames)?;
        let window = |((clip, first), tokens): (&(&ClipMeta, usize), &[u16])| TokenWindow {
            clip_id: clip.clip_id.clone(),
            split: clip.split,
            first_frame: *first as u32,
            t: t as u16,
            h: h as u16,
            w: w as u16,
            tokens: tokens.to_vec(),
        };
        Ok(firsts.iter().zip(tokens.chunks_exact(t * h * w)).map(window).collect())
    }
}
