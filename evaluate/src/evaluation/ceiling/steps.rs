//! The steps at which latent actions and networks are measured.
//!
//! A step t leads from frame t to frame t+1 of a clip. The steps of a window are those between its
//! frames. The first and last steps of a clip are left out: there a network would see frames that
//! do not exist, or a lag would need a key before the clip. So all readers are measured at the same
//! steps.

use std::ops::Range;

use genie_model::{FramesSeen, LAGS};

use crate::evaluation::ceiling::classes::Division;
use crate::evaluation::ceiling::labelled::LabelledClips;
use crate::held_out::{LabelledWindows, WindowChoice};
use crate::statistics::bootstrap::numbered;

/// The measured steps of one window.
pub struct WindowSteps {
    /// The window's recording, or its clip if there is only one recording.
    pub group: usize,
    /// Position of the window's clip in its store.
    pub clip: usize,
    /// The steps, at least one.
    pub steps: Range<usize>,
    /// The keys at each lag: entry l is the key at t − l, for each step t.
    pub keys: [Vec<u8>; LAGS],
    /// The latent action of each step.
    pub codes: Vec<u8>,
}

/// Returns the steps of a window of `frames` frames in a clip of `length` frames.
fn steps(first: usize, frames: usize, length: usize, view: FramesSeen) -> Range<usize> {
    let begin = first.max(view.before).max(LAGS - 1);
    let end = (first + frames - 1).min(length.saturating_sub(view.after));
    begin..end.max(begin)
}

/// Makes the steps of a window.
///
/// `labels` are of the whole clip, `codes` lie between the window's frames.
fn window_steps(
    place: WindowChoice,
    frames: usize,
    view: FramesSeen,
    labels: &[u8],
    codes: &[u8],
) -> Option<WindowSteps> {
    let WindowChoice { clip, first } = place;
    let steps = steps(first, frames, labels.len(), view);
    (!steps.is_empty()).then(|| WindowSteps {
        group: 0,
        clip,
        keys: std::array::from_fn(|lag| labels[steps.start - lag..steps.end - lag].to_vec()),
        codes: codes[steps.start - first..steps.end - first].to_vec(),
        steps,
    })
}

/// Returns the steps of the held-out windows with true actions.
///
/// `latent` has the latent actions of each window.
pub fn held_out_steps(
    held_out: &LabelledWindows,
    latent: &[Vec<u8>],
    frames: usize,
    view: FramesSeen,
    keys: &Division,
) -> Vec<WindowSteps> {
    let mut found = Vec::new();
    for (index, window) in held_out.windows.iter().enumerate() {
        let place = held_out.places[index];
        let actions = held_out.clip_actions(index);
        let (Some(actions), Some(_)) = (actions, &window.truth) else { continue };
        if let Some(steps) = window_steps(place, frames, view, &keys.of(actions), &latent[index]) {
            found.push((window, steps));
        }
    }
    let (count, mut groups) = numbered(found.iter().map(|(window, _)| &window.source));
    if count < 2 {
        groups = numbered(found.iter().map(|(window, _)| &window.clip_id)).1;
    }
    let grouped = |((_, steps), group)| WindowSteps { group, ..steps };
    found.into_iter().zip(groups).map(grouped).collect()
}

/// Returns the steps of some windows of the training clips; `latent` has their latent actions.
pub fn training_steps(
    clips: &LabelledClips,
    places: &[WindowChoice],
    latent: &[Vec<u8>],
    frames: usize,
    view: FramesSeen,
) -> Vec<WindowSteps> {
    let steps = |(place, codes): (&WindowChoice, &Vec<u8>)| {
        window_steps(*place, frames, view, clips.labels(place.clip), codes)
    };
    places.iter().zip(latent).filter_map(steps).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a step at the edge of a clip sees frames that do not exist; steps in the middle of
    /// a clip are left out; keys or codes belong to another step.
    #[test]
    fn steps_leave_out_the_edges_of_clips_only() {
        let labels: Vec<u8> = (0..40).collect();
        let view = FramesSeen { before: 2, after: 2 };
        let at = |first: usize| {
            let codes: Vec<u8> = (0..7).map(|step| 100 + (first as u8) + step).collect();
            let place = WindowChoice { clip: 5, first };
            window_steps(place, 8, view, &labels, &codes).unwrap()
        };
        assert_eq!((at(0).steps, at(16).steps, at(32).steps), (2..7, 16..23, 32..38));
        let steps = at(16);
        assert_eq!(steps.keys[0], (16..23).collect::<Vec<u8>>());
        assert_eq!(steps.keys[2], (14..21).collect::<Vec<u8>>());
        assert_eq!(at(0).codes, [102, 103, 104, 105, 106]);
        let pair = FramesSeen { before: 0, after: 1 };
        assert_eq!(super::steps(0, 8, 8, pair), 2..7);
        assert!(super::steps(0, 3, 3, view).is_empty());
    }
}
