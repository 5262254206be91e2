//! How bright a picture is, and whether the whole picture became darker.

use super::plane::{Plane, ratio};

/// Luma below which a pixel is black. It allows for limited-range or dim black.
const BLACK: u8 = 24;
/// One in this many pixels is bright.
const BRIGHTEST: usize = 32;
/// One in this many pixels may be wrong.
///
/// A player in front of a black sky is larger: more than one in 300 pixels of `CoinRun`.
const WRONG: usize = 1024;
/// Number of regions along each side of the picture.
const REGIONS: usize = 4;
/// How much of a loss of brightness may be unequal, as a share of the loss.
///
/// Measured on 2026-12-01: at most 0.3 in fades of `SuperTux`, and about 1 if half of a picture
/// becomes dark.
const UNEVEN: f32 = 0.5;
/// Share of the loss of the bright pixels that the picture loses at least.
///
/// It loses more or less than they do if the scene moves meanwhile.
const FOLLOWS: f32 = 0.3;

/// The brightness of a picture and of its regions.
#[derive(Clone, Debug)]
pub struct Brightness {
    /// Mean luma, in levels of 255.
    mean: f32,
    /// Level that one in [`BRIGHTEST`] pixels exceeds.
    bright: u8,
    /// Level that one in [`WRONG`] pixels exceeds.
    peak: u8,
    /// Mean luma of each region, in 1/256 of a level.
    regions: Vec<u32>,
}

impl Brightness {
    /// The brightness of a picture.
    pub fn of(plane: &Plane) -> Self {
        let data = &plane.fine.data;
        let mean = ratio(data.iter().map(|&p| u64::from(p)).sum(), data.len() as u64);
        let mut counts = [0_usize; 256];
        for &p in data {
            counts[usize::from(p)] += 1;
        }
        let exceeded_by = |one_in: usize| {
            let mut above = 0;
            let mut is_rare = |level: u8| {
                above += counts[usize::from(level)];
                above * one_in <= data.len()
            };
            (0..=u8::MAX).rev().find(|&level| !is_rare(level)).unwrap_or(0)
        };
        let (bright, peak) = (exceeded_by(BRIGHTEST), exceeded_by(WRONG));
        Self { mean, bright, peak, regions: plane.grid(REGIONS, REGIONS) }
    }

    /// Returns the level that one in 32 pixels exceeds.
    ///
    /// In a fade it falls as the light does, also if the scene moves. The mean then varies with
    /// what comes into view, and the largest level with sparks.
    pub fn level(&self) -> f32 {
        f32::from(self.bright)
    }

    /// Returns whether nearly all pixels are black.
    pub fn is_black(&self) -> bool {
        self.peak < BLACK
    }

    /// Returns whether the whole picture became darker as its bright pixels did.
    pub fn is_darker_than(&self, before: &Self) -> bool {
        self.has_lost(before, self.mean, before.mean)
    }

    /// The same for the few brightest pixels. A figure in front of the dark keeps them bright.
    pub fn has_lower_peak_than(&self, before: &Self) -> bool {
        self.has_lost(before, f32::from(self.peak), f32::from(before.peak))
    }

    /// Returns whether a level fell as that of the bright pixels did.
    fn has_lost(&self, before: &Self, now: f32, then: f32) -> bool {
        let loss = 1.0 - self.level() / before.level();
        loss > 0.0 && now <= then * (1.0 - FOLLOWS * loss)
    }

    /// Returns whether this may be the picture `before`, darkened everywhere by the same share.
    pub fn is_dimmed_from(&self, before: &Self) -> bool {
        let sum = |regions: &[u32]| regions.iter().map(|&mean| u64::from(mean)).sum::<u64>() as f32;
        let (all, share) = (sum(&before.regions), sum(&self.regions) / sum(&before.regions));
        let pairs = self.regions.iter().zip(&before.regions);
        let uneven: f32 = pairs.map(|(&now, &then)| (now as f32 - share * then as f32).abs()).sum();
        self.is_darker_than(before) && uneven <= UNEVEN * (1.0 - share) * all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{TestPicture, plain, world};

    fn of(picture: &TestPicture) -> Brightness {
        Brightness::of(&picture.clone().plane())
    }

    /// A picture at a number of sixteenths of its brightness.
    fn dimmed(picture: &TestPicture, sixteenths: u16) -> TestPicture {
        let scaled = |p: u8, _| u8::try_from(u16::from(p) * sixteenths / 16).unwrap();
        picture.clone().dimmed(scaled)
    }

    /// Catches: a level that scrolls into the dark counts as a fade; a fade over a scene that
    /// scrolls does not; another scene counts as the same one that became dark.
    #[test]
    fn a_dimmed_picture_is_darker_everywhere() {
        let scene = |seed, x| world(seed, 160, 90, x, 0);
        let black = plain(160, 90, [0; 3]);
        let all = of(&scene(3, 0));
        for sixteenths in [14, 8, 2] {
            let [still, moved] = [0, 15].map(|x| of(&dimmed(&scene(3, x), sixteenths)));
            assert!(still.is_dimmed_from(&all) && moved.is_darker_than(&all), "{sixteenths}");
            assert!(moved.has_lower_peak_than(&all) && moved.level() < all.level());
        }
        assert!(!all.is_darker_than(&all) && !all.is_dimmed_from(&of(&dimmed(&scene(3, 0), 8))));
        assert!(!of(&dimmed(&scene(4, 0), 12)).is_dimmed_from(&all));
        for dark in [20, 80, 120] {
            let covered = of(&scene(3, 0).over(&black, 160 - dark..160, 0..90));
            assert!(covered.level() > 0.8 * all.level(), "{dark} columns");
            assert!(!covered.is_dimmed_from(&all), "{dark} columns");
        }
    }

    /// Catches: a player in front of a black sky counts as black; a few wrong pixels do not.
    #[test]
    fn black_has_few_bright_pixels() {
        let [black, white] = [[0; 3], [255; 3]].map(|colour| plain(160, 90, colour));
        assert!(of(&black).is_black() && of(&black.over(&white, 0..4, 0..2)).is_black());
        assert!(!of(&black.over(&white, 80..86, 40..46)).is_black());
        assert!(!of(&dimmed(&world(3, 160, 90, 0, 0), 4)).is_black());
    }
}
