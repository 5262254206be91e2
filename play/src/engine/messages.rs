//! The messages between a page and the engine. The JSON of these types is the protocol.

use std::sync::Arc;

use genie_model::{SamplerConfig, UnmaskOrder};
use serde::{Deserialize, Serialize};

/// The number of a frame in a session's timeline.
pub type NodeId = u32;

/// A message of a page to its session.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Input {
    /// The action of every following frame; `None` for the still action, or the autopilot's.
    Hold {
        action: Option<u8>,
    },
    Play {},
    Pause {},
    /// Pauses, and generates `count` frames now.
    Step {
        action: Option<u8>,
        #[serde(default = "one")]
        count: usize,
    },
    /// Goes back to the end of the prompt.
    Reset {},
    /// Goes to the exact state of a frame.
    Seek {
        node: NodeId,
    },
    Sampler(SamplerSettings),
    Autopilot {
        on: bool,
    },
    Inspect {
        on: bool,
    },
    /// Frames per second while playing.
    Rate {
        fps: f64,
    },
    /// The engine sends the number back at once, and again with the next frame.
    Ping {
        id: u64,
    },
}

fn one() -> usize {
    1
}

/// The sampler's settings that a player can change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplerSettings {
    pub steps: usize,
    pub temperature: f32,
    pub order: UnmaskOrder,
    pub entropy: f32,
}

impl SamplerSettings {
    /// The sampler with these settings.
    pub fn sampler(&self) -> SamplerConfig {
        let Self { steps, temperature, order, entropy } = *self;
        SamplerConfig { steps, temperature, order, entropy, ..SamplerConfig::default() }
    }
}

impl From<&SamplerConfig> for SamplerSettings {
    fn from(sampler: &SamplerConfig) -> Self {
        let SamplerConfig { steps, temperature, order, entropy, .. } = *sampler;
        Self { steps, temperature, order, entropy }
    }
}

/// What a session starts from.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// Frames `first .. first + prompt` of a held-out clip.
    Clip { clip: String, first: usize, prompt: usize },
    /// One frame, `[height, width, 3]`.
    Image(Vec<u8>),
}

/// What a session started from, for its page.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StartView {
    Clip { clip: String, name: String, first: usize },
    Image,
}

/// A frame of a session's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PathFrame {
    pub node: NodeId,
    /// The action that led to it; none in the prompt.
    pub action: Option<u8>,
}

/// A branch of the timeline that the current path does not contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Branch {
    /// Its last node.
    pub tip: NodeId,
    /// Number of the last frame that it shares with the current path.
    pub from: usize,
    /// Number of its last frame.
    pub frame: usize,
}

/// The state of a session, from which a page can draw everything but pictures.
#[allow(clippy::struct_excessive_bools, reason = "switches of the page, in the protocol")]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SessionView {
    pub id: String,
    pub start: StartView,
    /// Number of frames of the prompt.
    pub prompt: usize,
    pub seed: u64,
    /// The current node.
    pub node: NodeId,
    /// Number of the current frame, from 0.
    pub frame: usize,
    /// The whole path through the current node, up to its tip.
    pub path: Vec<PathFrame>,
    /// Number of the path's first frame; old frames are forgotten when a timeline is full.
    pub offset: usize,
    pub branches: Vec<Branch>,
    pub playing: bool,
    pub autopilot: bool,
    pub has_recording: bool,
    /// Number of frames of the recording, from the first frame of the prompt on.
    pub recording_frames: usize,
    /// Frames per second while playing.
    pub rate: f64,
    pub sampler: SamplerSettings,
    pub inspect: bool,
    /// The held action; `None` for the still action, or the autopilot's.
    pub action: Option<u8>,
}

/// A message of the engine to a page.
#[derive(Clone, Debug)]
pub enum PageEvent {
    Session(Arc<SessionView>),
    /// A message for the player.
    Notice(String),
    /// An input was refused.
    Error(String),
    Pong(u64),
    Frame(Arc<FrameEvent>),
}

/// A frame for a page: a header that is sent as JSON, and pixels.
#[derive(Clone, Debug)]
pub struct FrameEvent {
    pub header: FrameHeader,
    /// RGB of the generated frame, `[height, width, 3]`.
    pub pixels: Arc<[u8]>,
    /// RGB of the recorded frame with the same number, `[height, width, 3]`.
    pub recorded: Option<Arc<[u8]>>,
}

/// What a page shows about a frame.
#[derive(Clone, Debug, Serialize)]
pub struct FrameHeader {
    pub node: NodeId,
    pub parent: Option<NodeId>,
    /// Number of the frame, from 0.
    pub frame: usize,
    pub action: Option<u8>,
    /// Time that the models took for the batch with this frame, in milliseconds.
    pub ms: f64,
    /// Whether the pixels of the recorded frame follow those of the generated frame.
    pub recording: bool,
    /// Mean entropy of the tokens in nats; none in the prompt.
    pub entropy: Option<f32>,
    /// The best signal of the report's `trust`; compare it with `warn_above`.
    pub doubt: Option<f32>,
    /// Number of the last ping before the frame.
    pub input: Option<u64>,
    pub inspect: Option<Inspection>,
}

/// How a frame was generated.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// The frame's tokens, `[rows, columns]`.
    pub tokens: Vec<u16>,
    pub rows: usize,
    pub columns: usize,
    /// The sampling step at which each token was set, from 1; empty in the prompt.
    pub order: Vec<u32>,
    /// Entropy of each token in nats; empty in the prompt.
    pub entropy: Vec<f32>,
    /// The frames that the model saw.
    pub context: Vec<NodeId>,
}

/// The futures of a session.
#[derive(Clone, Debug)]
pub struct Futures {
    /// The node from which they begin.
    pub node: NodeId,
    /// One for each action.
    pub futures: Vec<Future>,
}

/// All frames of one action, held from a node on.
#[derive(Clone, Debug)]
pub struct Future {
    pub action: u8,
    /// RGB frames, each `[height, width, 3]`.
    pub frames: Vec<Vec<u8>>,
}

/// Why the engine refused a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The session, the frame or the clip does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The request is wrong.
    #[error("{0}")]
    Wrong(String),
    /// The limit of sessions is reached, or the models cannot keep up.
    #[error("{0}")]
    Full(String),
    /// The models failed, or the engine has stopped.
    #[error("{0}")]
    Failed(String),
}
