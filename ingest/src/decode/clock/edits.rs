//! Where an MP4 file's edit list joins two parts of a recording.
//!
//! FFmpeg plays the parts one after the other, and its time stamps do not show the joins.

use std::io::{self, Read, Seek, SeekFrom};

/// Largest number of edits that are read.
const MAX_EDITS: u32 = 10_000;
/// Largest number of boxes that are looked at.
const MAX_BOXES: u32 = 10_000;
/// Parts that follow each other within this many seconds are no join.
const SEAMLESS_SECONDS: f64 = 0.1;

/// Returns the presentation times in seconds at which a track of an MP4 file has joins.
///
/// The result is empty if the file has no such track, or cannot be read.
pub fn joins(file: impl Read + Seek, track: u32) -> Vec<f64> {
    Boxes { file, left: MAX_BOXES }.joins(track).unwrap_or_default()
}

/// The boxes of a file.
struct Boxes<R> {
    file: R,
    /// Number of boxes that may still be looked at.
    left: u32,
}

/// Where the content of a box begins and ends.
#[derive(Clone, Copy)]
struct Content {
    begin: u64,
    end: u64,
}

impl<R: Read + Seek> Boxes<R> {
    fn joins(&mut self, track: u32) -> io::Result<Vec<f64>> {
        let end = self.file.seek(SeekFrom::End(0))?;
        let Some(&movie) = self.find(Content { begin: 0, end }, *b"moov")?.first() else {
            return Ok(Vec::new());
        };
        for found in self.find(movie, *b"trak")? {
            if self.number_in(found, *b"tkhd", 12, 20)? == Some(track) {
                return self.joins_of(movie, found);
            }
        }
        Ok(Vec::new())
    }

    fn joins_of(&mut self, movie: Content, track: Content) -> io::Result<Vec<f64>> {
        let Some(movie_rate) = self.number_in(movie, *b"mvhd", 12, 20)? else {
            return Ok(Vec::new());
        };
        let Some(&media) = self.find(track, *b"mdia")?.first() else { return Ok(Vec::new()) };
        let Some(rate) = self.number_in(media, *b"mdhd", 12, 20)? else { return Ok(Vec::new()) };
        let Some(&edits) = self.find(track, *b"edts")?.first() else { return Ok(Vec::new()) };
        let Some(&list) = self.find(edits, *b"elst")?.first() else { return Ok(Vec::new()) };
        let (mut at, mut before, mut joins) = (0.0, None, Vec::new());
        for (lasts, begins) in self.edits(list)? {
            let lasts = lasts as f64 / f64::from(movie_rate.max(1));
            if let Ok(begins) = u64::try_from(begins) {
                let begins = begins as f64 / f64::from(rate.max(1));
                if before.is_some_and(|end: f64| (begins - end).abs() > SEAMLESS_SECONDS) {
                    joins.push(at);
                }
                before = Some(begins + lasts);
            }
            at += lasts;
        }
        Ok(joins)
    }

    /// Returns length and start of each edit. A start below 0 is a pause.
    fn edits(&mut self, list: Content) -> io::Result<Vec<(u64, i64)>> {
        self.file.seek(SeekFrom::Start(list.begin))?;
        let long = self.number::<4>()? >> 24 == 1;
        let count = u32::try_from(self.number::<4>()?).unwrap_or(0).min(MAX_EDITS);
        let mut edits = Vec::new();
        for _ in 0..count {
            edits.push(if long {
                (self.number::<8>()?, self.number::<8>()?.cast_signed())
            } else {
                let (lasts, begins) = (self.number::<4>()?, self.number::<4>()?);
                (lasts, i64::from(u32::try_from(begins).unwrap_or(0).cast_signed()))
            });
            self.number::<4>()?;
        }
        Ok(edits)
    }

    /// Returns a number in a box inside another: at `short`, or at `long` if its version is 1.
    fn number_in(
        &mut self,
        outer: Content,
        name: [u8; 4],
        short: u64,
        long: u64,
    ) -> io::Result<Option<u32>> {
        let Some(&found) = self.find(outer, name)?.first() else { return Ok(None) };
        self.file.seek(SeekFrom::Start(found.begin))?;
        let at = if self.number::<4>()? >> 24 == 1 { long } else { short };
        self.file.seek(SeekFrom::Start(found.begin + at))?;
        Ok(u32::try_from(self.number::<4>()?).ok())
    }

