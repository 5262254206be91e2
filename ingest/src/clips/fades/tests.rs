//! Tests of the finder with drawn pictures: fades, and play that becomes dark.

use super::*;
use crate::analysis::ShotDetector;
use crate::analysis::synthetic::{TestPicture, plain, world};

const SIZE: (usize, usize) = (160, 90);

/// A frame, and its number.
#[derive(Clone)]
struct Shown(usize, TestPicture, Plane);

impl AsRef<[u8]> for Shown {
    fn as_ref(&self) -> &[u8] {
        self.1.rgb()
    }
}

impl AsRef<Plane> for Shown {
    fn as_ref(&self) -> &Plane {
        &self.2
    }
}

/// Returns a sign for each picture: `-` if it is cut out.
fn found_at(pictures: Vec<TestPicture>, time: impl Fn(usize) -> f64, limit: f64) -> String {
    let mut shots = ShotDetector::default();
    let mut begins: Vec<bool> =
        pictures.iter().filter_map(|picture| shots.push(picture.plane())).collect();
    begins.extend(shots.finish());
    let mut finder = FadeFinder::new(limit, SIZE);
    let mut found = Vec::new();
    for (number, picture) in pictures.into_iter().enumerate() {
        let plane = picture.plane();
        found.extend(finder.add(Shown(number, picture, plane), begins[number], time(number)));
    }
    found.extend(finder.end());
    assert!(found.iter().map(|sorted| sorted.frame.0).eq(0..begins.len()), "in order, once each");
    found.iter().map(|sorted| if sorted.is_fade { '-' } else { '.' }).collect()
}

/// The same at ten pictures per second, for fades of at most five seconds.
fn found(pictures: Vec<TestPicture>) -> String {
    found_at(pictures, |number| number as f64 / 10.0, 5.0)
}

/// The only stretch that is cut out: its first picture, and the one after it.
fn stretch(found: &str) -> (usize, usize) {
    let (first, last) = (found.find('-').expect(found), found.rfind('-').unwrap());
    assert!(!found[first..last].contains('.'), "{found}");
    (first, last + 1)
}

/// Frame `i` of scrolling play in level `seed`.
fn scene(seed: u64, i: usize) -> TestPicture {
    world(seed, SIZE.0, SIZE.1, i.cast_signed() * 5, 0)
}

/// Scrolling play in level `seed`.
fn play(seed: u64, frames: std::ops::Range<usize>) -> impl DoubleEndedIterator<Item = TestPicture> {
    frames.map(move |i| scene(seed, i))
}

/// A picture with a share of its brightness.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share")]
fn at(picture: TestPicture, share: f64) -> TestPicture {
    picture.dimmed(|p, _| (f64::from(p) * share) as u8)
}

/// Play after [`play`] of 100 frames that fades to black during `frames`, from full to none.
fn fading(seed: u64, frames: usize) -> impl DoubleEndedIterator<Item = TestPicture> {
    let share = move |i: usize| 1.0 - (i + 1) as f64 / frames as f64;
    (0..frames).map(move |i| at(scene(seed, 100 + i), share(i)))
}

fn black(frames: usize) -> impl DoubleEndedIterator<Item = TestPicture> {
    std::iter::repeat_n(plain(SIZE.0, SIZE.1, [0; 3]), frames)
}

/// A word on a black ground.
fn card() -> TestPicture {
    plain(SIZE.0, SIZE.1, [0; 3]).over(&plain(SIZE.0, SIZE.1, [230; 3]), 50..110, 36..54)
}

