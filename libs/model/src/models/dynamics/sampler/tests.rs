//! The sampler with a model whose predictions are known.

use std::cell::RefCell;

use super::unmask::{entropy, sample};
use super::*;
use crate::models::dynamics::rollout::{self, RolloutInputs};
use crate::models::dynamics::session::Session;

const K: usize = 8;
const ORDERS: [UnmaskOrder; 4] =
    [UnmaskOrder::Random, UnmaskOrder::Confidence, UnmaskOrder::Greedy, UnmaskOrder::Tapered];

/// A model that adds the action to the last frame's token, modulo [`K`], at every position.
///
/// It records the tokens that it is asked about.
#[derive(Default)]
struct Adds {
    /// At each position: the difference between the logit of its own token and the other logits.
    sure: Vec<f32>,
    asked: RefCell<Vec<Vec<u16>>>,
    finished: RefCell<Vec<Vec<u16>>>,
    /// The most frames that it can see. 0 means any number.
    window: usize,
}

impl Adds {
    fn of(s: usize) -> Self {
        Self { sure: (0..s).map(|i| 1.0 + 0.1 * i as f32).collect(), ..Self::default() }
    }
}

impl FrameReader for Adds {
    type Frame = SeenFrame;
    type Past = Vec<Vec<u16>>;

    fn start(&self) -> Self::Past {
        Vec::new()
    }

    fn window(&self) -> usize {
        if self.window == 0 { usize::MAX } else { self.window }
    }

    fn read(
        &self,
        frames: &[&SeenFrame],
        pasts: &[&Self::Past],
    ) -> Result<Vec<Self::Past>, ModelError> {
        let read = |(frame, past): (&&SeenFrame, &&Self::Past)| {
            let tokens = frame.tokens.clone();
            assert!(tokens.iter().all(|token| *token < K as u16), "an unfinished frame was read");
            assert!(past.len() < self.window(), "more frames than its window has");
            self.finished.borrow_mut().push(tokens.clone());
            let mut longer = (*past).clone();
            longer.push(tokens);
            longer
        };
        Ok(frames.iter().zip(pasts).map(read).collect())
    }
}

impl Predictor for Adds {
    type Batch = Vec<Vec<Vec<u16>>>;

    fn mask_token(&self) -> u16 {
        K as u16
    }

    fn gather(&self, pasts: &[&Self::Past]) -> Self::Batch {
        pasts.iter().map(|past| (*past).clone()).collect()
    }

    fn logits(
        &self,
        tokens: &[u16],
        actions: &[Option<u8>],
        batch: &Self::Batch,
    ) -> Result<Vec<f32>, ModelError> {
        self.asked.borrow_mut().push(tokens.to_vec());
        let s = tokens.len() / actions.len();
        let mut logits = vec![0.0; tokens.len() * K];
        for (row, logits) in logits.chunks_exact_mut(K).enumerate() {
            let past = &batch[row / s];
            assert!(past.len() < self.window(), "more frames than its window has");
            let last = usize::from(past.last().expect("a prompt")[row % s]);
            let action = actions[row / s].map_or(0, usize::from);
            logits[(last + action) % K] = self.sure[row % s];
        }
        Ok(logits)
    }
}

/// The frames that follow prompts of one frame of zeros, one for each action.
fn next_frames(model: &Adds, s: usize, actions: &[u8], sampler: &SamplerConfig) -> Vec<u16> {
    let start = |seed| Session::new(&vec![0; s], &[], s, seed, false);
    let mut sessions: Vec<Session> = (0..actions.len() as u64).map(start).collect();
    let turn = |(session, action): (_, &u8)| Turn { session, action: *action, sampler };
    let mut turns: Vec<Turn<'_>> = sessions.iter_mut().zip(actions).map(turn).collect();
    step(model, &mut turns).unwrap().into_iter().flat_map(|frame| frame.tokens).collect()
}

/// Rollouts with the seeds `seed`, `seed + 1` and so on.
fn rollout(
    model: &Adds,
    space: usize,
    prompt: &[u16],
    actions: &[u8],
    b: usize,
    config: &SamplerConfig,
    seed: u64,
) -> Result<Vec<u16>, ModelError> {
    let seeds: Vec<u64> = (seed..).take(b).collect();
    let inputs = RolloutInputs { prompt, actions, seeds: &seeds, space, window: model.window() };
    rollout::rollout(&inputs, config, |turns| step(model, turns))
}

