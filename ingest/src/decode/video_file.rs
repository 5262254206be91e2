//! An open video file: FFmpeg reads it through this module and opens no file itself.
//!
//! A decoder process may not open files. Its supervisor opens the video and passes the descriptor.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, OnceLock};

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
    /// The result of [`Self::later`]. All clones share it.
    later: Arc<OnceLock<Option<u64>>>,
    /// The result of [`Self::pictures`]. All clones share it.
    pictures: Arc<OnceLock<Vec<usize>>>,
}

impl VideoFile {
    /// Wraps an open file of `bytes` bytes.
    pub fn new(file: File, name: String, bytes: u64) -> Self {
        let (later, pictures) = (Arc::default(), Arc::default());
        Self { file: Arc::new(file), name, bytes, start: 0, later, pictures }
    }

    /// Returns the rest of the file, from a place on.
    fn from(&self, start: u64) -> Self {
        let start = start.min(self.bytes);
        let (bytes, start) = (self.bytes - start, self.start + start);
        let (later, pictures) = (Arc::default(), Arc::default());
        Self { bytes, start, later, pictures, ..self.clone() }
    }

    /// Returns the rest of the file, from the place on that `find` returns, if it finds one.
    ///
    /// `find` may read much of the file, so only the first call calls it.
    pub fn later(&self, find: impl FnOnce(VideoReader) -> Option<u64>) -> Option<Self> {
        self.later.get_or_init(|| find(self.reader())).map(|start| self.from(start))
    }

    /// Returns the indices of the streams that `find` finds. Only the first call calls it.
    pub fn pictures(&self, find: impl FnOnce() -> Vec<usize>) -> &[usize] {
        self.pictures.get_or_init(find)
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
        let mut later = video.later(|_| Some(4)).unwrap().reader();
        assert_eq!(later.seek(SeekFrom::End(-6)).unwrap(), 0);
        rest.clear();
        later.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "456789");
    }

    /// Catches: every pass over a file searches a gigabyte for its video.
    #[test]
    fn the_place_of_a_later_video_is_searched_for_once() {
        let video = VideoFile::new(tempfile::tempfile().unwrap(), "a.ts".to_owned(), 10);
        for (file, found) in [(&video, Some(3)), (&video.clone(), None), (&video, Some(5))] {
            assert_eq!(file.later(|_| found).map(|later| (later.start, later.bytes)), Some((3, 7)));
        }
        let other = VideoFile::new(tempfile::tempfile().unwrap(), "b.ts".to_owned(), 10);
        assert!(other.later(|_| None).is_none() && other.later(|_| Some(1)).is_none());
    }
}
