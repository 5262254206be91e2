//! What the server needs of the world besides the engine.

use serde_json::Value;

use crate::engine::Refused;
use crate::pictures::{self, Fit, PictureError, PictureLimits};
use crate::world::ClipPage;

/// The world behind the server: its description, its clips, and the size of its frames.
///
/// The server calls the blocking methods on threads of their own, never on its async tasks.
pub trait Backend: Send + Sync + 'static {
    /// Returns the JSON of `GET /api/world`.
    fn world(&self) -> Value;

    /// Returns (height, width) of a frame.
    fn frame_size(&self) -> (usize, usize);

    /// Returns the limits of players' pictures.
    fn picture_limits(&self) -> PictureLimits {
        PictureLimits::default()
    }

    /// Returns the held-out clips for which `filter` (SQL) holds. Blocks.
    ///
    /// The answer skips the first `after`.
    ///
    /// # Errors
    /// [`Refused::Wrong`] with the reason if the SQL is wrong.
    fn clips(&self, filter: Option<&str>, after: usize) -> Result<ClipPage, Refused>;

    /// Returns frame `first` of a held-out clip, RGB `[height, width, 3]`. Blocks.
    ///
    /// # Errors
    /// [`Refused::NotFound`] if there is no such clip or frame.
    fn thumbnail(&self, clip: &str, first: usize) -> Result<Vec<u8>, Refused>;

    /// Decodes a player's picture into a frame, RGB `[height, width, 3]`. Blocks.
    fn decode(&self, picture: &[u8], fit: Fit) -> Result<Vec<u8>, PictureError> {
        pictures::decode(picture, self.frame_size(), fit, &self.picture_limits())
    }
}
