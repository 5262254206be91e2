//! What is to be known of a container: which of its streams is the video, and what FFmpeg does not
//! tell.

pub mod appended;
pub mod enhanced_flv;
pub mod later_video;
pub mod ogg;
pub mod streams;
