//! Maps HDR (PQ and HLG) to the SDR that clips store, with the simplest method that looks right.
//!
//! 1. Code values become light. PQ uses the EOTF of ITU-R BT.2100-2, table 4. HLG uses the inverse
//!    OETF and the OOTF of table 5, for a display of 1000 cd/m² (system gamma 1.2) and black at 0.
//! 2. The unit of light is 203 cd/m²: HDR reference white (BT.2408-7, 2.2) becomes SDR white.
//! 3. BT.2020's primaries become BT.709's (BT.2087-0, inverted). Colours outside of them are
//!    clipped.
//! 4. Highlights are rolled off. Up to [`KNEE`] nothing changes; above it, values approach white.
//!    All three channels are scaled by the factor of the largest one, so the hue stays.
//! 5. Light becomes code values by the inverse of BT.1886's gamma, 2.4. An SDR picture that was
//!    placed in HDR by BT.2408's direct mapping (5.1.3) comes back unchanged.

use super::{Hdr, HdrTransfer};

/// Reference white in cd/m².
const WHITE: f32 = 203.0;
/// Peak luminance of the assumed HLG display in cd/m².
const HLG_PEAK: f32 = 1000.0;
/// Light, in units of reference white, up to which the picture stays unchanged.
const KNEE: f32 = 0.95;
/// Number of bits of a code value that index the lookup table.
const BITS: u32 = 12;

/// BT.2020 to BT.709 primaries, on linear light (rounded inverse of BT.2087-0's matrix).
const BT2020_TO_BT709: [[f32; 3]; 3] =
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]];

/// Maps pictures of one kind of HDR.
pub struct ToneMap {
    hdr: Hdr,
    /// Light of each code value.
    ///
    /// For PQ it is the display's light in units of white. For HLG it is the scene's light, 0 to 1.
    light: Vec<f32>,
}

impl ToneMap {
    pub fn new(hdr: Hdr) -> Self {
        let largest = (1_u16 << BITS) - 1;
        let codes = (0..=largest).map(|code| f32::from(code) / f32::from(largest));
        let light = match hdr.transfer {
            HdrTransfer::Pq => codes.map(|code| pq_eotf(code) / WHITE).collect(),
            HdrTransfer::Hlg => codes.map(hlg_inverse_oetf).collect(),
        };
        Self { hdr, light }
    }

    /// Maps RGB with 16 bits per sample, little-endian, to RGB with 8 bits per sample.
    pub fn apply(&self, deep: &[u8]) -> Vec<u8> {
        let mut shown = Vec::with_capacity(deep.len() / 2);
        for pixel in deep.chunks_exact(6) {
            let code = |at: usize| {
                usize::from(u16::from_le_bytes([pixel[at], pixel[at + 1]]) >> (16 - BITS))
            };
            let light = [code(0), code(2), code(4)]
                .map(|code| self.light.get(code).copied().unwrap_or(0.0));
            shown.extend(roll_off(self.primaries(self.display(light))).map(encode));
        }
        shown
    }

    /// Returns the light on the display, in units of white.
    fn display(&self, [red, green, blue]: [f32; 3]) -> [f32; 3] {
        if self.hdr.transfer == HdrTransfer::Pq {
            return [red, green, blue];
        }
        let luminance = 0.2627 * red + 0.6780 * green + 0.0593 * blue;
        let gain = HLG_PEAK / WHITE * luminance.powf(0.2);
        [red, green, blue].map(|channel| channel * gain)
    }

    fn primaries(&self, light: [f32; 3]) -> [f32; 3] {
        if !self.hdr.wide {
            return light;
        }
        BT2020_TO_BT709.map(|row| {
            row.iter().zip(light).map(|(factor, channel)| factor * channel).sum::<f32>().max(0.0)
        })
    }
}

