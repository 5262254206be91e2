//! Files that were appended to each other, of which FFmpeg reads only the first one.
//!
//! Programs that join recordings byte by byte do so. It works for MPEG-TS, Matroska, AVI and Ogg.
//! Of MP4 without fragments, FLV and ASF, FFmpeg reads only what belongs to the first header.

use std::io::{self, Read, Seek, SeekFrom};

/// Largest number of parts of a file that are looked at.
const MAX_PARTS: u32 = 2_000_000;
/// Bytes of the header of an FLV file, and of the size that follows each tag.
const FLV_HEADER: u64 = 9;
const FLV_SIZE: u64 = 4;
/// Kinds of FLV tags: sound, video, data.
const FLV_KINDS: [u8; 3] = [8, 9, 18];
/// Identifier of the first part of an ASF file.
const ASF_HEADER: [u8; 16] = *b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c";

/// Returns the place at which a second file begins in a file of a container, by FFmpeg's name.
///
/// Returns `None` if there is no second file, or another container or damage ends the search.
pub fn second(file: impl Read + Seek, container: &str) -> Option<u64> {
    let mut parts = Parts { file, at: 0 };
    let found = match container {
        "flv" => parts.flv(),
        "asf" => parts.asf(),
        _ if container.contains("mp4") => parts.mp4(),
        _ => return None,
    };
    // An error is usually the end of the file.
    found.ok().flatten()
}

/// The parts of a file, one after the other.
struct Parts<R> {
    file: R,
    /// Where the next part begins.
    at: u64,
}

impl<R: Read + Seek> Parts<R> {
    /// Reads the first bytes of the next part.
    fn head<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut head = [0; N];
        self.file.seek(SeekFrom::Start(self.at))?;
        self.file.read_exact(&mut head)?;
        Ok(head)
    }

    fn flv(&mut self) -> io::Result<Option<u64>> {
        self.at = FLV_HEADER + FLV_SIZE;
        for _ in 0..MAX_PARTS {
            let head @ [kind, high, middle, low] = self.head()?;
            if head == *b"FLV\x01" {
                return Ok(Some(self.at));
            }
            if !FLV_KINDS.contains(&(kind & 0x1f)) {
                break;
            }
            self.at += 11 + u64::from(u32::from_be_bytes([0, high, middle, low])) + FLV_SIZE;
        }
        Ok(None)
    }

    fn asf(&mut self) -> io::Result<Option<u64>> {
        for number in 0..MAX_PARTS {
            let head: [u8; 24] = self.head()?;
            if number > 0 && head.starts_with(&ASF_HEADER) {
                return Ok(Some(self.at));
            }
            let size = u64::from_le_bytes(head[16..].try_into().unwrap_or_default());
            let next = self.at.checked_add(size);
            // A recording in progress states no size.
            let Some(next) = next.filter(|_| size >= 24) else { break };
            self.at = next;
        }
        Ok(None)
    }

    fn mp4(&mut self) -> io::Result<Option<u64>> {
        let mut has_index = false;
        for _ in 0..MAX_PARTS {
            let head: [u8; 8] = self.head()?;
            match &head[4..] {
                b"ftyp" if has_index => return Ok(Some(self.at)),
                // FFmpeg reads fragments also after a second header.
                b"moof" => break,
                b"moov" => has_index = true,
                _ => {}
            }
            let size = match u32::from_be_bytes([head[0], head[1], head[2], head[3]]) {
                1 => u64::from_be_bytes(self.head::<16>()?[8..].try_into().unwrap_or_default()),
                size => u64::from(size),
            };
            let next = self.at.checked_add(size);
            let Some(next) = next.filter(|_| size >= 8) else { break };
            self.at = next;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: &[u8], container: &str) -> Option<u64> {
        second(io::Cursor::new(file), container)
    }

    fn boxed(name: [u8; 4], content: usize) -> Vec<u8> {
        let size = u32::try_from(8 + content).unwrap();
        [&size.to_be_bytes()[..], &name, &vec![7; content]].concat()
    }

    fn tag(kind: u8, content: u8) -> Vec<u8> {
        [&[kind, 0, 0, content, 0, 0, 0, 0, 0, 0, 0][..], &vec![7; content.into()], &[0; 4]]
            .concat()
    }

    /// Catches: the second of two joined files is lost without a word; parts of one file count as
    /// two.
    #[test]
    fn a_second_file_is_found_where_it_begins() {
        let flv = [b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec(), tag(9, 30), tag(8, 5)].concat();
        let asf = |name: &[u8; 16]| [&name[..], &28_u64.to_le_bytes(), &[7; 4]].concat();
        let movie = [boxed(*b"ftyp", 20), boxed(*b"mdat", 99), boxed(*b"moov", 40)].concat();
        let files = [
            (flv, "flv"),
            ([asf(&ASF_HEADER), asf(&[5; 16])].concat(), "asf"),
            (movie, "mov,mp4,m4a,3gp,3g2,mj2"),
        ];
        for (file, container) in files {
            let joined = [&file[..], &file, &[0; 20]].concat();
            assert_eq!(found(&joined, container), Some(file.len() as u64), "{container}");
            assert_eq!(found(&[&file[..], &[0; 20]].concat(), container), None, "{container}");
            for length in 0..file.len() {
                found(&file[..length], container);
            }
        }
        assert_eq!(found(b"FLV\x01", "mpegts"), None);
    }

    /// Catches: fragments with a header before each, or a recording without a size, are two files.
    #[test]
    fn parts_with_headers_of_their_own_are_one_file() {
        let part =
            [boxed(*b"ftyp", 20), boxed(*b"moov", 40), boxed(*b"moof", 9), boxed(*b"mdat", 9)];
        assert_eq!(found(&part.concat().repeat(2), "mov,mp4"), None);
        let live = [&ASF_HEADER[..], &[0; 8], &ASF_HEADER, &[0; 30]].concat();
        assert_eq!(found(&live, "asf"), None);
    }
}
