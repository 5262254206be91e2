//! Token windows as a video of their codes: what a latent action model that looks at tokens trains on.

use anyhow::{Context, Result, bail};
use genie_model::{SourceError, Tokenizer, Video};
use genie_shards::read_tokens;

use crate::models::Chain;

/// Windows of tokens. A clip of this video is a window, so nothing runs over a window's end, where tokens begin anew.
pub struct TokenVideo {
    rows: usize,
    columns: usize,
    frames: usize,
    /// `[windows, frames, rows, columns]`.
    tokens: Vec<u16>,
    /// Picture of each code, `[codes, channels]`.
    pictures: Vec<u8>,
    channels: usize,
}

impl TokenVideo {
    /// The chain's token windows to train on, drawn with the codes of its tokenizer.
    ///
    /// # Errors
    /// When a shard cannot be read, there are no windows, or they do not fit the tokenizer.
    pub fn open(chain: &Chain, tokenizer: &Tokenizer) -> Result<Self> {
        let (rows, columns) = tokenizer.grid();
        let frames = tokenizer.frames();
        let mut tokens = Vec::new();
        let clips = chain.clips()?;
        for window in read_tokens(chain.tokens.path()).context("cannot read the tokens")? {
            let shape = [window.t, window.h, window.w].map(usize::from);
            if shape != [frames, rows, columns] {
                bail!(
                    "clip {} has windows of {shape:?} (frames, rows, columns) under {}, and the tokenizer makes {:?}",
                    window.clip_id,
                    chain.tokens.path(),
                    [frames, rows, columns]
                );
            }
            if clips.contains(&window.clip_id) {
                tokens.extend(window.tokens);
            }
        }
        let codes: Vec<u16> = (0..u16::try_from(tokenizer.codebook_size())?).collect();
        let pictures = tokenizer.draw_codes(&codes)?;
        let channels = tokenizer.code_width();
        if let Some(token) = tokens.iter().find(|token| usize::from(**token) >= codes.len()) {
            bail!(
                "{} holds token {token}, and the tokenizer has {} codes",
                chain.tokens.path(),
                codes.len()
            );
        }
        Ok(Self { rows, columns, frames, tokens, pictures, channels })
    }

    fn positions(&self) -> usize {
        self.rows * self.columns
    }
}

impl Video for TokenVideo {
    fn clips(&self) -> usize {
        self.tokens.len() / (self.frames * self.positions())
    }

    fn frames(&self, _clip: usize) -> usize {
        self.frames
    }

    fn size(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    fn channels(&self) -> usize {
        self.channels
    }

    fn read(
        &self,
        clip: usize,
        first: usize,
        len: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), SourceError> {
        let s = self.positions();
        for token in &self.tokens[(clip * self.frames + first) * s..][..len * s] {
            to.extend_from_slice(
                &self.pictures[usize::from(*token) * self.channels..][..self.channels],
            );
        }
        Ok(())
    }
}
