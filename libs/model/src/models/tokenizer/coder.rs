//! The operations of a loaded tokenizer, and decoding frame by frame.

use burn::tensor::Tensor;

use super::config::TokenizerDescription;
use crate::error::ModelError;
use crate::host;
use crate::kernels::Kernels;
use crate::layers::{Past, PastRow, indices};
use crate::models::lifecycle::Loaded;
use crate::models::sequence::{FrameReader, Sequence, catch_up};

/// A sequence of frames that is decoded frame by frame.
///
/// A clone goes on in the same way, and shares what the decoder remembers.
#[derive(Clone, Debug)]
pub struct Decoding(Sequence<Vec<u16>>);

impl Decoding {
    /// A sequence before its first frame.
    pub fn new() -> Self {
        Self(Sequence::steady())
    }

    /// The exact state without the decoder's memory, which can be large.
    ///
    /// The sequence goes on in the same way. Its next frame takes longer, because the decoder reads
    /// the frames of the window again.
    #[must_use]
    pub fn without_memory(&self) -> Self {
        Self(self.0.without_memory())
    }
}

impl Default for Decoding {
    fn default() -> Self {
        Self::new()
    }
}

/// The operations of a tokenizer on some backend.
pub trait Coder: Send {
    fn encode(&self, frames: &[u8], b: usize, t: usize) -> Result<Vec<u16>, ModelError>;
    fn decode(&self, tokens: &[u16], b: usize, t: usize) -> Result<Vec<u8>, ModelError>;
    /// Decodes one more frame of each sequence.
    fn decode_next(
        &self,
        sequences: &mut [&mut Decoding],
        tokens: &[u16],
    ) -> Result<Vec<u8>, ModelError>;
    /// Embedded codes `[codes, width]`.
    fn codebook(&self) -> Result<Vec<f32>, ModelError>;
}

impl<B: Kernels> Coder for Loaded<B, TokenizerDescription> {
    fn encode(&self, frames: &[u8], b: usize, t: usize) -> Result<Vec<u16>, ModelError> {
        let size = self.description.size;
        let patches = size.to_patches::<B>(frames, b, t, &self.device);
        host::codes(self.net.encode(patches, size.grid(b, t), false).codes)
    }

    fn decode(&self, tokens: &[u16], b: usize, t: usize) -> Result<Vec<u8>, ModelError> {
        let size = self.description.size;
        let patches = self.net.decode(self.embed(tokens), size.grid(b, t));
        size.patches_to_bytes(patches, b, t)
    }

    fn decode_next(
        &self,
        sequences: &mut [&mut Decoding],
        tokens: &[u16],
    ) -> Result<Vec<u8>, ModelError> {
        let b = sequences.len();
        if !self.description.config.decoder.temporal {
            return self.decode(tokens, b, 1);
        }
        let mut sequences: Vec<_> = sequences.iter_mut().map(|sequence| &mut sequence.0).collect();
        catch_up(self, &mut sequences)?;
        let pasts: Vec<&PastRow<B>> = sequences
            .iter()
            .map(|sequence| sequence.past().expect("the sequence has caught up with this decoder"))
            .collect();
        let (patches, longer) = self.net.decode_next(self.embed(tokens), &PastRow::gather(&pasts));
        let frames = self.description.size.patches_to_bytes(patches, b, 1)?;
        let longer = longer.into_iter().flat_map(Past::into_rows);
        let tokens = tokens.chunks_exact(tokens.len() / b);
        for ((sequence, past), tokens) in sequences.into_iter().zip(longer).zip(tokens) {
            sequence.push_read(tokens.to_vec(), past);
        }
        Ok(frames)
    }

    fn codebook(&self) -> Result<Vec<f32>, ModelError> {
        let codes = self.description.config.quantizer.size();
        host::floats(self.net.quantizer.embed(indices::<B>(0..codes as i64, &self.device)))
    }
}

impl<B: Kernels> Loaded<B, TokenizerDescription> {
    /// Embedded codes `[n, width]` of tokens `[n]`.
    fn embed(&self, tokens: &[u16]) -> Tensor<B, 2> {
        let codes = indices::<B>(tokens.iter().map(|token| i64::from(*token)), &self.device);
        self.net.quantizer.embed(codes)
    }
}

impl<B: Kernels> FrameReader for Loaded<B, TokenizerDescription> {
    type Frame = Vec<u16>;
    type Past = PastRow<B>;

    fn start(&self) -> PastRow<B> {
        PastRow::new()
    }

    fn window(&self) -> usize {
        self.description.config.frames
    }

    fn read(
        &self,
        frames: &[&Vec<u16>],
        pasts: &[&PastRow<B>],
    ) -> Result<Vec<PastRow<B>>, ModelError> {
        let tokens: Vec<u16> = frames.iter().copied().flatten().copied().collect();
        let (_, longer) = self.net.decode_next(self.embed(&tokens), &PastRow::gather(pasts));
        Ok(longer.into_iter().flat_map(Past::into_rows).collect())
    }
}
