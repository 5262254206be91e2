//! A world without models: all bytes of frame n are n.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::engine::Refused;
use crate::pictures::{self, Fit, PictureError, PictureLimits};
use crate::server::Backend;
use crate::world::{ClipPage, ClipView};

/// A world with frames of this size.
pub struct FakeWorld {
    pub size: (usize, usize),
    /// Bytes of padding in the description.
    pub padding: usize,
}

impl Backend for FakeWorld {
    fn world(&self) -> Value {
        json!({ "width": self.size.1, "height": self.size.0, "padding": "x".repeat(self.padding) })
    }

    fn frame_size(&self) -> (usize, usize) {
        self.size
    }

    fn picture_limits(&self) -> PictureLimits {
        PictureLimits { bytes: 100_000, ..PictureLimits::default() }
    }

    fn clips(&self, filter: Option<&str>, after: usize) -> Result<ClipPage, Refused> {
        if filter == Some("bad sql") {
            return Err(Refused::Wrong("there is no column bad".to_owned()));
        }
        if filter == Some("slow") {
            thread::sleep(Duration::from_secs(2));
        }
        let name = filter.unwrap_or("all").to_owned();
        let thumb = "/api/clips/a/0.png".to_owned();
        let clip = ClipView { id: "a".to_owned(), name, frames: 9, start: 0.5, thumb };
        Ok(ClipPage { clips: vec![clip], total: after })
    }

    fn thumbnail(&self, clip: &str, first: usize) -> Result<Vec<u8>, Refused> {
        match clip {
            "a" if first < 9 => Ok(vec![first as u8; self.size.0 * self.size.1 * 3]),
            "panic" => panic!("this clip makes the world panic"),
            _ => Err(Refused::NotFound("there is no such clip".to_owned())),
        }
    }

    fn decode(&self, picture: &[u8], fit: Fit) -> Result<Vec<u8>, PictureError> {
        if picture.starts_with(b"slow") {
            thread::sleep(Duration::from_secs(2));
        }
        pictures::decode(picture, self.size, fit, &self.picture_limits())
    }
}
