//! The batches of token windows that the dynamics model trains on.

use std::sync::Arc;

use super::buffers::Buffers;
use super::order::{GroupSize, WindowOrder};
use super::tokens::{TokenGroups, TokenShape, TokenWindows};
use crate::error::ModelError;

/// Windows in the order of training. Groups are read as they are needed, and checked.
pub struct TokenStream {
    shape: TokenShape,
    order: WindowOrder,
    buffers: Buffers<TokenWindows>,
}

impl TokenStream {
    /// Fails if there are no windows, or if their shape is impossible.
    ///
    /// `codes` and `actions` are the numbers of different tokens and actions.
    pub fn new(
        data: Arc<dyn TokenGroups>,
        codes: usize,
        actions: usize,
        seed: u64,
    ) -> Result<Self, ModelError> {
        let shape = data.shape();
        let size = |windows| GroupSize { windows, bytes: windows * shape.bytes() };
        let windows = data.windows();
        let groups = windows.iter().copied().map(size).collect();
        let order = WindowOrder::new(groups, data.memory(), seed);
        shape.check(order.windows())?;
        let buffers = Buffers::new(Box::new(move |groups, halted| {
            let found = data.read(groups, halted).map_err(ModelError::Source)?;
            let expected: u64 = groups.iter().map(|group| windows[*group as usize]).sum();
            if (found.shape(), found.len() as u64) != (shape, expected) {
                return Err(ModelError::Data(format!(
                    "{} windows of {:?} were read, but there were {expected} of {shape:?} when \
                     training began: run it again",
                    found.len(),
                    found.shape()
                )));
            }
            found.check(codes, actions)?;
            Ok(found)
        }));
        Ok(Self { shape, order, buffers })
    }

    /// Reads the micro-batch `index` of `count` windows.
    ///
    /// # Errors
    /// If a group cannot be read, or has tokens or actions that do not exist.
    pub fn read(&self, index: usize, count: usize) -> Result<TokenWindows, ModelError> {
        let mut batch = self.shape.empty();
        for run in self.order.batch(index, count) {
            self.buffers.with(&run.groups, |buffer| {
                for window in &run.windows {
                    batch.push(buffer, *window);
                }
            })?;
            if let Some(next) = &run.next {
                self.buffers.read_ahead(&run.groups, next);
            }
        }
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::AtomicBool;
    use std::thread::scope;

    use super::*;
    use crate::data::SourceError;

    const SHAPE: TokenShape = TokenShape { frames: 3, positions: 4, columns: 2 };
    const BATCH: usize = 4;

    /// Groups of windows. All tokens of a window are its number.
    struct Numbered {
        windows: Vec<u64>,
        memory: u64,
        /// Number of windows that a read loses.
        lost: usize,
    }

    impl TokenGroups for Numbered {
        fn shape(&self) -> TokenShape {
            SHAPE
        }

        fn windows(&self) -> Vec<u64> {
            self.windows.clone()
        }

        fn memory(&self) -> u64 {
            self.memory
        }

        fn read(&self, groups: &[u32], _: &AtomicBool) -> Result<TokenWindows, SourceError> {
            let first = |group: u32| self.windows[..group as usize].iter().sum::<u64>();
            let numbers = groups.iter().flat_map(|group| first(*group)..first(*group + 1));
            let mut read = SHAPE.empty();
            for number in numbers.skip(self.lost) {
                read.tokens.extend([number as u16; 12]);
                read.actions.extend([(number % 5) as u8; 2]);
            }
            Ok(read)
        }
    }

    /// About ten groups; about two of them fit into each of two buffers.
    fn stream(lost: usize) -> TokenStream {
        let windows = vec![9, 4, 11, 7, 8, 1, 6, 10, 3, 8];
        let data = Numbered { windows, memory: 40 * SHAPE.bytes(), lost };
        TokenStream::new(Arc::new(data), 67, 5, 1).unwrap()
    }

    fn numbers(stream: &TokenStream, index: usize) -> Vec<u16> {
        let batch = stream.read(index, BATCH).unwrap();
        let tokens = batch.tokens.chunks_exact(SHAPE.tokens());
        tokens
            .zip(batch.actions.chunks_exact(SHAPE.actions()))
            .map(|(tokens, actions)| {
                assert!(tokens.iter().all(|token| *token == tokens[0]));
                assert_eq!(actions, [(tokens[0] % 5) as u8; 2], "actions of another window");
                tokens[0]
            })
            .collect()
    }

    /// Catches: batches depend on the number of threads, or on where a run resumes (in a buffer, at
    /// its border, at an epoch's end); an epoch skips a window or has it twice.
    #[test]
    fn batches_depend_on_their_number_alone() {
        let one = stream(0);
        let all: Vec<Vec<u16>> = (0..67).map(|index| numbers(&one, index)).collect();
        for epoch in all.concat().chunks_exact(67) {
            assert!(epoch.iter().copied().collect::<BTreeSet<_>>().into_iter().eq(0..67));
        }
        for first in 0..66 {
            let resumed = stream(0);
            let found: Vec<_> = (first..first + 2).map(|index| numbers(&resumed, index)).collect();
            assert_eq!(found, all[first..first + 2], "resumed at batch {first}");
        }
        let shared = stream(0);
        scope(|scope| {
            for thread in 0..8 {
                let (shared, all) = (&shared, &all);
                scope.spawn(move || {
                    for index in (thread..67).step_by(8) {
                        assert_eq!(numbers(shared, index), all[index], "thread {thread}");
                    }
                });
            }
        });
    }

    /// Catches: a group that has changed since the run began causes a panic, or its windows are
    /// taken for others; tokens of another codebook are trained on.
    #[test]
    fn what_is_read_is_checked() {
        let error = stream(1).read(0, BATCH).unwrap_err().to_string();
        assert!(error.contains("when training began"), "{error}");
        for (codes, actions, what) in [(66, 5, "token 66"), (67, 4, "action 4")] {
            let data = Numbered { windows: vec![67], memory: 0, lost: 0 };
            let stream = TokenStream::new(Arc::new(data), codes, actions, 1).unwrap();
            let error = stream.read(0, BATCH).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        let none = Numbered { windows: vec![0, 0], memory: 0, lost: 0 };
        assert!(TokenStream::new(Arc::new(none), 67, 5, 1).is_err());
    }
}
