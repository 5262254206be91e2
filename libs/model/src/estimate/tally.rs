//! The costs of layers, added up in the order of a forward pass.

use crate::Precision;
use crate::kernels::Axis;
use crate::layers::{
    ConvolutionsConfig, Grid, NEIGHBOURHOOD, QuantizerConfig, QuantizerKind, StackConfig,
};
use crate::train::TrainConfig;

/// Bytes of a value of 32 bits.
pub const VALUE: u64 = 4;

/// Sums over a forward pass.
#[derive(Clone, Copy, Debug)]
pub struct CostTally {
    /// Values of all parameters.
    pub parameters: u64,
    /// Values of the matrices of the transformers' blocks.
    ///
    /// Muon updates them, and devices can divide them.
    pub matrices: u64,
    /// Floating-point operations of matrix products.
    pub flops: f64,
    /// Those of the blocks that run again in the backward pass.
    pub flops_again: f64,
    /// Bytes of the rounded copies of the matrices of linear layers; 0 in f32.
    ///
    /// Of the blocks that run again, only one has rounded copies at a time.
    pub rounded: u64,
    /// Bytes of the matrices of the largest block that runs again, as products use them.
    pub block: u64,
    /// Bytes that the forward pass keeps for the backward pass.
    pub kept: u64,
    /// Most bytes in use while a block runs again: kept ones, and those of the block.
    pub again: u64,
    /// Bytes of the largest gradient of the backward pass, together with its input.
    ///
    /// Blocks that run again do not count: [`CostTally::again`] contains theirs.
    pub widest: u64,
    /// Whether blocks run again in the backward pass.
    recompute: bool,
    /// Precision of the factors of matrix products.
    precision: Precision,
}

impl CostTally {
    /// A tally of a model without layers.
    pub fn new(train: &TrainConfig) -> Self {
        Self {
            parameters: 0,
            matrices: 0,
            flops: 0.0,
            flops_again: 0.0,
            rounded: 0,
            block: 0,
            kept: 0,
            again: 0,
            widest: 0,
            recompute: train.recompute,
            precision: train.precision,
        }
    }

    /// Bytes of a value that is a factor of matrix products.
    pub fn factor(&self) -> u64 {
        match self.precision {
            Precision::F32 => VALUE,
            Precision::Bf16 => VALUE / 2,
        }
    }

    fn keep(&mut self, rows: usize, width: usize, bytes: u64) {
        let values = rows as u64 * width as u64;
        self.kept += bytes * values;
        self.widest = self.widest.max(2 * VALUE * values);
    }

    /// A learned table.
    pub fn table(&mut self, rows: usize, width: usize) {
        self.parameters += rows as u64 * width as u64;
    }

    /// A linear layer over `rows` rows. It keeps its input in the precision of its product.
    pub fn linear(&mut self, rows: usize, inputs: usize, outputs: usize) {
        let factor = self.factor();
        if self.precision == Precision::Bf16 {
            self.rounded += factor * inputs as u64 * outputs as u64;
        }
        self.table(inputs, outputs);
        self.table(1, outputs);
        self.flops += 2.0 * rows as f64 * inputs as f64 * outputs as f64;
        self.keep(rows, inputs, factor);
    }

    /// A layer norm. It keeps its input.
    pub fn norm(&mut self, rows: usize, width: usize) {
        self.table(2, width);
        self.keep(rows, width, VALUE);
    }

    /// An operation that keeps `width` values per row: GELU, a softmax, a loss.
    pub fn pointwise(&mut self, rows: usize, width: usize) {
        self.keep(rows, width, VALUE);
    }

    /// The positions of a stack. Adding them keeps nothing.
    pub fn positions(&mut self, stack: &StackConfig, frames: usize, positions: usize) {
        self.table(positions, stack.d);
        self.table(if stack.temporal { frames } else { 1 }, stack.d);
    }

