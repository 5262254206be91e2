//! Training in bf16: as good as in f32, and none of it in what is kept.

use super::*;
use crate::Precision;

/// The mean loss of the last ten steps.
fn end(losses: &[(u64, f64)]) -> f64 {
    losses.iter().rev().take(10).map(|(_, loss)| loss).sum::<f64>() / 10.0
}

/// The numbers of each tensor of a checkpoint, and how many bytes the optimizer's moments take.
fn kept(run: &Utf8Path) -> (Vec<String>, u64) {
    let checkpoint = run.join(format!("step-{}", latest_step(run).unwrap()));
    let mut numbers = Vec::new();
    for file in ["model.safetensors", "average.safetensors"] {
        let Ok(bytes) = fs::read(checkpoint.join(file)) else { continue };
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: serde_json::Value = serde_json::from_slice(&bytes[8..header]).unwrap();
        let tensors = header.as_object().unwrap().iter().filter(|(key, _)| *key != "__metadata__");
        numbers.extend(tensors.map(|(_, tensor)| tensor["dtype"].as_str().unwrap().to_owned()));
    }
    (numbers, fs::metadata(checkpoint.join("optimizer.bin")).unwrap().len())
}

/// Catches: a layer that cannot take rounded matrices; a step that is not rounded at all; an error that adds up over steps, as where weights
/// themselves are in bf16, whose steps are then lost in rounding; weights, moments or averages that are kept in bf16.
#[test]
fn a_run_in_bf16_goes_as_one_in_f32_and_keeps_f32() {
    for (name, train) in MODELS {
        let (config, runs) = (TrainConfig { log_every: 1, ..steps(60) }, Runs::new());
        let first = runs.run("first");
        train(&config, &first, &mut Quiet::stopping_after(1)).unwrap();
        let go_on = |precision, name: &str| {
            let run = runs.run(name);
            copy(&first, &run);
            train(&TrainConfig { precision, ..config.clone() }, &run, &mut Quiet::default())
                .unwrap();
            (logged(&run), run)
        };
        let (exact, exact_run) = go_on(Precision::F32, "f32");
        let (rounded, rounded_run) = go_on(Precision::Bf16, "bf16");

        // The second step begins from the same weights: its losses differ by rounding alone, which may not reach their last digit.
        let off = (rounded[1].1 / exact[1].1 - 1.0).abs();
        assert!(off < 0.02, "{name}: {} in bf16, {} in f32", rounded[1].1, exact[1].1);
        assert!(rounded[2..] != exact[2..], "{name}: nothing is rounded");
        assert!(end(&exact) < 0.97 * exact[0].1, "{name} does not learn: {exact:?}");
        let off = (end(&rounded) / end(&exact) - 1.0).abs();
        assert!(off < 0.05, "{name}: {} in bf16, {} in f32", end(&rounded), end(&exact));

        let ((numbers, moments), (_, exact_moments)) = (kept(&rounded_run), kept(&exact_run));
        assert!(
            numbers.len() > 10 && numbers.iter().all(|numbers| numbers == "F32"),
            "{name}: {numbers:?}"
        );
        assert_eq!(moments, exact_moments, "{name}");
    }
}
