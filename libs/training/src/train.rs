//! Training data, and training a model as a step.

mod clips;
mod fit;
mod row_index;
mod token_index;
mod token_video;
mod upload;

pub use clips::TrainingClips;
pub use fit::{Fitted, fit, fit_until};
pub use row_index::{FileRows, RowIndex};
pub use token_index::{TokenBuffer, TokenIndex};
pub use token_video::TokenVideo;
