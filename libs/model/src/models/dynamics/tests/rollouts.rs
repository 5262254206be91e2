//! The cache, rollouts and loading of the dynamics model.

use super::super::network::COMPUTED;
use super::super::sampler::{Predictor, step};
use super::super::session::SeenFrame;
use super::*;
use crate::host;
use crate::models::sequence::FrameReader;
use crate::testing::{Runs, Spy, frames_of};

fn loaded(mode: Mode) -> Loaded<Flex, DynamicsDescription> {
    Loaded { net: net(mode), description: describe(&config(mode), V), device: FlexDevice }
}

/// Catches: a cache drops, repeats or misplaces a frame, its action or its position in time.
#[test]
fn logits_over_a_cache_equal_those_over_the_whole_window() {
    for mode in MODES {
        let loaded = loaded(mode);
        let data = windows(2, V, 13);
        let tokens: Vec<i64> = data.tokens.iter().map(|token| i64::from(*token)).collect();
        let led: Vec<Option<u8>> = data
            .actions
            .chunks_exact(V.frames - 1)
            .flat_map(|row| std::iter::once(None).chain(row.iter().copied().map(Some)))
            .collect();
        let actions: Vec<i64> =
            led.iter().map(|action| action.map_or(V.actions as i64, i64::from)).collect();
        let whole: Vec<f32> = logits(&loaded.net, &tokens, &actions).into_data().to_vec().unwrap();
        let (whole, tokens, led) = (
            frames_of(&whole, 2, V.frames),
            frames_of(&data.tokens, 2, V.frames),
            frames_of(&led, 2, V.frames),
        );
        let mut pasts = [loaded.start(), loaded.start()];
        for t in 0..V.frames {
            let rows: Vec<_> = pasts.iter().collect();
            let cached = loaded.logits(&tokens[t], &led[t], &loaded.gather(&rows)).unwrap();
            let off = cached.iter().zip(&whole[t]).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
            assert!(off < 1e-5, "{mode:?}: frame {t} is off by {off}");
            let frames: Vec<SeenFrame> = tokens[t]
                .chunks_exact(V.positions)
                .zip(&led[t])
                .map(|(tokens, action)| SeenFrame { tokens: tokens.to_vec(), action: *action })
                .collect();
            let longer = loaded.read(&frames.iter().collect::<Vec<_>>(), &rows).unwrap();
            pasts = longer.try_into().ok().expect("two rows");
        }
    }
}

/// A model and a temperature at which both the logits and the seed decide.
fn dynamics(mode: Mode) -> (Dynamics, SamplerConfig) {
    let config = SamplerConfig { steps: 4, temperature: 0.02, ..Default::default() };
    (
        Dynamics { description: describe(&self::config(mode), V), stepper: Box::new(loaded(mode)) },
        config,
    )
}

/// Catches: actions are off by one frame in training, in a rollout or in both; an action has no
/// effect (a model is trained on windows whose every frame shows the action that led to it; its
/// rollout must show each action in the frame that it leads to, and in no other).
#[test]
fn a_rollout_shows_each_action_in_the_frame_that_it_leads_to() {
    for mode in MODES {
        let mut config = config(mode);
        config.train.batch = 4;
        let mut data = windows(12, V, 14);
        let shown = |action: u8, position: usize| u16::from(action) * 8 + position as u16;
        for (row, token) in data.tokens.iter_mut().enumerate() {
            let (window, frame, position) =
                (row / (V.frames * V.positions), row / V.positions % V.frames, row % V.positions);
            if frame > 0 {
                *token = shown(data.actions[window * (V.frames - 1) + frame - 1], position);
            }
        }
        let description = describe(&config, V);
        let task = DynamicsTask::new(&description, shared(&data)).unwrap();
        let model = seeded(6, || <DynamicsTask as Task<Ad>>::init(&task, &FlexDevice));
        let (mut stream, mut numbers) = (rng(8), 0..);
        let batch = || task.draw(numbers.next().unwrap(), &mut stream);
        let (model, values) = fit(&task, model, 150, 5e-3, batch);
        let loaded =
            Loaded { net: model.valid(), description: description.clone(), device: FlexDevice };
        let dynamics = Dynamics { description: description.clone(), stepper: Box::new(loaded) };
        let greedy = SamplerConfig { temperature: 0.0, steps: 3, ..Default::default() };

        let prompt = &data.tokens[..V.positions];
        let mut actions = vec![0, 1, 2, 1];
        for changed in 0..V.frames - 1 {
            actions[changed] = (actions[changed] + 1) % V.actions as u8;
            let out = dynamics.rollout(prompt, &actions, &[1], &greedy).unwrap();
            let expected = actions
                .iter()
                .flat_map(|action| (0..V.positions).map(|position| shown(*action, position)));
            assert_eq!(
                out[V.positions..],
                expected.collect::<Vec<_>>(),
                "{mode:?}: {actions:?}, {values:?}"
            );
        }
    }
}

