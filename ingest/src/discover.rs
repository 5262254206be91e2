//! From what `data.videos` names to source files, and what is known of them without decoding.

pub mod metadata;
mod search;
mod source_file;
mod stamp;

pub use search::{FoundFile, discover, videos};
pub use source_file::SourceFile;
pub use stamp::FileStamp;