fn masked(tokens: &[u16]) -> usize {
    tokens.iter().filter(|token| **token == K as u16).count()
}

/// Catches: a schedule has steps that set nothing, leaves tokens masked at the end, or masks tokens
/// again.
#[test]
fn fewer_are_masked_at_every_step_and_what_is_set_stays() {
    for order in ORDERS {
        for (s, steps) in [(1, 1), (1, 25), (4, 25), (7, 3), (64, 1), (64, 25), (920, 25)] {
            let config = SamplerConfig { steps, order, ..Default::default() };
            let model = Adds::of(s);
            let last = next_frames(&model, s, &[0], &config);
            let mut seen = model.asked.borrow().clone();
            assert_eq!(seen.len(), steps.min(s), "{order:?}, {s} tokens in {steps} steps");
            seen.push(last);
            assert_eq!(masked(&seen[0]), s);
            assert_eq!(masked(seen.last().unwrap()), 0, "{order:?}, {s} tokens in {steps} steps");
            for pair in seen.windows(2) {
                assert!(
                    masked(&pair[1]) < masked(&pair[0]),
                    "{order:?}, {s} tokens in {steps} steps: nothing was set"
                );
                assert!(
                    pair[0].iter().zip(&pair[1]).all(|(a, b)| *a == K as u16 || a == b),
                    "a token that was set changed"
                );
            }
        }
    }
}

/// Catches: a cosine schedule is reversed (the first steps must set few tokens, the last ones
/// most).
#[test]
fn the_schedule_begins_slowly() {
    let config = SamplerConfig { steps: 8, ..Default::default() };
    let left: Vec<usize> = (0..8).map(|step| config.masked_after(step, 1000)).collect();
    assert_eq!(left, [980, 923, 831, 707, 555, 382, 195, 0]);
}

/// Catches: the tapered order sets many tokens at once at the end, where the model is least sure,
/// or its schedule stops early; it sets other tokens first than the most certain ones.
#[test]
fn the_tapered_order_ends_one_by_one() {
    let order = UnmaskOrder::Tapered;
    let left = |s: usize, steps: usize| -> Vec<usize> {
        let config = SamplerConfig { steps, order, ..Default::default() };
        (0..steps).map(|step| config.masked_after(step, s)).collect()
    };
    assert_eq!(left(64, 8), [38, 22, 13, 8, 4, 2, 1, 0]);
    assert_eq!(left(64, 1), [0]);
    assert_eq!(left(3, 5), [2, 1, 0, 0, 0]);

    let s = 64;
    let sampler = SamplerConfig { steps: 8, order, temperature: 0.0, ..Default::default() };
    let model = Adds::of(s);
    next_frames(&model, s, &[0], &sampler);
    let asked = model.asked.borrow();
    let set: Vec<usize> = asked.iter().map(|tokens| s - masked(tokens)).collect();
    assert_eq!(set, [0, 26, 42, 51, 56, 60, 62, 63]);
    // Later positions are surer.
    for (tokens, set) in asked.iter().zip(set) {
        assert!(tokens[..s - set].iter().all(|token| *token == K as u16), "{set} are set");
    }
}

/// Catches: a temperature of 0 still samples; a temperature near 0 behaves differently.
#[test]
fn temperature_0_takes_the_likeliest() {
    for order in ORDERS {
        let config = SamplerConfig { temperature: 0.0, order, ..Default::default() };
        let model = Adds::of(16);
        let tokens = next_frames(&model, 16, &[3, 5], &config);
        assert_eq!(tokens, [[3; 16], [5; 16]].concat(), "{order:?}");
    }
    for seed in 0..200 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        assert_eq!(sample(&[0.3, 0.1, 0.9, 0.89], 1e-4, &mut rng).0, 2, "next to 0");
    }
}

