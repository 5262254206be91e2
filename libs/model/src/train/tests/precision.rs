//! Tests of training in bf16: it is as good as in f32, and checkpoints are f32.

use super::*;
use crate::Precision;

/// Mean loss of the last ten training steps.
fn end(losses: &[(u64, f64)]) -> f64 {
    losses.iter().rev().take(10).map(|(_, loss)| loss).sum::<f64>() / 10.0
}

/// The type of each tensor of a checkpoint, and the size of the optimizer's moments in bytes.
fn stored(run: &Utf8Path) -> (Vec<String>, u64) {
    let checkpoint = run.join(format!("step-{}", latest_step(run).unwrap()));
    let mut types = Vec::new();
    for file in ["model.safetensors", "average.safetensors"] {
        let Ok(bytes) = fs::read(checkpoint.join(file)) else { continue };
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: serde_json::Value = serde_json::from_slice(&bytes[8..header]).unwrap();
        let tensors = header.as_object().unwrap().iter().filter(|(key, _)| *key != "__metadata__");
        types.extend(tensors.map(|(_, tensor)| tensor["dtype"].as_str().unwrap().to_owned()));
    }
    (types, fs::metadata(checkpoint.join("optimizer.bin")).unwrap().len())
}

/// Catches: a layer fails with rounded matrices; a step does not round; weights, moments or
/// averages are stored in bf16; an error grows over the steps.
///
/// The error grows, for example, if the weights themselves are bf16: rounding then removes their
/// updates.
#[test]
fn a_run_in_bf16_is_as_good_as_one_in_f32_and_stores_f32() {
    for (name, train) in MODELS {
        let (config, runs) = (TrainConfig { log_every: 1, ..steps(60) }, Runs::new());
        let first = runs.run("first");
        train(&config, &first, &mut Quiet::stopping_after(1)).unwrap();
        let resume = |precision, name: &str| {
            let run = runs.run(name);
            copy(&first, &run);
            train(&TrainConfig { precision, ..config.clone() }, &run, &mut Quiet::default())
                .unwrap();
            (logged(&run), run)
        };
        let (exact, exact_run) = resume(Precision::F32, "f32");
        let (rounded, rounded_run) = resume(Precision::Bf16, "bf16");

        // The second step starts from the same weights, so its losses differ only by rounding. That
        // may not reach the last digit.
        let off = (rounded[1].1 / exact[1].1 - 1.0).abs();
        assert!(off < 0.02, "{name}: {} in bf16, {} in f32", rounded[1].1, exact[1].1);
        assert!(rounded[2..] != exact[2..], "{name}: nothing is rounded");
        assert!(end(&exact) < 0.97 * exact[0].1, "{name} does not learn: {exact:?}");
        let off = (end(&rounded) / end(&exact) - 1.0).abs();
        assert!(off < 0.05, "{name}: {} in bf16, {} in f32", end(&rounded), end(&exact));

        let ((types, moments), (_, exact_moments)) = (stored(&rounded_run), stored(&exact_run));
        assert!(types.len() > 10 && types.iter().all(|dtype| dtype == "F32"), "{name}: {types:?}");
        assert_eq!(moments, exact_moments, "{name}");
    }
}
