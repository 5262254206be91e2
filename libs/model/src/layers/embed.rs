//! Frames to patch rows and back, and learned positions, apart for space and time [Genie §2.1].

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::Grid;

/// Frames `[b, t, h, w, c]` as non-overlapping patches: rows `[b*t*(h/p)*(w/p), p*p*c]`.
pub fn patchify<B: Backend>(frames: Tensor<B, 5>, patch: usize) -> Tensor<B, 2> {
    let [b, t, h, w, c] = frames.dims();
    let (rows, columns) = (h / patch, w / patch);
    frames
        .reshape([b * t, rows, patch, columns, patch * c])
        .swap_dims(2, 3)
        .reshape([b * t * rows * columns, patch * patch * c])
}

/// The inverse of [`patchify`] for frames of height `h` and width `w` with three channels.
pub fn unpatchify<B: Backend>(
    rows: Tensor<B, 2>,
    b: usize,
    t: usize,
    h: usize,
    w: usize,
    patch: usize,
) -> Tensor<B, 5> {
    rows.reshape([b * t, h / patch, w / patch, patch, patch * 3]).swap_dims(2, 3).reshape([b, t, h, w, 3])
}

/// Learned embeddings of position and of frame, added once at the start of a stack.
#[derive(Module, Debug)]
pub struct Positions<B: Backend> {
    space: Param<Tensor<B, 2>>,
    time: Param<Tensor<B, 2>>,
}

impl<B: Backend> Positions<B> {
    /// For up to `t` frames of `s` positions.
    pub fn new(t: usize, s: usize, d: usize, device: &B::Device) -> Self {
        let small = Initializer::Normal { mean: 0.0, std: 0.02 };
        Self { space: small.init([s, d], device), time: small.init([t, d], device) }
    }

    /// Adds positions to rows `[b*t*s, d]` whose first frame is frame `first` of the window.
    pub fn add(&self, rows: Tensor<B, 2>, grid: Grid, first: usize) -> Tensor<B, 2> {
        let d = rows.dims()[1];
        let space = self.space.val().reshape([1, grid.s, d]);
        let time = self.time.val().narrow(0, first, grid.t).reshape([grid.t, 1, d]);
        let both = (space + time).reshape([1, grid.t * grid.s, d]);
        (rows.reshape([grid.b, grid.t * grid.s, d]) + both).reshape([grid.rows(), d])
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::{Int, Tensor};

    use super::*;

    /// Catches: a patch whose rows and columns are swapped, which trains but blurs.
    #[test]
    fn patches_hold_squares_and_come_back() {
        let device = burn::backend::flex::FlexDevice;
        let frames = Tensor::<Flex, 1, Int>::arange(0..2 * 8 * 4 * 3, &device).float().reshape([1, 2, 8, 4, 3]);
        let patches = patchify(frames.clone(), 4);
        assert_eq!(patches.dims(), [4, 48]);
        let second = patches.clone().slice([1..2, 0..3]).into_data().to_vec::<f32>().unwrap();
        assert_eq!(second, [48.0, 49.0, 50.0], "the second patch begins at row 4");
        unpatchify(patches, 1, 2, 8, 4, 4).into_data().assert_eq(&frames.into_data(), true);
    }
}
