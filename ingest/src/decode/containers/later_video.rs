//! Where an MPEG-TS file announces its video, if its beginning has none.
//!
//! A live stream may begin with sound alone. FFmpeg takes the kind of a stream from the first
//! program map table (PMT) that names its packets' identifier. If a later table gives this
//! identifier to a video, FFmpeg does not find the video, unless it reads from there. The formats
//! of the tables are those of ISO/IEC 13818-1, 2.4.3 and 2.4.4.

use std::io::Read;

const PACKET: usize = 188;
/// Distances of packets: alone, with a time stamp (Blu-ray), and with parity bytes.
const STRIDES: [usize; 3] = [PACKET, 192, 204];
const SYNC: u8 = 0x47;
/// Number of bytes that are read at once.
const BLOCK: usize = 1 << 20;
/// Number of bytes after which the search ends.
const MOST: u64 = 1 << 30;
/// Types of video streams: MPEG-1, 2 and 4, H.264, HEVC, VVC, AVS, Dirac and VC-1.
const VIDEO: [u8; 9] = [0x01, 0x02, 0x10, 0x1b, 0x24, 0x33, 0x42, 0xd1, 0xea];

/// Returns the place from which FFmpeg finds the first video of an MPEG-TS file.
///
/// Returns `None` if the first gigabyte has no table with a video, or cannot be read.
pub fn start(mut file: impl Read) -> Option<u64> {
    let mut tables = Tables::default();
    let (mut bytes, mut begin) = (Vec::new(), 0);
    while begin < MOST {
        let read = file.by_ref().take(BLOCK as u64).read_to_end(&mut bytes).ok()?;
        let mut at = 0;
        while at + STRIDES[2] < bytes.len() {
            let rest = &bytes[at..];
            let stride = STRIDES.into_iter().find(|&stride| rest[stride] == SYNC);
            if let Some(stride) = stride.filter(|_| rest[0] == SYNC) {
                if tables.packet(&rest[..PACKET], begin + at as u64) {
                    return tables.list;
                }
                at += stride;
            } else {
                at += 1;
            }
        }
        if read == 0 {
            return None;
        }
        bytes.drain(..at);
        begin += at as u64;
    }
    None
}

/// The tables that were read so far.
#[derive(Default)]
struct Tables {
    /// Place of the latest list of programs (PAT).
    list: Option<u64>,
    /// Identifiers of the packets with program map tables.
    maps: Vec<u16>,
}

impl Tables {
    /// Reads a packet at a place. Returns whether it has a table with a video.
    fn packet(&mut self, packet: &[u8], place: u64) -> bool {
        let id = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
        if id != 0 && !self.maps.contains(&id) {
            return false;
        }
        let Some(table) = table(packet) else { return false };
        match (id, table[0]) {
            (0, 0) => {
                let programs = table.get(8..).unwrap_or_default().chunks_exact(4);
                let id = |entry: &[u8]| u16::from_be_bytes([entry[2] & 0x1f, entry[3]]);
                (self.list, self.maps) = (Some(place), programs.map(id).collect());
                false
            }
            (_, 2) => has_video(table).unwrap_or(false),
            _ => false,
        }
    }
}

/// Returns the table that begins in a packet, without its checksum and what is in later packets.
fn table(packet: &[u8]) -> Option<&[u8]> {
    let (begins, has_field) = (packet[1] & 0x40 != 0, packet[3] & 0x20 != 0);
    let payload = if has_field { 5 + usize::from(packet[4]) } else { 4 };
    let table = packet.get(payload + 1 + usize::from(*packet.get(payload)?)..)?;
    let length = usize::from(u16::from_be_bytes([*table.get(1)? & 0x0f, *table.get(2)?]));
    let end = (3 + length).checked_sub(4)?;
    begins.then(|| &table[..end.min(table.len())]).filter(|table| !table.is_empty())
}

/// Returns whether a program map table names a video; `None` if it is cut off.
fn has_video(table: &[u8]) -> Option<bool> {
    let length = |at: usize| {
        Some(usize::from(u16::from_be_bytes([table.get(at)? & 0x0f, *table.get(at + 1)?])))
    };
    let mut at = 12 + length(10)?;
    while at < table.len() {
        if VIDEO.contains(&table[at]) {
            return Some(true);
        }
        at += 5 + length(at + 3)?;
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a packet with a table. It has `stride` bytes.
    fn packet(id: u16, table: &[u8], stride: usize) -> Vec<u8> {
        let [high, low] = id.to_be_bytes();
        let mut packet = vec![SYNC, 0x40 | high, low, 0x10, 0];
        packet.extend(table);
        packet.resize(stride, 0xff);
        packet
    }

    /// Returns packets: a list of programs, and a program's table with one stream of a type.
    fn program(kind: u8, stride: usize) -> Vec<u8> {
        let list = [0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xf0, 0, 1, 2, 3, 4];
        let map =
            [2, 0xb0, 18, 0, 1, 0xc1, 0, 0, 0xe1, 0, 0xf0, 0, kind, 0xe1, 0, 0xf0, 0, 1, 2, 3, 4];
        [packet(0, &list, stride), packet(0x1000, &map, stride)].concat()
    }

    /// Catches: the place is that of a table without video, or is wrong after lost bytes, between
    /// blocks, or for another distance of packets; a file without video does not end the search.
    #[test]
    fn the_place_is_that_of_the_list_before_the_video() {
        for stride in STRIDES {
            let sound = program(0x0f, stride).repeat(4000);
            let video = program(0x1b, stride).repeat(3);
            let junk = vec![0; 77];
            let file = [&sound[..], &junk, &video].concat();
            let place = (sound.len() + junk.len()) as u64;
            assert_eq!(start(&file[..]), Some(place), "{stride}");
            assert_eq!(start(&sound[..]), None);
        }
        assert_eq!(start(&[SYNC; 5000][..]), None);
        assert_eq!(start(&[][..]), None);
    }

    /// Catches: a table that states a wrong length causes a panic.
    #[test]
    fn damaged_tables_are_passed_over() {
        let whole = program(0x1b, PACKET);
        for at in PACKET..PACKET + 30 {
            for byte in [0, 0x7f, 0xff] {
                let mut damaged = program(0x0f, PACKET);
                damaged[at] = byte;
                let file = [&damaged[..], &whole, &whole].concat();
                assert!(start(&file[..]).is_some());
            }
        }
    }
}
