//! Compares the dynamics model with PyTorch's (`tests/reference`): logits, loss, all gradients.

use burn::optim::GradientsParams;

use super::super::task::MaskedBatch;
use super::*;
use crate::testing::Fixture;

const V: Vocabulary = Vocabulary { frames: 4, positions: 6, columns: 3, codes: 10, actions: 3 };

/// The fixture's tokens and masks, as [`DynamicsTask::mask`] would return them.
fn batch(fixture: &Fixture, config: &DynamicsConfig, actions: usize) -> MaskedBatch {
    let (clean, masked) = (fixture.integers("tokens"), fixture.integers("masked"));
    let rows: Vec<usize> = (0..clean.len()).filter(|row| masked[*row] == 1).collect();
    let input = |(token, masked): (&i64, &i64)| if *masked == 1 { V.codes as i64 } else { *token };
    let weight = |row: &usize| {
        let changed = clean[*row] != clean[row - V.positions];
        if changed { config.changed_token_weight as f32 } else { 1.0 }
    };
    let led = fixture.integers("actions");
    let windows = led.chunks_exact(V.frames - 1);
    MaskedBatch {
        inputs: clean.iter().zip(&masked).map(input).collect(),
        actions: windows.flat_map(|led| [&[actions as i64], led].concat()).collect(),
        targets: rows.iter().map(|row| clean[*row]).collect(),
        weights: rows.iter().map(weight).collect(),
        masked: rows.iter().map(|row| *row as i64).collect(),
        clean,
        ..Default::default()
    }
}

/// Catches: an action conditions another frame than the one it leads to; an action's row is taken
/// for a token's; a previous frame is masked or the wrong one; its neighbours are of other rows.
///
/// Also catches: the embedding of the mask or of "no action" is from another row; the parts of an
/// action are in another order; logits are those of a neighbouring position; the loss includes
/// tokens that are not masked, or is divided by their number instead of by their weights.
#[test]
fn the_dynamics_model_is_pytorchs() {
    let shifts = ["stack.blocks.0.space.key_norm.bias", "stack.blocks.0.time.key_norm.bias"];
    for (name, action_mode, previous_frame, parts, zero) in [
        ("dynamics_prepend", ActionMode::Prepend, PreviousFrame::Position, vec![], &shifts[..]),
        ("dynamics_add", ActionMode::Add, PreviousFrame::None, vec![], &[]),
        ("dynamics_parts", ActionMode::Add, PreviousFrame::None, vec![3, 2], &[]),
        ("dynamics_neighbourhood", ActionMode::Add, PreviousFrame::Neighbourhood, vec![], &[]),
    ] {
        let count = if parts.is_empty() { V.actions } else { parts.iter().product() };
        let vocabulary = Vocabulary { actions: count, ..V };
        let config = DynamicsConfig {
            action_mode,
            action_parts: parts,
            previous_frame,
            stack: StackConfig {
                layers: 1,
                d: 8,
                heads: 2,
                head_dim: 0,
                ffn_mult: 2,
                qk_norm: !zero.is_empty(),
                temporal: true,
            },
            changed_token_weight: 5.0,
            train: TrainConfig { batch: 2, ..Default::default() },
            ..Default::default()
        };
        let fixture = Fixture::read(name);
        let data = windows(2, vocabulary, 0);
        let description = describe(&config, vocabulary);
        let task = DynamicsTask::new(&description, shared(&data)).unwrap();
        let model = fixture.load(<DynamicsTask as Task<Ad>>::init(&task, &FlexDevice));
        let MaskedBatch { inputs, clean, actions, .. } = batch(&fixture, &config, count);
        let [inputs, clean, actions] =
            [inputs, clean, actions].map(|values| indices::<Ad>(values.into_iter(), &FlexDevice));
        let logits = model.logits.forward(model.forward(inputs, clean, actions, task.grid()));
        fixture.agrees("logits", logits.inner());
        let loss = <DynamicsTask as Task<Ad>>::loss(
            &task,
            &model,
            batch(&fixture, &config, count),
            &mut rng(0),
            &FlexDevice,
        )
        .value;
        fixture.agrees("loss", loss.clone().inner());
        fixture.gradients_agree(
            &model,
            GradientsParams::from_grads(
                crate::train::with_autodiff_lock(|| loss.backward()),
                &model,
            ),
            zero,
        );
    }
}
