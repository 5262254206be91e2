//! Fades to black and from black, with the black between them.
//!
//! In a fade, the whole picture darkens until it is black, or the reverse. Between two scenes, the
//! game itself fades: its play is over or has not begun. So the stretch that is cut out consists of
//! all frames that have lost at least a fifth of their brightness, and of the black. At the
//! beginning and the end of a recording, someone may have faded play that goes on, so only the
//! black is cut out.
//!
//! A picture that stands still between a fade and the next fade or cut is a card, such as the name
//! of a level. It belongs to the stretch.
//!
//! Play also becomes dark: a player walks into a cave, a menu dims the picture, the sun sets. So
//! each of these conditions must hold for a fade:
//! - It ends with black, or at less than a quarter of its brightness with a cut. A figure in
//!   front of a black sky is not black ([`Brightness::is_black`]).
//! - The bright pixels darken step by step, and at no time become brighter again. At half of the
//!   brightness, the whole picture is darker, and its brightest pixels are.
//! - It takes no longer than `ingest.cut.fade`, and longer than a cut.
//! - The picture was bright for half a second, so that a flash of lightning is no fade.
//!
//! A status line that stays bright hides a fade.

mod after_black;
mod fall;
mod held;
mod in_scene;
mod phase;
#[cfg(test)]
mod tests;

pub use self::held::Sorted;

use self::held::DimmingFrame;
use self::phase::{Black, FadePhase, LitScene};
use crate::analysis::{Brightness, Plane};
use crate::config::{MAX_OWN_FPS, clip_frames};

/// Share of the brightness below which a frame of a fade between scenes is cut out.
const DIM: f32 = 0.8;

/// Finds fades in the frames of one source, given in order.
///
/// `F` is a frame. Its bytes are `[height, width, 3]`.
pub struct FadeFinder<F> {
    /// Longest fade, in seconds; 0 means that nothing is cut out.
    limit: f64,
    /// Width and height of the frames.
    size: (usize, usize),
    /// Frames that may belong to a fade.
    held: Vec<DimmingFrame<F>>,
    /// Largest number of them, so that no time stamps fill the memory.
    most: usize,
    /// The brightness of the last frame.
    last: Option<Brightness>,
    phase: FadePhase<F>,
}

impl<F: AsRef<[u8]> + AsRef<Plane> + Clone> FadeFinder<F> {
    /// A finder for frames of `size` (width, height).
    pub fn new(limit: f64, size: (usize, usize)) -> Self {
        let most = clip_frames(limit, MAX_OWN_FPS);
        Self { limit, size, held: Vec::new(), most, last: None, phase: FadePhase::Start }
    }

    /// Takes the next frame, at `time` in seconds. Returns the frames that are known now, in order.
    pub fn add(&mut self, frame: F, begins_shot: bool, time: f64) -> Vec<Sorted<F>> {
        if self.limit == 0.0 {
            return vec![Sorted { frame, is_fade: false }];
        }
        let light = Brightness::of(frame.as_ref());
        // A shot also begins where a fade becomes plain.
        let is_dimmed =
            |last: &Brightness| light.is_dimmed_from(last) || last.is_dimmed_from(&light);
        let is_cut = begins_shot && !self.last.as_ref().is_some_and(is_dimmed);
        self.last = Some(light.clone());
        let now = DimmingFrame { frame, light, time, is_cut };
        match std::mem::replace(&mut self.phase, FadePhase::Start) {
            FadePhase::Start => {
                self.phase = if now.light.is_black() {
                    FadePhase::Black(Black::new(&now, false).at_start())
                } else {
                    FadePhase::Scene(LitScene::new(&now, false))
                };
                self.held.push(now);
                Vec::new()
            }
            FadePhase::Scene(scene) => self.in_scene(scene, now),
            FadePhase::Black(black) => self.in_black(black, now),
            FadePhase::Rise(rise) => self.in_rise(rise, now),
        }
    }

    /// Ends the source, or a part of it. Returns the remaining frames.
    pub fn end(&mut self) -> Vec<Sorted<F>> {
        let mut found = Vec::new();
        match std::mem::replace(&mut self.phase, FadePhase::Start) {
            FadePhase::Black(black) => {
                let is_black = |held: &DimmingFrame<F>| held.light.is_black();
                let bright = self.held.iter().position(is_black).unwrap_or(self.held.len());
                found.extend(self.take(bright, false));
                found.extend(self.take(self.held.len(), black.is_out));
            }
            FadePhase::Rise(rise) => found.extend(self.end_rise(&rise, true).0),
            FadePhase::Start | FadePhase::Scene(_) => {}
        }
        found.extend(self.take(self.held.len(), false));
        found
    }

    /// Takes the first `count` frames that are held.
    fn take(&mut self, count: usize, is_fade: bool) -> Vec<Sorted<F>> {
        self.held.drain(..count).map(|held| Sorted { frame: held.frame, is_fade }).collect()
    }

    /// Returns whether frames have been held for longer than a fade may take.
    fn is_over_limit(&self, time: f64) -> bool {
        self.is_long(0, time)
    }

    /// The same for the frames from an index on.
    fn is_long(&self, from: usize, time: f64) -> bool {
        let is_long = |first: &DimmingFrame<F>| time - first.time > self.limit;
        self.held.len() >= from + self.most || self.held.get(from).is_some_and(is_long)
    }
}
