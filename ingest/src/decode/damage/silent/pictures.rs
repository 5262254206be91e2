//! How two pictures differ, by their brightness at the same points.

/// Returns the upper median; 0 if there are no values.
pub fn median(values: &[f32]) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// Returns the mean absolute difference of two pictures, in levels.
pub fn difference(one: &[u8], other: &[u8]) -> f32 {
    let sum: u32 = one.iter().zip(other).map(|(&a, &b)| u32::from(a.abs_diff(b))).sum();
    sum as f32 / one.len().max(1) as f32
}

/// Returns how much two pictures look alike: their correlation, from -1 to 1.
pub fn likeness(one: &[u8], other: &[u8]) -> f32 {
    let mean = |picture: &[u8]| {
        picture.iter().map(|&level| f32::from(level)).sum::<f32>() / picture.len().max(1) as f32
    };
    let (a, b) = (mean(one), mean(other));
    let (mut both, mut first, mut second) = (0.0, 0.0, 0.0);
    for (&x, &y) in one.iter().zip(other) {
        let (x, y) = (f32::from(x) - a, f32::from(y) - b);
        both += x * y;
        first += x * x;
        second += y * y;
    }
    both / (first * second).sqrt().max(1.0)
}
