//! Common colours of frames, for drawing in their style.

/// Largest number of colours of a palette.
const COLORS: usize = 16;
/// Bits of each channel that decide which pixels have the same colour.
const BITS: u32 = 4;
/// A colour of fewer than one in this many pixels is noise.
const RAREST: u64 = 4000;
/// Smallest distance between two colours of the palette, in levels of 255.
const APART: u64 = 40;

/// Pixels of about the same colour.
#[derive(Clone, Copy, Default)]
struct ColorGroup {
    count: u64,
    sum: [u64; 3],
}

impl ColorGroup {
    fn mean(&self) -> [u8; 3] {
        self.sum.map(|sum| ((sum + self.count / 2) / self.count.max(1)) as u8)
    }
}

/// Returns up to 16 common colours that differ clearly; none if there are no frames.
///
/// The first one is the most common. Each next one has the largest product of two factors: its
/// distance from the colours before it, and the square root of its number of pixels. So the colour
/// of a small figure comes before the tenth shade of the sky. The same frames have the same
/// palette.
pub fn palette(frames: &[impl AsRef<[u8]>]) -> Vec<[u8; 3]> {
    let mut groups = vec![ColorGroup::default(); 1 << (3 * BITS)];
    for pixel in frames.iter().flat_map(|frame| frame.as_ref().as_chunks::<3>().0) {
        let group = pixel.iter().fold(0, |group, &v| group << BITS | usize::from(v >> (8 - BITS)));
        groups[group].count += 1;
        for (sum, &value) in groups[group].sum.iter_mut().zip(pixel) {
            *sum += u64::from(value);
        }
    }
    let total: u64 = groups.iter().map(|group| group.count).sum();
    groups.retain(|group| group.count > 0 && group.count * RAREST >= total);
    // A stable sort: of equally common colours, the darker group comes first.
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    let mut candidates: Vec<(u64, [u8; 3], u64)> =
        groups.iter().map(|group| (group.count, group.mean(), u64::MAX)).collect();
    let mut colors: Vec<[u8; 3]> = candidates.first().map(|first| first.1).into_iter().collect();
    while let Some(&newest) = colors.last()
        && colors.len() < COLORS
    {
        for (_, color, nearest) in &mut candidates {
            *nearest = (*nearest).min(distance(*color, newest));
        }
        candidates.retain(|&(_, _, nearest)| nearest >= APART * APART);
        // Squares of the products, so that all numbers are whole.
        let product = |&(count, _, nearest): &(u64, [u8; 3], u64)| u128::from(count * nearest);
        let Some(best) = candidates.iter().rev().max_by_key(|one| product(one)) else { break };
        colors.push(best.1);
    }
    colors
}

/// Returns the squared distance of two colours; green counts most, as for the eye.
fn distance(a: [u8; 3], b: [u8; 3]) -> u64 {
    let square = |i: usize| u64::from(a[i].abs_diff(b[i])).pow(2);
    (2 * square(0) + 4 * square(1) + 3 * square(2)) / 3
}

/// Returns a colour as CSS writes it: `#ff8000`.
pub fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(parts: &[([u8; 3], usize)]) -> Vec<u8> {
        parts.iter().flat_map(|&(color, count)| color.repeat(count)).collect()
    }

    /// Catches: pixel art gets mixed colours; the small figure's colour is missing.
    #[test]
    fn colours_of_pixel_art_are_exact() {
        let (sky, ground, hero) = ([92, 148, 252], [200, 76, 12], [216, 40, 0]);
        let frames = [frame(&[(sky, 3000), (ground, 1000), (hero, 40)])];
        let found = palette(&frames);
        assert_eq!(found[..2], [sky, ground]);
        assert!(found.contains(&hero), "{found:?}");
        assert_eq!(found.len(), 3);
    }

    /// Catches: all colours are shades of one gradient; two of them look equal; there are too many.
    #[test]
    fn colours_differ() {
        let sky: Vec<([u8; 3], usize)> = (0..200).map(|i| ([i, i, 255], 100)).collect();
        let noise: Vec<([u8; 3], usize)> = (0..=255).map(|i| ([i, 255 - i, i / 2], 9)).collect();
        let found = palette(&[frame(&sky), frame(&noise), frame(&[([250, 10, 10], 60)])]);
        assert!((4..=COLORS).contains(&found.len()), "{found:?}");
        assert!(found.iter().any(|&[r, g, b]| r > 230 && g < 40 && b < 40), "{found:?}");
        for (i, &a) in found.iter().enumerate() {
            assert!(found[..i].iter().all(|&b| distance(a, b) >= APART * APART), "{found:?}");
        }
    }

    /// Catches: the palette depends on the order of the frames; an empty list of frames causes a
    /// panic.
    #[test]
    fn the_palette_is_stable() {
        let parts: Vec<Vec<u8>> =
            (0..30_u8).map(|i| frame(&[([i * 8, 255 - i * 5, i * 3], 50)])).collect();
        let reversed: Vec<&Vec<u8>> = parts.iter().rev().collect();
        assert_eq!(palette(&parts), palette(&reversed));
        assert_eq!(palette(&[] as &[Vec<u8>]), [[0; 3]; 0]);
        assert_eq!(hex([255, 128, 0]), "#ff8000");
    }
}
