//! Buffers of zeros that all threads write.

use rayon::prelude::*;

/// Number of values of a run of [`zeros`], and of such runs that one task writes at least.
const RUN: usize = 16;
const RUNS: usize = 1 << 12;

/// `len` zeros.
///
/// All threads write them. One thread would keep the others waiting for the pages of a large
/// buffer.
pub fn zeros(len: usize) -> Vec<f32> {
    let runs = (0..len.div_ceil(RUN)).into_par_iter().with_min_len(RUNS);
    let mut zeros = runs.map(|_| [0.0; RUN]).collect::<Vec<_>>().into_flattened();
    zeros.truncate(len);
    zeros
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a buffer has the length of whole runs.
    #[test]
    fn a_buffer_has_its_length() {
        for len in [0, 1, 15, 16, 17, 100_001] {
            assert_eq!(zeros(len), vec![0.0; len]);
        }
    }
}
