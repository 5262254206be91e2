//! Objects of a game that are recognised by their colours, such as the player's figure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An object of a game that is recognised by its colours.
///
/// A connected set of pixels with one of the colours is an object if its size fits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrackedObject {
    /// Name in the report, such as `player`.
    pub name: String,
    /// Start of the file names of the videos that show it; empty for all videos.
    #[serde(default)]
    pub videos: String,
    /// Colours, RGB from 0 to 255; another recording may have another one of them.
    pub colours: Vec<[u8; 3]>,
    /// Largest difference of each channel from a colour, from 0 to 255.
    pub tolerance: u8,
    /// Smallest and largest number of pixels of one whole object.
    pub pixels: [usize; 2],
    /// Largest distance from the recorded object that still counts as the same place, in pixels.
    pub within: f64,
}

impl TrackedObject {
    /// Returns whether a video with this file name shows the object.
    #[must_use]
    pub fn is_in(&self, video: &str) -> bool {
        video.starts_with(&self.videos)
    }

    /// Checks the values.
    ///
    /// # Errors
    /// When a value is not usable; the message names the key.
    pub fn check(&self) -> Result<(), String> {
        let Self { name, colours, pixels: [least, most], within, .. } = self;
        if name.is_empty() {
            return Err("objects.name is empty; give every object a name".to_owned());
        }
        if colours.is_empty() {
            return Err(format!("objects.colours of `{name}` is empty; give at least one colour"));
        }
        if *least == 0 || least > most {
            return Err(format!(
                "objects.pixels of `{name}` is [{least}, {most}]; give the smallest number, at \
                 least 1, and then the largest"
            ));
        }
        if !within.is_finite() || *within < 0.0 {
            return Err(format!("objects.within of `{name}` is {within}; set it to at least 0"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a description that no object can fit is used for hours, and every share is 0.
    #[test]
    fn objects_that_nothing_can_fit_are_refused() {
        let good = TrackedObject {
            name: "player".into(),
            videos: String::new(),
            colours: vec![[235, 35, 55]],
            tolerance: 60,
            pixels: [8, 22],
            within: 3.0,
        };
        assert_eq!(good.check(), Ok(()));
        let bad = [
            TrackedObject { name: String::new(), ..good.clone() },
            TrackedObject { colours: Vec::new(), ..good.clone() },
            TrackedObject { pixels: [22, 8], ..good.clone() },
            TrackedObject { pixels: [0, 8], ..good.clone() },
            TrackedObject { within: f64::NAN, ..good.clone() },
        ];
        for object in bad {
            assert!(object.check().is_err(), "{object:?}");
        }
    }
}
