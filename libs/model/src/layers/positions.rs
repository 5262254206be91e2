//! Learned position embeddings, separate for space and time [Genie §2.1].

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use super::grid::Grid;
use super::indices::indices;

/// Learned embeddings of the position and of the frame, added once at the start of a stack.
#[derive(Module, Debug)]
pub struct Positions<B: Backend> {
    space: Param<Tensor<B, 2>>,
    time: Param<Tensor<B, 2>>,
}

impl<B: Backend> Positions<B> {
    /// Embeddings for up to `t` frames of `lead + rows * columns` positions.
    ///
    /// The first `lead` positions are not in the image, such as a prepended action. If `t` is 1,
    /// every frame has the same embedding. A stack without temporal attention needs that.
    ///
    /// The initial values of image positions are sinusoids of row and column. "One to the left" is
    /// then the same rotation everywhere, so attention to a neighbour is learned once, and not
    /// separately for every position. Motion needs no more than that.
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

    /// Adds the embeddings to rows `[b*t*s, d]`, from the first frame of a window on.
    pub fn add(&self, rows: Tensor<B, 2>, grid: Grid) -> Tensor<B, 2> {
        let ([frames, d], Grid { b, t, s }) = (self.time.dims(), grid);
        let (b, t) = if frames == 1 { (b * t, 1) } else { (b, t) };
        // The CPU backend adds whole rows much faster than rows that it broadcasts.
        let select = |table: &Param<Tensor<B, 2>>, row: fn(usize, usize) -> usize| {
            let rows = (0..t * s).map(|place| row(place, s) as i64);
            table.val().select(0, indices::<B>(rows, &table.val().device()))
        };
        let (space, time) =
            (select(&self.space, |at, s| at % s), select(&self.time, |at, s| at / s));
        let both = (space + time).reshape([1, t * s * d]);
        (rows.reshape([b, t * s * d]) + both).reshape([grid.rows(), d])
    }

    /// Adds the embeddings to rows `[b*s, d]` of single frames.
    ///
    /// Row `i` of the batch is frame `frames[i]` of its window.
    pub fn add_frames(&self, rows: Tensor<B, 2>, frames: &[usize]) -> Tensor<B, 2> {
        let ([known, d], b) = (self.time.dims(), frames.len());
        let [n, _] = rows.dims();
        let index = frames.iter().map(|frame| if known == 1 { 0 } else { *frame as i64 });
        let time = self.time.val().select(0, indices::<B>(index, &rows.device()));
        let space = self.space.val().reshape([1, n / b, d]);
        (rows.reshape([b, n / b, d]) + (space + time.reshape([b, 1, d]))).reshape([n, d])
    }
}

/// Initial embedding of an image position: `d` values.
///
/// They are the sines and cosines of the row, then the sines and cosines of the column, at
/// wavelengths from 4 to 128 positions.
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
    use super::*;

    /// Catches: rows and columns are swapped; two positions have the same embedding; a width that
    /// is not a multiple of four gives a wrong embedding.
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
            assert!(
                places[..i].iter().all(|other| !near(place, other)),
                "position {i} has the embedding of another"
            );
        }
    }
}
