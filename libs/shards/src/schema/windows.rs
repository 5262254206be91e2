//! Fixed windows: runs of `len` frames of one clip at offsets 0, `len`, 2·`len`, and so on.
//!
//! Windows never overlap and never cross a clip. Tokenizing, labelling and training must use the
//! same windows, because the tokens of a crop are not a crop of the tokens. The frames after a
//! clip's last window are unused.

/// Returns the first frame of each window of a clip with `frames` frames; none if `len` is 0.
pub fn windows_of(frames: usize, len: usize) -> impl Iterator<Item = usize> {
    (0..frames.checked_div(len).unwrap_or(0)).map(move |window| window * len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a last window is short, or starts at `frames - len` and overlaps the previous one.
    #[test]
    fn only_whole_windows_and_no_overlap() {
        assert_eq!(windows_of(47, 16).collect::<Vec<_>>(), [0, 16]);
        assert_eq!(windows_of(48, 16).collect::<Vec<_>>(), [0, 16, 32]);
        assert_eq!(windows_of(15, 16).count(), 0);
        assert_eq!(windows_of(15, 0).count(), 0);
    }
}
