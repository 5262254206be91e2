//! Errors in the history of training batches.

use std::collections::BTreeSet;

use super::*;

/// A vocabulary with enough frames and positions for runs of every length.
const LONG: Vocabulary =
    Vocabulary { frames: 10, positions: 50, columns: 10, codes: 1000, actions: 3 };
const WINDOW: usize = LONG.frames * LONG.positions;

/// Draws the last batch, of 40 windows of a data set with one window, so that the truth is known.
fn draw(data: &TokenWindows, noise: f64, predicted: f64) -> MaskedBatch {
    draw_after(data, noise, predicted, 99)
}

/// Draws the batch after `steps` of 100 training steps.
fn draw_after(data: &TokenWindows, noise: f64, predicted: f64, steps: usize) -> MaskedBatch {
    let mut config = config(MODES[0]);
    config.train.batch = 40;
    config.train.steps = 100;
    (config.history_noise, config.predicted_history) = (noise, predicted);
    config.check().unwrap();
    let description = describe(&config, LONG);
    DynamicsTask::new(&description, shared(data)).unwrap().draw(steps, &mut rng(1))
}

/// The frames of each window with a token that is not the true one.
fn changed_frames(batch: &MaskedBatch, data: &TokenWindows) -> Vec<BTreeSet<usize>> {
    let window = |window: &[i64]| {
        let rows = window.iter().zip(&data.tokens).enumerate();
        let changed = rows.filter(|(_, (shown, truth))| **shown != i64::from(**truth));
        changed.map(|(row, _)| row / LONG.positions).collect()
    };
    batch.clean.chunks_exact(WINDOW).map(window).collect()
}

/// Catches: targets or weights are taken from the corrupted tokens; a masked token becomes visible;
/// frames are corrupted one by one, all of them, or never; a token comes from another position; the
/// next frame sees other tokens than the frame's own row.
#[test]
fn a_run_of_frames_shows_stale_tokens_and_the_targets_stay_true() {
    let data = windows(1, LONG, 5);
    let batch = draw(&data, 0.6, 0.0);
    assert!(batch.predictions.is_empty());
    for (row, target) in batch.masked.iter().zip(&batch.targets) {
        let row = *row as usize;
        assert_eq!(batch.inputs[row], LONG.codes as i64, "row {row} is masked");
        assert_eq!(*target, i64::from(data.tokens[row % WINDOW]), "the target of row {row}");
    }
    let truth = draw(&data, 0.0, 0.0);
    assert_eq!(batch.weights[..WINDOW / 4], truth.weights[..WINDOW / 4], "of the first window");
    for (row, (input, shown)) in batch.inputs.iter().zip(&batch.clean).enumerate() {
        let masked = *input == LONG.codes as i64;
        assert!(masked || input == shown, "row {row} shows {input} now, and {shown} later");
    }

    let mut lengths = BTreeSet::new();
    let mut shares = Vec::new();
    for (changed, window) in
        changed_frames(&batch, &data).iter().zip(batch.clean.chunks_exact(WINDOW))
    {
        let run = match (changed.first(), changed.last()) {
            (Some(first), Some(last)) => *first..last + 1,
            _ => 0..0,
        };
        lengths.insert(run.len());
        if run.is_empty() {
            continue;
        }
        let mut stale = 0;
        for position in 0..LONG.positions {
            let shown = |frame: usize| window[frame * LONG.positions + position];
            let truth = |frame: usize| i64::from(data.tokens[frame * LONG.positions + position]);
            if run.clone().all(|frame| shown(frame) == truth(frame)) {
                continue;
            }
            stale += 1;
            let token = shown(run.start);
            assert!(run.clone().all(|frame| shown(frame) == token), "one token in the whole run");
            assert!((0..LONG.frames).any(|frame| truth(frame) == token), "it is of this position");
        }
        shares.push(stale as f64 / LONG.positions as f64);
    }
    assert!(lengths.contains(&0) && lengths.contains(&5), "lengths of the runs: {lengths:?}");
    assert!(lengths.iter().all(|length| *length <= 6), "more than the largest share: {lengths:?}");
    let (low, high) =
        shares.iter().fold((1f64, 0f64), |(low, high), share| (low.min(*share), high.max(*share)));
    assert!(low < 0.2 && high > 0.8, "the shares of stale positions are {low} to {high}");
}

/// Catches: the first training steps have as many errors as the last ones, or all have none.
#[test]
fn errors_grow_over_the_training() {
    let data = windows(1, LONG, 5);
    let frames = |steps: usize| -> usize {
        changed_frames(&draw_after(&data, 1.0, 0.0, steps), &data).iter().map(BTreeSet::len).sum()
    };
    // The runs of 40 windows have 200 frames in all at the end, and half as many in the middle.
    let [first, middle, last] = [0, 49, 99].map(frames);
    assert_eq!(first, 0);
    assert!((60..140).contains(&middle), "{middle} frames in the middle");
    assert!((140..260).contains(&last), "{last} frames at the end");
}

