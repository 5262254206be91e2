//! Byte order marks: text files of some editors and shells begin with one.

use std::borrow::Cow;

/// The text without its byte order mark. UTF-16 becomes UTF-8; other text stays as it is.
pub fn without_mark(text: &[u8]) -> Cow<'_, [u8]> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        Cow::Owned(String::from_utf16_lossy(&units).into_bytes())
    };
    match text {
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(rest),
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a mark becomes part of the first line; UTF-16 is read as bytes.
    #[test]
    fn marks_are_removed() {
        let utf16 = |unit: fn(u16) -> [u8; 2]| {
            "\u{feff}é\n".encode_utf16().flat_map(unit).collect::<Vec<u8>>()
        };
        for text in
            [b"\xef\xbb\xbf\xc3\xa9\n".to_vec(), utf16(u16::to_le_bytes), utf16(u16::to_be_bytes)]
        {
            assert_eq!(without_mark(&text), "é\n".as_bytes());
        }
        assert_eq!(without_mark(b"\xe9\n"), b"\xe9\n".as_slice(), "Latin-1 stays");
    }
}
