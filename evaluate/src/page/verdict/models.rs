//! Cards on the quality of generated clips, of the tokenizer and of the codes.

use crate::page::numbers::{decibel, distance_title, interval, no_interval, range, three_digits};
use crate::page::verdict::card::{Card, Rating, above};
use crate::report::schema::{Distance, LamUsage, TokenizerQuality};

/// A distance is good news when real clips are hardly closer to each other, bad when even standing still would be closer.
pub fn distance(d: &Distance) -> Card {
    /// How many times the floor is still close to it.
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
            "halves of the real clips {}, where the model has {}",
            three_digits(d.half_floor),
            three_digits(d.half_generated)
        ),
        rating,
        verdict: match rating {
            Rating::Good => {
                "Generated clips are about as close to real ones as real ones are to each other."
            }
            Rating::Unclear => {
                "Generated clips differ from real ones, less than clips that stand still do."
            }
            Rating::Bad => {
                "Real clips that stand still are closer to real ones than generated clips are."
            }
        },
        meaning: if d.comparable_with_fvd {
            "How far generated clips are from real ones as a whole, by features of I3D; 0 is no difference. It grows as clips \
             get fewer: compare it only with values of as many clips of the same kind."
        } else {
            "How far generated clips are from real ones as a whole, by features of an encoder; 0 is no difference. It is not FVD, and \
             compares only with values of the same encoder and of as many clips."
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
                Rating::Good => "Tokens keep clearly more than a still picture does.",
                Rating::Unclear => {
                    "Not clearly 3 dB above a still picture: what moves may be lost."
                }
                Rating::Bad => "A still picture is as good: the tokenizer loses what moves.",
            },
            meaning: "How well frames survive tokenizing and back. It is the ceiling of everything generated: 20 dB is blurry, 30 good, \
                      40 hardly visible.",
        },
        Card {
            title: "Tokenizer SSIM".into(),
            value: format!("{:.3}", t.ssim),
            interval: interval(t.ssim_ci95, 3),
            baseline: format!("copy of the first frame {:.3}", t.ssim_baseline),
            rating: similar,
            verdict: match similar {
                Rating::Good => "Structure survives better than in a still picture.",
                Rating::Unclear => "Not clearly better than a still picture.",
                Rating::Bad => "A still picture keeps the structure as well.",
            },
            meaning: "Likeness of local structure, 1 is identical. Edges count more than in PSNR, flat areas less.",
        },
        Card {
            title: "Token codes used".into(),
            value: format!("{} of {}", t.codes_used, t.codebook_size),
            interval: format!("perplexity {:.1}", t.perplexity),
            baseline: format!("all used equally: {}", t.codebook_size),
            rating: usage,
            verdict: usage_verdict(usage),
            meaning: "Perplexity is the number of codes in effective use. Bad when it is a handful: the codebook has collapsed.",
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
        meaning: "Bad when one or two: there is nothing to choose from. Fewer than all is fine where the game has fewer actions.",
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
        Rating::Good => "A good part of the codebook is at work.",
        Rating::Unclear => "Few codes do most of the work.",
        Rating::Bad => "Collapsed: one code for everything.",
    }
}
