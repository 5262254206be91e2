//! Frames to patch rows and back, and learned positions, apart for space and time [Genie §2.1].

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

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

/// The inverse of [`patchify`] for frames of height `h` and width `w`.
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

/// Learned embeddings of position and of frame, added once at the start of a stack.
#[derive(Module, Debug)]
pub struct Positions<B: Backend> {
    space: Param<Tensor<B, 2>>,
    time: Param<Tensor<B, 2>>,
}

impl<B: Backend> Positions<B> {
    /// For up to `t` frames of `lead` positions that have no place in the picture, followed by a picture of `rows × columns`. A table for
    /// one frame serves every frame alike, which is what a stack without temporal attention needs.
    ///
    /// Places begin as sinusoids of row and column, so that "one to the left" is the same rotation everywhere: attention to neighbours, all that
    /// motion needs, is learned once and not for every place again.
    pub fn new(
        t: usize,
        lead: usize,
        (rows, columns): (usize, usize),
        d: usize,
        device: &B::Device,
    ) -> Self {
        let mut places = vec![0.0; lead * d];
        for row in 0..rows {
            for column in 0..columns {
                places.extend(sinusoids(row, column, d));
            }
        }
        let places = TensorData::new(places, [lead + rows * columns, d]);
        Self {
            space: Param::from_tensor(Tensor::from_data(places, device)),
            time: Initializer::Normal { mean: 0.0, std: 0.02 }.init([t, d], device),
        }
    }

    /// Adds positions to rows `[b*t*s, d]` whose first frame is frame `first` of the window.
    pub fn add(&self, rows: Tensor<B, 2>, grid: Grid, first: usize) -> Tensor<B, 2> {
        let ([frames, d], Grid { b, t, s }) = (self.time.dims(), grid);
        let (b, t, first) = if frames == 1 { (b * t, 1, 0) } else { (b, t, first) };
        let space = self.space.val().reshape([1, s, d]);
        let time = self.time.val().narrow(0, first, t).reshape([t, 1, d]);
        let both = (space + time).reshape([1, t * s, d]);
        (rows.reshape([b, t * s, d]) + both).reshape([grid.rows(), d])
    }
}

/// A place's `d` values: sine and cosine of its row, then of its column, at wavelengths from 4 to 128 positions.
fn sinusoids(row: usize, column: usize, d: usize) -> impl Iterator<Item = f32> {
    const SHORTEST: f32 = 4.0;
    const LONGEST: f32 = 128.0;
    let waves = d / 4;
    let wave = move |place: usize, i: usize| {
        let wavelength = SHORTEST * (LONGEST / SHORTEST).powf(i as f32 / waves as f32);
        std::f32::consts::TAU * place as f32 / wavelength
    };
    (0..d).map(move |i| match i.checked_div(waves) {
        Some(0) => wave(row, i).sin(),
        Some(1) => wave(row, i - waves).cos(),
        Some(2) => wave(column, i - 2 * waves).sin(),
        Some(3) => wave(column, i - 3 * waves).cos(),
        _ => 0.0,
    })
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
        let frames = Tensor::<Flex, 1, Int>::arange(0..2 * 8 * 4 * 3, &device)
            .float()
            .reshape([1, 2, 8, 4, 3]);
        let patches = patchify(frames.clone(), 4);
        assert_eq!(patches.dims(), [4, 48]);
        let second = patches.clone().slice([1..2, 0..3]).into_data().to_vec::<f32>().unwrap();
        assert_eq!(second, [48.0, 49.0, 50.0], "the second patch begins at row 4");
        unpatchify(patches, 1, 2, 8, 4, 4).into_data().assert_eq(&frames.into_data(), true);
    }

    /// Catches: rows and columns mixed up, so that neighbours are no rotation apart; a place that two share; a width that is
    /// no multiple of four.
    #[test]
    fn neighbours_are_one_rotation_apart_everywhere() {
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
        let product = |a: (usize, usize), b: (usize, usize)| -> f32 {
            sinusoids(a.0, a.1, 64).zip(sinusoids(b.0, b.1, 64)).map(|(a, b)| a * b).sum()
        };
        for place in [(0, 0), (3, 5), (6, 2)] {
            assert!(
                near(&[product(place, (place.0, place.1 + 1))], &[product((1, 1), (1, 2))]),
                "right of {place:?}"
            );
            assert!(
                near(&[product(place, (place.0 + 1, place.1))], &[product((1, 1), (2, 1))]),
                "below {place:?}"
            );
        }
        let places: Vec<Vec<f32>> =
            (0..40 * 23).map(|i| sinusoids(i / 40, i % 40, 18).collect()).collect();
        assert!(places.iter().all(|place| place.len() == 18));
        for (i, place) in places.iter().enumerate() {
            assert!(places[..i].iter().all(|other| !near(place, other)), "place {i} is another's");
        }
    }
}
