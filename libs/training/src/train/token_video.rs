//! Token windows as a video: the training data of a latent action model whose input is tokens.

use anyhow::{Context, Result, bail};
use genie_model::{SourceError, Tokenizer, Video};
use genie_shards::read_tokens;

use crate::models::Chain;

/// Token windows as a video.
///
/// Each window is one clip of this video. So no training window crosses from one token window into
/// the next: each token window is encoded on its own.
pub struct TokenVideo {
    rows: usize,
    columns: usize,
    frames: usize,
    /// Shape `[window, time, row, column]`.
    tokens: Vec<u16>,
    /// The values that represent each code, `[code, channel]`.
    pictures: Vec<u8>,
    channels: usize,
}

impl TokenVideo {
    /// Reads the token windows that the latent action model of `chain` is trained on.
    ///
    /// # Errors
    /// When a shard cannot be read, or a window does not fit the tokenizer.
    pub fn open(chain: &Chain, tokenizer: &Tokenizer) -> Result<Self> {
        let (rows, columns) = tokenizer.grid();
        let frames = tokenizer.frames();
        let mut tokens = Vec::new();
        let clips = chain.clips()?;
        for window in read_tokens(chain.tokens.path()).context("cannot read the tokens")? {
            let shape = [window.t, window.h, window.w].map(usize::from);
            if shape != [frames, rows, columns] {
                bail!(
                    "clip {} has windows of {shape:?} (frames, rows, columns) in {}, \
                     but the tokenizer makes {:?}: encode the clips again",
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
                "{} contains the token {token}, but the tokenizer has {} codes: \
                 encode the clips again",
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
