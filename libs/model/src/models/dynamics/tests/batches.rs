//! The contents of training batches.

use super::*;

/// A vocabulary with enough positions that the measured shares are close to the configured ones.
const WIDE: Vocabulary =
    Vocabulary { frames: 4, positions: 500, columns: 25, codes: 100, actions: 3 };

fn draw(change: impl FnOnce(&mut DynamicsConfig), data: &TokenWindows) -> MaskedBatch {
    let mut config = config(MODES[0]);
    config.train.batch = 40;
    change(&mut config);
    config.check().unwrap();
    let description = describe(&config, WIDE);
    DynamicsTask::new(&description, shared(data)).unwrap().draw(0, &mut rng(1))
}

/// Shares of masked tokens `[batch][time]`.
fn shares(batch: &MaskedBatch) -> Vec<Vec<f64>> {
    let frame = |tokens: &[i64]| {
        tokens.iter().filter(|token| **token == WIDE.codes as i64).count() as f64
            / WIDE.positions as f64
    };
    let windows = batch.inputs.chunks_exact(WIDE.frames * WIDE.positions);
    windows.map(|window| window.chunks_exact(WIDE.positions).map(frame).collect()).collect()
}

/// Catches: targets are all zero, shifted by a frame or still visible in the input; the first frame
/// is masked; actions belong to another window.
#[test]
fn targets_are_the_true_tokens_at_exactly_the_masked_places() {
    // There is only one window, so the test knows which one was drawn.
    let data = windows(1, WIDE, 5);
    let batch = draw(|_| (), &data);
    let window = WIDE.frames * WIDE.positions;
    assert_eq!(batch.inputs.len(), 40 * window);
    assert_eq!(
        (batch.targets.len(), batch.weights.len()),
        (batch.masked.len(), batch.masked.len())
    );
    let masked: std::collections::BTreeMap<usize, i64> =
        batch.masked.iter().map(|row| *row as usize).zip(batch.targets.iter().copied()).collect();
    assert_eq!(masked.len(), batch.masked.len(), "a token is masked twice");
    for (row, input) in batch.inputs.iter().enumerate() {
        let truth = i64::from(data.tokens[row % window]);
        assert_eq!(batch.clean[row], truth, "row {row} of what the next frame is shown");
        match masked.get(&row) {
            Some(target) => {
                assert_eq!((*input, *target), (WIDE.codes as i64, truth), "row {row}");
                assert!(row % window >= WIDE.positions, "frame 0 is masked at row {row}");
            }
            None => assert_eq!(*input, truth, "row {row}"),
        }
    }
    for actions in batch.actions.chunks_exact(WIDE.frames) {
        assert_eq!(actions[0], WIDE.actions as i64, "no action leads to frame 0");
        assert!(actions[1..].iter().zip(&data.actions).all(|(a, b)| *a == i64::from(*b)));
    }
}

/// Catches: `mask_rates = "frame"` gives all frames of a window one rate, or a rate outside the
/// range; frame 0 is masked.
#[test]
fn each_frame_may_have_a_mask_rate_of_its_own() {
    let data = windows(3, WIDE, 6);
    let shares = shares(&draw(|config| config.mask_rates = MaskRates::Frame, &data));
    assert!(shares.iter().all(|window| window[0] == 0.0), "frame 0 is masked");
    let rates = || shares.iter().flat_map(|window| &window[1..]);
    assert!(rates().all(|rate| (0.4..=1.0).contains(rate)));
    // The mean distance of two draws from 0.5 to 1 is a sixth.
    let apart = shares.iter().map(|window| (window[1] - window[2]).abs()).sum::<f64>();
    let apart = apart / shares.len() as f64;
    assert!((0.1..0.25).contains(&apart), "mean distance of two frames' rates: {apart}");
}

/// Catches: a mask rate is outside its range, the same for all windows, or drawn separately for
/// each frame.
#[test]
fn mask_rates_are_spread_over_their_range() {
    let data = windows(3, WIDE, 6);
    let shares = shares(&draw(|config| config.mask_rates = MaskRates::Window, &data));
    let rates: Vec<f64> = shares
        .iter()
        .map(|window| window[1..].iter().sum::<f64>() / (WIDE.frames - 1) as f64)
        .collect();
    for (window, rate) in shares.iter().zip(&rates) {
        assert_eq!(window[0], 0.0, "frame 0 is masked");
        assert!((0.45..=1.0).contains(rate), "rate {rate}");
        assert!(
            window[1..].iter().all(|share| (share - rate).abs() < 0.1),
            "one rate a window: {window:?}"
        );
    }
    let mean = rates.iter().sum::<f64>() / rates.len() as f64;
    assert!((mean - 0.75).abs() < 0.1, "mean rate {mean}");
    let (low, high) =
        rates.iter().fold((1f64, 0f64), |(low, high), rate| (low.min(*rate), high.max(*rate)));
    assert!(low < 0.6 && high > 0.9, "rates from {low} to {high}");

    let all = draw(|config| config.min_mask_rate = 1.0, &data);
    assert_eq!(
        all.masked.len(),
        40 * (WIDE.frames - 1) * WIDE.positions,
        "everything after frame 0"
    );
}

/// Catches: `masked_frames` is ignored, or masks a part of a frame that should be clean.
#[test]
fn only_a_share_of_frames_is_masked_where_asked() {
    let data = windows(3, WIDE, 7);
    let shares = shares(&draw(|config| config.masked_frames = 0.4, &data));
    let frames: Vec<f64> = shares.iter().flat_map(|window| window[1..].to_vec()).collect();
    assert!(
        frames.iter().all(|share| *share == 0.0 || *share > 0.4),
        "a frame is masked or it is not"
    );
    let masked = frames.iter().filter(|share| **share > 0.0).count() as f64 / frames.len() as f64;
    assert!((masked - 0.4).abs() < 0.15, "{masked} of the frames are masked");
}

/// Catches: `action_noise` is ignored, replaces too many actions, gives one that does not exist, or
/// replaces the missing action of frame 0; the tokens change with it.
#[test]
fn a_share_of_the_actions_is_random_where_asked() {
    let data = windows(1, WIDE, 8);
    let changed = |share: f64| {
        let batch = draw(|config| config.action_noise = share, &data);
        let window = WIDE.frames * WIDE.positions;
        let mut others = 0;
        for (place, actions) in batch.actions.chunks_exact(WIDE.frames).enumerate() {
            assert_eq!(actions[0], WIDE.actions as i64, "no action leads to frame 0");
            let pairs = actions[1..].iter().zip(&data.actions);
            assert!(actions[1..].iter().all(|action| (0..WIDE.actions as i64).contains(action)));
            others += pairs.filter(|(shown, truth)| **shown != i64::from(**truth)).count();
            assert!(
                batch.clean[place * window..][..window]
                    .iter()
                    .zip(&data.tokens)
                    .all(|(shown, truth)| *shown == i64::from(*truth))
            );
        }
        others as f64 / (40 * (WIDE.frames - 1)) as f64
    };
    assert_eq!(changed(0.0), 0.0);
    // One of three random actions is the true one.
    assert!((changed(0.3) - 0.2).abs() < 0.1, "{}", changed(0.3));
    assert!((changed(1.0) - 2.0 / 3.0).abs() < 0.12, "{}", changed(1.0));
}
