//! The playable world: the trained models of one lineage, as something that is played.
//!
//! Several playthroughs step in one batch, and none depends on the others. This module does not
//! depend on time, sessions or the web.

mod clips;
mod doubt;
mod keys;
mod load;
mod playable;
mod played_models;
mod recording;

#[cfg(test)]
pub use clips::ClipView;
pub use clips::{ClipPage, Clips, file_name};
pub use keys::ModelKeys;
pub use load::{PlaySections, load};
pub use playable::{Move, PlayableWorld, PlayedFrame, Playthrough, PlaythroughState};
pub use recording::Recording;
