//! The start of a session: its prompt, and the recording beside it.

use std::sync::Arc;

use anyhow::Result;
use genie_shards::rollout_hash;

use super::messages::{Refused, Start, StartView};
use super::moment::Moment;
use super::picture::StoredPicture;
use super::timeline::Timeline;
use crate::record::{ActionLog, LogPrompt, LogStart, hash};
use crate::world::{Clips, PlayableWorld, Playthrough, Recording, file_name};

/// A started world.
pub struct Started {
    pub view: StartView,
    pub log: LogStart,
    pub prompt: LogPrompt,
    pub seed: u64,
    pub timeline: Timeline<Moment>,
    /// The playthrough after the prompt.
    pub player: Playthrough,
    /// The last prompt frame as the model sees it, RGB `[height, width, 3]`.
    pub pixels: Arc<[u8]>,
    pub recording: Option<Recording>,
}

/// Starts a world that remembers at most `limit` frames.
///
/// Without a seed, a clip gets the seed of its rollout in the report, and others get `otherwise`.
///
/// # Errors
/// When the clip does not exist or is too short, the frames do not fit, or the models fail.
pub fn start(
    world: &PlayableWorld,
    clips: &Clips,
    from: Start,
    seed: Option<u64>,
    otherwise: u64,
    limit: usize,
) -> Result<Started, Refused> {
    let prompt = match from {
        Start::Clip { clip, first, prompt } => of_clip(world, clips, clip, first, prompt)?,
        Start::Image(frames) => Prompt { frames, ..Prompt::default() },
    };
    let seed = seed.or(prompt.measured).unwrap_or(otherwise);
    begin(world, prompt, seed, limit)
}

/// Starts the world of an action log.
///
/// # Errors
/// When the log's prompt cannot be read or does not fit the models, or the models fail.
pub fn start_of_log(world: &PlayableWorld, log: &ActionLog) -> Result<Started, Refused> {
    let frames = log.prompt_frames().map_err(|error| Refused::Wrong(error.to_string()))?;
    let limit = frames.len() + log.generated() + 1;
    let actions = log.prompt.actions.clone();
    let prompt = Prompt { frames: frames.concat(), actions, ..Prompt::default() };
    begin(world, prompt, log.seed, limit)
}

fn begin(
    world: &PlayableWorld,
    prompt: Prompt,
    seed: u64,
    limit: usize,
) -> Result<Started, Refused> {
    let Prompt { view, log, frames, actions, recording, .. } = prompt;
    let (height, width) = world.size();
    let size = height * width * 3;
    if frames.is_empty() || !frames.len().is_multiple_of(size) {
        return Err(Refused::Wrong(format!("the model takes frames of {width}×{height} pixels")));
    }
    let started = world.start(&frames, &actions, seed).map_err(|error| failed(&error))?;
    let sampler = Arc::new(world.lineage().sampler.clone());
    let mut tokens = Vec::new();
    let mut timeline: Option<Timeline<Moment>> = None;
    let mut last = None;
    for (frame, (player, picture)) in started.into_iter().enumerate() {
        tokens.extend_from_slice(player.tokens());
        let moment = Moment {
            state: player.state(),
            picture: StoredPicture::new(&picture.pixels),
            hash: hash(&picture.pixels),
            tokens: player.tokens().into(),
            seen: 0,
            generated: None,
            sampler: sampler.clone(),
            doubt: None,
        };
        match &mut timeline {
            Some(timeline) => drop(timeline.push(actions[frame - 1], moment)),
            None => timeline = Some(Timeline::new(moment, limit)),
        }
        last = Some((player, picture.pixels));
    }
    let (Some(mut timeline), Some((player, pixels))) = (timeline, last) else {
        return Err(Refused::Wrong("a prompt has at least one frame".to_owned()));
    };
    timeline.end_prompt();
    let rgb: Vec<&[u8]> = frames.chunks_exact(size).collect();
    let prompt = LogPrompt::new(&rgb, (height, width), rollout_hash(&tokens), actions);
    let pixels = Arc::from(pixels);
    Ok(Started { view, log, prompt, seed, timeline, player, pixels, recording })
}

fn failed(error: &anyhow::Error) -> Refused {
    Refused::Failed(format!("{error:#}"))
}

/// The frames that a world starts from.
struct Prompt {
    view: StartView,
    log: LogStart,
    /// RGB `[p, height, width, 3]`.
    frames: Vec<u8>,
    actions: Vec<u8>,
    recording: Option<Recording>,
    /// The seed of this clip's rollout in the report, if the report has one.
    measured: Option<u64>,
}

impl Default for Prompt {
    /// Returns an empty prompt that starts from an image.
    fn default() -> Self {
        Self {
            view: StartView::Image,
            log: LogStart::Image {},
            frames: Vec::new(),
            actions: Vec::new(),
            recording: None,
            measured: None,
        }
    }
}

fn of_clip(
    world: &PlayableWorld,
    clips: &Clips,
    clip: String,
    first: usize,
    prompt: usize,
) -> Result<Prompt, Refused> {
    let longest = world.longest_prompt();
    if prompt == 0 || prompt > longest {
        return Err(Refused::Wrong(format!("a prompt has 1 to {longest} frames, not {prompt}")));
    }
    let Some(meta) = clips.get(&clip) else {
        return Err(Refused::NotFound(
            "there is no such held-out clip; choose one of the list".to_owned(),
        ));
    };
    let name = file_name(meta).to_owned();
    let frames = clips
        .frames(&clip, first, prompt)
        .map_err(|error| Refused::Wrong(format!("{error:#}")))?
        .data;
    let mut recording = world.recording(clips, &clip, first).map_err(|error| failed(&error))?;
    let mut actions = Vec::new();
    for frame in 1..prompt {
        let action =
            world.recorded_action(&mut recording, frame).map_err(|error| failed(&error))?;
        actions.push(action.ok_or_else(|| {
            Refused::Wrong(format!(
                "no actions can be inferred from {name}: it is shorter than the models' window of \
                 {longest} frames; start from one frame"
            ))
        })?);
    }
    let key = (clip, first);
    let lineage = world.lineage();
    let measured = lineage.seeds.get(&key).copied().filter(|_| prompt == lineage.prompt);
    let (clip, first) = key;
    let log = LogStart::Clip { clip: clip.clone(), first };
    let view = StartView::Clip { clip, name, first };
    Ok(Prompt { view, log, frames, actions, recording: Some(recording), measured })
}
