//! Frames as the input of the network: the first frame, and the changes from frame to frame.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use super::config::InverseDynamicsDescription;

/// Factor of the changes. Most changes are small, so they get a larger scale than the frame.
const CHANGE: f32 = 2.0;

/// Whole frames `[batch, seen, height, width, channels]` as the part that the network sees.
///
/// The result is `[batch, rows, columns, seen*channels]`.
/// The channels of `x_{t-before}` are first, from −0.5 to 0.5. The differences between neighbouring
/// frames follow. They contain the same information as the frames, and motion is easier to see.
pub fn pixels<B: Backend>(
    description: &InverseDynamicsDescription,
    frames: &[u8],
    device: &B::Device,
) -> Tensor<B, 4> {
    let size = description.seen_size();
    let mut bytes = Vec::with_capacity(frames.len());
    description.crop().cut(frames, size.channels, &mut bytes);
    let (frame, c, count) = (size.bytes(), size.channels, description.config.seen.count());
    let mut values = Vec::with_capacity(bytes.len());
    for window in bytes.chunks_exact(frame * count) {
        for pixel in (0..frame).step_by(c) {
            let at = |number: usize| &window[number * frame + pixel..][..c];
            values.extend(at(0).iter().map(|&byte| f32::from(byte) / 255.0 - 0.5));
            for number in 1..count {
                let pairs = at(number).iter().zip(at(number - 1));
                let change = |(&after, &before): (&u8, &u8)| {
                    (f32::from(after) - f32::from(before)) * CHANGE / 255.0
                };
                values.extend(pairs.map(change));
            }
        }
    }
    let shape = [bytes.len() / (frame * count), size.height, size.width, count * c];
    Tensor::from_data(TensorData::new(values, shape), device)
}
