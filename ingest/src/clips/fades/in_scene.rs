//! The part of the finder for scenes: how they end, by a fade, a cut or black.

use super::held::{DimmingFrame, Sorted};
use super::phase::{Black, FadePhase, LitScene, Rise};
use super::{DIM, FadeFinder};
use crate::analysis::{Plane, scores};

/// Frames with less than this share of the brightness are held, because a fade may have begun.
const HOLD: f32 = 0.9;
/// A picture that was bright for a shorter time is a flash, in seconds.
const FLASH: f64 = 0.5;

impl<F: AsRef<[u8]> + AsRef<Plane> + Clone> FadeFinder<F> {
    /// Takes the next frame of a scene, or the frame after it.
    pub(super) fn in_scene(
        &mut self,
        mut scene: LitScene<F>,
        now: DimmingFrame<F>,
    ) -> Vec<Sorted<F>> {
        let is_flash = scene.bright.1 - scene.bright.0 < FLASH;
        let was_fade = scene.fall.is_fade() && !scene.is_slow && !is_flash;
        let is_cut = now.is_cut || scene.fall.is_left(&now.light);
        let falls = scene.fall.push(&now.light, now.time);
        if now.light.is_black() {
            let (found, is_out) = self.end_scene(&scene, was_fade && falls);
            self.phase = FadePhase::Black(Black::new(&now, is_out));
            self.held.push(now);
            return found;
        }
        if is_cut {
            let (mut found, is_out) = self.end_scene(&scene, was_fade && scene.fall.is_dark());
            found.extend(self.take(self.held.len(), is_out));
            self.phase = FadePhase::Rise(Rise::after_cut(&now, is_out));
            self.held.push(now);
            return found;
        }
        if !falls {
            scene.restart(&now);
        }
        if now.light.level() >= HOLD * scene.fall.top() {
            scene.bright.1 = now.time;
        }
        self.held.push(now);
        self.release(scene)
    }

    /// Ends a scene, before black or a cut.
    ///
    /// Returns its bright frames, and whether the others are cut out.
    fn end_scene(&mut self, scene: &LitScene<F>, is_fade: bool) -> (Vec<Sorted<F>>, bool) {
        if scene.card.is_some() && (is_fade || scene.after_fade) {
            return (self.take(self.held.len(), true), true);
        }
        let is_dim =
            |held: &DimmingFrame<F>| is_fade && held.light.level() < DIM * scene.fall.top();
        let bright = self.held.iter().position(is_dim).unwrap_or(self.held.len());
        (self.take(bright, false), is_fade)
    }

    /// Returns the frames that cannot belong to a fade or a card.
    pub(super) fn release(&mut self, mut scene: LitScene<F>) -> Vec<Sorted<F>> {
        let Some(now) = self.held.last() else { return Vec::new() };
        let is_over = self.is_over_limit(now.time);
        scene.card = scene.card.filter(|card| {
            !is_over && (self.is_still(&card.frame, &now.frame) || card.fades_to(&now.light))
        });
        let mut count = 0;
        if scene.card.is_none() {
            let is_bright = |held: &DimmingFrame<F>| held.light.level() >= HOLD * scene.fall.top();
            count = self.held.iter().rposition(is_bright).map_or(0, |last| last + 1);
            scene.is_slow |= self.is_long(count, now.time);
            if scene.is_slow {
                count = self.held.len();
            }
        }
        self.phase = FadePhase::Scene(scene);
        self.take(count, false)
    }

    /// Returns whether nothing moves between two frames.
    pub(super) fn is_still(&self, before: &F, now: &F) -> bool {
        scores::moved_blocks(before.as_ref(), now.as_ref(), self.size, 0) == 0
    }
}
