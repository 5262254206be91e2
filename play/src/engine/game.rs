//! One session: a world in progress, its timeline, and what its player wants.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use genie_model::SamplerConfig;

use super::feed::Feeds;
use super::messages::PageEvent;
use super::moment::Moment;
use super::picture::StoredPicture;
use super::start::Started;
use crate::world::{Move, PlayableWorld, PlayedFrame, Playthrough};

/// A session.
pub struct Game {
    pub id: String,
    pub world: Started,
    pub feeds: Feeds,
    pub playing: bool,
    pub autopilot: bool,
    pub inspect: bool,
    /// Frames per second while playing.
    pub rate: f64,
    /// The action of the next frames; `None` for the still action, or the autopilot's.
    pub held: Option<u8>,
    pub sampler: Arc<SamplerConfig>,
    /// Actions of frames to generate as soon as possible.
    pub steps: VecDeque<Option<u8>>,
    /// Time at which the next frame is due while playing.
    pub due: Instant,
    /// Time at which the last frame was generated.
    last: Option<Instant>,
    /// Time of the last request, or the last time at which a page was connected.
    pub seen: Instant,
    /// Number of the last ping.
    pub ping: Option<u64>,
}

impl Game {
    /// Creates a paused session.
    pub fn new(id: String, world: Started, sampler: &SamplerConfig, rate: f64) -> Self {
        Self {
            id,
            world,
            feeds: Feeds::default(),
            playing: false,
            autopilot: false,
            inspect: false,
            rate,
            held: None,
            sampler: Arc::new(sampler.clone()),
            steps: VecDeque::new(),
            due: Instant::now(),
            last: None,
            seen: Instant::now(),
            ping: None,
        }
    }

    /// Stops playing, and discards the steps in the queue.
    pub fn pause(&mut self) {
        self.playing = false;
        self.steps.clear();
    }

    /// Restores the exact state after the current frame, and shows the frame.
    pub fn go_to_current(&mut self, world: &PlayableWorld) {
        let node = self.world.timeline.node();
        self.world.player = Playthrough::restore(&node.content.state);
        self.world.pixels = node.content.picture.rgb().into();
        self.feeds.send(&PageEvent::Session(Arc::new(self.view())));
        self.show(world);
    }

    /// Time at which the next frame is due; `None` if no frame is due.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        if self.steps.is_empty() { self.playing.then_some(self.due) } else { Some(now) }
    }

    /// The action of the next frame, if one is due at `now`.
    ///
    /// At the end of a recording the autopilot stops, and says so.
    ///
    /// # Errors
    /// When the latent action model fails.
    pub fn next_action(
        &mut self,
        world: &PlayableWorld,
        now: Instant,
    ) -> anyhow::Result<Option<u8>> {
        if self.due(now).is_none_or(|due| due > now) {
            return Ok(None);
        }
        if self.playing && !self.feeds.is_watched() {
            self.pause();
            return Ok(None);
        }
        let wanted = self.steps.front().copied().unwrap_or(self.held);
        if wanted.is_none() && self.autopilot {
            let frame = self.world.timeline.node().frame + 1;
            let recording = self.world.recording.as_mut();
            let action = recording
                .map(|recording| world.recorded_action(recording, frame))
                .transpose()?
                .flatten();
            if action.is_none() {
                self.autopilot = false;
                self.pause();
                self.feeds.send(&PageEvent::Notice("The recording ends here.".to_owned()));
                self.feeds.send(&PageEvent::Session(Arc::new(self.view())));
            }
            return Ok(action);
        }
        Ok(Some(wanted.unwrap_or(world.actions().still)))
    }

    /// The player and the sampler, to generate a frame with.
    pub fn turn(&mut self) -> (&mut Playthrough, &SamplerConfig) {
        (&mut self.world.player, &self.sampler)
    }

    /// Generates one frame alone.
    ///
    /// # Errors
    /// When the models fail. The session is then as before.
    pub fn step(&mut self, world: &PlayableWorld, action: u8) -> anyhow::Result<()> {
        let began = Instant::now();
        let (player, sampler) = self.turn();
        match world.step(&mut [Move { player, action, sampler }]) {
            Ok(mut frames) => {
                self.advance(world, action, frames.remove(0), began.elapsed());
                Ok(())
            }
            Err(error) => {
                self.go_back();
                Err(error)
            }
        }
    }

    /// Adds a generated frame to the timeline and shows it.
    pub fn advance(
        &mut self,
        world: &PlayableWorld,
        action: u8,
        frame: PlayedFrame,
        spent: Duration,
    ) {
        let hash = frame.hash();
        let current = self.world.timeline.node();
        let moment = Moment {
            state: self.world.player.state(),
            picture: StoredPicture::new(&frame.pixels),
            hash,
            tokens: self.world.player.tokens().into(),
            seen: current.content.state.seen(world.window()),
            generated: frame.generated.map(Arc::new),
            sampler: self.sampler.clone(),
            doubt: frame.doubt,
        };
        let at_tip = self.world.timeline.is_at_tip();
        let forgotten = self.world.timeline.push(action, moment);
        self.world.pixels = frame.pixels.into();
        self.steps.pop_front();
        if forgotten || !at_tip {
            self.feeds.send(&PageEvent::Session(Arc::new(self.view())));
        }
        let frame = self.frame(world, spent);
        self.feeds.send(&PageEvent::Frame(Arc::new(frame)));
    }

    /// The earliest time of the next frame at the session's rate.
    pub fn earliest(&self, now: Instant) -> Instant {
        let period = Duration::from_secs_f64(1.0 / self.rate);
        self.last.map_or(now, |last| now.max(last + period))
    }

    /// Sets the time at which the next frame is due, after a frame at `now`.
    ///
    /// Sessions with the same rate are due at the same times, so they share batches.
    pub fn plan(&mut self, started: Instant, now: Instant) {
        self.last = Some(now);
        let period = Duration::from_secs_f64(1.0 / self.rate);
        let elapsed = now.saturating_duration_since(started).as_secs_f64();
        let ticks = (elapsed * self.rate).floor() + 1.0;
        self.due = started + Duration::from_secs_f64(ticks / self.rate);
        if self.due <= now {
            self.due = now + period;
        }
    }

    /// Goes back to the last frame after the models failed.
    pub fn go_back(&mut self) {
        self.world.player = Playthrough::restore(&self.world.timeline.node().content.state);
    }

    /// Goes back to the last frame after the models failed, pauses, and says why.
    pub fn fail(&mut self, message: &str) {
        self.pause();
        self.go_back();
        self.feeds.send(&PageEvent::Error(format!("the frame could not be generated: {message}")));
        self.feeds.send(&PageEvent::Session(Arc::new(self.view())));
    }

    /// Sends the current frame to all pages.
    pub fn show(&mut self, world: &PlayableWorld) {
        let frame = self.frame(world, Duration::ZERO);
        self.feeds.send(&PageEvent::Frame(Arc::new(frame)));
    }
}
