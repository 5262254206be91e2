//! A toy world whose true values are known: a block on a platform that stands, walks and jumps.
//!
//! A frame is a painting of its state (theme, x, y). So the tokenizer is exact, and the latent
//! actions follow from two frames. The dynamics is right, or wrong in one chosen way. A metric is
//! broken if it does not change with the [`Flaw`] that it is meant to find.

use anyhow::{Context, Result};
use rand::RngExt;

use crate::held_out::{HeldOutWindow, LongClip};
use crate::random::{Purpose, stream};
use crate::world::{ActionBatch, Continuation, TokenBatch, VideoBatch, WorldModel};

pub const SIZE: usize = 32;
pub const FRAMES: usize = 16;
pub const CODES: usize = 6;
pub const ACTION_NAMES: [&str; 4] = ["stand", "left", "right", "jump"];
const PLAYER: usize = 5;
const PLACES: u16 = 27;
const THEMES: [[[u8; 3]; 2]; 4] = [
    [[110, 170, 230], [90, 150, 70]],
    [[250, 200, 150], [150, 90, 60]],
    [[40, 44, 80], [90, 90, 110]],
    [[200, 220, 240], [235, 240, 245]],
];
const COLOUR: [u8; 3] = [220, 60, 50];
const STRIPE: [u8; 3] = [0, 0, 0];

/// The flaw of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Flaw {
    None,
    /// The dynamics ignores its actions.
    ActionBlind,
    /// The dynamics uses each action one frame late.
    Late,
    /// The latent action model returns each action one entry late.
    LateLabels,
    /// The latent action is only the clip's theme, and the dynamics paints that theme.
    ThemeOnly,
    /// Everything is somewhat wrong, as in real models: some actions are missed, colours are off.
    ///
    /// The entropy of tokens is noise.
    Imperfect,
    /// Most generated frames have tokens that no recording has, and a false stripe.
    ///
    /// The entropy grows with the stripe.
    FalseStripe,
}

pub struct ToyWorld(pub Flaw);

#[derive(Debug, Clone, Copy, PartialEq)]
struct State {
    theme: u16,
    x: u16,
    y: u16,
    /// Height in pixels of a stripe that no recording has, at most 7.
    stripe: u16,
}

impl State {
    fn step(self, action: u8) -> State {
        let x = match action {
            1 => (self.x + PLACES - 1) % PLACES,
            2 => (self.x + 1) % PLACES,
            _ => self.x,
        };
        State { x, y: if action == 3 { 4 } else { 0 }, ..self }
    }

    /// Returns the latent action: true actions in another order; two codes are never used.
    fn latent_to(self, next: State) -> u8 {
        let action = if next.y > 0 {
            3
        } else if next.x == self.x {
            0
        } else if next == self.step(1) {
            1
        } else {
            2
        };
        (action + 2) % 4
    }

    fn tokens(self) -> [u16; 4] {
        [self.theme, self.x, self.y, self.stripe]
    }

    fn of_tokens(tokens: &[u16]) -> State {
        State { theme: tokens[0], x: tokens[1], y: tokens[2], stripe: tokens[3] }
    }

    fn paint(self) -> Vec<u8> {
        let [sky, ground] = THEMES[usize::from(self.theme)];
        let (left, bottom) = (usize::from(self.x), 24 - usize::from(self.y));
        let pixel = |i: usize| {
            let (y, x) = (i / SIZE, i % SIZE);
            let player =
                (left..left + PLAYER).contains(&x) && (bottom - PLAYER..bottom).contains(&y);
            if y + usize::from(self.stripe) >= SIZE {
                STRIPE
            } else if player {
                COLOUR
            } else if y >= 24 {
                ground
            } else {
                sky
            }
        };
        (0..SIZE * SIZE).flat_map(pixel).collect()
    }

    /// Finds the state that a frame shows; it ignores a stripe.
    fn of_frame(frame: &[u8]) -> Result<State> {
        let theme = THEMES
            .iter()
            .position(|theme| alike(&frame[..3], theme[0]))
            .context("the sky has no known theme")?;
        let first = frame
            .chunks(3)
            .position(|pixel| alike(pixel, COLOUR))
            .context("the frame has no player")?;
        let state = State {
            theme: theme as u16,
            x: (first % SIZE) as u16,
            y: (24 - PLAYER - first / SIZE) as u16,
            stripe: 0,
        };
        Ok(state)
    }
}

/// Returns whether a pixel has a colour, up to the noise of [`Flaw::Imperfect`].
fn alike(pixel: &[u8], colour: [u8; 3]) -> bool {
    pixel.iter().zip(colour).all(|(&value, colour)| value.abs_diff(colour) < 12)
}

impl WorldModel for ToyWorld {
    fn codebook_size(&self) -> usize {
        64
    }

    fn num_actions(&self) -> usize {
        CODES
    }

    fn encode(&self, video: &VideoBatch) -> Result<TokenBatch> {
        let frames = video.data.chunks(video.frame_len());
        let data = frames
            .map(|frame| Ok(State::of_frame(frame)?.tokens()))
            .collect::<Result<Vec<_>>>()?
            .concat();
        Ok(TokenBatch { batch: video.batch, frames: video.frames, per_frame: 4, data })
    }

    fn decode(&self, tokens: &TokenBatch) -> Result<VideoBatch> {
        let mut data: Vec<u8> =
            tokens.data.chunks(4).flat_map(|t| State::of_tokens(t).paint()).collect();
        if self.0 == Flaw::Imperfect {
            for clip in data.chunks_mut(tokens.frames * SIZE * SIZE * 3) {
                let mut noise = stream(5, Purpose::Sampler, 0);
                for value in clip {
                    *value = value.saturating_add_signed(noise.random_range(-9..9));
                }
            }
        }
        Ok(VideoBatch {
            batch: tokens.batch,
            frames: tokens.frames,
            height: SIZE,
            width: SIZE,
            data,
        })
    }

