//! Finding source files, and reading what is known about them without decoding.

mod byte_order_mark;
mod info_json;
pub mod metadata;
mod names;
mod search;
mod skipped;
mod source_file;
mod source_files;
mod stamp;

pub use byte_order_mark::without_mark;
pub use search::{Found, discover, videos};
pub use source_file::SourceFile;
pub use source_files::SourceFiles;
pub use stamp::FileStamp;