    /// Returns the boxes of a name directly inside another.
    fn find(&mut self, outer: Content, name: [u8; 4]) -> io::Result<Vec<Content>> {
        let (mut at, mut found) = (outer.begin, Vec::new());
        while at.saturating_add(8) <= outer.end && self.left > 0 {
            self.left -= 1;
            self.file.seek(SeekFrom::Start(at))?;
            let (mut size, mut begin) = (self.number::<4>()?, at + 8);
            let mut kind = [0; 4];
            self.file.read_exact(&mut kind)?;
            if size == 1 {
                (size, begin) = (self.number::<8>()?, at + 16);
            }
            let end = if size == 0 { outer.end } else { at.saturating_add(size).min(outer.end) };
            if end < begin {
                break;
            }
            if kind == name {
                found.push(Content { begin, end });
            }
            at = end;
        }
        Ok(found)
    }

    /// Reads a big-endian number of `N` bytes.
    fn number<const N: usize>(&mut self) -> io::Result<u64> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(name: [u8; 4], content: &[&[u8]]) -> Vec<u8> {
        let content = content.concat();
        let size = u32::try_from(content.len() + 8).unwrap();
        [&size.to_be_bytes()[..], &name, &content].concat()
    }

    /// Returns an MP4 header: a movie at 1000 ticks a second, a track 7 at 90000, and its edits.
    fn movie(edits: &[(u32, i32)]) -> Vec<u8> {
        let head = |at: usize, number: u32| [vec![0; at], number.to_be_bytes().to_vec()].concat();
        let count = u32::try_from(edits.len()).unwrap().to_be_bytes();
        let list = edits.iter().flat_map(|(lasts, begins)| {
            [lasts.to_be_bytes(), begins.to_be_bytes(), [0, 1, 0, 0]].concat()
        });
        let list = boxed(*b"elst", &[&[0; 4], &count, &list.collect::<Vec<_>>()]);
        let media = boxed(*b"mdia", &[&boxed(*b"mdhd", &[&head(12, 90_000)])]);
        let track = |id: u32, edits: &[u8]| {
            boxed(
                *b"trak",
                &[&boxed(*b"tkhd", &[&head(12, id)]), &boxed(*b"edts", &[edits]), &media],
            )
        };
        let movie = [boxed(*b"mvhd", &[&head(12, 1000)]), track(3, &[]), track(7, &list)].concat();
        [boxed(*b"ftyp", &[b"isom"]), boxed(*b"moov", &[&movie])].concat()
    }

    fn found(bytes: &[u8]) -> Vec<f64> {
        let mut boxes = Boxes { file: io::Cursor::new(bytes), left: MAX_BOXES };
        boxes.joins(7).unwrap_or_default()
    }

    /// Catches: a clip spans two parts of a recording that an edit list joins, or is cut where an
    /// edit list only delays, trims or splits it.
    #[test]
    fn edits_that_leave_something_out_are_joins() {
        assert_eq!(found(&movie(&[(4000, 0), (4000, 675_000)])), [4.0], "from 7.5 s on");
        assert_eq!(found(&movie(&[(4000, 540_000), (4000, 0), (1000, 360_000)])), [4.0]);
        assert_eq!(found(&movie(&[(4000, 0), (2000, -1), (4000, 675_000)])), [6.0]);
        assert_eq!(found(&movie(&[(500, -1), (4000, 3003)])), [0.0; 0]);
        assert_eq!(found(&movie(&[])), [0.0; 0]);
    }

    /// Catches: a cut off or senseless header causes a panic or an endless loop.
    #[test]
    fn malformed_files_have_no_joins() {
        let whole = movie(&[(4000, 0), (4000, 675_000)]);
        for length in 0..whole.len() {
            found(&whole[..length]);
            let mut changed = whole.clone();
            changed[length] ^= 0xff;
            found(&changed);
        }
        assert_eq!(found(&[0; 4096]), [0.0; 0]);
    }
}