/// Catches: without noise, random draws are made, so that the same config trains other weights than
/// before the option existed.
#[test]
fn without_noise_a_batch_is_as_before() {
    let data = windows(3, LONG, 5);
    let mut plain = config(MODES[0]);
    plain.predicted_history = 1.0;
    plain.mask_rates = MaskRates::Window;
    let description = describe(&plain, LONG);
    let task = DynamicsTask::new(&description, shared(&data)).unwrap();
    let (mut one, mut other) = (rng(1), rng(1));
    task.draw(0, &mut one);
    // A batch draws a rate for each window, whether each frame is masked, and each of its tokens.
    for _ in 0..plain.train.batch {
        let rate = other.random_range(0.5..=1.0);
        for _ in 1..LONG.frames {
            other.random_bool(1.0);
            for _ in 0..LONG.positions {
                other.random_bool(rate);
            }
        }
    }
    assert_eq!(one.random::<u64>(), other.random::<u64>());
}

/// Catches: a prediction sees the token that it predicts, or a later frame; predictions land in
/// other rows or in masked inputs; frames before the run are not the true ones.
#[test]
fn predicted_frames_are_samples_given_the_frames_before() {
    for mode in MODES {
        let mut config = config(mode);
        (config.history_noise, config.predicted_history) = (1.0, 1.0);
        (config.train.batch, config.train.steps) = (6, 1);
        let data = windows(1, V, 11);
        let description = describe(&config, V);
        let task = DynamicsTask::new(&description, shared(&data)).unwrap();
        let model = seeded(4, || <DynamicsTask as Task<Ad>>::init(&task, &FlexDevice));
        // The model knows the window by heart, so it predicts the true tokens.
        let plain = DynamicsConfig { history_noise: 0.0, ..config.clone() };
        let plain = describe(&plain, V);
        let plain = DynamicsTask::new(&plain, shared(&data)).unwrap();
        let (model, _) = fit(&plain, model, 200, 5e-3, || plain.draw(0, &mut rng(5)));

        let batch = task.draw(0, &mut rng(2));
        assert_eq!(batch.clean, plain.draw(0, &mut rng(2)).clean, "the host shows the truth");
        let rows: BTreeSet<usize> = batch.predictions.rows(V.frames, V.positions).collect();
        assert!(!rows.is_empty());
        let window = V.frames * V.positions;
        assert!(rows.iter().all(|row| row % window >= V.positions), "frame 0 is predicted");
        let said = |model: &DynamicsNet<Ad>, batch: &MaskedBatch| {
            let (inputs, clean) = task.tokens_seen(model, batch, &FlexDevice);
            let values = |row: Tensor<Ad, 1, Int>| row.into_data().iter::<i64>().collect();
            (values(inputs), values(clean)) as (Vec<i64>, Vec<i64>)
        };
        let (inputs, clean) = said(&model, &batch);
        let right = rows.iter().filter(|row| clean[**row] == batch.clean[**row]).count();
        assert!(right * 10 > rows.len() * 9, "{mode:?}: {right} of {}", rows.len());

        // An untrained model predicts other tokens, at the same rows and at no masked one.
        let untrained = seeded(5, || <DynamicsTask as Task<Ad>>::init(&task, &FlexDevice));
        let (other_inputs, other_clean) = said(&untrained, &batch);
        for row in 0..batch.clean.len() {
            let masked = batch.inputs[row] == V.codes as i64;
            for (inputs, clean) in [(&inputs, &clean), (&other_inputs, &other_clean)] {
                let shown = if masked { V.codes as i64 } else { clean[row] };
                assert_eq!(inputs[row], shown, "{mode:?}: row {row}");
            }
            assert!(rows.contains(&row) || other_clean[row] == batch.clean[row], "row {row}");
        }
        let wrong = rows.iter().filter(|row| other_clean[**row] != batch.clean[**row]).count();
        assert!(wrong * 10 > rows.len() * 8, "{mode:?}: {wrong} of {}", rows.len());
    }
}

/// Catches: a prediction depends on the true tokens of its own frame or of a later one.
#[test]
fn a_prediction_depends_on_earlier_frames_only() {
    for mode in MODES {
        let net = net(mode);
        let (tokens, actions, _) = two_windows(0);
        let grid = Grid { b: 2, t: V.frames, s: V.positions };
        let predicted = |tokens: &[i64]| {
            let mut predictions = Predictions::default();
            predictions.push(1, 2..4, V.positions, &mut rng(3));
            let sampled = predictions.sample(&net, tokens, &actions, grid, &FlexDevice);
            sampled.into_data().iter::<i64>().collect::<Vec<_>>()
        };
        let before = predicted(&tokens);
        assert_eq!(before.len(), 2 * V.positions);
        for changed in 0..V.frames {
            let (_, _, other) = two_windows(changed);
            let after = predicted(&other);
            // The run is frames 2 and 3. The second one sees the truth of the first one only as its
            // previous frame.
            assert!(changed < 2 || before[..V.positions] == after[..V.positions], "{mode:?}");
            let sees = changed < 2 || (changed == 2 && mode.1 != PreviousFrame::None);
            assert!(sees || before == after, "{mode:?}: frame {changed}");
        }
    }
}