/// Catches: a temperature divides probabilities or noise instead of the logits, works the wrong way
/// round or has no effect; samples do not follow the model's distribution.
#[test]
fn draws_follow_the_softmax_at_every_temperature() {
    let logits = [2.0, 1.0, 0.0, -1.0, -30.0];
    let n = 20_000;
    let mut last = -1.0;
    for temperature in [0.25_f32, 0.5, 1.0, 2.0, 4.0] {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0; 5];
        for _ in 0..n {
            let (token, log_probability) = sample(&logits, temperature, &mut rng);
            counts[usize::from(token)] += 1;
            let total: f32 = logits.iter().map(|x| (x / temperature).exp()).sum();
            let expected = logits[usize::from(token)] / temperature - total.ln();
            assert!(
                (log_probability - expected).abs() < 1e-4,
                "confidence {log_probability} is not {expected}"
            );
        }
        let total: f64 = logits.iter().map(|x| f64::from(x / temperature).exp()).sum();
        for (x, count) in logits.iter().zip(counts) {
            let (p, share) =
                (f64::from(x / temperature).exp() / total, f64::from(count) / f64::from(n));
            let spread = (p * (1.0 - p) / f64::from(n)).sqrt();
            assert!(
                (share - p).abs() <= 5.0 * spread + 1e-4,
                "at {temperature}: drawn {share}, softmax says {p}"
            );
        }
        let shares = counts
            .into_iter()
            .filter(|count| *count > 0)
            .map(|count| f64::from(count) / f64::from(n));
        let entropy: f64 = shares.map(|p| -p * p.ln()).sum();
        assert!(entropy > last, "entropy at {temperature} is {entropy}, below it {last}");
        last = entropy;
    }
}

/// Catches: tokens are set in the wrong order, so the least confident ones are first; the option
/// for the order has no effect.
#[test]
fn greedy_sets_the_surest_first_and_random_does_not() {
    let s = 32;
    let set_first = |order, noise| {
        let model = Adds::of(s);
        let config =
            SamplerConfig { order, noise, temperature: 0.0, steps: 2, ..Default::default() };
        next_frames(&model, s, &[0], &config);
        let second = model.asked.borrow()[1].clone();
        (0..s).filter(|position| second[*position] != K as u16).collect::<Vec<_>>()
    };
    let surest: Vec<usize> = (s - 10..s).collect();
    assert_eq!(set_first(UnmaskOrder::Greedy, 1.0), surest);
    assert_eq!(
        set_first(UnmaskOrder::Confidence, 0.0),
        surest,
        "without noise confidence is greedy"
    );
    assert_ne!(set_first(UnmaskOrder::Random, 1.0), surest);
    assert_ne!(set_first(UnmaskOrder::Confidence, 50.0), surest, "noise changes the order");
}

/// Catches: tokens are sampled from logits that are not finite (a diverged model's rollouts would
/// be measured like any other).
#[test]
fn logits_that_are_no_numbers_end_a_rollout() {
    for odd in [f32::NAN, f32::NEG_INFINITY] {
        let mut model = Adds::of(3);
        model.sure[1] = odd;
        let failed = rollout(&model, 3, &[0; 3], &[1; 4], 1, &SamplerConfig::default(), 0);
        assert!(matches!(failed, Err(ModelError::NotFinite(_))), "{odd}");
    }
}

/// Catches: actions are off by one frame; generated frames never go back into the model (every
/// frame must be the previous one plus its own action, after prompts of any length).
#[test]
fn each_frame_follows_from_the_one_before_and_its_own_action() {
    let (s, frames, b) = (3, 6, 2);
    let actions = [1, 2, 3, 0, 5, /* second row */ 7, 0, 1, 1, 4];
    let config = SamplerConfig { temperature: 0.0, ..Default::default() };
    for given in 1..=frames {
        let prompt: Vec<u16> = (0..b * given * s).map(|i| (i % K) as u16).collect();
        let model = Adds::of(s);
        let out = rollout(&model, s, &prompt, &actions, b, &config, 1).unwrap();
        assert_eq!(out.len(), b * frames * s);
        for row in 0..b {
            let frame = |t: usize| &out[(row * frames + t) * s..][..s];
            assert_eq!(
                &out[row * frames * s..][..given * s],
                &prompt[row * given * s..][..given * s],
                "the prompt is kept"
            );
            for t in given..frames {
                let action = u16::from(actions[row * (frames - 1) + t - 1]);
                let expected: Vec<u16> =
                    frame(t - 1).iter().map(|token| (token + action) % K as u16).collect();
                assert_eq!(frame(t), expected, "row {row}, frame {t} after a prompt of {given}");
            }
        }
        let read = if given < frames { b * (frames - 1) } else { 0 };
        assert_eq!(model.finished.borrow().len(), read, "every frame but the last is read, once");
    }
}

