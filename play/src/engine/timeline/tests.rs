//! Trees of frames.

use super::*;

/// A timeline whose frames contain their own numbers.
fn timeline(frames: u8, limit: usize) -> Timeline<u8> {
    let mut timeline = Timeline::new(0, limit);
    for frame in 1..frames {
        timeline.push(frame, frame);
    }
    timeline
}

fn line(timeline: &Timeline<u8>) -> Vec<u8> {
    timeline.line().map(|node| node.content).collect()
}

/// Catches: playing on from an earlier frame overwrites the frames after it, or does not begin
/// after that frame; a branch cannot be found again.
#[test]
fn playing_on_from_an_earlier_frame_starts_a_branch() {
    let mut timeline = timeline(6, 100);
    assert_eq!(timeline.seek(2), Some(false), "the path stays while it is scrubbed");
    assert_eq!((line(&timeline), timeline.path().len()), (vec![0, 1, 2], 6));
    assert!(timeline.branches().is_empty());
    timeline.push(9, 50);
    timeline.push(9, 51);
    assert_eq!(line(&timeline), [0, 1, 2, 50, 51]);
    assert_eq!(timeline.node().frame, 4);
    assert_eq!(timeline.branches(), [Branch { tip: 5, from: 2, frame: 5 }]);
    assert_eq!(timeline.seek(4), Some(true), "the old path is back");
    assert_eq!(line(&timeline), [0, 1, 2, 3, 4]);
    assert_eq!(timeline.path().last().unwrap().node, 5, "up to its tip");
    assert_eq!(timeline.branches(), [Branch { tip: 7, from: 2, frame: 4 }]);
    assert_eq!(timeline.seek(99), None);
    assert_eq!(timeline.context(4, 3), [2, 3, 4]);
    assert_eq!(timeline.context(1, 9), [0, 1]);
}

/// Catches: a full timeline grows without end, forgets the current frames, or forgets old frames
/// while there are branches to forget.
#[test]
fn a_full_timeline_forgets_branches_first_then_the_oldest_half() {
    let mut timeline = timeline(7, 10);
    timeline.seek(2);
    timeline.push(1, 50);
    timeline.push(1, 51);
    timeline.push(1, 52);
    assert!(timeline.push(1, 53), "ten frames are full");
    assert_eq!(line(&timeline), [0, 1, 2, 50, 51, 52, 53]);
    assert!(timeline.branches().is_empty());
    for frame in 54..200 {
        timeline.push(1, frame);
        assert!(timeline.path().len() <= 10);
        assert_eq!(*line(&timeline).last().unwrap(), frame);
        assert!(line(&timeline).len() >= 5, "half of the path is kept");
    }
    let (offset, path) = (timeline.offset(), timeline.path());
    assert_eq!(timeline.get(path[0].node).unwrap().frame, offset);
    assert_eq!(timeline.get(path[0].node).unwrap().parent, None);
    assert_eq!(timeline.get(2).map(|node| node.content), None);
}

/// Catches: after a long play, or in a branch that begins inside the prompt, reset leads to a
/// generated frame instead of the end of the prompt.
#[test]
fn reset_leads_to_the_end_of_the_prompt_at_any_time() {
    let mut timeline = timeline(3, 10);
    timeline.end_prompt();
    timeline.seek(1);
    timeline.push(1, 50);
    timeline.reset();
    assert_eq!(line(&timeline), [0, 1, 2]);
    for frame in 60..120 {
        timeline.push(1, frame);
    }
    assert!(timeline.offset() > 2, "the first frames after the prompt are forgotten");
    timeline.reset();
    assert_eq!(line(&timeline), [0, 1, 2], "the prompt is not");
    timeline.push(1, 200);
    assert_eq!(line(&timeline), [0, 1, 2, 200]);
}
