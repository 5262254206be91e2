//! Finding source files, and reading what is known about them without decoding.

pub mod metadata;
mod search;
mod source_file;
mod stamp;

pub use search::{FoundFile, discover, videos};
pub use source_file::SourceFile;
pub use stamp::FileStamp;