/// Catches: a fade between two scenes stays in a clip; its play is cut out from the start; the
/// black after it, or before a fade from black, stays; a fade in a slow video, or at another rate,
/// is not found.
#[test]
fn fades_between_scenes_are_cut_out() {
    let out: Vec<_> = play(1, 80..100).chain(fading(1, 15)).chain(black(4)).collect();
    let (first, after) = stretch(&found(out.iter().cloned().chain(play(2, 0..20)).collect()));
    assert!((22..=24).contains(&first) && after == 39, "{first}..{after}");
    let mirrored = play(2, 0..20).chain(out.into_iter().rev()).collect();
    let (first, after) = stretch(&found(mirrored));
    assert!(first == 20 && (35..=37).contains(&after), "{first}..{after}");
    let slow = |pictures: usize| fading(1, pictures).flat_map(|picture| [picture.clone(), picture]);
    let slow = play(1, 80..100).chain(slow(8)).chain(black(3)).chain(play(2, 0..20)).collect();
    let (first, after) = stretch(&found(slow));
    assert!((22..=25).contains(&first) && after == 39, "{first}..{after}");
    let fast =
        play(1, 40..100).chain(fading(1, 45)).chain(black(12)).chain(play(2, 0..60)).collect();
    let (first, after) = stretch(&found_at(fast, |number| number as f64 / 30.0, 5.0));
    assert!((65..=72).contains(&first) && after == 117, "{first}..{after}");
}

/// Catches: a fade is not found because no black frame was sampled, or because the scene becomes
/// brighter after it.
#[test]
fn fades_without_black_are_cut_out() {
    let out: Vec<_> = play(1, 80..100).chain(fading(1, 8).take(7)).collect();
    let (first, after) = stretch(&found(out.iter().cloned().chain(play(2, 0..20)).collect()));
    assert!((21..=22).contains(&first) && after == 27, "{first}..{after}");
    let (first, after) = stretch(&found(play(2, 0..20).chain(out.into_iter().rev()).collect()));
    assert!(first == 20 && (25..=26).contains(&after), "{first}..{after}");
    let white = plain(SIZE.0, SIZE.1, [255; 3]);
    let brighter = |i: usize| scene(1, 100 - i).over(&white, SIZE.0 - 4 * i..SIZE.0, 0..SIZE.1);
    let rising =
        play(2, 0..20).chain(black(3)).chain(fading(1, 8).rev()).chain((0..10).map(brighter));
    let (first, after) = stretch(&found(rising.chain(play(3, 0..20)).collect()));
    assert!(first == 20 && (28..=34).contains(&after), "{first}..{after}");
}

/// Catches: play at the beginning or the end of a recording is lost because it was faded; the black
/// there is kept.
#[test]
fn at_the_ends_only_black_is_cut_out() {
    let rising = black(3).chain(fading(1, 15).rev());
    let falling = fading(1, 15).chain(black(3));
    let there_and_back = play(1, 80..100).rev().chain(play(1, 80..100));
    let found = found(rising.chain(there_and_back).chain(falling).collect());
    let (rest, inner) = (found.trim_matches('-'), found.len() - 6);
    assert!(!rest.contains('-') && (inner - 8..inner).contains(&rest.len()), "{found}");
    assert!(found.starts_with("---") && found.ends_with("---"), "{found}");
}

/// Catches: the name of a level between two fades is a clip; play that begins after a pause, or
/// between two fades, is cut out.
#[test]
fn cards_are_cut_out_with_the_fades_beside_them() {
    let before = || play(1, 80..100).chain(fading(1, 10)).chain(black(3));
    let shares = || (1..8).map(|i| f64::from(i) / 8.0);
    let fading_card = || shares().map(|share| at(card(), share));
    let still = |frames| std::iter::repeat_n(card(), frames);
    let card_out = || fading_card().rev().chain(black(3));
    let after = || fading(2, 10).rev().chain(play(2, 80..100).rev());
    let all = before().chain(fading_card()).chain(still(20)).chain(card_out()).chain(after());
    let (first, last) = stretch(&found(all.collect()));
    assert!((21..=24).contains(&first) && (77..=83).contains(&last), "{first}..{last}");
    let cut = before().chain(fading_card()).chain(still(20)).chain(play(2, 0..20));
    assert_eq!(stretch(&found(cut.collect())).1, 60);
    let moving = |i: usize| card().over(&plain(SIZE.0, SIZE.1, [200; 3]), i..i + 8, 70..80);
    let waits = before().chain(fading_card()).chain(still(20)).chain((0..30).map(moving));
    let (_, last) = stretch(&found(waits.chain(card_out()).chain(play(2, 0..20)).collect())[..60]);
    assert!((37..=40).contains(&last), "{last}");
}

