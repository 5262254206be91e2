//! Frames to rows of patches and back [Genie §2.1].

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

/// Cuts frames `[b, t, h, w, c]` into non-overlapping patches `[b*t*(h/p)*(w/p), p*p*c]`.
pub fn patchify<B: Backend>(frames: Tensor<B, 5>, patch: usize) -> Tensor<B, 2> {
    let [b, t, h, w, c] = frames.dims();
    let (rows, columns) = (h / patch, w / patch);
    frames
        .reshape([b * t, rows, patch, columns, patch * c])
        .swap_dims(2, 3)
        .reshape([b * t * rows * columns, patch * patch * c])
}

/// Puts patches together again, as the inverse of [`patchify`], to frames `[b, t, h, w, c]`.
pub fn unpatchify<B: Backend>(
    rows: Tensor<B, 2>,
    b: usize,
    t: usize,
    h: usize,
    w: usize,
    patch: usize,
) -> Tensor<B, 5> {
    let c = rows.dims()[1] / (patch * patch);
    rows.reshape([b * t, h / patch, w / patch, patch, patch * c])
        .swap_dims(2, 3)
        .reshape([b, t, h, w, c])
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::{Int, Tensor};

    use super::*;

    /// Catches: rows and columns of a patch are swapped; such a model trains, but its pictures are
    /// blurred.
    #[test]
    fn patches_are_squares_and_can_be_put_together_again() {
        let device = burn::backend::flex::FlexDevice;
        let frames = Tensor::<Flex, 1, Int>::arange(0..2 * 8 * 4 * 3, &device)
            .float()
            .reshape([1, 2, 8, 4, 3]);
        let patches = patchify(frames.clone(), 4);
        assert_eq!(patches.dims(), [4, 48]);
        let second = patches.clone().slice([1..2, 0..3]).into_data().to_vec::<f32>().unwrap();
        assert_eq!(second, [48.0, 49.0, 50.0], "the second patch begins at row 4");
        unpatchify(patches, 1, 2, 8, 4, 4).into_data().assert_eq(&frames.into_data(), true);
    }
}
