//! Sessions of a real network, beside each other and beyond the window.

use super::*;

const PLAYED: usize = 3 * V.frames;

fn dynamics(mode: Mode) -> Dynamics {
    let description = describe(&config(mode), V);
    let loaded = Loaded { net: net(mode), description: description.clone(), device: FlexDevice };
    Dynamics { description, stepper: Box::new(loaded) }
}

/// A sampler with which the logits and the seed both decide.
fn sampler() -> SamplerConfig {
    SamplerConfig { steps: 4, temperature: 0.02, ..Default::default() }
}

fn actions(player: usize) -> Vec<u8> {
    (0..PLAYED).map(|t| ((t * (player + 1) + t / 3) % V.actions) as u8).collect()
}

fn prompt(player: usize) -> Vec<u16> {
    windows(1, V, 30 + player as u64).tokens[..V.positions].to_vec()
}

fn start(dynamics: &Dynamics, player: usize) -> Session {
    dynamics.start(&prompt(player), &[], player as u64).unwrap()
}

/// Plays one session alone and returns its tokens with the prompt.
fn play(dynamics: &Dynamics, session: &mut Session, actions: &[u8]) -> Vec<u16> {
    let sampler = sampler();
    let frame = |action: &u8| {
        let turn = Turn { session: &mut *session, action: *action, sampler: &sampler };
        dynamics.step(&mut [turn]).unwrap().remove(0).tokens
    };
    actions.iter().flat_map(frame).collect()
}

/// Catches: a session differs from `rollout` in one token; a session depends on who else plays, on
/// their ages, or on the order of the turns in a batch.
#[test]
fn sessions_side_by_side_equal_rollouts_alone() {
    for mode in MODES {
        let (dynamics, sampler) = (dynamics(mode), sampler());
        let mut sessions: Vec<Session> = (0..4).map(|player| start(&dynamics, player)).collect();
        let mut played: Vec<Vec<u16>> = (0..4).map(prompt).collect();
        // Player n joins at time 2n.
        for time in 0..PLAYED + 6 {
            let mut turns: Vec<(usize, Turn<'_>)> = sessions
                .iter_mut()
                .enumerate()
                .filter_map(|(player, session)| {
                    let action = *actions(player).get(time.checked_sub(2 * player)?)?;
                    Some((player, Turn { session, action, sampler: &sampler }))
                })
                .collect();
            if time % 3 == 0 {
                turns.reverse();
            }
            let (players, mut turns): (Vec<usize>, Vec<_>) = turns.into_iter().unzip();
            for (player, frame) in players.into_iter().zip(dynamics.step(&mut turns).unwrap()) {
                played[player].extend(frame.tokens);
            }
        }
        for (player, played) in played.iter().enumerate() {
            let (prompt, seeds) = (prompt(player), [player as u64]);
            let alone = dynamics.rollout(&prompt, &actions(player), &seeds, &sampler).unwrap();
            assert_eq!(*played, alone, "{mode:?}: player {player}");
        }
    }
}

/// Catches: an inexact rewind: a restored session, or a clone, goes on differently, within the
/// window, at its end or beyond it.
#[test]
fn a_restored_session_goes_on_exactly() {
    for mode in [MODES[0], MODES[2]] {
        let dynamics = dynamics(mode);
        let actions = actions(0);
        let mut session = start(&dynamics, 0);
        let mut states = vec![(session.snapshot(), session.clone())];
        let mut played = Vec::new();
        for action in &actions {
            played.push(play(&dynamics, &mut session, &[*action]));
            states.push((session.snapshot(), session.clone()));
        }
        for (at, (snapshot, mut clone)) in states.into_iter().enumerate() {
            let mut restored = Session::restore(&snapshot);
            assert_eq!(restored.frames(), at + 1);
            let expected = played[at..].concat();
            assert_eq!(play(&dynamics, &mut restored, &actions[at..]), expected, "restored {at}");
            assert_eq!(play(&dynamics, &mut clone, &actions[at..]), expected, "clone {at}");
        }
    }
}

/// Catches: a long prompt is seen differently from the same frames when they were played.
#[test]
fn a_prompt_of_played_frames_goes_on_like_the_session() {
    let dynamics = dynamics(MODES[0]);
    let actions = actions(1);
    let mut session = start(&dynamics, 1);
    let all = [prompt(1), play(&dynamics, &mut session, &actions)].concat();
    for frames in 1..PLAYED {
        let prompt = &all[..frames * V.positions];
        let mut later = dynamics.start(prompt, &actions[..frames - 1], 1).unwrap();
        let rest = play(&dynamics, &mut later, &actions[frames - 1..]);
        assert_eq!(rest, all[frames * V.positions..], "after {frames} frames");
    }
}

/// Catches: an action or a sampler that does not exist causes a panic, or changes a session that is
/// in the same batch; a session of another model is continued.
#[test]
fn a_turn_that_is_not_valid_changes_no_session() {
    let dynamics = dynamics(MODES[0]);
    let (good, bad) = (sampler(), SamplerConfig { steps: 0, ..sampler() });
    let (mut one, mut other) = (start(&dynamics, 0), start(&dynamics, 1));
    let mut expected = one.clone();
    let mut refused = |action: u8, sampler: &SamplerConfig| {
        let turns = &mut [
            Turn { session: &mut one, action: 0, sampler: &good },
            Turn { session: &mut other, action, sampler },
        ];
        assert!(dynamics.step(turns).is_err());
    };
    refused(V.actions as u8, &good);
    refused(0, &bad);
    assert_eq!((one.frames(), other.frames()), (1, 1));
    assert_eq!(play(&dynamics, &mut one, &[1, 2]), play(&dynamics, &mut expected, &[1, 2]));
    assert!(dynamics.step(&mut []).unwrap().is_empty());

    assert!(dynamics.start(&[], &[], 0).is_err(), "no prompt");
    assert!(dynamics.start(&[0; 5], &[], 0).is_err(), "an incomplete frame");
    assert!(dynamics.start(&[0; 8], &[], 0).is_err(), "no action between two frames");
    assert!(dynamics.start(&[32; 4], &[], 0).is_err(), "the mask token");
    assert!(dynamics.start(&[0; 8], &[3], 0).is_err(), "an action beyond the last");

    let small = Vocabulary { positions: 2, columns: 1, ..V };
    let description = describe(&config(MODES[0]), small);
    let net = DynamicsNet::<Flex>::new(&description.config, small, &FlexDevice);
    let loaded = Loaded { net, description: description.clone(), device: FlexDevice };
    let stranger = Dynamics { description, stepper: Box::new(loaded) };
    let turn = Turn { session: &mut one, action: 0, sampler: &good };
    assert!(stranger.step(&mut [turn]).is_err());
}