    fn infer_actions(&self, video: &VideoBatch) -> Result<ActionBatch> {
        let steps = video.frames - 1;
        let tokens = self.encode(video)?;
        let mut data = Vec::new();
        for b in 0..video.batch {
            let states: Vec<State> = tokens.window(b).chunks(4).map(State::of_tokens).collect();
            let mut actions: Vec<u8> =
                states.windows(2).map(|pair| pair[0].latent_to(pair[1])).collect();
            match self.0 {
                Flaw::ThemeOnly => actions.fill(states[0].theme as u8),
                Flaw::LateLabels => actions.rotate_right(1),
                Flaw::Imperfect => {
                    let mut noise = stream(u64::from(states[0].x), Purpose::Sampler, 2);
                    for action in &mut actions {
                        if noise.random_bool(0.2) {
                            *action = noise.random_range(0..5);
                        }
                    }
                }
                _ => {}
            }
            data.extend(actions);
        }
        Ok(ActionBatch { batch: video.batch, steps, data })
    }

    fn rollout(
        &self,
        prompt: &TokenBatch,
        actions: &ActionBatch,
        seeds: &[u64],
    ) -> Result<Continuation> {
        let (mut data, mut entropy) = (Vec::new(), Vec::new());
        for (b, &seed) in seeds.iter().enumerate() {
            let mut noise = stream(seed, Purpose::Sampler, 1);
            let given = prompt.window(b);
            data.extend_from_slice(given);
            let mut state = State::of_tokens(&given[given.len() - 4..]);
            for t in prompt.frames..=actions.steps {
                let latent = |entry: usize| actions.window(b)[entry];
                let missed = noise.random_bool(0.15);
                state = match self.0 {
                    Flaw::ActionBlind => state.step(2),
                    Flaw::ThemeOnly => State { theme: u16::from(latent(t - 1)) % 4, ..state },
                    Flaw::Late => state.step((latent(t.max(2) - 2) + 2) % 4),
                    Flaw::Imperfect if missed => state.step(0),
                    _ => state.step((latent(t - 1) + 2) % 4),
                };
                if self.0 == Flaw::FalseStripe {
                    let stripe = noise.random_range(0..8);
                    state.stripe = if missed { 0 } else { stripe };
                }
                entropy.push(match self.0 {
                    Flaw::Imperfect => noise.random_range(0.0..1.0),
                    _ => f64::from(state.stripe) / 10.0,
                });
                data.extend(state.tokens());
            }
        }
        let frames = actions.steps + 1;
        let tokens = TokenBatch { batch: prompt.batch, frames, per_frame: 4, data };
        Ok(Continuation { tokens, entropy })
    }
}

/// The toy world with other rollouts.
pub struct WithRollout<F>(pub ToyWorld, pub F);

impl<F: Fn(&ToyWorld, &TokenBatch, &ActionBatch, &[u64]) -> Result<Continuation>> WorldModel
    for WithRollout<F>
{
    fn codebook_size(&self) -> usize {
        self.0.codebook_size()
    }

    fn num_actions(&self) -> usize {
        self.0.num_actions()
    }

    fn encode(&self, video: &VideoBatch) -> Result<TokenBatch> {
        self.0.encode(video)
    }

    fn decode(&self, tokens: &TokenBatch) -> Result<VideoBatch> {
        self.0.decode(tokens)
    }

    fn infer_actions(&self, video: &VideoBatch) -> Result<ActionBatch> {
        self.0.infer_actions(video)
    }

    fn rollout(
        &self,
        prompt: &TokenBatch,
        actions: &ActionBatch,
        seeds: &[u64],
    ) -> Result<Continuation> {
        self.1(&self.0, prompt, actions, seeds)
    }
}

/// Plays `sources` recordings of `windows` windows each, with held random actions.
///
/// Each recording has one theme.
pub fn recordings(sources: usize, windows: usize) -> (Vec<HeldOutWindow>, Vec<VideoBatch>) {
    (0..sources * windows).map(|index| play(index / windows, index % windows, FRAMES)).unzip()
}

/// Plays one recording of `frames` frames for each source.
pub fn long_recordings(sources: usize, frames: usize) -> (Vec<LongClip>, Vec<VideoBatch>) {
    let clip = |source| {
        let (window, video) = play(source, 0, frames);
        (LongClip::new(window, frames), video)
    };
    (0..sources).map(clip).unzip()
}

fn play(source: usize, window: usize, frames: usize) -> (HeldOutWindow, VideoBatch) {
    let mut rng = stream(11, Purpose::Windows, source << 16 | window);
    let x = rng.random_range(0..PLACES);
    let mut state = State { theme: (source % 4) as u16, x, y: 0, stripe: 0 };
    let (mut truth, mut data, mut action) = (Vec::new(), state.paint(), 0);
    for t in 0..frames - 1 {
        if t % 3 == 0 {
            action = rng.random_range(0..4);
        }
        state = state.step(action);
        truth.push(action);
        data.extend(state.paint());
    }
    let name = format!("level-{source:02}.mp4");
    let clip_id = format!("{source:016x}{:016x}", window / 4);
    // Each true action has its own effect, so the two lists are equal.
    let effects = Some(truth.clone());
    let window = HeldOutWindow {
        source: format!("{source:064x}"),
        name,
        clip_id,
        first: window % 4 * FRAMES,
        truth: Some(truth),
        effects,
    };
    (window, VideoBatch { batch: 1, frames, height: SIZE, width: SIZE, data })
}
