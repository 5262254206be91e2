//! Tests with JPEGs that have many scans.

use std::time::{Duration, Instant};

use super::*;

/// A progressive JPEG in one grey, whose scans pass over all blocks without a change.
fn many_scans(side: u16, scans: usize) -> Vec<u8> {
    let [high, low] = side.to_be_bytes();
    let blocks = usize::from(side).div_ceil(8).pow(2);
    // Huffman tables with one code each: "the mean stays", and "16,384 blocks have no detail".
    let table =
        |class: u8, symbol: u8| [&[0xff, 0xc4, 0, 20, class, 1][..], &[0; 15], &[symbol]].concat();
    let scan = |from: u8, to: u8, bits: usize| {
        [&[0xff, 0xda, 0, 8, 1, 1, 0, from, to, 0][..], &vec![0; bits.div_ceil(8) + 1]].concat()
    };
    let mut file = [&[0xff, 0xd8, 0xff, 0xdb, 0, 67, 0][..], &[1; 64]].concat();
    file.extend([0xff, 0xc2, 0, 11, 8, high, low, high, low, 1, 1, 0x11, 0]);
    file.extend([table(0, 0), table(0x10, 0xe0), scan(0, 0, blocks)].concat());
    file.extend(scan(1, 63, blocks.div_ceil(16_384) * 15).repeat(scans - 1));
    file.extend([0xff, 0xd9]);
    file
}

/// Catches: a small JPEG keeps the server busy with scan after scan of a large picture.
#[test]
fn scans_of_a_jpeg_are_limited() {
    let few = many_scans(6_000, 15);
    let started = Instant::now();
    assert!(read(&few, (8, 8)).unwrap().iter().all(|value| value.abs_diff(128) < 2));
    let took = started.elapsed();
    eprintln!("JPEG: 15 scans of 36 million pixels in {took:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(read(&many_scans(200, 90), (8, 8)).is_ok());
    let many = many_scans(6_000, 90);
    assert!(many.len() < 100_000, "{} bytes", many.len());
    let message = read(&many, (8, 8)).unwrap_err().to_string();
    assert!(message.contains("90 scans"), "{message}");
}
