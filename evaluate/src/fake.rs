//! A toy world whose true values are known, for tests: a block on a platform that stands, walks and jumps.
//!
//! A frame is its state (theme, x, y) painted, so the tokenizer can be exact, the latent actions can be read off two
//! frames, and the dynamics can be right, or wrong in one chosen way. A metric that does not notice the [`Flaw`] it is
//! meant for is broken.

use std::cell::Cell;

use anyhow::{Context, Result};
use rand::RngExt;

use crate::distance::{ClipFeatures, Divisor, Encoder};
use crate::draws::{Purpose, stream};
use crate::measure::{Settings, Watch, Window};
use crate::perceptual::{FrameDistance, Pair};
use crate::report::Distance;
use crate::world::{Actions, Tokens, Video, WorldModel};

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

/// As tests measure, unless they say otherwise.
pub const SETTINGS: Settings = Settings {
    prompt_frames: 1,
    samples: 2,
    batch: 5,
    seed: 0,
    scenes: 2,
    held: 1,
    starts: 12,
    true_actions: false,
};

/// What is wrong with the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Flaw {
    None,
    /// The dynamics does not look at its actions.
    ActionBlind,
    /// The dynamics uses each action one frame too late.
    Late,
    /// The latent action model returns each action one entry too late.
    LateLabels,
    /// The latent action says only which theme the clip has, and the dynamics paints that theme.
    ThemeOnly,
    /// Everything somewhat wrong, as real models are: actions missed now and then, colours off.
    Imperfect,
}

pub struct FakeWorld(pub Flaw);

#[derive(Debug, Clone, Copy, PartialEq)]
struct State {
    theme: u16,
    x: u16,
    y: u16,
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

    /// Latent actions are true actions in another order; two of the codes are never used.
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
        [self.theme, self.x, self.y, 0]
    }

    fn of_tokens(tokens: &[u16]) -> State {
        State { theme: tokens[0], x: tokens[1], y: tokens[2] }
    }

    fn paint(self) -> Vec<u8> {
        let [sky, ground] = THEMES[usize::from(self.theme)];
        let (left, bottom) = (usize::from(self.x), 24 - usize::from(self.y));
        let pixel = |i: usize| {
            let (y, x) = (i / SIZE, i % SIZE);
            let player =
                (left..left + PLAYER).contains(&x) && (bottom - PLAYER..bottom).contains(&y);
            if player {
                COLOUR
            } else if y >= 24 {
                ground
            } else {
                sky
            }
        };
        (0..SIZE * SIZE).flat_map(pixel).collect()
    }

    fn of_frame(frame: &[u8]) -> Result<State> {
        let theme = THEMES
            .iter()
            .position(|theme| theme[0][..] == frame[..3])
            .context("a sky of no known theme")?;
        let first = frame
            .chunks(3)
            .position(|pixel| pixel == COLOUR)
            .context("a frame without the player")?;
        let state = State {
            theme: theme as u16,
            x: (first % SIZE) as u16,
            y: (24 - PLAYER - first / SIZE) as u16,
        };
        Ok(state)
    }
}

impl WorldModel for FakeWorld {
    fn codebook_size(&self) -> usize {
        64
    }

    fn num_actions(&self) -> usize {
        CODES
    }

    fn encode(&self, video: &Video) -> Result<Tokens> {
        let frames = video.data.chunks(video.frame_len());
        let data = frames
            .map(|frame| Ok(State::of_frame(frame)?.tokens()))
            .collect::<Result<Vec<_>>>()?
            .concat();
        Ok(Tokens { batch: video.batch, frames: video.frames, per_frame: 4, data })
    }

    fn decode(&self, tokens: &Tokens) -> Result<Video> {
        let mut data: Vec<u8> =
            tokens.data.chunks(4).flat_map(|t| State::of_tokens(t).paint()).collect();
        if self.0 == Flaw::Imperfect {
            let mut noise = stream(5, Purpose::Sampler, 0);
            for value in &mut data {
                *value = value.saturating_add_signed(noise.random_range(-9..9));
            }
        }
        Ok(Video { batch: tokens.batch, frames: tokens.frames, height: SIZE, width: SIZE, data })
    }

    fn infer_actions(&self, video: &Video) -> Result<Actions> {
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
        Ok(Actions { batch: video.batch, steps, data })
    }

    fn rollout(&self, prompt: &Tokens, actions: &Actions, seed: u64) -> Result<Tokens> {
        let mut noise = stream(seed, Purpose::Sampler, 1);
        let mut data = Vec::new();
        for b in 0..prompt.batch {
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
                data.extend(state.tokens());
            }
        }
        Ok(Tokens { batch: prompt.batch, frames: actions.steps + 1, per_frame: 4, data })
    }
}

/// The world, but for its rollouts.
pub struct Otherwise<F>(pub FakeWorld, pub F);

