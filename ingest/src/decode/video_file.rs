//! An open video file: FFmpeg reads it through this module and opens no file itself.
//!
//! A decoder process may not open files. Its supervisor opens the video and passes the descriptor.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

/// An open video file. Clones share the descriptor, but each reader has its own position.
#[derive(Clone)]
pub struct VideoFile {
    file: Arc<File>,
    /// The file's name without its directory. FFmpeg looks at the extension to guess the container.
    pub name: String,
    /// Size of the file when it was opened, without what is before `start`.
    bytes: u64,
    /// Place at which the video begins; readers do not see what is before it.
    start: u64,
}

impl VideoFile {
    /// Wraps an open file of `bytes` bytes.
    pub fn new(file: File, name: String, bytes: u64) -> Self {
        Self { file: Arc::new(file), name, bytes, start: 0 }
    }

    /// Returns the rest of the file, from a place on.
    pub fn from(&self, start: u64) -> Self {
        let start = start.min(self.bytes);
        Self { bytes: self.bytes - start, start: self.start + start, ..self.clone() }
    }

    /// Returns a reader that starts at the beginning of the video.
    pub fn reader(&self) -> VideoReader {
        let (file, &Self { bytes, start, .. }) = (Arc::clone(&self.file), self);
        VideoReader { file, bytes, start, position: 0 }
    }
}

/// Reads a [`VideoFile`]. Seeking only changes the position, and needs no system call.
pub struct VideoReader {
    file: Arc<File>,
    bytes: u64,
    start: u64,
    position: u64,
}

impl Read for VideoReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.start.saturating_add(self.position))?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for VideoReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(step) => self.position.checked_add_signed(step),
            SeekFrom::End(step) => self.bytes.checked_add_signed(step),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// Catches: two passes over a file disturb each other, or a seek from the end is wrong.
    #[test]
    fn readers_have_positions_of_their_own() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let video = VideoFile::new(file, "a.mp4".to_owned(), 10);
        let (mut one, mut two) = (video.reader(), video.reader());
        assert_eq!(one.seek(SeekFrom::End(-3)).unwrap(), 7);
        let mut rest = String::new();
        one.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "789");
        two.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "7890123456789");
        assert_eq!(one.seek(SeekFrom::Current(-10)).unwrap(), 0);
        assert!(one.seek(SeekFrom::Current(-1)).is_err());
        let mut later = video.from(4).reader();
        assert_eq!(later.seek(SeekFrom::End(-6)).unwrap(), 0);
        rest.clear();
        later.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "456789");
    }
}
