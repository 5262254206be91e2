//! Finding source files, and reading what is known about them without decoding.

mod byte_order_mark;
mod info_json;
pub mod metadata;
mod names;
mod search;
mod skipped;
mod source_file;
mod stamp;

pub use byte_order_mark::without_mark;
pub use search::{Found, FoundFile, discover, videos};
pub use source_file::SourceFile;
pub use stamp::FileStamp;
