//! Cards about long rollouts: frames after a long time, and objects that stay.

use crate::page::long::half_life;
use crate::page::numbers::{decibel, no_interval, percent};
use crate::page::verdict::card::{Card, Rating, above};
use crate::report::schema::{LongRollouts, ObjectPresence};

/// Shares of rollouts with all objects: from the first on it is good, below the second it is bad.
const MOST: f64 = 0.9;
const HALF: f64 = 0.5;

/// Returns the cards of long rollouts.
pub fn long(of: &LongRollouts) -> Vec<Card> {
    let objects = of.objects.iter().filter(|object| object.clips > 0);
    frames(of).into_iter().chain(objects.filter_map(object)).collect()
}

/// Rates the last measured frame: it must be closer to the recording than a still picture.
fn frames(of: &LongRollouts) -> Option<Card> {
    let (last, gain) = (of.rollout.psnr_db.last()?, of.gain_over_copy_db.last()?);
    let copy = of.rollout.psnr_copy_last_db.last()?;
    let rating = above(gain.ci95, 0.0);
    Some(Card {
        title: format!("PSNR after {} frames", last.t + 1),
        value: decibel(last.mean, false),
        interval: half_life(of),
        baseline: format!("copy of the last prompt frame {}", decibel(copy.mean, false)),
        rating,
        verdict: match rating {
            Rating::Good => {
                "Even at the end, the frames are closer to the recording than a still \
                             picture is."
            }
            Rating::Unclear => "At the end, a still picture may be as close to the recording.",
            Rating::Bad => "At the end, a still picture is closer to the recording.",
        },
        meaning: "Whole clips are generated from their prompt with their own actions. Small \
                  errors add up, so every model loses the recording sooner or later.",
    })
}

/// Rates how often all objects of one kind are still there at the last measured frame.
fn object(of: &ObjectPresence) -> Option<Card> {
    let (last, recorded) = (of.as_many.last()?, of.recorded.last()?);
    let rating = match last.mean {
        share if share >= MOST => Rating::Good,
        share if share < HALF => Rating::Bad,
        _ => Rating::Unclear,
    };
    Some(Card {
        title: format!("Whole `{}` after {} frames", of.name, last.t + 1),
        value: percent(last.mean),
        interval: last.ci95.map_or_else(no_interval, |[low, high]| {
            format!("95\u{a0}%: {} to {}", percent(low), percent(high))
        }),
        baseline: format!("recordings {}", percent(recorded.mean)),
        rating,
        verdict: match rating {
            Rating::Good => "It stays in nearly every world.",
            Rating::Unclear => "It stays in most worlds. In others it vanishes, breaks or doubles.",
            Rating::Bad => "In most worlds it vanishes, breaks into pieces, or doubles.",
        },
        meaning: "Share of long rollouts that show exactly as many whole objects of this colour \
                  as their prompt, and no pieces.",
    })
}