/// Catches: rollouts depend on their neighbours in the batch, or on random numbers other than those
/// of the seed; a rollout changes its prompt.
#[test]
fn a_rollout_depends_on_its_own_prompt_actions_and_seed() {
    for mode in MODES {
        let (model, config) = dynamics(mode);
        let (data, window) = (windows(3, V, 15), V.frames * V.positions);
        let prompt: Vec<u16> = data
            .tokens
            .chunks_exact(window)
            .flat_map(|tokens| tokens[..2 * V.positions].to_vec())
            .collect();
        let roll = |prompt: &[u16], actions: &[u8], seed| {
            model.rollout(prompt, actions, &[seed, seed + 1, seed + 2], &config).unwrap()
        };
        let out = roll(&prompt, &data.actions, 1);
        assert_eq!(out, roll(&prompt, &data.actions, 1));
        assert_ne!(out, roll(&prompt, &data.actions, 2));
        for (row, tokens) in out.chunks_exact(window).enumerate() {
            assert_eq!(
                tokens[..2 * V.positions],
                prompt[row * 2 * V.positions..][..2 * V.positions],
                "the prompt is kept"
            );
            assert!(
                tokens.iter().all(|token| usize::from(*token) < V.codes),
                "a token stayed masked"
            );
        }
        let (mut other_prompt, mut other_actions) = (prompt.clone(), data.actions.clone());
        other_prompt[2 * V.positions] = (other_prompt[2 * V.positions] + 1) % V.codes as u16;
        other_actions[V.frames - 1] = (other_actions[V.frames - 1] + 1) % V.actions as u8;
        let other = roll(&other_prompt, &other_actions, 1);
        assert_eq!(out[..window], other[..window], "{mode:?}: row 0");
        assert_ne!(out[window..2 * window], other[window..2 * window], "{mode:?}: row 1");
        assert_eq!(out[2 * window..], other[2 * window..], "{mode:?}: row 2");
        let alone = model
            .rollout(&prompt[..2 * V.positions], &data.actions[..V.frames - 1], &[1], &config)
            .unwrap();
        assert_eq!(out[..window], alone, "{mode:?}: alone");
    }
}

/// Catches: a rollout past the window differs from a short one at its start, or continues with
/// other frames or actions than those of the full window's later half.
#[test]
fn a_rollout_past_the_window_goes_on_from_its_later_half() {
    for mode in MODES {
        let (model, _) = dynamics(mode);
        let greedy = SamplerConfig {
            temperature: 0.0,
            steps: 3,
            order: UnmaskOrder::Greedy,
            ..Default::default()
        };
        let (t, s) = (V.frames, V.positions);
        let prompt = &windows(1, V, 18).tokens[..s];
        let actions: Vec<u8> = (0..3 * t).map(|i| (i * i % V.actions) as u8).collect();
        let roll =
            |prompt: &[u16], actions: &[u8]| model.rollout(prompt, actions, &[0], &greedy).unwrap();
        let long = roll(prompt, &actions);
        assert_eq!(long.len(), (3 * t + 1) * s);
        assert_eq!(long[..t * s], roll(prompt, &actions[..t - 1]));
        let (first, kept) = (t - t / 2, t / 2);
        let later = roll(&long[first * s..t * s], &actions[first..first + t - 1]);
        assert_eq!(
            long[first * s..(first + t) * s],
            later,
            "{mode:?}: {kept} frames are seen again"
        );
    }
}

