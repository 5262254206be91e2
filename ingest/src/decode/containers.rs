//! Containers: which of their streams is the video, and what FFmpeg does not tell.

pub mod appended;
pub mod enhanced_flv;
pub mod later_video;
pub mod ogg;
pub mod pictures;
pub mod streams;
