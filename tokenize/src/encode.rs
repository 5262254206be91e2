//! Token shards of every clip that lacks them.

#![allow(
    clippy::cast_possible_truncation,
    reason = "frames of a window and tokens of a frame fit their columns: the model was built with them"
)]

use anyhow::Result;
use genie_catalog::Catalog;
use genie_model::{Device, Tokenizer};
use genie_shards::{ClipMeta, Entry, TokenWindow, tables, write_tokens};
use genie_stage::Exit;
use genie_training::{Chain, Sections, WindowModel, fill};

/// Encodes what is outstanding.
///
/// # Errors
/// When the tokenizer is missing or does not fit the clips, or a file cannot be read or written.
pub fn encode(sections: &Sections, chain: &Chain, device: Device) -> Result<Exit> {
    fill(sections, &chain.tokens, &chain.tokenizer, "genie-tokenize fit", || {
        Ok(Encoder { tokenizer: Tokenizer::load(chain.tokenizer.path(), &device)?, sections, chain })
    })
}

struct Encoder<'a> {
    tokenizer: Tokenizer,
    sections: &'a Sections,
    chain: &'a Chain,
}

impl WindowModel for Encoder<'_> {
    type Window = TokenWindow;
    const MODEL: &'static str = "tokenizer";
    const WINDOWS: &'static str = "tokens";
    const TABLE: &'static str = tables::TOKENS;
    const SHARD: usize = 4096;

    fn size(&self) -> (usize, usize) {
        self.tokenizer.size()
    }

    fn frames(&self) -> usize {
        self.tokenizer.frames()
    }

    fn lacking(&self) -> Result<Vec<String>> {
        let catalog = Catalog::open(&self.sections.data.root)?;
        Ok(catalog.clips_without_tokens(self.chain.tokenizer.key().as_str(), None, u32::try_from(self.frames())?)?)
    }

    fn make(&self, clip: &ClipMeta, firsts: &[usize], frames: &[u8]) -> Result<Vec<TokenWindow>> {
        let (t, (h, w)) = (self.frames(), self.tokenizer.grid());
        let tokens = self.tokenizer.encode(frames)?;
        let window = |(first, tokens): (&usize, &[u16])| TokenWindow {
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

    fn write(&self, windows: &[TokenWindow]) -> Result<Entry> {
        Ok(write_tokens(self.chain.tokens.path(), self.chain.tokenizer.key().as_str(), "tokens", windows)?)
    }
}
