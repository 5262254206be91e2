//! Random frames, tokens and actions, with the sizes of a config.

use genie_model::{FrameSize, RGB, SourceError, TokenWindows, TokenizerConfig, Video};

/// Clips of random pixels in memory.
pub struct Noise {
    pub height: usize,
    pub width: usize,
    /// Frames of each clip.
    pub frames: usize,
    pub clips: usize,
}

/// The `index`-th number of a fixed random sequence (`SplitMix64`).
fn number(index: u64) -> u64 {
    let mut x = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The `index`-th number below `bound`.
fn below(index: usize, bound: usize) -> usize {
    usize::try_from(number(index as u64) % bound as u64).unwrap_or_default()
}

impl Video for Noise {
    fn clips(&self) -> usize {
        self.clips
    }

    fn frames(&self, _clip: usize) -> usize {
        self.frames
    }

    fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    fn read(
        &self,
        clip: usize,
        first: usize,
        len: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), SourceError> {
        let frame = self.height * self.width * RGB;
        let start = (clip * self.frames + first) * frame;
        to.extend(
            (start..start + len * frame)
                .flat_map(|index| number(index as u64).to_le_bytes().into_iter().take(1)),
        );
        Ok(())
    }
}

/// Random windows in the form that a tokenizer and a latent action model write.
pub fn windows(
    tokenizer: &TokenizerConfig,
    actions: usize,
    (height, width): (usize, usize),
) -> TokenWindows {
    const WINDOWS: usize = 64;
    let size = FrameSize { height, width, patch: tokenizer.patch, channels: RGB };
    let (frames, positions) = (tokenizer.frames, size.positions());
    let codes = tokenizer.quantizer.size();
    let narrow = |value: usize| u16::try_from(value).unwrap_or_default();
    TokenWindows {
        frames,
        positions,
        columns: size.patches().1,
        tokens: (0..WINDOWS * frames * positions)
            .map(|index| narrow(below(index, codes)))
            .collect(),
        actions: (0..WINDOWS * (frames - 1))
            .map(|index| narrow(below(index, actions)).to_le_bytes()[0])
            .collect(),
    }
}
