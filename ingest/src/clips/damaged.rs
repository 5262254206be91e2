//! Stretches of a recording in which frames are damaged.
//!
//! A frame is damaged if it depends on lost data. Damage often comes in bursts, with a few whole
//! frames in between. No clip can be made of these, so a burst is one stretch. It begins with the
//! first damaged frame and ends when enough whole frames follow.

use super::stretch::Stretch;

/// Finds damaged stretches in the frames of one source, given in order.
pub struct DamageFinder<F> {
    /// Number of whole frames that end a stretch; 0 means that nothing is cut out.
    enough: usize,
    /// Whole frames after the last damaged one, while they are too few.
    held: Vec<F>,
    in_stretch: bool,
}

impl<F> DamageFinder<F> {
    /// A finder whose stretches end with `enough` whole frames; with 0 there are no stretches.
    pub fn new(enough: usize) -> Self {
        Self { enough, held: Vec::new(), in_stretch: false }
    }

    /// Takes the next frame.
    pub fn add(&mut self, frame: F, is_damaged: bool) -> Stretch<F> {
        let is_damaged = is_damaged && self.enough > 0;
        if !is_damaged && !self.in_stretch {
            return Stretch::Play(vec![frame]);
        }
        self.held.push(frame);
        if is_damaged {
            self.in_stretch = true;
            Stretch::CutOut(std::mem::take(&mut self.held))
        } else if self.held.len() < self.enough {
            Stretch::Unknown
        } else {
            Stretch::Play(self.end())
        }
    }

    /// Returns whether a stretch has begun and not ended.
    pub fn in_stretch(&self) -> bool {
        self.in_stretch
    }

    /// Ends the stretch. Returns the whole frames after it.
    pub fn end(&mut self) -> Vec<F> {
        self.in_stretch = false;
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds frames: `x` is damaged. Returns `-` for each that is cut out.
    fn found(frames: &str, enough: usize) -> String {
        let mut finder = DamageFinder::new(enough);
        let mut found = String::new();
        for frame in frames.chars() {
            match finder.add(frame, frame == 'x') {
                Stretch::Unknown => {}
                Stretch::Play(frames) => found.extend(frames),
                Stretch::CutOut(frames) => found.extend(frames.iter().map(|_| '-')),
            }
        }
        found.extend(finder.end());
        assert_eq!(found.len(), frames.len(), "each frame once");
        found
    }

    /// Catches: a burst of damage is many stretches; whole frames are lost beside one; the last
    /// frames are not returned.
    #[test]
    fn a_burst_of_damage_is_one_stretch() {
        assert_eq!(found("abcxxdxefxghijk", 3), "abc-------ghijk");
        assert_eq!(found("xab", 3), "-ab");
        assert_eq!(found("abc", 3), "abc");
        assert_eq!(found("axbx", 1), "a-b-");
        assert_eq!(found("axbx", 0), "axbx", "turned off");
    }
}