    fn attention(&mut self, stack: &StackConfig, grid: Grid, axis: Axis) {
        let (rows, d, inner) = (grid.rows(), stack.d, stack.inner());
        self.norm(rows, d);
        self.linear(rows, d, 3 * inner);
        if stack.qk_norm {
            for _ in ["queries", "keys"] {
                self.table(2, stack.head_width());
                self.keep(rows, inner, VALUE);
            }
        }
        // The kernel keeps queries, keys and values, and computes the attention weights again.
        self.keep(rows, 3 * inner, VALUE);
        let seen = match axis {
            Axis::Space => grid.s,
            Axis::Time => grid.t,
        };
        self.flops += 4.0 * rows as f64 * seen as f64 * inner as f64;
        self.linear(rows, inner, d);
        self.matrices += (d * 4 * inner) as u64;
    }

    /// A stack of blocks over `grid`.
    pub fn stack(&mut self, stack: &StackConfig, grid: Grid) {
        let mut inside = 0;
        for _ in 0..stack.layers {
            let before = *self;
            if self.recompute {
                self.widest = 0;
            }
            self.block(stack, grid);
            if self.recompute {
                // The gradients of the block's matrices are as large as the matrices.
                let block = self.factor() * (self.matrices - before.matrices);
                let rounded = self.rounded - before.rounded;
                inside = self.kept - before.kept + self.widest + rounded + block;
                (self.kept, self.widest) = (before.kept, before.widest);
                (self.rounded, self.block) = (before.rounded, self.block.max(block));
                self.flops_again += self.flops - before.flops;
                self.keep(grid.rows(), stack.d, VALUE);
            }
        }
        // The last block runs again first, while the inputs of all blocks are kept.
        self.again = self.again.max(self.kept + inside);
        self.norm(grid.rows(), stack.d);
    }

    fn block(&mut self, stack: &StackConfig, grid: Grid) {
        let (rows, d, hidden) = (grid.rows(), stack.d, stack.d * stack.ffn_mult);
        self.attention(stack, grid, Axis::Space);
        if stack.temporal {
            self.attention(stack, grid, Axis::Time);
        }
        self.norm(rows, d);
        self.linear(rows, d, hidden);
        self.pointwise(rows, hidden);
        self.linear(rows, hidden, d);
        self.matrices += 2 * (d * hidden) as u64;
    }

    /// Convolutions over `pictures` pictures of `(height, width)` pixels with `channels` values.
    pub fn convolutions(
        &mut self,
        config: &ConvolutionsConfig,
        pictures: usize,
        (mut height, mut width): (usize, usize),
        channels: usize,
    ) {
        let inputs = std::iter::once(&channels).chain(&config.channels);
        for (index, ((inputs, outputs), stride)) in
            inputs.zip(&config.channels).zip(&config.strides).enumerate()
        {
            (height, width) = (height.div_ceil(*stride), width.div_ceil(*stride));
            let places = pictures * height * width;
            self.linear(places, NEIGHBOURHOOD * inputs, *outputs);
            if index + 1 < config.channels.len() {
                self.pointwise(places, *outputs);
            }
        }
    }

    /// A quantizer of `rows` vectors of width `d`.
    pub fn quantizer(&mut self, quantizer: &QuantizerConfig, rows: usize, d: usize) {
        let (width, codes) = (quantizer.width(), quantizer.size());
        self.linear(rows, d, width);
        if quantizer.centre {
            self.table(1, width);
        }
        if quantizer.kind == QuantizerKind::Vq {
            self.table(codes, width);
            self.flops += 2.0 * rows as f64 * width as f64 * codes as f64;
            // The distances to all codes are not kept.
            self.widest = self.widest.max(2 * VALUE * (rows * codes) as u64);
        }
        if quantizer.usage != 0.0 {
            self.pointwise(rows, codes);
        }
        self.keep(rows, 2 * width, VALUE);
    }
}