/// Catches: an input that does not fit the model causes a panic or gives a rollout.
#[test]
fn input_that_does_not_fit_is_an_error() {
    let (model, config) = dynamics(MODES[0]);
    let roll =
        |prompt: &[u16], actions: &[u8], b| model.rollout(prompt, actions, &vec![0; b], &config);
    assert!(roll(&[0; 4], &[0; 4], 1).is_ok());
    assert!(roll(&[0; 12], &[0; 1], 1).is_err(), "a prompt longer than the rollout");
    assert!(roll(&[0; 4], &[3; 4], 1).is_err(), "an action beyond the last");
    assert!(roll(&[32; 4], &[0; 4], 1).is_err(), "the mask token as a prompt");
    assert!(roll(&[0; 5], &[0; 4], 1).is_err(), "an incomplete frame");
    assert!(roll(&[], &[0; 4], 1).is_err(), "no prompt");
    assert!(roll(&[0; 4], &[0; 4], 0).is_err(), "no rollouts");

    let data = windows(2, V, 16);
    assert!(data.check(V.codes, V.actions).is_ok());
    assert!(data.check(V.codes - 1, V.actions).is_err(), "tokens of another tokenizer");
    assert!(data.check(V.codes, V.actions - 1).is_err(), "labels of another latent action model");
    let mut long = data.clone();
    long.actions.push(0);
    assert!(long.check(V.codes, V.actions).is_err(), "an action too many");
    let mut short = data;
    short.tokens.pop();
    assert!(short.check(V.codes, V.actions).is_err(), "an incomplete window");
}

/// Catches: a checkpoint lacks weights; a model is rebuilt in another mode than it was trained in.
#[test]
fn a_loaded_model_rolls_out_as_the_one_that_was_saved() {
    for mode in MODES {
        let (config, data) = (config(mode), windows(4, V, 17));
        let description = describe(&config, V);
        let task = DynamicsTask::new(&description, shared(&data)).unwrap();
        let (spy, runs) = (Spy::on(&task), Runs::new());
        let trained = spy.train(&config.train, &description, &runs.run("a"));
        let saved =
            Loaded { net: trained.valid(), description: description.clone(), device: FlexDevice };
        let saved = Dynamics { description: description.clone(), stepper: Box::new(saved) };
        let model = Dynamics::load(&runs.run("a"), &Device::Cpu).unwrap();
        let (prompt, sampler) = (
            &data.tokens[..V.positions],
            SamplerConfig { temperature: 0.01, ..Default::default() },
        );
        let actions = &data.actions[..V.frames - 1];
        assert_eq!(
            model.rollout(prompt, actions, &[1], &sampler).unwrap(),
            saved.rollout(prompt, actions, &[1], &sampler).unwrap()
        );
        assert_eq!(
            (model.frames(), model.positions(), model.codebook_size(), model.num_actions()),
            (5, 4, 32, 3)
        );
    }
}

/// A predictor without a cache: every step computes all frames so far.
struct Uncached(Loaded<Flex, DynamicsDescription>);

impl FrameReader for Uncached {
    type Frame = SeenFrame;
    /// The tokens so far `[time*space]`, and the actions that lead to the frames `[time]`.
    type Past = (Vec<u16>, Vec<Option<u8>>);

    fn start(&self) -> Self::Past {
        Default::default()
    }

    fn window(&self) -> usize {
        self.0.window()
    }

    fn read(
        &self,
        frames: &[&SeenFrame],
        pasts: &[&Self::Past],
    ) -> Result<Vec<Self::Past>, ModelError> {
        let longer = |(frame, past): (&&SeenFrame, &&Self::Past)| {
            let mut longer = (*past).clone();
            longer.0.extend(&frame.tokens);
            longer.1.push(frame.action);
            longer
        };
        Ok(frames.iter().zip(pasts).map(longer).collect())
    }
}

impl Predictor for Uncached {
    type Batch = (Vec<u16>, Vec<Option<u8>>);

    fn mask_token(&self) -> u16 {
        self.0.mask_token()
    }

    fn gather(&self, pasts: &[&Self::Past]) -> Self::Batch {
        assert_eq!(pasts.len(), 1, "one session");
        pasts[0].clone()
    }

