//! Token windows as a video: the training data of a latent action model whose input is tokens.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};
use genie_model::{SourceError, TokenShape, Tokenizer, Video};

use super::token_index::{TokenBuffer, TokenIndex};
use crate::models::Chain;

/// Token windows as a video.
///
/// Each window is one clip of this video. So no training window crosses from one token window into
/// the next: each token window is encoded on its own. The windows are in the order of clips, then
/// of time. A group of clips is read when a window of it is needed.
pub struct TokenVideo {
    index: TokenIndex,
    /// For each clip of the dataset, the number of windows before it; the last entry counts all.
    ends: Vec<u32>,
    /// The bytes that represent each code, `[code, channel]`.
    pictures: Vec<u8>,
    channels: usize,
    memory: u64,
    /// The groups in memory; the one that was used last is at the end.
    read: Mutex<Vec<(u32, Arc<TokenBuffer>)>>,
}

impl TokenVideo {
    /// Finds the token windows that the latent action model of `chain` is trained on.
    ///
    /// # Errors
    /// When a shard cannot be read, or its windows do not fit the tokenizer.
    pub fn open(chain: &Chain, tokenizer: &Tokenizer) -> Result<Self> {
        let (rows, columns) = tokenizer.grid();
        let index = TokenIndex::open(chain.tokens.path(), chain.clips()?, chain.shuffle_bytes())?;
        let fits = TokenShape { frames: tokenizer.frames(), positions: rows * columns, columns };
        ensure!(
            index.shape() == fits,
            "{} has windows of {:?}, but the tokenizer makes {fits:?}: encode the clips again",
            chain.tokens.path(),
            index.shape(),
        );
        let mut ends = vec![0];
        for windows in index.windows_of_clips() {
            ends.push(ends.last().unwrap_or(&0) + u32::try_from(windows)?);
        }
        let codes: Vec<u16> = (0..u16::try_from(tokenizer.codebook_size())?).collect();
        Ok(Self {
            index,
            ends,
            pictures: tokenizer.draw_codes(&codes)?,
            channels: tokenizer.code_width(),
            memory: chain.shuffle_bytes(),
            read: Mutex::default(),
        })
    }

    /// The clip of the dataset to which a window belongs, and the window's number in it.
    fn place(&self, window: usize) -> (usize, usize) {
        let clip = self.ends.partition_point(|end| *end as usize <= window) - 1;
        (clip, window - self.ends[clip] as usize)
    }

    /// The windows of a group. One thread reads at a time.
    fn windows_of_group(&self, group: u32) -> Result<Arc<TokenBuffer>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = read.iter().position(|(number, _)| *number == group) {
            let found = read.remove(at);
            read.push(found.clone());
            return Ok(found.1);
        }
        let size = |group: &TokenBuffer| (size_of::<u16>() * group.tokens.len()) as u64;
        let bytes = self.index.windows()[group as usize] * self.index.shape().bytes();
        while !read.is_empty()
            && bytes + read.iter().map(|(_, group)| size(group)).sum::<u64>() > self.memory
        {
            read.remove(0);
        }
        let buffer = self.index.read(&[group], &AtomicBool::new(false))?;
        let codes = self.pictures.len() / self.channels;
        ensure!(
            buffer.tokens.iter().all(|token| usize::from(*token) < codes),
            "the token shards have tokens that are not among the tokenizer's {codes} codes: \
             encode the clips again"
        );
        let buffer = Arc::new(buffer);
        read.push((group, buffer.clone()));
        Ok(buffer)
    }
}

impl Video for TokenVideo {
    fn clips(&self) -> usize {
        self.ends.last().map_or(0, |end| *end as usize)
    }

    fn frames(&self, _clip: usize) -> usize {
        self.index.shape().frames
    }

    fn size(&self) -> (usize, usize) {
        let TokenShape { positions, columns, .. } = self.index.shape();
        (positions / columns, columns)
    }

    fn channels(&self) -> usize {
        self.channels
    }

    fn group(&self, clip: usize) -> (usize, u64) {
        let (clip, _) = self.place(clip);
        (self.index.group_of(clip) as usize, self.index.shape().bytes())
    }

    fn memory(&self) -> u64 {
        self.memory
    }

    fn read(
        &self,
        clip: usize,
        first: usize,
        len: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), SourceError> {
        let (clip, window) = self.place(clip);
        let group = self.windows_of_group(self.index.group_of(clip))?;
        let windows = group.windows_of(clip).ok_or("the clip has no tokens")?;
        let TokenShape { frames, positions, .. } = self.index.shape();
        let start = ((windows.start + window) * frames + first) * positions;
        for token in &group.tokens[start..][..len * positions] {
            to.extend_from_slice(
                &self.pictures[usize::from(*token) * self.channels..][..self.channels],
            );
        }
        Ok(())
    }
}