/// Catches: random numbers depend on threads or time; a seed has no effect.
#[test]
fn the_seed_decides() {
    let config = SamplerConfig { temperature: 4.0, ..Default::default() };
    let roll = |seed| rollout(&Adds::of(40), 40, &[0; 40], &[1; 5], 1, &config, seed).unwrap();
    assert_eq!(roll(1), roll(1));
    assert_ne!(roll(1), roll(2));
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(roll(1), one_thread.install(|| roll(1)));
}

/// Catches: the rows of a batch share a random stream, so that one rollout changes with its
/// neighbours; all rows or frames draw the same numbers.
#[test]
fn a_row_does_not_depend_on_its_neighbours() {
    let (s, frames) = (20, 4);
    let config = SamplerConfig { temperature: 4.0, ..Default::default() };
    let row = |out: &[u16], row: usize| out[row * frames * s..][..frames * s].to_vec();
    let roll = |prompts: &[u16], actions: &[u8]| {
        let prompt: Vec<u16> = prompts.iter().flat_map(|token| vec![*token; s]).collect();
        let actions: Vec<u8> =
            actions.iter().flat_map(|action| vec![*action; frames - 1]).collect();
        rollout(&Adds::of(s), s, &prompt, &actions, prompts.len(), &config, 5).unwrap()
    };
    let (a, b) = (roll(&[1, 2, 3], &[1, 1, 1]), roll(&[1, 7, 3], &[1, 4, 1]));
    assert_eq!(row(&a, 0), row(&b, 0));
    assert_eq!(row(&a, 2), row(&b, 2));
    assert_ne!(row(&a, 1), row(&b, 1));
    assert_eq!(row(&a, 0), roll(&[1], &[1]), "alone");

    let same = roll(&[1, 1], &[0, 0]);
    assert_ne!(row(&same, 0), row(&same, 1), "rows draw different numbers");
    assert_ne!(same[s..2 * s], same[2 * s..3 * s], "frames draw different numbers");
}

/// Catches: options are accepted although they would loop for ever or divide by zero.
#[test]
fn options_without_sense_are_refused() {
    let wrong = |config: SamplerConfig| assert!(config.check().is_err(), "{config:?}");
    wrong(SamplerConfig { steps: 0, ..Default::default() });
    wrong(SamplerConfig { temperature: -1.0, ..Default::default() });
    wrong(SamplerConfig { temperature: f32::NAN, ..Default::default() });
    wrong(SamplerConfig { noise: f32::NAN, ..Default::default() });
    SamplerConfig::default().check().unwrap();
}

/// Catches: a rollout ends, loses frames or shifts its actions when the model's window is full.
#[test]
fn a_rollout_goes_on_past_the_window() {
    let (s, b, frames) = (3, 2, 23);
    let actions: Vec<u8> = (0..b * (frames - 1)).map(|i| (i * i % 5) as u8).collect();
    let prompt: Vec<u16> = (0..b * 2 * s).map(|i| (i % K) as u16).collect();
    let config = SamplerConfig { temperature: 0.0, steps: 2, ..Default::default() };
    let out = |window: usize| {
        rollout(&Adds { window, ..Adds::of(s) }, s, &prompt, &actions, b, &config, 1).unwrap()
    };
    let unbounded = out(0);
    for window in [2, 3, 4, 16, 22, 23, 24] {
        assert_eq!(out(window), unbounded, "a window of {window} frames");
    }
}