/// Catches: each of these is taken for a fade: a cave, a flash, a menu that dims the picture, a
/// slow sunset, a cut to black, a level at night.
#[test]
fn dark_play_is_kept() {
    let none = |what: &str, pictures: Vec<TestPicture>| {
        let found = found(pictures);
        assert!(!found.contains('-'), "{what}: {found}");
    };
    let dark = plain(SIZE.0, SIZE.1, [0; 3]);
    let cave = |step: usize| {
        let dark = dark.clone();
        (0..=SIZE.0 / step).map(move |i| {
            scene(1, 20 + i).over(&dark, SIZE.0.saturating_sub(i * step)..SIZE.0, 0..SIZE.1)
        })
    };
    for step in [3, 8, 20] {
        let entered = play(1, 0..20).chain(cave(step)).chain(black(10));
        none("cave", entered.chain(cave(step).rev()).chain(play(2, 0..20)).collect());
    }
    let figure = plain(SIZE.0, SIZE.1, [200, 220, 250]);
    let sky = |by: usize| {
        let [above, ground] = [0..SIZE.1.min(20 + by), SIZE.1.min(20 + by)..SIZE.1];
        let picture = play(1, 0..1).next().unwrap().over(&dark, 0..SIZE.0, above);
        picture.over(&figure, 77..83, 10..18).over(&figure, 0..SIZE.0, ground)
    };
    let jump = [0, 0, 0, 0, 0, 0, 10, 20, 30, 40, 50, 58, 64, 68, 70, 70, 70, 66, 60, 40];
    let jump = jump.into_iter().chain([0; 20]).map(sky);
    none("jump", jump.collect());
    let dimmed = [0.8, 0.6, 0.4, 0.2].into_iter().chain([0.2; 8]);
    let menu = play(1, 80..92).zip(dimmed).map(|(picture, share)| at(picture, share));
    none("menu and cut", play(1, 60..80).chain(menu).chain(play(2, 0..20)).collect());
    let night = |frames| play(1, 0..frames).map(|picture| at(picture, 0.06));
    let flash = |shares: &'static [f64]| {
        play(1, 0..shares.len()).zip(shares).map(|(picture, share)| at(picture, *share))
    };
    let lightning = flash(&[1.0, 0.7, 0.5, 0.3, 0.15]);
    none("lightning", night(20).chain(lightning).chain(night(20)).collect());
    let white = std::iter::repeat_n(plain(SIZE.0, SIZE.1, [255; 3]), 2);
    none("white", play(1, 0..20).chain(white).chain(play(1, 22..40)).collect());
    let menu = play(1, 20..40).map(|picture| at(picture, 0.5));
    none("menu", play(1, 0..20).chain(menu).chain(play(1, 40..60)).collect());
    let sunset = fading(1, 120).chain(black(20)).chain(play(2, 0..20));
    none("sunset", play(1, 80..100).chain(sunset).collect());
    none("cut", play(1, 0..20).chain(black(5)).chain(play(2, 0..20)).collect());
    none("night", night(40).chain(play(2, 0..20)).collect());
}

/// Catches: a level at night after a fade is cut out as black, although its player moves.
#[test]
fn a_level_at_night_is_not_black() {
    let lamp = plain(SIZE.0, SIZE.1, [200; 3]);
    let night = (0..40).map(|i| {
        at(world(2, SIZE.0, SIZE.1, 0, 0), 0.06).over(&lamp, 10 + 3 * i..16 + 3 * i, 40..48)
    });
    let faded = play(1, 80..100).chain(fading(1, 10)).chain(black(3));
    let (first, after) = stretch(&found(faded.chain(night).collect()));
    assert!((21..=23).contains(&first) && (33..=34).contains(&after), "{first}..{after}");
}

/// Catches: fades are cut out although that is turned off; equal time stamps fill the memory.
#[test]
fn nothing_is_held_for_ever() {
    let fade = || play(1, 80..100).chain(fading(1, 15)).chain(black(4)).chain(play(2, 0..20));
    let off = found_at(fade().collect(), |number| number as f64 / 10.0, 0.0);
    assert!(!off.contains('-'));
    let mut finder = FadeFinder::new(0.1, SIZE);
    for picture in black(60) {
        let plane = picture.plane();
        finder.add(Shown(0, picture, plane), false, 0.0);
        assert!(finder.held.len() <= 25);
    }
}
