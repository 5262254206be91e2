//! Lost pages of an Ogg file.
//!
//! Every page has a number (RFC 3533, section 6). FFmpeg does not look at it: it goes on with the
//! next page, and Theora's decoder goes on with the wrong picture.

use std::io::{self, Read, Seek, SeekFrom};

const MAGIC: [u8; 4] = *b"OggS";
/// Bytes of a page's header without its table.
const HEADER: usize = 27;
/// Flag of the first page of a stream.
const FIRST: u8 = 2;
/// Number of bytes that are searched at once for the next page after damage.
const BLOCK: u64 = 1 << 16;
/// Largest number of pages that are looked at.
const MAX_PAGES: u32 = 2_000_000;

/// Returns the places in a file before whose packets pages of a stream are missing, in order.
///
/// `stream` is the number of the stream, in the order of the file.
pub fn lost_pages(file: impl Read + Seek, stream: usize) -> Vec<u64> {
    let mut lost = Vec::new();
    // An error is usually the end of the file.
    let _ = follow(file, stream, &mut lost);
    lost
}

fn follow(mut file: impl Read + Seek, stream: usize, lost: &mut Vec<u64>) -> io::Result<()> {
    let (mut streams, mut has_data) = (Vec::new(), false);
    let mut before: Option<Page> = None;
    let mut at = 0;
    for _ in 0..MAX_PAGES {
        let Some(page) = Page::read(&mut file, at)? else {
            at = next_page(&mut file, at + 1)?;
            continue;
        };
        at += page.bytes;
        if page.is_first && std::mem::take(&mut has_data) {
            // Another file was appended. Its streams go on with those of the first one.
            (streams, before) = (Vec::new(), None);
        }
        if page.is_first {
            streams.push(page.stream);
        } else {
            has_data = true;
        }
        if streams.get(stream) != Some(&page.stream) {
            continue;
        }
        if let Some(before) = before
            && page.number != before.number.wrapping_add(1)
        {
            // The last packet of the page before may lack its end.
            lost.push(if before.ends_packet { page.at } else { before.at });
        }
        before = Some(page);
    }
    Ok(())
}

/// The header of a page.
#[derive(Clone, Copy)]
struct Page {
    at: u64,
    bytes: u64,
    stream: u32,
    number: u32,
    is_first: bool,
    /// The page's last packet ends in it.
    ends_packet: bool,
}

impl Page {
    /// Reads the header at a place; `None` if there is no page.
    fn read(file: &mut (impl Read + Seek), at: u64) -> io::Result<Option<Self>> {
        file.seek(SeekFrom::Start(at))?;
        let mut header = [0; HEADER];
        file.read_exact(&mut header)?;
        if !header.starts_with(&MAGIC) {
            return Ok(None);
        }
        let mut table = vec![0; usize::from(header[HEADER - 1])];
        file.read_exact(&mut table)?;
        let number = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let content: u64 = table.iter().map(|&bytes| u64::from(bytes)).sum();
        Ok(Some(Self {
            at,
            bytes: (HEADER + table.len()) as u64 + content,
            stream: number(14),
            number: number(18),
            is_first: header[5] & FIRST != 0,
            ends_packet: table.last().is_none_or(|&bytes| bytes < u8::MAX),
        }))
    }
}

/// Returns the place of the next page, from a place on.
fn next_page(file: &mut (impl Read + Seek), mut at: u64) -> io::Result<u64> {
    let mut block = Vec::new();
    loop {
        file.seek(SeekFrom::Start(at))?;
        block.clear();
        let read = file.take(BLOCK).read_to_end(&mut block)?;
        if let Some(found) = block.windows(MAGIC.len()).position(|window| window == MAGIC) {
            return Ok(at + found as u64);
        }
        if read < MAGIC.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // A page may begin at the end of the block.
        at += (read - (MAGIC.len() - 1)) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of a stream; its last packet ends in it if `last` is below 255.
    fn page(stream: u8, number: u32, flags: u8, last: u8) -> Vec<u8> {
        let mut page = [&MAGIC[..], &[0, flags], &[0; 8], &[stream, 0, 0, 0]].concat();
        page.extend(number.to_le_bytes());
        page.extend([0, 0, 0, 0, 2, 3, last]);
        page.extend(vec![9; 3 + usize::from(last)]);
        page
    }

    /// A file with sound (2) and a video (7), whose pages have 10 numbers.
    fn pages() -> Vec<Vec<u8>> {
        let first = [page(2, 0, FIRST, 5), page(7, 0, FIRST, 5)];
        let rest = (1..10).flat_map(|number| {
            let last = if number == 5 { 255 } else { 5 };
            [page(2, number, 0, 5), page(7, number, 0, last)]
        });
        first.into_iter().chain(rest).collect()
    }

    fn without(lost: &[usize]) -> (Vec<u8>, impl Fn(usize) -> u64 + use<>) {
        let pages = pages();
        let kept: Vec<usize> = (0..pages.len()).filter(|at| !lost.contains(at)).collect();
        let sizes: Vec<(usize, usize)> = kept.iter().map(|&at| (at, pages[at].len())).collect();
        let place = move |page: usize| {
            let before = sizes.iter().take_while(|(at, _)| *at < page);
            before.map(|&(_, size)| size as u64).sum()
        };
        (kept.iter().flat_map(|&at| pages[at].clone()).collect(), place)
    }

    /// Catches: a lost page is not noticed, or one of another stream is; the packet that lacks its
    /// end counts as whole.
    #[test]
    fn a_missing_number_is_a_lost_page() {
        let lost = |pages: &[usize]| {
            let (file, place) = without(pages);
            (lost_pages(io::Cursor::new(file), 1), place)
        };
        assert!(lost(&[]).0.is_empty());
        assert!(lost(&[8]).0.is_empty(), "of the sound");
        let (found, place) = lost(&[7, 8, 9]);
        assert_eq!(found, [place(11)]);
        let (found, place) = lost(&[13]);
        assert_eq!(found, [place(11)], "the packet that was to end in it");
    }

    /// Catches: bytes between pages end the search; the pages of an appended file count as lost; a
    /// file that ends early causes a panic.
    #[test]
    fn damage_and_a_second_file_are_passed() {
        let (file, place) = without(&[]);
        let at = usize::try_from(place(9)).unwrap();
        let mut damaged = file.clone();
        damaged[at] = b'X';
        assert_eq!(lost_pages(io::Cursor::new(&damaged), 1), [place(11)]);
        assert_eq!(lost_pages(io::Cursor::new(file.repeat(2)), 1), [0; 0]);
        let joined = [&file[..], &damaged].concat();
        let second = file.len() as u64 + place(11);
        assert_eq!(lost_pages(io::Cursor::new(joined), 1), [second]);
        for length in 0..file.len() {
            lost_pages(io::Cursor::new(&file[..length]), 1);
        }
    }
}
