//! Cards about generated clips, the tokenizer, and the use of codes.

use crate::page::numbers::{decibel, distance_title, interval, no_interval, range, three_digits};
use crate::page::verdict::card::{Card, Rating, above};
use crate::report::schema::{Distance, LamUsage, TokenizerQuality};

/// Rates a distance.
///
/// It is good if `half_generated` is at most twice `half_floor`. Otherwise it is bad if frozen real
/// clips are closer to the real clips.
pub fn distance(d: &Distance) -> Card {
    /// Largest multiple of the floor that is still good.
    const CLOSE: f64 = 2.0;
    let rating = if d.half_generated <= CLOSE * d.half_floor {
        Rating::Good
    } else if d.frechet >= d.probe_frozen {
        Rating::Bad
    } else {
        Rating::Unclear
    };
    Card {
        title: distance_title(d),
        value: three_digits(d.frechet),
        interval: d.frechet_ci95.map_or_else(no_interval, |ci| format!("95\u{a0}%: {}", range(ci))),
        baseline: format!(
            "two real halves {}; a real and a generated half {}",
            three_digits(d.half_floor),
            three_digits(d.half_generated)
        ),
        rating,
        verdict: match rating {
            Rating::Good => {
                "Generated clips are about as close to real clips as real clips are to each other."
            }
            Rating::Unclear => {
                "Generated clips differ from real clips, but less than frozen clips do."
            }
            Rating::Bad => "Frozen real clips are closer to real clips than generated clips are.",
        },
        meaning: if d.comparable_with_fvd {
            "Distance of generated clips from real ones, by features of I3D; 0 is no difference. \
             It grows with fewer clips, so compare it only with values of as many clips of the \
             same kind."
        } else {
            "Distance of generated clips from real ones, by features of an encoder; 0 is no \
             difference. It is not FVD. Compare it only with values of the same encoder and of as \
             many clips."
        },
    }
}

pub fn tokenizer(t: &TokenizerQuality) -> [Card; 3] {
    let gain = match t.psnr_gain_db_ci95 {
        Some([lo, _]) if lo >= 3.0 => Rating::Good,
        _ if t.psnr_gain_db <= 0.0 => Rating::Bad,
        _ => Rating::Unclear,
    };
    let similar =
        if t.ssim <= t.ssim_baseline { Rating::Bad } else { above(t.ssim_ci95, t.ssim_baseline) };
    let usage = usage(t.codes_used, t.codebook_size, t.perplexity);
    [
        Card {
            title: "Tokenizer PSNR".into(),
            value: decibel(t.psnr_db, false),
            interval: interval(t.psnr_db_ci95, 1),
            baseline: format!("copy of the first frame {}", decibel(t.psnr_baseline_db, false)),
            rating: gain,
            verdict: match gain {
                Rating::Good => "Tokens preserve clearly more than a still picture does.",
                Rating::Unclear => {
                    "Not clearly 3 dB above a still picture: moving things may be lost."
                }
                Rating::Bad => "A still picture is as good: the tokenizer loses moving things.",
            },
            meaning: "Quality of frames after encoding and decoding. It is the upper limit of all \
                      generated frames: at 20 dB frames are blurry, at 30 dB good, at 40 dB errors \
                      are hardly visible.",
        },
        Card {
            title: "Tokenizer SSIM".into(),
            value: format!("{:.3}", t.ssim),
            interval: interval(t.ssim_ci95, 3),
            baseline: format!("copy of the first frame {:.3}", t.ssim_baseline),
            rating: similar,
            verdict: match similar {
                Rating::Good => "Tokens preserve more structure than a still picture does.",
                Rating::Unclear => "Not clearly better than a still picture.",
                Rating::Bad => "A still picture preserves the structure as well.",
            },
            meaning: "Similarity of local structure; 1 is identical. Edges count more than in \
                      PSNR, flat areas less.",
        },
        Card {
            title: "Token codes used".into(),
            value: format!("{} of {}", t.codes_used, t.codebook_size),
            interval: format!("perplexity {:.1}", t.perplexity),
            baseline: format!("all used equally: {}", t.codebook_size),
            rating: usage,
            verdict: usage_verdict(usage),
            meaning: "Perplexity is the number of codes in effective use. If it is very small, the \
                      codebook has collapsed.",
        },
    ]
}

pub fn lam(lam: &LamUsage) -> Card {
    let rating = match lam.codes_used {
        0 | 1 => Rating::Bad,
        2 => Rating::Unclear,
        _ => usage(lam.codes_used, lam.codebook_size, lam.perplexity),
    };
    Card {
        title: "Latent actions used".into(),
        value: format!("{} of {}", lam.codes_used, lam.codebook_size),
        interval: format!("perplexity {:.1}", lam.perplexity),
        baseline: format!("all used equally: {}", lam.codebook_size),
        rating,
        verdict: usage_verdict(rating),
        meaning: "With one or two there is no choice. Fewer than all is fine if the game has fewer \
                  actions.",
    }
}

fn usage(used: usize, size: usize, perplexity: f64) -> Rating {
    if used <= 1 {
        Rating::Bad
    } else if perplexity < 0.1 * size as f64 {
        Rating::Unclear
    } else {
        Rating::Good
    }
}

fn usage_verdict(rating: Rating) -> &'static str {
    match rating {
        Rating::Good => "Much of the codebook is in use.",
        Rating::Unclear => "Few codes are used most of the time.",
        Rating::Bad => "Collapsed: one code is used for everything.",
    }
}
