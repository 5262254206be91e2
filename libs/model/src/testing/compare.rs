//! Exact comparison of values by frame.

use std::fmt::Debug;

use burn::backend::Flex;
use burn::tensor::Tensor;

/// Values `[batch, time, ..]` by frame. Floats are returned as bits, so that comparison is exact.
pub fn by_frame<const D: usize>(values: Tensor<Flex, D>, b: usize, t: usize) -> Vec<Vec<u32>> {
    let values: Vec<f32> = values.into_data().to_vec().unwrap();
    frames_of(&values.into_iter().map(f32::to_bits).collect::<Vec<_>>(), b, t)
}

/// Values `[batch, time, ..]` by frame, with the whole batch of a frame together.
pub fn frames_of<V: Copy>(values: &[V], b: usize, t: usize) -> Vec<Vec<V>> {
    let n = values.len() / (b * t);
    assert_eq!(values.len(), b * t * n);
    (0..t)
        .map(|frame| (0..b).flat_map(|i| values[(i * t + frame) * n..][..n].to_vec()).collect())
        .collect()
}

/// Asserts that the frames before `first` are equal bit by bit.
pub fn assert_same_before<V: PartialEq + Debug>(
    first: usize,
    before: &[Vec<V>],
    after: &[Vec<V>],
    what: &str,
) {
    assert_eq!(before.len(), after.len(), "{what}");
    let differing: Vec<usize> =
        (0..first).filter(|frame| before[*frame] != after[*frame]).collect();
    assert!(
        differing.is_empty(),
        "{what}: frames {differing:?} differ; {first} should be the first"
    );
}

/// Asserts that frame `first` differs and that the frames before it are equal bit by bit.
pub fn assert_differs_from<V: PartialEq + Debug>(
    first: usize,
    before: &[Vec<V>],
    after: &[Vec<V>],
    what: &str,
) {
    assert_eq!(before.len(), after.len(), "{what}");
    let differing: Vec<usize> =
        (0..before.len()).filter(|frame| before[*frame] != after[*frame]).collect();
    assert_eq!(
        differing.first(),
        Some(&first),
        "{what}: frames {differing:?} differ; {first} should be the first"
    );
}