    fn logits(
        &self,
        tokens: &[u16],
        actions: &[Option<u8>],
        (before, led): &Self::Batch,
    ) -> Result<Vec<f32>, ModelError> {
        let Vocabulary { positions: s, actions: none, .. } = self.0.description.vocabulary;
        let tokens: Vec<u16> = before.iter().chain(tokens).copied().collect();
        let led: Vec<Option<u8>> = led.iter().chain(actions).copied().collect();
        let grid = Grid { b: 1, t: led.len(), s };
        let row = || indices::<Flex>(tokens.iter().map(|token| i64::from(*token)), &FlexDevice);
        let actions = led.iter().map(|action| action.map_or(none as i64, i64::from));
        let hidden = self.0.net.forward(row(), row(), indices::<Flex>(actions, &FlexDevice), grid);
        let d = hidden.dims()[1];
        let last = hidden.reshape([grid.t, s * d]).narrow(0, grid.t - 1, 1).reshape([s, d]);
        host::floats(self.0.net.logits.forward(last))
    }
}

/// What `compute` returns, and the number of positions that it computes.
fn counted<R>(compute: impl FnOnce() -> R) -> (R, usize) {
    let before = COMPUTED.get();
    let result = compute();
    (result, COMPUTED.get() - before)
}

/// Catches: a cache exists but is not used, so that a step computes earlier frames again; a cache
/// changes the sampled tokens.
#[test]
fn the_cache_saves_most_of_the_work_and_changes_nothing() {
    let size = Vocabulary { frames: 16, positions: 64, columns: 8, codes: 64, actions: 3 };
    for mode in [MODES[0], MODES[2]] {
        let config = DynamicsConfig {
            stack: StackConfig {
                layers: 3,
                d: 64,
                heads: 4,
                head_dim: 0,
                ffn_mult: 4,
                qk_norm: false,
                temporal: true,
            },
            ..config(mode)
        };
        let model = || Loaded {
            net: seeded(9, || DynamicsNet::new(&config, size, &FlexDevice)),
            description: describe(&config, size),
            device: FlexDevice,
        };
        let (cached, uncached) = (model(), Uncached(model()));
        let data = windows(1, size, 20);
        let (t, s, actions) = (size.frames, size.positions, &data.actions[..size.frames - 1]);
        let sampler = SamplerConfig {
            steps: 4,
            temperature: 0.0,
            order: UnmaskOrder::Greedy,
            ..Default::default()
        };
        let prompt = &data.tokens[..(t - 1) * s];
        let inputs =
            RolloutInputs { prompt: &prompt[..s], actions, seeds: &[0], space: s, window: t };
        let (with, fast) =
            counted(|| rollout(&inputs, &sampler, |turns| step(&cached, turns)).unwrap());
        let (without, slow) =
            counted(|| rollout(&inputs, &sampler, |turns| step(&uncached, turns)).unwrap());
        assert_eq!(with, without, "{mode:?}");
        // Every frame but the prompt takes all steps, and every frame but the last is cached.
        let frame = s + config.lead();
        assert_eq!(fast, (t - 1) * (sampler.steps + 1) * frame, "{mode:?}");
        assert!(slow >= 4 * fast, "{mode:?}: {slow} positions without a cache, {fast} with it");

        let (mut short, mut long) = (cached.start(), uncached.start());
        for (frame, tokens) in prompt.chunks_exact(s).enumerate() {
            let action = frame.checked_sub(1).map(|before| actions[before]);
            let frame = SeenFrame { tokens: tokens.to_vec(), action };
            short = cached.read(&[&frame], &[&short]).unwrap().remove(0);
            long = uncached.read(&[&frame], &[&long]).unwrap().remove(0);
        }
        let masked = vec![cached.mask_token(); s];
        let led = [actions.last().copied()];
        let (short, long) = (cached.gather(&[&short]), uncached.gather(&[&long]));
        let (with, fast) = counted(|| cached.logits(&masked, &led, &short).unwrap());
        let (without, slow) = counted(|| uncached.logits(&masked, &led, &long).unwrap());
        assert_eq!((fast, slow), (frame, t * frame), "{mode:?}: positions per step");
        let off = with.iter().zip(&without).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 1e-5, "{mode:?}: off by {off}");
    }
}