/// Catches: the entropy is wrong; the bound is exceeded, or no token is set; with few steps, the
/// last one sets many tokens at once; tokens stay masked after it.
#[test]
fn the_entropy_order_sets_as_much_as_its_bound_allows() {
    let near = |a: f32, b: f32| (a - b).abs() < 1e-5;
    assert!(
        near(entropy(&[1.0; 8], 0.7), 8_f32.ln()) && near(entropy(&[0.0, 40.0, 0.0], 1.0), 0.0)
    );
    assert!(near(entropy(&[0.0, 3_f32.ln()], 1.0), 0.562_335), "of 1/4 and 3/4");
    assert!(entropy(&[0.0, 1.0], 0.3) < entropy(&[0.0, 1.0], 1.0));

    let s = 12;
    // Half of the positions are nearly certain. At the others all tokens are equally probable.
    let sure: Vec<f32> = (0..s).map(|i| if i % 2 == 0 { 60.0 } else { 0.0 }).collect();
    let steps = |bound: f32, steps: usize| {
        let config = SamplerConfig {
            steps,
            order: UnmaskOrder::Entropy,
            entropy: bound,
            ..Default::default()
        };
        let model = Adds { sure: sure.clone(), ..Adds::default() };
        let last = next_frames(&model, s, &[0], &config);
        assert_eq!(masked(&last), 0);
        model.asked.borrow().iter().map(|tokens| masked(tokens)).collect::<Vec<_>>()
    };
    let each = (K as f32).ln() + 1e-3;
    assert_eq!(steps(each, 25), [12, 5, 4, 3, 2, 1], "the sure ones and one more, then one by one");
    assert_eq!(steps(2.0 * each, 25), [12, 4, 2]);
    assert_eq!(steps(1e-6, 25), [12, 6, 5, 4, 3, 2, 1], "at least one a step");
    assert_eq!(steps(each, 3), [12, 5, 2], "with few steps, as many as the tapered order");
    assert_eq!(steps(1e-6, 1), [12], "the last step sets all that are left");
}

/// Catches: a session differs from a rollout in a token; an old or a young session, another order
/// in the batch, or another sampler beside it changes a session; a sampler of more steps than its
/// neighbour's is cut short.
#[test]
fn a_session_does_not_depend_on_who_else_plays() {
    let (s, frames, window) = (20, 30, 6);
    let model = Adds { window, ..Adds::of(s) };
    let samplers =
        [3, 9].map(|steps| SamplerConfig { steps, temperature: 4.0, ..Default::default() });
    let actions = |player: usize| (0..frames - 1).map(move |t| ((t * (player + 2)) % 5) as u8);
    let prompt = |player: usize| vec![player as u16; s];
    let alone = |player: usize| {
        let actions: Vec<u8> = actions(player).collect();
        let sampler = &samplers[player % 2];
        rollout(&model, s, &prompt(player), &actions, 1, sampler, player as u64).unwrap()
    };
    // Player n joins at time 4n, and the order of the turns changes.
    let mut sessions: Vec<Session> =
        (0..3).map(|player| Session::new(&prompt(player), &[], s, player as u64, true)).collect();
    let mut played: Vec<Vec<u16>> = (0..3).map(prompt).collect();
    for time in 0..frames + 8 {
        let mut turns: Vec<(usize, Turn<'_>)> = sessions
            .iter_mut()
            .enumerate()
            .filter_map(|(player, session)| {
                let action = actions(player).nth(time.checked_sub(4 * player)?)?;
                Some((player, Turn { session, action, sampler: &samplers[player % 2] }))
            })
            .collect();
        let turned = time % turns.len().max(1);
        turns.rotate_left(turned);
        let (players, mut turns): (Vec<usize>, Vec<_>) = turns.into_iter().unzip();
        for (player, frame) in players.into_iter().zip(step(&model, &mut turns).unwrap()) {
            played[player].extend(frame.tokens);
        }
    }
    for (player, played) in played.iter().enumerate() {
        assert_eq!(*played, alone(player), "player {player}");
    }
}

/// Catches: the step at which a token was set, or the entropy, is that of another position.
#[test]
fn a_frame_says_when_each_token_was_set_and_how_sure_it_was() {
    let s = 12;
    let sampler = SamplerConfig {
        steps: 4,
        order: UnmaskOrder::Greedy,
        temperature: 0.0,
        ..Default::default()
    };
    let model = Adds::of(s);
    let mut session = Session::new(&vec![0; s], &[], s, 1, true);
    let mut turn = [Turn { session: &mut session, action: 2, sampler: &sampler }];
    let frame = step(&model, &mut turn).unwrap().remove(0);
    // Later positions are surer, so they are set first.
    assert!(frame.set_at.windows(2).all(|pair| pair[0] >= pair[1]), "{:?}", frame.set_at);
    assert_eq!((frame.set_at[0], frame.set_at[s - 1]), (3, 0));
    for (sure, entropy_of) in model.sure.iter().zip(&frame.entropy) {
        let mut logits = [0.0; K];
        logits[2] = *sure;
        assert!((entropy(&logits, 1.0) - entropy_of).abs() < 1e-5);
    }
}
