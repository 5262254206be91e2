//! The part of the finder for black frames, and for the frames after them.

use super::fall::{Fall, exceeds};
use super::held::{DimmingFrame, Sorted};
use super::phase::{Black, FadePhase, LitScene, Rise};
use super::{DIM, FadeFinder};
use crate::analysis::Plane;

/// A pixel that becomes brighter by more than this many levels ends a stretch of black frames.
///
/// Something moves there, in a picture that is dark and not black.
const CHANGE: u8 = 24;
/// Share of the brightness below which a picture is no longer bright.
const HALF: f32 = 0.5;
/// A fade is over if the picture becomes no brighter for this many seconds.
const REST: f64 = 0.3;

impl<F: AsRef<[u8]> + AsRef<Plane> + Clone> FadeFinder<F> {
    /// Takes the next frame after a black one.
    pub(super) fn in_black(&mut self, mut black: Black, now: DimmingFrame<F>) -> Vec<Sorted<F>> {
        let plane: &Plane = now.frame.as_ref();
        if now.light.is_black() && plane.largest_increase(&black.last.0) <= CHANGE {
            black.last = (plane.clone(), now.light.clone());
            let is_over = self.is_over_limit(now.time);
            let is_out = black.is_out;
            self.phase = FadePhase::Black(black);
            self.held.push(now);
            return if is_over { self.take(self.held.len(), is_out) } else { Vec::new() };
        }
        let Black { is_out, is_first, last: (_, light) } = black;
        let (from, rise) = (self.held.len(), Rise::after_cut(&now, is_out));
        self.held.push(now);
        self.phase = FadePhase::Rise(Rise { black: Some(light), is_first, from, ..rise });
        Vec::new()
    }

    /// Takes the next frame after one that followed black.
    pub(super) fn in_rise(&mut self, mut rise: Rise, now: DimmingFrame<F>) -> Vec<Sorted<F>> {
        let level = now.light.level();
        if exceeds(level, rise.high.0) && !now.is_cut {
            rise.high = (level, now.time);
        }
        let falls = level < HALF * rise.high.0 || now.light.is_black();
        let is_over = now.time - rise.high.1 >= REST || self.is_long(rise.from, now.time);
        if !falls && !now.is_cut && !is_over {
            self.held.push(now);
            self.phase = FadePhase::Rise(rise);
            return Vec::new();
        }
        let (mut found, after_fade) = self.end_rise(&rise, !falls || now.is_cut);
        let is_same = |held: &DimmingFrame<F>| {
            exceeds(level, held.light.level()) || self.is_still(&held.frame, &now.frame)
        };
        let is_card = self.held.iter().all(is_same);
        if !(after_fade || is_card) || now.is_cut || now.light.is_black() {
            found.extend(self.take(self.held.len(), false));
        }
        let is_black = now.light.is_black();
        let (black, scene) =
            (Black::new(&now, false), LitScene::new(&now, after_fade && !now.is_cut));
        let since = self.held.first().map_or(now.time, |first| first.time);
        self.held.push(now);
        if is_black {
            self.phase = FadePhase::Black(black);
        } else {
            found.extend(self.release(scene.risen(since, is_card)));
        }
        found
    }

    /// Ends the frames after black ones.
    ///
    /// Returns them, without the bright ones of a fade, and whether a fade was before
    /// these. `stays` says whether the picture stays bright.
    pub(super) fn end_rise(&mut self, rise: &Rise, stays: bool) -> (Vec<Sorted<F>>, bool) {
        let full = self.risen_to(rise).filter(|_| stays);
        let is_dim = |held: &&DimmingFrame<F>| {
            !rise.is_first && full.is_some_and(|full| held.light.level() < DIM * full)
        };
        let rising = self.held.iter().skip(rise.from);
        let bright = rise.from + rising.take_while(is_dim).count();
        let is_out = full.is_some() || rise.is_out;
        (self.take(bright, is_out), is_out)
    }

    /// Returns the brightness at the end of a fade, in levels of 255, if the frames begin with one.
    ///
    /// Seen from there, they fall. The scene may move, so it may become brighter after the fade.
    fn risen_to(&self, rise: &Rise) -> Option<f32> {
        let rising = self.held.get(rise.from..)?;
        let is_full = |held: &DimmingFrame<F>| !exceeds(rise.high.0, held.light.level());
        let ends = (0..=rising.iter().position(is_full)?).rev();
        let bright = ends.filter(|&end| rising[end].light.level() >= HALF * rise.high.0);
        bright.map(|end| &rising[..=end]).find_map(|rising| {
            let (full, falling) = rising.split_last()?;
            let mut fall = Fall::new(&full.light, full.time);
            let all_fall = falling.iter().rev().all(|held| fall.push(&held.light, held.time));
            let is_fade = all_fall && fall.is_fade();
            let first = rising.first()?.time;
            let is_dark = match &rise.black {
                Some(black) => fall.push(black, first),
                None => fall.is_dark(),
            };
            (is_fade && is_dark).then_some(full.light.level())
        })
    }
}
