//! What the finder knows about the last frames: a scene, black, or frames after these.

use super::fall::{Fall, exceeds};
use super::held::DimmingFrame;
use crate::analysis::{Brightness, Plane};

/// What the last frame was.
pub enum FadePhase<F> {
    /// There was none.
    Start,
    /// A part of a scene.
    Scene(LitScene<F>),
    Black(Black),
    /// A frame after a black one. It may be the beginning of a scene, or of a fade.
    Rise(Rise),
}

/// A scene, as far as it has been seen.
pub struct LitScene<F> {
    pub fall: Fall,
    /// The fall takes too long for a fade.
    pub is_slow: bool,
    /// Time since which the picture is about as bright, and time of the last frame before the fall.
    pub bright: (f64, f64),
    /// A fade is before the scene.
    pub after_fade: bool,
    /// The picture of the scene, while it stands still.
    pub card: Option<StillCard<F>>,
}

/// A picture that stands still since its scene began.
pub struct StillCard<F> {
    pub frame: F,
    pub light: Brightness,
}

impl<F: Clone> LitScene<F> {
    /// A scene whose brightness is that of a frame.
    pub fn new(now: &DimmingFrame<F>, after_fade: bool) -> Self {
        let card = StillCard { frame: now.frame.clone(), light: now.light.clone() };
        Self {
            fall: Fall::new(&now.light, now.time),
            is_slow: false,
            bright: (now.time, now.time),
            after_fade,
            card: Some(card),
        }
    }

    /// The same scene, if it has been about as bright since the time `since`.
    ///
    /// `is_still` says whether they show the same picture.
    pub fn risen(mut self, since: f64, is_still: bool) -> Self {
        self.bright.0 = since;
        self.card = self.card.filter(|_| is_still);
        self
    }

    /// The picture no longer darkens. The next fall begins at the brightness of this frame.
    pub fn restart(&mut self, now: &DimmingFrame<F>) {
        let has_risen = self.fall.has_risen(&now.light);
        if has_risen {
            self.bright.0 = now.time;
        }
        self.is_slow &= !has_risen && !self.fall.rests(now.time);
        self.fall = Fall::new(&now.light, now.time);
    }
}

impl<F> StillCard<F> {
    /// Returns whether a picture is this one, darkened by a fade.
    pub fn fades_to(&self, light: &Brightness) -> bool {
        exceeds(self.light.level(), light.level()) && light.is_dimmed_from(&self.light)
    }
}

/// Black frames.
pub struct Black {
    /// It is cut out, whatever follows.
    pub is_out: bool,
    /// The recording begins with it.
    pub is_first: bool,
    /// The last black frame.
    pub last: (Plane, Brightness),
}

/// Frames after black ones, or after a cut.
pub struct Rise {
    /// The last black frame.
    pub black: Option<Brightness>,
    /// A stretch that is cut out is before the frames.
    pub is_out: bool,
    /// They are the first of the recording, but for the black.
    pub is_first: bool,
    /// Index of the first of them in `held`.
    pub from: usize,
    /// Largest brightness, in levels of 255, and its time.
    pub high: (f32, f64),
}

impl Rise {
    /// Begins with a frame after a cut.
    pub fn after_cut<F>(now: &DimmingFrame<F>, is_out: bool) -> Self {
        let high = (now.light.level(), now.time);
        Self { black: None, is_out, is_first: false, from: 0, high }
    }
}

impl Black {
    /// Begins with a black frame.
    pub fn new<F: AsRef<Plane>>(now: &DimmingFrame<F>, is_out: bool) -> Self {
        let last = (now.frame.as_ref().clone(), now.light.clone());
        Self { is_out, is_first: false, last }
    }

    /// The same at the start of a recording.
    pub fn at_start(self) -> Self {
        Self { is_first: true, ..self }
    }
}
