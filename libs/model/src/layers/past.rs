//! Cached keys and values of the frames that a stack has read, so that it computes only the next.
//!
//! Sequences of different lengths can share a step. Sequences of equal length lie in one [`Past`];
//! a [`PastRow`] is one of them. Rows that stay together from step to step are not copied.

use std::sync::Arc;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

/// The cache of some sequences of equal length.
#[derive(Clone, Debug)]
pub struct Past<B: Backend> {
    /// Number of sequences.
    batch: usize,
    /// Number of cached frames.
    frames: usize,
    /// Packed rows `[batch, frames, s*3*inner]` of each temporal attention; none before frame 0.
    blocks: Vec<Tensor<B, 3>>,
}

impl<B: Backend> Past<B> {
    /// A cache without frames for `batch` sequences.
    pub fn new(batch: usize) -> Self {
        Self { batch, frames: 0, blocks: Vec::new() }
    }

    /// Number of sequences.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Number of cached frames.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// The packed rows of a block: those that are cached, then `next` `[batch, 1, s*3*inner]`.
    pub(super) fn followed_by(&self, block: usize, next: Tensor<B, 3>) -> Tensor<B, 3> {
        match self.blocks.get(block) {
            Some(before) => Tensor::cat(vec![before.clone(), next], 1),
            None => next,
        }
    }

    /// The cache of one more frame. The caller then pushes the packed rows of every block.
    pub(super) fn longer(&self) -> Self {
        let blocks = Vec::with_capacity(self.blocks.len());
        Self { batch: self.batch, frames: self.frames + 1, blocks }
    }

    pub(super) fn push(&mut self, block: Tensor<B, 3>) {
        self.blocks.push(block);
    }

    /// Number of cached frames of each sequence of some caches.
    pub fn frames_of_each(pasts: &[Arc<Self>]) -> Vec<usize> {
        pasts.iter().flat_map(|past| std::iter::repeat_n(past.frames, past.batch)).collect()
    }

    /// The sequences as rows that share this cache.
    pub fn into_rows(self) -> impl Iterator<Item = PastRow<B>> {
        let shared = Arc::new(self);
        (0..shared.batch).map(move |row| PastRow { shared: shared.clone(), row })
    }
}

/// The cache of one sequence: a row of a cache that it shares with others.
#[derive(Clone, Debug)]
pub struct PastRow<B: Backend> {
    shared: Arc<Past<B>>,
    row: usize,
}

impl<B: Backend> PastRow<B> {
    /// A cache without frames.
    pub fn new() -> Self {
        Self { shared: Arc::new(Past::new(1)), row: 0 }
    }

    /// Number of cached frames.
    pub fn frames(&self) -> usize {
        self.shared.frames
    }

    /// Joins neighbouring rows of equal length to one cache each.
    pub fn gather(rows: &[&Self]) -> Vec<Arc<Past<B>>> {
        rows.chunk_by(|a, b| a.frames() == b.frames()).map(Self::join).collect()
    }

    fn join(rows: &[&Self]) -> Arc<Past<B>> {
        let shared = &rows[0].shared;
        let whole = shared.batch == rows.len()
            && rows.iter().enumerate().all(|(i, row)| row.row == i && same(&row.shared, shared));
        if whole {
            return shared.clone();
        }
        let block = |block: usize| {
            let row = |row: &&Self| row.shared.blocks[block].clone().narrow(0, row.row, 1);
            Tensor::cat(rows.iter().map(row).collect(), 0)
        };
        let blocks = (0..shared.blocks.len()).map(block).collect();
        Arc::new(Past { batch: rows.len(), frames: shared.frames, blocks })
    }
}

fn same<T>(a: &Arc<T>, b: &Arc<T>) -> bool {
    Arc::ptr_eq(a, b)
}
