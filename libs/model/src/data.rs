//! What models train on, seen from inside: this crate knows neither shards nor catalogs. The stages implement these traits
//! over the shards.

use crate::ModelError;
use crate::frames::RGB;
use crate::shuffle::Shuffle;

/// An error of a data source.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Clips to train on, all of one size.
pub trait Video: Sync {
    /// The number of clips.
    fn clips(&self) -> usize;

    /// Frames of a clip.
    fn frames(&self, clip: usize) -> usize;

    /// Height and width of every frame in pixels.
    fn size(&self) -> (usize, usize);

    /// Values a pixel: 3 for RGB.
    fn channels(&self) -> usize {
        RGB
    }

    /// Appends `len` frames of a clip from frame `first` on to `to`, as bytes `[len, h, w, channels]`.
    ///
    /// # Errors
    /// Whatever the storage reports.
    fn read(
        &self,
        clip: usize,
        first: usize,
        len: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), SourceError>;
}

/// All windows of `len` frames of all clips, wherever they begin, in a shuffled order.
pub(crate) struct Windows<'a> {
    video: &'a dyn Video,
    len: usize,
    /// Clips long enough, with the number of windows up to and including them.
    ends: Vec<(usize, usize)>,
}

impl<'a> Windows<'a> {
    /// # Errors
    /// If no clip is long enough.
    pub fn new(video: &'a dyn Video, len: usize) -> Result<Self, ModelError> {
        let mut total = 0;
        let ends: Vec<_> = (0..video.clips())
            .filter(|clip| video.frames(*clip) >= len)
            .map(|clip| {
                total += video.frames(clip) - len + 1;
                (clip, total)
            })
            .collect();
        if ends.is_empty() {
            return Err(ModelError::Data(format!(
                "none of the {} training clips has {len} frames: ingest more or longer videos, or lower [ingest] min_frames",
                video.clips()
            )));
        }
        Ok(Self { video, len, ends })
    }

    /// The `count` windows of part `part` in the seed's order, `[count, len, h, w, channels]`.
    pub fn part(&self, part: usize, count: usize, seed: u64) -> Result<Vec<u8>, ModelError> {
        let (h, w) = self.video.size();
        let mut bytes = Vec::with_capacity(count * self.len * h * w * self.video.channels());
        let all = self.ends.last().map_or(1, |(_, end)| *end);
        for pick in Shuffle::new(all, seed).part(part, count) {
            let at = self.ends.partition_point(|(_, end)| *end <= pick);
            let before = if at == 0 { 0 } else { self.ends[at - 1].1 };
            self.video
                .read(self.ends[at].0, pick - before, self.len, &mut bytes)
                .map_err(ModelError::Source)?;
        }
        Ok(bytes)
    }
}

/// Token windows with their actions, as the dynamics model trains on them.
#[derive(Clone, Debug, Default)]
pub struct TokenWindows {
    /// Frames a window.
    pub frames: usize,
    /// Tokens a frame.
    pub positions: usize,
    /// Tokens a row of a frame.
    pub columns: usize,
    /// `[n, frames, positions]`.
    pub tokens: Vec<u16>,
    /// `[n, frames - 1]`: entry t leads from frame t to frame t+1.
    pub actions: Vec<u8>,
}

impl TokenWindows {
    /// The number of windows.
    pub fn len(&self) -> usize {
        self.actions.len() / (self.frames - 1).max(1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn check(&self, codes: usize, actions: usize) -> Result<(), ModelError> {
        let wrong = |what: String| Err(ModelError::Data(what));
        if self.frames < 2 || self.is_empty() {
            return wrong(
                "there are no token windows to train on: run `genie-tokenize encode` and `genie-train label` first"
                    .into(),
            );
        }
        if self.columns == 0 || !self.positions.is_multiple_of(self.columns) {
            return wrong(format!(
                "{} tokens a frame are not rows of {}",
                self.positions, self.columns
            ));
        }
        let (windows, steps) = (self.len(), self.frames - 1);
        if self.tokens.len() != windows * self.frames * self.positions
            || self.actions.len() != windows * steps
        {
            let (tokens, actions) = (self.tokens.len(), self.actions.len());
            return wrong(format!(
                "{windows} windows do not have {tokens} tokens and {actions} actions"
            ));
        }
        if let Some(token) = self.tokens.iter().find(|token| usize::from(**token) >= codes) {
            return wrong(format!(
                "token {token} is not below the tokenizer's {codes} codes: the token shards are of another tokenizer"
            ));
        }
        if let Some(action) = self.actions.iter().find(|action| usize::from(**action) >= actions) {
            return wrong(format!(
                "action {action} is not below {actions}: the labels are of another latent action model"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::Clips;

    /// Catches: a window that runs over the end of a clip into the next, and windows (the first and the last of a clip
    /// above all) that an epoch leaves out or sees twice, where parts run on over its end.
    #[test]
    fn an_epoch_sees_every_window_of_every_clip_once_and_none_crosses_a_clip() {
        // Every frame is one pixel that says which clip and frame it is.
        let clip = |(clip, frames)| (0..frames).flat_map(|frame| [clip, frame, 0]).collect();
        let video =
            Clips { size: (1, 1), clips: [(0, 5), (1, 2), (2, 3), (3, 7)].map(clip).to_vec() };
        let windows = Windows::new(&video, 3).unwrap();
        // Nine windows in parts of four: four epochs are nine parts.
        let parts: Vec<Vec<u8>> = (0..9).map(|part| windows.part(part, 4, 1).unwrap()).collect();
        let mut counts = BTreeMap::new();
        for window in parts.iter().flat_map(|part| part.chunks_exact(9)).take(9) {
            let (clip, first) = (window[0], window[1]);
            assert_eq!(window, [clip, first, 0, clip, first + 1, 0, clip, first + 2, 0]);
            *counts.entry((clip, first)).or_insert(0) += 1;
        }
        let all: Vec<(u8, u8)> = counts.keys().copied().collect();
        assert_eq!(all, [(0, 0), (0, 1), (0, 2), (2, 0), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4)]);
        assert!(counts.values().all(|count| *count == 1), "{counts:?}");
        let epochs: Vec<Vec<u8>> = parts.concat().chunks_exact(9 * 9).map(<[u8]>::to_vec).collect();
        assert_eq!(epochs.len(), 4);
        for (number, epoch) in epochs.iter().enumerate() {
            let mut seen: Vec<&[u8]> = epoch.chunks_exact(9).collect();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 9, "epoch {number}");
            assert!(
                number == 0 || *epoch != epochs[number - 1],
                "epoch {number} is as the one before"
            );
        }
        assert!(Windows::new(&video, 8).is_err(), "no clip is that long");
    }
}
