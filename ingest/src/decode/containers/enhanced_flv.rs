//! FLV files with "enhanced RTMP" video, which older versions of FFmpeg misread.
//!
//! Such a packet names its codec by four letters. FFmpeg before 6.1 takes a part of the header for
//! the number of another codec.

use std::io::{self, Read, Seek, SeekFrom};

/// Largest number of tags that are looked at.
const MAX_TAGS: u32 = 1000;

/// Returns the four letters of the codec, if a file is enhanced FLV.
pub fn codec(file: impl Read + Seek) -> Option<String> {
    first_video(file).ok().flatten()
}

fn first_video(mut file: impl Read + Seek) -> io::Result<Option<String>> {
    let mut header = [0; 9];
    file.read_exact(&mut header)?;
    if !header.starts_with(b"FLV") {
        return Ok(None);
    }
    for _ in 0..MAX_TAGS {
        // The size of the tag before, then the tag: its kind, its size, 7 bytes, its content.
        let mut tag = [0; 15];
        file.read_exact(&mut tag)?;
        let [_, _, _, _, kind, high, middle, low, ..] = tag;
        let size = u32::from_be_bytes([0, high, middle, low]);
        if kind == 9 && size >= 5 {
            let mut content = [0; 5];
            file.read_exact(&mut content)?;
            let [flags, letters @ ..] = content;
            return Ok((flags & 0x80 != 0).then(|| letters.escape_ascii().to_string()));
        }
        file.seek(SeekFrom::Current(i64::from(size)))?;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(kind: u8, content: &[u8]) -> Vec<u8> {
        let size = u8::try_from(content.len()).unwrap();
        [&[0, 0, 0, 0, kind, 0, 0, size, 0, 0, 0, 0, 0, 0, 0], content].concat()
    }

    /// Catches: an ordinary FLV file counts as enhanced, or an enhanced one does not because sound
    /// comes first; a short file is an error.
    #[test]
    fn the_first_video_packet_tells() {
        let found = |tags: &[Vec<u8>]| {
            let file = [b"FLV\x01\x05\0\0\0\x09", &tags.concat()[..]].concat();
            codec(io::Cursor::new(file))
        };
        let sound = tag(8, &[0xaf; 20]);
        let enhanced = tag(9, b"\x93hvc1......");
        assert_eq!(found(&[sound.clone(), enhanced.clone()]).as_deref(), Some("hvc1"));
        assert_eq!(found(&[tag(9, b"\x17\0\0\0\0"), enhanced]), None);
        assert_eq!(found(&[sound]), None);
        assert_eq!(codec(io::Cursor::new(b"FLV")), None);
        assert_eq!(codec(io::Cursor::new([0; 200])), None);
    }
}