/// Converts a PQ code value, 0 to 1, to cd/m².
fn pq_eotf(code: f32) -> f32 {
    const M1: f32 = 2610.0 / 16384.0;
    const M2: f32 = 2523.0 / 4096.0 * 128.0;
    const C1: f32 = 3424.0 / 4096.0;
    const C2: f32 = 2413.0 / 4096.0 * 32.0;
    const C3: f32 = 2392.0 / 4096.0 * 32.0;
    let power = code.powf(1.0 / M2);
    10_000.0 * ((power - C1).max(0.0) / (C2 - C3 * power)).powf(1.0 / M1)
}

/// Converts an HLG code value, 0 to 1, to the scene's light, 0 to 1.
fn hlg_inverse_oetf(code: f32) -> f32 {
    const A: f32 = 0.178_832_77;
    const B: f32 = 0.284_668_92;
    const C: f32 = 0.559_910_7;
    if code <= 0.5 { code * code / 3.0 } else { (((code - C) / A).exp() + B) / 12.0 }
}

/// Scales light that is brighter than white to below white.
fn roll_off(light: [f32; 3]) -> [f32; 3] {
    let largest = light[0].max(light[1]).max(light[2]);
    if largest <= KNEE {
        return light;
    }
    let over = (largest - KNEE) / (1.0 - KNEE);
    let gain = (KNEE + (1.0 - KNEE) * over / (1.0 + over)) / largest;
    light.map(|channel| channel * gain)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn encode(light: f32) -> u8 {
    (light.clamp(0.0, 1.0).powf(1.0 / 2.4) * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 65535")]
    fn mapped(transfer: HdrTransfer, code: [f32; 3]) -> [u8; 3] {
        let deep: Vec<u8> =
            code.iter().flat_map(|code| ((code * 65535.0) as u16).to_le_bytes()).collect();
        ToneMap::new(Hdr { transfer, wide: true }).apply(&deep).try_into().unwrap()
    }

    /// Catches: constants differ from the standards.
    ///
    /// BT.2408-7, table 1: 58 % PQ and 75 % HLG are 203 cd/m², 38 % of both is 26 cd/m².
    #[test]
    fn transfers_agree_with_the_standards_table() {
        assert!((pq_eotf(0.58) - 203.0).abs() < 4.0, "{}", pq_eotf(0.58));
        assert!((pq_eotf(1.0) - 10_000.0).abs() < 1.0);
        assert!((pq_eotf(0.38) - 26.0).abs() < 1.0, "{}", pq_eotf(0.38));
        let hlg = ToneMap::new(Hdr { transfer: HdrTransfer::Hlg, wide: false });
        let nits = |code: f32| hlg.display([hlg_inverse_oetf(code); 3])[0] * WHITE;
        assert!((nits(0.75) - 203.0).abs() < 2.0, "{}", nits(0.75));
        assert!((nits(0.38) - 26.0).abs() < 1.0, "{}", nits(0.38));
        assert!((nits(1.0) - 1000.0).abs() < 2.0, "{}", nits(1.0));
    }

    /// Catches: pictures are grey, greys are tinted, or highlights are cut off or wrap around.
    #[test]
    fn white_is_white_and_brighter_is_whiter() {
        for transfer in [HdrTransfer::Pq, HdrTransfer::Hlg] {
            assert_eq!(mapped(transfer, [0.0; 3]), [0; 3]);
            let levels: Vec<u8> = (0..=20)
                .map(|step| {
                    let [red, green, blue] = mapped(transfer, [step as f32 / 20.0; 3]);
                    assert!(
                        red.abs_diff(green) <= 1 && green.abs_diff(blue) <= 1,
                        "{red} {green} {blue}"
                    );
                    green
                })
                .collect();
            assert!(levels.is_sorted() && levels[20] >= 254, "{levels:?}");
        }
        assert!((248..=254).contains(&mapped(HdrTransfer::Pq, [0.5807; 3])[0]));
        let [red, green, blue] = mapped(HdrTransfer::Pq, [0.5, 0.1, 0.1]);
        assert!(red > 150 && green < 20 && blue < 20, "{red} {green} {blue}");
    }
}
