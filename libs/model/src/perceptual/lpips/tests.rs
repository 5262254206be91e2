//! Compares LPIPS with `tests/reference/lpips.py`, a separate implementation.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::Deserialize;

use super::weights::LAYERS;
use super::*;
use crate::perceptual::state_dict::TensorValues;
use crate::testing::{
    made_up_bytes, moving_square, noise, reference_json, uniform, write_safetensors,
};

fn made_up(name: &str, shape: &[usize]) -> TensorValues {
    let fan_in: usize = shape[1..].iter().product();
    let value = |value: f64| match name {
        _ if name.starts_with("lin") => f64::midpoint(value, 1.0),
        _ if name.ends_with("weight") => value * (6.0 / fan_in as f64).sqrt(),
        _ => value / 2.0,
    };
    let data = uniform(name, shape.iter().product()).map(|x| value(x) as f32).collect();
    TensorValues { shape: shape.to_vec(), data }
}

fn made_up_weights() -> BTreeMap<String, TensorValues> {
    let tensors = LAYERS.iter().flat_map(weights::Layer::tensors);
    tensors.map(|(name, shape)| (name.clone(), made_up(&name, &shape))).collect()
}

fn lpips() -> Lpips {
    Lpips::new(&LpipsTensors::among(made_up_weights()).unwrap(), Device::Cpu)
}

/// The distances between neighbours among frames of `size`.
fn distances(lpips: &Lpips, frames: &[u8], size: (usize, usize)) -> Vec<f64> {
    let features = lpips.features(frames, size).unwrap();
    let count = frames.len() / (size.0 * size.1 * 3);
    let rows: Vec<&[f32]> = features.chunks(features.len() / count).collect();
    rows.windows(2).map(|pair| Lpips::distance(pair[0], pair[1])).collect()
}

#[derive(Deserialize)]
struct LpipsCase {
    height: usize,
    width: usize,
    share: usize,
    distance: f64,
}

/// Catches: the network differs from the definition (input range, padding, pooling, which layers
/// give features, ε, sums instead of means, a weight on another channel); a kernel has another
/// order; the network cannot compute the smallest size that it accepts.
#[test]
fn distances_are_those_of_the_reference() {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().join("lpips.safetensors")).unwrap();
    write_safetensors(&path, &made_up_weights());
    let lpips = Lpips::load(&path, &Device::Cpu).unwrap();
    assert!(!lpips.published(), "these are generated weights");
    for LpipsCase { height, width, share, distance } in
        reference_json::<Vec<LpipsCase>>("lpips.json")
    {
        let bytes = height * width * 3;
        let (one, other) = (made_up_bytes("one", bytes), made_up_bytes("other", bytes));
        let mixed = (0..bytes).map(|at| if at % share == 0 { other[at] } else { one[at] });
        let frames: Vec<u8> = one.iter().copied().chain(mixed).collect();
        let found = distances(&lpips, &frames, (height, width))[0];
        let error = (found / distance - 1.0).abs();
        assert!(error < 1e-5, "{height}×{width}, every {share}th: relative error {error:e}");
    }
}

/// Catches: frames are mixed up when the network needs several passes; a distance is not 0 for
/// equal frames or not symmetric; a distance does not grow with the noise.
#[test]
fn distances_are_as_distances_are() {
    const SIDE: usize = 40;
    let (still, _) = moving_square(SIDE, 1, &[], 3);
    let noise = noise(still.len(), 1);
    let noisy = |strength: usize| {
        let mixed = still.iter().zip(&noise).map(|(&byte, &noise)| {
            ((usize::from(byte) * (20 - strength) + usize::from(noise) * strength) / 20) as u8
        });
        mixed.collect::<Vec<u8>>()
    };
    // The frame alternates with copies of growing noise: 0, 1, 0, 2, 0, 3, …
    let frames: Vec<u8> =
        (1..=20).flat_map(|strength| [still.clone(), noisy(strength)]).flatten().collect();
    assert!(frames.len() / still.len() > BATCH);
    let lpips = lpips();
    let found = distances(&lpips, &frames, (SIDE, SIDE));
    for (strength, pair) in (1..).zip(found.chunks_exact(2)) {
        assert_eq!(pair[0], pair[1], "the order of the frames");
        let more = found[strength * 2];
        assert!(0.0 < pair[0] && pair[0] < more, "noise of {strength}: {} then {more}", pair[0]);
    }
    assert_eq!(distances(&lpips, &still.repeat(2), (SIDE, SIDE)), [0.0]);
}

/// The error message for a file with these tensors.
fn refused(change: impl FnOnce(&mut BTreeMap<String, TensorValues>)) -> String {
    let mut tensors = made_up_weights();
    change(&mut tensors);
    LpipsTensors::among(tensors).err().expect("not LPIPS (alex)")
}

/// Catches: a network runs without a tensor or with another network's tensor; a message does not
/// say which tensor or what to provide.
#[test]
fn a_file_that_is_not_lpips_is_refused() {
    let error = refused(|tensors| tensors.retain(|name, _| name.starts_with("lin")));
    assert!(
        error.contains("10 of the 15 tensors") && error.contains("net.slice1.0.weight"),
        "{error}"
    );
    assert!(error.contains("torch.save"), "{error}");
    let error =
        refused(|tensors| tensors.get_mut("net.slice4.8.bias").unwrap().shape = vec![1, 256]);
    assert!(error.contains("net.slice4.8.bias is [1, 256], but [256]"), "{error}");
    for (network, its) in [("squeeze", "lin6.model.1.weight"), ("vgg", "net.slice1.2.weight")] {
        let error = refused(|tensors| drop(tensors.insert(its.into(), made_up(its, &[1, 1]))));
        assert!(error.contains(&format!("LPIPS ({network})")), "{error}");
    }
}

/// Catches: numbers of a damaged file enter a report; negative weights, which have no square root,
/// are accepted.
#[test]
fn values_that_lpips_cannot_have_are_refused() {
    let spoilt =
        |name: &str, value: f32| refused(|tensors| tensors.get_mut(name).unwrap().data[7] = value);
    for (name, value) in
        [("net.slice5.10.weight", f32::NAN), ("lin0.model.1.weight", f32::INFINITY)]
    {
        let error = spoilt(name, value);
        assert!(error.contains(name) && error.contains("not a finite number"), "{error}");
    }
    let error = spoilt("lin3.model.1.weight", -0.25);
    assert!(error.contains("lin3.model.1.weight") && error.contains("-0.25"), "{error}");
}

/// Catches: frames that are smaller than the network needs cause a panic.
#[test]
fn frames_that_do_not_fit_are_refused() {
    let error = lpips().features(&[0; 30 * 64 * 3], (30, 64)).unwrap_err().to_string();
    assert!(error.contains("64×30") && error.contains("at least 31"), "{error}");
    assert!(lpips().features(&[0; 31 * 64 * 3 + 1], (31, 64)).is_err());
}
