//! The state, frames and pictures of a session for its pages.

use std::time::Duration;

use genie_shards::rollout_hash;

use super::game::Game;
use super::messages::{
    FrameEvent, FrameHeader, Inspection, NodeId, PageEvent, Refused, SamplerSettings, SessionView,
};
use super::moment::Moment;
use super::picture::StoredPicture;
use super::timeline::Node;
use crate::record::{ActionLog, FORMAT, LogModel, LogModels, LogPrompt, LogSegment};
use crate::world::{PlayableWorld, Recording};

impl Game {
    /// The state, without pictures.
    pub fn view(&self) -> SessionView {
        let (world, timeline) = (&self.world, &self.world.timeline);
        SessionView {
            id: self.id.clone(),
            start: world.view.clone(),
            prompt: world.prompt.frames.len(),
            seed: world.seed,
            node: timeline.current(),
            frame: timeline.node().frame,
            path: timeline.path(),
            offset: timeline.offset(),
            branches: timeline.branches(),
            playing: self.playing,
            autopilot: self.autopilot,
            has_recording: world.recording.is_some(),
            recording_frames: world.recording.as_ref().map_or(0, Recording::len),
            rate: self.rate,
            sampler: SamplerSettings::from(&*self.sampler),
            inspect: self.inspect,
            action: self.held,
        }
    }

    /// The current frame.
    pub fn frame(&mut self, world: &PlayableWorld, spent: Duration) -> FrameEvent {
        let node = self.world.timeline.node();
        let recorded =
            self.world.recording.as_ref().and_then(|recording| recording.frame(node.frame));
        let header = FrameHeader {
            node: self.world.timeline.current(),
            parent: node.parent,
            frame: node.frame,
            action: node.action,
            ms: spent.as_secs_f64() * 1e3,
            recording: recorded.is_some(),
            #[allow(clippy::cast_possible_truncation, reason = "a number to show")]
            entropy: node.content.generated.as_ref().map(|frame| frame.mean_entropy() as f32),
            doubt: node.content.doubt,
            input: self.ping.take(),
            inspect: self.inspect.then(|| self.inspection(world, node)),
        };
        FrameEvent { header, pixels: self.world.pixels.clone(), recorded }
    }

    fn inspection(&self, world: &PlayableWorld, node: &Node<Moment>) -> Inspection {
        let (rows, columns) = world.grid();
        let timeline = &self.world.timeline;
        let context = node.parent.map(|parent| timeline.context(parent, node.content.seen));
        let generated = node.content.generated.as_deref();
        Inspection {
            tokens: node.content.tokens.to_vec(),
            rows,
            columns,
            order: generated
                .map(|frame| frame.set_at.iter().map(|step| step + 1).collect())
                .unwrap_or_default(),
            entropy: generated.map(|frame| frame.entropy.clone()).unwrap_or_default(),
            context: context.unwrap_or_default(),
        }
    }

    /// The events with which a page starts: the state, then the current frame.
    pub fn welcome(&mut self, world: &PlayableWorld) -> [PageEvent; 2] {
        let frame = self.frame(world, Duration::ZERO);
        [PageEvent::Session(self.view().into()), PageEvent::Frame(frame.into())]
    }

    /// The picture of any frame of the timeline.
    ///
    /// # Errors
    /// When there is no such frame.
    pub fn picture(&self, node: NodeId) -> Result<StoredPicture, Refused> {
        let found = self.world.timeline.get(node).map(|node| node.content.picture.clone());
        found.ok_or_else(|| Refused::NotFound(format!("frame {node} is not in the timeline")))
    }

    /// The pictures of the frames `from ..= to` of the current path.
    ///
    /// # Errors
    /// When the path has no such frames.
    pub fn pictures(&self, from: usize, to: usize) -> Result<Vec<StoredPicture>, Refused> {
        let (path, offset) = (self.world.timeline.path(), self.world.timeline.offset());
        let wanted = path.iter().enumerate().filter(|(i, _)| (from..=to).contains(&(i + offset)));
        let wanted: Vec<NodeId> = wanted.map(|(_, frame)| frame.node).collect();
        if wanted.is_empty() {
            return Err(Refused::Wrong(format!(
                "the path has frames {offset} to {}, and none from {from} to {to}",
                offset + path.len() - 1
            )));
        }
        wanted.into_iter().map(|node| self.picture(node)).collect()
    }

    /// The action log from the prompt to the current frame.
    ///
    /// # Errors
    /// When the first frames are forgotten.
    pub fn log(&self, world: &PlayableWorld) -> Result<ActionLog, Refused> {
        let timeline = &self.world.timeline;
        if timeline.offset() > 0 {
            return Err(Refused::Wrong(
                "the first frames of this path are forgotten, so a log of it could not be \
                 replayed; save logs earlier, or allow more frames with --frames"
                    .to_owned(),
            ));
        }
        let mut segments: Vec<LogSegment> = Vec::new();
        let mut line: Vec<&Node<Moment>> = timeline.line().collect();
        // A branch can begin inside the prompt: then the log's prompt ends there.
        let given = line.iter().take_while(|node| node.content.generated.is_none()).count();
        let prompt = prompt_of(&self.world.prompt, &line[..given]);
        for node in line.drain(given..) {
            if segments.last().is_none_or(|last| last.sampler != *node.content.sampler) {
                let sampler = (*node.content.sampler).clone();
                segments.push(LogSegment { sampler, actions: Vec::new(), hashes: Vec::new() });
            }
            if let Some(segment) = segments.last_mut() {
                segment.actions.extend(node.action);
                segment.hashes.push(node.content.hash.clone());
            }
        }
        let (height, width) = world.size();
        let lineage = world.lineage();
        let model =
            |key: &str, weights: &str| LogModel { key: key.into(), weights: weights.into() };
        Ok(ActionLog {
            format: FORMAT,
            program: format!("genie-play {}", env!("CARGO_PKG_VERSION")),
            models: LogModels {
                tokenizer: model(&lineage.keys.tokenizer, &lineage.weights.tokenizer),
                lam: model(&lineage.keys.lam, &lineage.weights.lam),
                dynamics: model(&lineage.keys.dynamics, &lineage.weights.dynamics),
            },
            device: lineage.device.clone(),
            height,
            width,
            fps: self.rate,
            actions: world.num_actions(),
            seed: self.world.seed,
            start: self.world.log.clone(),
            prompt,
            segments,
        })
    }
}

/// The first frames of a prompt, as many as there are nodes.
fn prompt_of(whole: &LogPrompt, nodes: &[&Node<Moment>]) -> LogPrompt {
    let tokens: Vec<u16> =
        nodes.iter().flat_map(|node| node.content.tokens.iter()).copied().collect();
    LogPrompt {
        frames: whole.frames[..nodes.len()].to_vec(),
        hashes: whole.hashes[..nodes.len()].to_vec(),
        tokens: rollout_hash(&tokens),
        actions: whole.actions[..nodes.len() - 1].to_vec(),
    }
}
