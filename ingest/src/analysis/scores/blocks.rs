//! Change of each block of the picture between frames, in full colour at the clip's own size.

use crate::analysis::plane::{edge, ratio};

/// Blocks along each side of the picture.
const SIDE: usize = 8;

/// A frame is a repeat if every block changes by less than this on average, in levels of 255.
const STILL: f32 = 2.0;

/// Sums of absolute differences of the bytes of each block, row-major, over pairs of frames.
pub(super) struct BlockChanges {
    sums: [u64; SIDE * SIDE],
    pairs: u64,
    width: usize,
    height: usize,
}

impl BlockChanges {
    /// Creates the sums without any pair.
    pub fn new(width: usize, height: usize) -> Self {
        Self { sums: [0; SIDE * SIDE], pairs: 0, width, height }
    }

    /// Adds a pair of RGB frames `[height, width, 3]`.
    ///
    /// Returns whether the second frame only repeats the first.
    pub fn add(&mut self, before: &[u8], now: &[u8]) -> bool {
        let mut is_repeat = true;
        for band in 0..SIDE {
            let sums = self.band(band, before, now);
            is_repeat &= self.is_still(band, &sums);
            for (total, sum) in self.sums[band * SIDE..].iter_mut().zip(sums) {
                *total += sum;
            }
        }
        self.pairs += 1;
        is_repeat
    }

    /// Returns the blocks that differ between two frames, one bit for each.
    ///
    /// If more than `most` differ, some of them are missing in the result.
    pub fn moved(&self, before: &[u8], now: &[u8], most: u32) -> u64 {
        let mut moved = 0_u64;
        for band in 0..SIDE {
            let sums = self.band(band, before, now);
            for (block, sum) in (band * SIDE..).zip(sums) {
                moved |= u64::from(ratio(sum, self.bytes(block)) >= STILL) << block;
            }
            if moved.count_ones() > most {
                break;
            }
        }
        moved
    }

    /// Returns the sums of the blocks of one band, over one pair of frames.
    fn band(&self, band: usize, before: &[u8], now: &[u8]) -> [u64; SIDE] {
        let line = self.width * 3;
        let mut columns = vec![0_u32; line];
        let bytes = edge(self.height, SIDE, band) * line..edge(self.height, SIDE, band + 1) * line;
        let (before, now) = (&before[bytes.clone()], &now[bytes]);
        for (before, now) in before.chunks_exact(line.max(1)).zip(now.chunks_exact(line.max(1))) {
            for ((sum, &a), &b) in columns.iter_mut().zip(before).zip(now) {
                *sum += u32::from(a.abs_diff(b));
            }
        }
        std::array::from_fn(|column| {
            let bytes = edge(self.width, SIDE, column) * 3..edge(self.width, SIDE, column + 1) * 3;
            columns[bytes].iter().map(|&sum| u64::from(sum)).sum()
        })
    }

    /// Returns whether no block of a band changes by [`STILL`] or more on average.
    fn is_still(&self, band: usize, sums: &[u64; SIDE]) -> bool {
        let blocks = (band * SIDE..).zip(sums);
        blocks.map(|(block, &sum)| ratio(sum, self.bytes(block))).all(|change| change < STILL)
    }

    /// Returns the mean absolute difference over the picture, 0 to 1.
    pub fn mean(&self) -> f32 {
        ratio(self.sums.iter().sum(), self.pairs * (self.width * self.height * 3 * 255) as u64)
    }

    /// Returns the mean absolute difference of the block that changes most, 0 to 1.
    pub fn largest(&self) -> f32 {
        (0..SIDE * SIDE)
            .map(|i| ratio(self.sums[i], self.pairs * self.bytes(i) * 255))
            .fold(0.0, f32::max)
    }

    fn bytes(&self, block: usize) -> u64 {
        let side = |length, i| edge(length, SIDE, i + 1) - edge(length, SIDE, i);
        (side(self.height, block / SIDE) * side(self.width, block % SIDE) * 3) as u64
    }
}
