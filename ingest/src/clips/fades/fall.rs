//! A picture that becomes dark as a whole, followed frame by frame.

use crate::analysis::Brightness;

/// Largest loss from one frame to the next, as a share of the brightness at the start.
///
/// A larger loss is a cut to black.
const LARGEST_STEP: f32 = 0.45;
/// Share of the brightness at the last step, from which on there is another step.
const STEP: f32 = 0.8;
/// A fade has at least this many steps: it shows the picture at two levels between full and black.
const STEPS: usize = 2;
/// Brightness from which on a step counts, in levels of 255.
const LIT: f32 = 32.0;
/// Share of the brightness from which on the whole picture must be darker.
const HALF: f32 = 0.5;
/// Share of the brightness from which on a fade may end with a cut instead of black.
///
/// Between the frames that are sampled, the picture may have been black.
const DARK: f32 = 0.25;
/// Longest time without a loss, in seconds. A fade of a slow video has steps.
const PAUSE: f64 = 0.5;
/// A picture this many times as bright as the darkest one shows another scene, or a flash.
const BRIGHTER: f32 = 1.25;
/// Changes below this share, plus half a level, come from encoding and small motion.
const NOTHING: f32 = 0.02;

/// A picture, and how it has darkened since.
pub struct Fall {
    /// The picture at the start.
    full: Brightness,
    /// Smallest brightness so far, and its time.
    lowest: (f32, f64),
    /// The brightness at the last step.
    step: f32,
    steps: usize,
}

impl Fall {
    /// Begins with the brightest picture, at a time in seconds.
    pub fn new(light: &Brightness, time: f64) -> Self {
        let level = light.level();
        Self { full: light.clone(), lowest: (level, time), step: level, steps: 0 }
    }

    /// Returns the brightness of the picture at the start, in levels of 255.
    pub fn top(&self) -> f32 {
        self.full.level()
    }

    /// Takes the next picture.
    ///
    /// Returns whether it is as bright as the last one, or darker everywhere.
    pub fn push(&mut self, light: &Brightness, time: f64) -> bool {
        let (level, lowest) = (light.level(), self.lowest.0);
        if exceeds(level, lowest) || lowest - level > LARGEST_STEP * self.top() {
            return false;
        }
        let is_darker =
            || light.is_darker_than(&self.full) && light.has_lower_peak_than(&self.full);
        if level <= HALF * self.top() && !is_darker() {
            return false;
        }
        if exceeds(lowest, level) {
            self.lowest = (level, time);
        } else if self.rests(time) {
            return false;
        }
        if level <= STEP * self.step {
            self.steps += usize::from(self.step >= LIT);
            self.step = level;
        }
        true
    }

    /// Returns whether the picture has not become darker for a while.
    pub fn rests(&self, time: f64) -> bool {
        (time - self.lowest.1).abs() >= PAUSE
    }

    /// Returns whether a picture is much brighter than the darkest one so far.
    pub fn has_risen(&self, light: &Brightness) -> bool {
        light.level() > BRIGHTER * self.lowest.0
    }

    /// Returns whether the picture has become so dark that a fade may end with a cut.
    pub fn is_dark(&self) -> bool {
        self.lowest.0 <= DARK * self.top()
    }

    /// Returns whether the picture was dark, and one of another scene follows: it is much brighter.
    pub fn is_left(&self, light: &Brightness) -> bool {
        self.is_dark() && light.level() > 2.0 * self.lowest.0
    }

    /// Returns whether a black picture that follows, or a cut in the dark, is the end of a fade.
    pub fn is_fade(&self) -> bool {
        self.steps >= STEPS
    }
}

/// Returns whether a brightness is clearly above another one.
pub fn exceeds(level: f32, other: f32) -> bool {
    level > other * (1.0 + NOTHING) + 0.5
}
