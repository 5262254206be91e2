//! Actions that consist of parts.

use super::super::task::MaskedBatch;
use super::*;

/// Six actions: the first part has two values and changes fastest, the second has three.
const PARTS: [usize; 2] = [2, 3];
const SIX: Vocabulary = Vocabulary { actions: 6, ..V };

fn with(parts: &[usize]) -> DynamicsConfig {
    DynamicsConfig {
        action_parts: parts.to_vec(),
        ..config((ActionMode::Add, PreviousFrame::Position))
    }
}

fn logits(net: &DynamicsNet<Ad>, batch: &MaskedBatch, grid: Grid) -> Vec<f32> {
    let [inputs, clean, actions] = [&batch.inputs, &batch.clean, &batch.actions]
        .map(|values| indices::<Ad>(values.iter().copied(), &FlexDevice));
    let hidden = net.forward(inputs, clean, actions, grid);
    net.logits.forward(hidden).into_data().to_vec().unwrap()
}

/// Catches: parts are read in another order than the latent action model numbers its codes; "no
/// action" shares a row with an action; a part has the rows of another.
#[test]
fn an_action_is_the_sum_of_its_parts() {
    let (parted, plain) = (describe(&with(&PARTS), SIX), describe(&with(&[]), SIX));
    let data = windows(2, SIX, 0);
    let [parted_task, plain_task] =
        [&parted, &plain].map(|description| DynamicsTask::new(description, shared(&data)).unwrap());
    let net = <DynamicsTask as Task<Ad>>::init(&parted_task, &FlexDevice);
    let batch = plain_task.draw(0, &mut rng(0));
    // The first use draws the weights, so it comes before the copy.
    let ours = logits(&net, &batch, parted_task.grid());
    let rows: Vec<f32> = net.actions.val().into_data().to_vec().unwrap();
    assert_eq!(net.actions.dims(), [2 + 3 + 1, 32]);
    let row = |number: usize| &rows[number * 32..][..32];
    let sum = |action: usize| row(action % 2).iter().zip(row(2 + action / 2)).map(|(a, b)| a + b);
    let table: Vec<f32> = (0..6).flat_map(sum).chain(row(5).iter().copied()).collect();
    let mut other = net.clone();
    let table = Tensor::<Ad, 1>::from_floats(table.as_slice(), &FlexDevice).reshape([7, 32]);
    other.actions = burn::module::Param::from_tensor(table);
    other.parts = Vec::new();
    let expected = logits(&other, &batch, plain_task.grid());
    let error = ours.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(error < 1e-5, "{error}");
}

/// Catches: values that no gradient reaches.
#[test]
fn every_value_of_a_part_is_learnt() {
    let (description, data) = (describe(&with(&PARTS), SIX), windows(8, SIX, 3));
    let task = DynamicsTask::new(&description, shared(&data)).unwrap();
    let net = <DynamicsTask as Task<Ad>>::init(&task, &FlexDevice);
    let mut reached = [false; 6];
    for index in 0..4 {
        let batch =
            <DynamicsTask as Task<Ad>>::batch(&task, index, &mut rng(index as u64)).unwrap();
        let loss =
            <DynamicsTask as Task<Ad>>::loss(&task, &net, batch, &mut rng(0), &FlexDevice).value;
        let gradient = net.actions.val().grad(&loss.backward()).unwrap();
        let gradient: Vec<f32> = gradient.into_data().to_vec().unwrap();
        for (reached, row) in reached.iter_mut().zip(gradient.chunks_exact(32)) {
            *reached |= row.iter().any(|value| *value != 0.0);
        }
    }
    assert_eq!(reached, [true; 6]);
}

/// Catches: parts that do not make the number of actions are found after hours, or never.
#[test]
fn parts_that_do_not_make_the_actions_are_an_error() {
    let estimate = |parts: &[usize]| estimate_dynamics(&with(parts), (5, 4), 32, 6).map(|_| ());
    assert!(estimate(&PARTS).is_ok() && estimate(&[]).is_ok());
    let error = estimate(&[2, 2]).unwrap_err().to_string();
    assert!(error.contains("makes 4 actions, but there are 6"), "{error}");
    let overflows = [usize::MAX / 2 + 4, 2];
    assert!(estimate(&overflows).unwrap_err().to_string().contains("too many"));
    assert!(estimate(&[6, 0]).unwrap_err().to_string().contains("above 0"));
    assert!(describe(&with(&[5]), SIX).check().is_err());
}
