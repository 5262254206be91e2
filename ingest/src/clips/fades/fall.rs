//! A picture that becomes dark as a whole, followed frame by frame.

use crate::analysis::Brightness;

/// Largest loss from one frame to the next, as a share of the brightness at the start.
///
/// A larger loss is a cut to black.
const STEP: f32 = 0.45;
/// Share of the brightness at the last check, from which on the next check is made.
const CHECK: f32 = 0.8;
/// Checks that a fade passes at least: it shows the picture at two levels between full and black.
const CHECKS: usize = 2;
/// Share of the brightness from which on the brightest pixels must be darker, too.
const HALF: f32 = 0.5;
/// Longest time without a loss, in seconds. A fade of a slow video has steps.
const PAUSE: f64 = 0.5;
/// A picture that is so many times brighter is another one, or shows a flash.
const BRIGHTER: f32 = 1.25;
/// Changes below this share, plus half a level, come from encoding and small motion.
const NOTHING: f32 = 0.02;
/// Brightness, of the bright pixels, from which on a check can tell something.
const LIT: u8 = 32;
/// Share of the brightness from which on a fade may end with a cut instead of black.
///
/// Between the frames that are sampled, the picture may have been black.
const DARK: f32 = 0.25;

/// A picture, and how it has darkened since.
pub struct Fall {
    /// The picture at the start.
    full: Brightness,
    /// Smallest mean luma so far, and its time.
    lowest: (f32, f64),
    /// The picture at the last check.
    checked: Brightness,
    checks: usize,
}

impl Fall {
    /// Begins with the brightest picture, at a time in seconds.
    pub fn new(light: &Brightness, time: f64) -> Self {
        let lowest = (light.mean(), time);
        Self { full: light.clone(), lowest, checked: light.clone(), checks: 0 }
    }

    /// Returns the brightness of the picture at the start, in levels of 255.
    pub fn top(&self) -> f32 {
        self.full.mean()
    }

    /// Takes the next picture. Returns whether it is as bright as the last one, or darker
    /// everywhere.
    pub fn push(&mut self, light: &Brightness, time: f64) -> bool {
        let (mean, lowest) = (light.mean(), self.lowest.0);
        if exceeds(mean, lowest) || lowest - mean > STEP * self.top() {
            return false;
        }
        if mean <= HALF * self.top() && !light.has_lower_peak_than(&self.full) {
            return false;
        }
        if exceeds(lowest, mean) {
            self.lowest = (mean, time);
        } else if self.rests(time) {
            return false;
        }
        if mean <= CHECK * self.checked.mean() {
            if self.checked.bright() >= LIT {
                if !light.is_darker_than(&self.checked) {
                    return false;
                }
                self.checks += 1;
            }
            self.checked = light.clone();
        }
        true
    }

    /// Returns whether the picture has not become darker for a while.
    pub fn rests(&self, time: f64) -> bool {
        (time - self.lowest.1).abs() >= PAUSE
    }

    /// Returns whether a picture is much brighter than the darkest one so far.
    pub fn has_risen(&self, light: &Brightness) -> bool {
        light.mean() > BRIGHTER * self.lowest.0
    }

    /// Returns whether the picture has become so dark that a fade may end with a cut.
    pub fn is_dark(&self) -> bool {
        self.lowest.0 <= DARK * self.top()
    }

    /// Returns whether a picture is so much brighter than the darkest one that it is another.
    pub fn is_left(&self, light: &Brightness) -> bool {
        self.is_dark() && light.mean() > 2.0 * self.lowest.0
    }

    /// Returns whether a black picture that follows, or a cut in the dark, is the end of a fade.
    pub fn is_fade(&self) -> bool {
        self.checks >= CHECKS
    }
}

/// Returns whether a mean luma is clearly above another one.
pub fn exceeds(mean: f32, other: f32) -> bool {
    mean > other * (1.0 + NOTHING) + 0.5
}
