//! A sequence that a model reads frame by frame, beyond the length of its window.
//!
//! A model sees at most a window of frames. When the window is full, the older half is dropped and
//! the model goes on from the later half, as if the sequence had begun there. So what a model sees
//! depends on the frames alone, not on when they were read, and a sequence can be restored exactly.
//!
//! Reading the later half again takes as long as several frames. So [`Sequence::steady`] sequences
//! read it ahead: each frame of the later half is read twice, in one batch.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::error::ModelError;

/// A model that reads one frame after the other.
pub trait FrameReader {
    /// A frame, and what leads to it.
    type Frame;
    /// What a model remembers of the frames that it has read.
    type Past: Send + Sync + 'static;

    /// What it remembers before the first frame.
    fn start(&self) -> Self::Past;

    /// The most frames that the model can see together.
    fn window(&self) -> usize;

    /// Reads one frame of each sequence, after its past.
    fn read(
        &self,
        frames: &[&Self::Frame],
        pasts: &[&Self::Past],
    ) -> Result<Vec<Self::Past>, ModelError>;
}

/// The frames of a sequence that the model sees, and what it remembers of them.
///
/// The memory of a clone is shared. It is lost if another model reads the sequence.
#[derive(Debug)]
pub struct Sequence<F> {
    /// Number of frames since the start.
    len: usize,
    /// The frames in the window. The last `len` frames, at most a window.
    seen: VecDeque<Arc<F>>,
    memory: Memory,
    /// What the model will remember when the window is full. It begins with the later half.
    ahead: Option<Memory>,
}

impl<F> Clone for Sequence<F> {
    fn clone(&self) -> Self {
        let Self { len, seen, memory, ahead } = self;
        Self { len: *len, seen: seen.clone(), memory: memory.clone(), ahead: ahead.clone() }
    }
}

/// What a model remembers after some frames.
#[derive(Clone, Debug, Default)]
struct Memory {
    frames: usize,
    /// The reader's `Past`. Nothing before the first frame.
    past: Option<Arc<dyn Any + Send + Sync>>,
}

impl<F> Sequence<F> {
    /// A sequence without frames.
    pub fn new() -> Self {
        Self { len: 0, seen: VecDeque::new(), memory: Memory::default(), ahead: None }
    }

    /// A sequence without frames of which every step takes about equally long.
    pub fn steady() -> Self {
        Self { ahead: Some(Memory::default()), ..Self::new() }
    }

    /// Number of frames since the start.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The frames that the model sees, oldest first.
    pub fn seen(&self) -> impl DoubleEndedIterator<Item = &F> {
        self.seen.iter().map(Arc::as_ref)
    }

    /// Appends a frame. The model reads it when it next catches up.
    pub fn push(&mut self, frame: F) {
        self.seen.push_back(Arc::new(frame));
        self.len += 1;
    }

    /// Appends a frame of which the model's memory is known.
    pub fn push_read<P: Send + Sync + 'static>(&mut self, frame: F, past: P) {
        self.push(frame);
        self.memory = Memory { frames: self.seen.len(), past: Some(Arc::new(past)) };
    }

    /// The same frames without the model's memory of them, which can be large.
    pub fn without_memory(&self) -> Self {
        Self {
            len: self.len,
            seen: self.seen.clone(),
            memory: Memory::default(),
            ahead: self.ahead.as_ref().map(|_| Memory::default()),
        }
    }

    /// What `reader` remembers of all frames; [`catch_up`] comes first.
    pub fn past<P: 'static>(&self) -> Option<&P> {
        self.memory.past.as_ref()?.downcast_ref()
    }

    /// Drops the older half of a full window.
    fn slide(&mut self, window: usize) {
        while self.seen.len() >= window.max(1) {
            self.seen.drain(..dropped(window));
            self.memory = self.ahead.as_mut().map(std::mem::take).unwrap_or_default();
        }
    }

    /// Forgets what another model remembers.
    fn claim<R: FrameReader<Frame = F>>(&mut self, reader: &R) {
        for memory in std::iter::once(&mut self.memory).chain(&mut self.ahead) {
            if !memory.past.as_ref().is_some_and(|past| past.is::<R::Past>()) {
                *memory = Memory { frames: 0, past: Some(Arc::new(reader.start())) };
            }
        }
    }

    /// The memories, with the number of frames before the first that each has read.
    fn memories(&mut self, window: usize) -> impl Iterator<Item = (usize, &mut Memory)> {
        let ahead = self.ahead.as_mut().map(|ahead| (dropped(window), ahead));
        std::iter::once((0, &mut self.memory)).chain(ahead)
    }
}

/// Number of frames that leave a full window: what is left is at most half of it.
fn dropped(window: usize) -> usize {
    window - window / 2
}

/// Slides full windows, and lets the reader read all frames so far.
///
/// Frames of different sequences are read in one batch. Fails if the reader fails; the sequences
/// then keep their frames.
pub fn catch_up<R: FrameReader>(
    reader: &R,
    sequences: &mut [&mut Sequence<R::Frame>],
) -> Result<(), ModelError> {
    let window = reader.window();
    for sequence in &mut *sequences {
        sequence.slide(window);
        sequence.claim(reader);
    }
    loop {
        let mut jobs = Vec::new();
        for sequence in &mut *sequences {
            let seen = sequence.seen.clone();
            for (first, memory) in sequence.memories(window) {
                jobs.extend(seen.get(first + memory.frames).cloned().map(|frame| (frame, memory)));
            }
        }
        if jobs.is_empty() {
            return Ok(());
        }
        // Neighbours of equal length share a batch.
        jobs.sort_by_key(|(_, memory)| memory.frames);
        let pasts: Vec<Arc<dyn Any + Send + Sync>> =
            jobs.iter().filter_map(|(_, memory)| memory.past.clone()).collect();
        let pasts: Vec<&R::Past> = pasts.iter().filter_map(|past| past.downcast_ref()).collect();
        let frames: Vec<&R::Frame> = jobs.iter().map(|(frame, _)| frame.as_ref()).collect();
        let longer = reader.read(&frames, &pasts)?;
        for ((_, memory), past) in jobs.iter_mut().zip(longer) {
            memory.frames += 1;
            memory.past = Some(Arc::new(past));
        }
    }
}

#[cfg(test)]
mod tests;