impl<F: Fn(&FakeWorld, &Tokens, &Actions, u64) -> Result<Tokens>> WorldModel for Otherwise<F> {
    fn codebook_size(&self) -> usize {
        self.0.codebook_size()
    }

    fn num_actions(&self) -> usize {
        self.0.num_actions()
    }

    fn encode(&self, video: &Video) -> Result<Tokens> {
        self.0.encode(video)
    }

    fn decode(&self, tokens: &Tokens) -> Result<Video> {
        self.0.decode(tokens)
    }

    fn infer_actions(&self, video: &Video) -> Result<Actions> {
        self.0.infer_actions(video)
    }

    fn rollout(&self, prompt: &Tokens, actions: &Actions, seed: u64) -> Result<Tokens> {
        self.1(&self.0, prompt, actions, seed)
    }
}

/// `sources` recordings of `windows` windows each, played by held random actions, each recording in one theme.
pub fn footage(sources: usize, windows: usize) -> (Vec<Window>, Vec<Video>) {
    (0..sources * windows).map(|index| play(index / windows, index % windows)).unzip()
}

fn play(source: usize, window: usize) -> (Window, Video) {
    let mut rng = stream(11, Purpose::Windows, source << 16 | window);
    let mut state = State { theme: (source % 4) as u16, x: rng.random_range(0..PLACES), y: 0 };
    let (mut truth, mut data, mut action) = (Vec::new(), state.paint(), 0);
    for t in 0..FRAMES - 1 {
        if t % 3 == 0 {
            action = rng.random_range(0..4);
        }
        state = state.step(action);
        truth.push(action);
        data.extend(state.paint());
    }
    let name = format!("level-{source:02}.mp4");
    let clip_id = format!("{source:016x}{:016x}", window / 4);
    // Seen from outside, "stand" has no effect and the others their own.
    let effects = Some(truth.clone());
    let window = Window {
        source: format!("{source:064x}"),
        name,
        clip_id,
        first: window % 4 * FRAMES,
        truth: Some(truth),
        effects,
    };
    (window, Video { batch: 1, frames: FRAMES, height: SIZE, width: SIZE, data })
}

/// What a report may say of a distance: a floor of 2, standing still at 20.
pub fn distance() -> Distance {
    Distance {
        name: "Clip distance 01234567".into(),
        comparable_with_fvd: false,
        encoder: "genie clip encoder 0123456789abcdef".into(),
        preset: None,
        dimension: 32,
        real_clips: 48,
        generated_clips: 48,
        unit: "source".into(),
        groups: 12,
        frechet: 8.0,
        frechet_ci95: Some([6.0, 10.0]),
        frechet_infinity: None,
        half_clips: 24.0,
        half_floor: 2.0,
        half_generated: 9.0,
        kernel: -0.01,
        kernel_ci95: Some([-0.2, 0.3]),
        probe_clips: 48,
        probe_frozen: 20.0,
        probe_shuffled: 15.0,
    }
}

/// An encoder whose features say what a clip's last frame looks like; it counts the clips it saw.
pub struct CountingEncoder(Encoder, Cell<usize>);

impl CountingEncoder {
    pub fn new(identity: &str) -> CountingEncoder {
        let encoder = Encoder {
            name: "test".into(),
            comparable: false,
            identity: identity.into(),
            preset: None,
            divisor: Divisor::Unbiased,
            dimension: 3,
        };
        CountingEncoder(encoder, Cell::new(0))
    }

    pub fn clips(&self) -> usize {
        self.1.get()
    }
}

impl ClipFeatures for CountingEncoder {
    fn encoder(&self) -> &Encoder {
        &self.0
    }

    fn features(&self, clips: &Video) -> Result<Vec<f32>> {
        self.1.set(self.1.get() + clips.batch);
        let feature = |b: usize, number: usize| {
            let last = clips.frame(b, FRAMES - 1).iter().enumerate();
            last.map(|(at, &byte)| f32::from(byte) * (at % (7 + number)) as f32).sum::<f32>()
        };
        Ok((0..clips.batch).flat_map(|b| (0..3).map(move |number| feature(b, number))).collect())
    }
}

/// A distance that is easily told by hand: how far values are apart on average.
pub struct MeanDifference;

impl FrameDistance for MeanDifference {
    fn distances(&self, frames: &[u8], size: (usize, usize), pairs: &[Pair]) -> Result<Vec<f64>> {
        let frames: Vec<&[u8]> = frames.chunks_exact(size.0 * size.1 * 3).collect();
        let mean = |&(a, b): &Pair| {
            let apart = frames[a].iter().zip(frames[b]).map(|(&a, &b)| f64::from(a.abs_diff(b)));
            apart.sum::<f64>() / frames[a].len() as f64
        };
        Ok(pairs.iter().map(mean).collect())
    }
}

/// A watch that never stops.
pub struct Quiet;

impl Watch for Quiet {
    fn advance(&self, _: usize) {}
    fn stopped(&self) -> bool {
        false
    }
}
