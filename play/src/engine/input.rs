//! What a session does with the inputs of its player.

use std::sync::Arc;
use std::time::Instant;

use super::game::Game;
use super::messages::{Input, PageEvent, Refused, SamplerSettings};
use crate::world::PlayableWorld;

/// Largest number of frames of one `step` message.
const STEPS: usize = 64;
/// Largest number of frames that wait to be generated step by step.
const WAITING: usize = 256;
/// Largest number of sampling steps that a player can choose.
const SAMPLING_STEPS: usize = 64;
/// Highest temperature that a player can choose.
const HOTTEST: f32 = 10.0;
/// Largest sum of entropies of one sampling step, in nats.
const LARGEST_ENTROPY: f32 = 1e4;
/// Lowest and highest rate in frames per second.
const SLOWEST: f64 = 1.0;
const FASTEST: f64 = 60.0;

/// The nearest settings that a player can choose.
fn clamped(settings: &SamplerSettings) -> SamplerSettings {
    SamplerSettings {
        steps: settings.steps.clamp(1, SAMPLING_STEPS),
        temperature: settings.temperature.clamp(0.0, HOTTEST),
        entropy: settings.entropy.clamp(0.0, LARGEST_ENTROPY),
        order: settings.order,
    }
}

impl Game {
    /// Takes an input. An input that is refused changes nothing.
    ///
    /// # Errors
    /// When the input is not valid.
    pub fn input(
        &mut self,
        world: &PlayableWorld,
        input: Input,
        now: Instant,
    ) -> Result<(), Refused> {
        let known = world.num_actions();
        let check = |action: Option<u8>| match action.filter(|code| usize::from(*code) >= known) {
            Some(code) => Err(Refused::Wrong(format!(
                "there is no action {code}; the model has actions 0 to {}",
                known - 1
            ))),
            None => Ok(()),
        };
        match input {
            Input::Ping { id } => {
                self.ping = Some(id);
                self.feeds.send(&PageEvent::Pong(id));
                return Ok(());
            }
            Input::Hold { action } => {
                check(action)?;
                let takes_over = action.is_some() && self.autopilot;
                self.held = action;
                if !takes_over {
                    return Ok(());
                }
                self.autopilot = false;
            }
            Input::Play {} => {
                self.steps.clear();
                self.playing = true;
                self.due = self.earliest(now);
            }
            Input::Pause {} => self.pause(),
            Input::Step { action, count } => {
                check(action)?;
                if count == 0 || count > STEPS || self.steps.len() + count > WAITING {
                    return Err(Refused::Wrong(format!(
                        "{count} steps are not possible now; ask for 1 to {STEPS} at a time"
                    )));
                }
                let changed = self.playing || (action.is_some() && self.autopilot);
                self.playing = false;
                self.autopilot &= action.is_none();
                self.steps.extend(std::iter::repeat_n(action, count));
                if !changed {
                    return Ok(());
                }
            }
            Input::Reset {} => {
                self.steps.clear();
                self.world.timeline.reset();
                self.go_to_current(world);
                return Ok(());
            }
            Input::Seek { node } => {
                let Some(_) = self.world.timeline.seek(node) else {
                    return Err(Refused::NotFound(format!("frame {node} is not in the timeline")));
                };
                self.pause();
                self.go_to_current(world);
                return Ok(());
            }
            Input::Sampler(settings) => self.sampler = Arc::new(clamped(&settings).sampler()),
            Input::Autopilot { on } => self.autopilot = on && self.world.recording.is_some(),
            Input::Inspect { on } => {
                self.inspect = on;
                self.show(world);
            }
            Input::Rate { fps } => {
                self.rate = fps.clamp(SLOWEST, FASTEST);
                self.due = self.earliest(now);
            }
        }
        self.feeds.send(&PageEvent::Session(Arc::new(self.view())));
        Ok(())
    }
}
