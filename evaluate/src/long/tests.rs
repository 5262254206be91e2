//! Long rollouts of the toy world.
//!
//! Each test plants one flaw and checks that the number for it shows the flaw.

use std::cell::Cell;
use std::rc::Rc;

use anyhow::Result;
use camino::Utf8PathBuf;
use genie_training::TrackedObject;

use super::*;
use crate::distance::{ClipFeatures, Divisor, Draws, EncoderDescription, Encoders};
use crate::held_out::LongClip;
use crate::long::jobs::LongMeasurement;
use crate::measure::MeasurementObserver;
use crate::report::schema::{LongRollouts, Point};
use crate::statistics::pixels::PSNR_CAP_DB;
use crate::testing::{
    CODES, FRAMES, Flaw, MeanDifference, SilentObserver, ToyWorld, WithRollout, long_recordings,
    report,
};
use crate::world::{ActionBatch, Continuation, TokenBatch, VideoBatch, WorldModel};

const LENGTH: usize = 60;
const SOURCES: usize = 8;

fn settings() -> LongSettings {
    LongSettings {
        prompt_frames: 1,
        window: FRAMES,
        longest: LENGTH,
        batch: 3,
        seed: 0,
        starts: 4,
        strips: 2,
        true_actions: false,
        objects: vec![
            object("player", [220, 60, 50], [25, 25]),
            // The ground of the second theme.
            object("ground", [150, 90, 60], [200, 300]),
            object("nothing", [1, 2, 3], [5, 9]),
        ],
    }
}

fn object(name: &str, colour: [u8; 3], pixels: [usize; 2]) -> TrackedObject {
    let (name, videos) = (name.into(), String::new());
    TrackedObject { name, videos, colours: vec![colour], tolerance: 10, pixels, within: 3.0 }
}

/// Features that see motion: the change from frame to frame in both halves of a window, and luma.
struct MotionFeatures(EncoderDescription);

impl MotionFeatures {
    fn encoders() -> Encoders {
        vec![Rc::new(MotionFeatures(EncoderDescription {
            name: "Motion".into(),
            comparable: false,
            identity: "genie clip encoder of the tests".into(),
            preset: None,
            divisor: Divisor::Unbiased,
            dimension: 3,
        }))]
    }
}

impl ClipFeatures for MotionFeatures {
    fn encoder(&self) -> &EncoderDescription {
        &self.0
    }

    fn features(&self, clips: &VideoBatch) -> Result<Vec<f32>> {
        let change = |b: usize, t: usize| -> f32 {
            let pair = clips.frame(b, t).iter().zip(clips.frame(b, t - 1));
            pair.map(|(a, b)| f32::from(a.abs_diff(*b))).sum::<f32>() / 1000.0
        };
        let half = clips.frames / 2;
        Ok((0..clips.batch)
            .flat_map(|b| {
                let luma: f32 = clips.frame(b, half).iter().map(|value| f32::from(*value)).sum();
                [
                    (1..half).map(|t| change(b, t)).sum(),
                    (half..clips.frames).map(|t| change(b, t)).sum(),
                    luma / 1e6,
                ]
            })
            .collect())
    }
}

/// A dataset of long clips, and the directory for finished pieces.
struct Dataset {
    dir: tempfile::TempDir,
    clips: Vec<LongClip>,
    videos: Vec<VideoBatch>,
    mean_frame: Vec<u8>,
}

impl Dataset {
    fn new() -> Dataset {
        let (clips, videos) = long_recordings(SOURCES, LENGTH);
        let len = videos[0].frame_len();
        let mean = |at: usize| {
            let sum: usize = videos.iter().map(|video| usize::from(video.data[at])).sum();
            (sum / videos.len()) as u8
        };
        let mean_frame = (0..len).map(mean).collect();
        Dataset { dir: tempfile::tempdir().unwrap(), clips, videos, mean_frame }
    }

    fn measured(
        &self,
        model: &dyn WorldModel,
        settings: &LongSettings,
        observer: &dyn MeasurementObserver,
    ) -> Option<(LongMeasurement, LongRollouts, Vec<String>)> {
        let load = |clip: &LongClip, frames: usize| {
            let same = |other: &LongClip| other.window.clip_id == clip.window.clip_id;
            let number = self.clips.iter().position(same).unwrap();
            Ok(self.videos[number].prefix(frames))
        };
        let encoders = MotionFeatures::encoders();
        let opposites = opposites(&report(Flaw::None).effects.unwrap());
        let inputs = LongInputs {
            clips: &self.clips,
            load: &load,
            mean_frame: Some(&self.mean_frame),
            frame_distance: Some(&MeanDifference),
            encoders: &encoders,
            opposites: &opposites,
        };
        let kept = KeptJobs::open(Utf8PathBuf::from_path_buf(self.dir.path().into()).unwrap());
        let found = measure_long(model, &inputs, settings, &kept, observer).unwrap()?;
        let mut notes = Vec::new();
        let summary = LongSummary {
            clips: &self.clips,
            clips_asked: 16,
            prompt_frames: settings.prompt_frames,
            objects: &settings.objects,
            encoders: encoders.iter().map(|encoder| encoder.encoder()).collect(),
            draws: Draws { bootstrap: 100, seed: 0 },
        };
        let section = summarise_long(&found, &summary, &mut notes);
        Some((found, section, notes))
    }
}

fn section(model: &dyn WorldModel) -> LongRollouts {
    Dataset::new().measured(model, &settings(), &SilentObserver).unwrap().1
}

fn at(points: &[Point], t: usize) -> f64 {
    points.iter().find(|point| point.t == t).unwrap_or_else(|| panic!("no point at {t}")).mean
}

/// A share in per cent.
fn percent(points: &[Point], t: usize) -> u32 {
    (at(points, t) * 100.0).round() as u32
}

/// A toy world whose tokens are changed after they are generated.
///
/// `change` gets the tokens of all frames of one rollout so far, frame by frame.
fn changed(change: impl Fn(usize, &mut [[u16; 4]])) -> impl WorldModel {
    WithRollout(
        ToyWorld(Flaw::None),
        move |world: &ToyWorld, prompt: &TokenBatch, actions: &ActionBatch, seeds: &[u64]| {
            let mut found = world.rollout(prompt, actions, seeds)?;
            let frames = found.tokens.frames;
            for rollout in found.tokens.data.chunks_mut(frames * 4) {
                let mut states: Vec<[u16; 4]> =
                    rollout.chunks(4).map(|state| [0, 1, 2, 3].map(|i| state[i])).collect();
                for t in prompt.frames..frames {
                    change(t, &mut states);
                }
                rollout.copy_from_slice(&states.concat());
            }
            Ok::<Continuation, anyhow::Error>(found)
        },
    )
}

/// A column outside the picture, so that no figure is seen.
const NOWHERE: u16 = 40;

/// Catches: a curve has another frame's value; actions along the clip are inferred from windows
/// that overlap wrongly; a frame is reconstructed from another window; objects of a perfect world
/// are missing; there is a half-life where nothing is lost.
#[test]
fn a_perfect_world_is_perfect_to_its_end() {
    let (found, section, notes) =
        Dataset::new().measured(&ToyWorld(Flaw::None), &settings(), &SilentObserver).unwrap();
    assert_eq!((section.clips, section.frames), (SOURCES, LENGTH));
    let times: Vec<usize> = section.rollout.psnr_db.iter().map(|point| point.t).collect();
    assert_eq!((times[0], times[14], times[15], times.last()), (1, 15, 19, Some(&59)));
    let is_exact = |point: &Point| (point.mean - PSNR_CAP_DB).abs() < 1e-9;
    assert!(section.rollout.psnr_db.iter().all(is_exact));
    assert!(section.rollout.psnr_reconstruction_db.iter().all(is_exact));
    assert!(section.rollout.lpips.iter().all(|point| point.mean == 0.0));
    assert!(at(&section.rollout.psnr_copy_last_db, 59) < 30.0);
    assert!(at(&section.rollout.lpips_copy_last, 59) > 0.0);
    assert_eq!((section.half_life, section.half_life_at_least), (None, Some(LENGTH)));
    assert!(section.reached.iter().all(|reached| reached.clips == SOURCES));
    let player = &section.objects[0];
    assert_eq!((player.clips, player.held_starts, player.held_by_action.len()), (8, 4, CODES));
    for points in [&player.recorded, &player.as_many, &player.near, &player.held] {
        assert!(points.len() == times.len() && points.iter().all(|point| point.mean > 1.0 - 1e-9));
    }
    assert!(player.none.iter().all(|point| point.mean == 0.0));
    // The theme with this ground has two of the eight clips, and no clip shows the last object.
    assert_eq!((section.objects[1].clips, section.objects[2].clips), (2, 0));
    assert!(notes.len() == 1 && notes[0].contains("`nothing`"), "{notes:?}");
    for window in &section.distances[0].windows {
        assert!(window.frechet < 1e-9 && window.half_floor > 0.0, "{window:?}");
        let quotient = at(&section.distances[0].over_floor, window.t);
        assert!((quotient - 1.0).abs() < 1e-9, "half against half: {quotient}");
    }
    assert_eq!(found.strips.len(), 2);
    assert_eq!(found.strips[1].times, [0, 15, 49, 59]);
    assert_eq!(found.strips[1].real, found.strips[1].generated);
}

/// Catches: the objects of one game are searched for in the videos of another.
#[test]
fn objects_are_searched_for_in_their_own_videos() {
    let dataset = Dataset::new();
    let mut settings = settings();
    settings.objects[0].videos = "level-00".into();
    settings.objects[2].videos = "episode-".into();
    let settings = settings.of_clips(&dataset.clips);
    let (_, section, notes) =
        dataset.measured(&ToyWorld(Flaw::None), &settings, &SilentObserver).unwrap();
    let found: Vec<_> = section.objects.iter().map(|object| object.clips).collect();
    assert_eq!(found, [1, 2], "the last object is in no video");
    assert_eq!(section.objects[0].held_starts, 1);
    assert!(notes.is_empty(), "{notes:?}");
}

/// Catches: a player that vanishes late, or that is somewhere else, does not show in the shares.
#[test]
fn a_forgotten_figure_is_noticed_when_it_is_gone() {
    let forgets = changed(|t, states| {
        if t > 50 {
            states[t][1] = NOWHERE;
        }
    });
    let player = &section(&forgets).objects[0];
    let shares = |t| [&player.as_many, &player.none, &player.near].map(|points| percent(points, t));
    assert_eq!(shares(49), [100, 0, 100]);
    assert_eq!(shares(54), [0, 100, 0]);
    assert_eq!((percent(&player.held, 49), percent(&player.held, 54)), (100, 0));
    assert_eq!(percent(&player.recorded, 54), 100, "the recording still has it");

    let elsewhere = changed(|t, states| states[t][1] = (states[t][1] + 10) % 27);
    let player = &section(&elsewhere).objects[0];
    assert_eq!((percent(&player.as_many, 15), percent(&player.near, 15)), (100, 0));
}

/// Catches: an action under which the player vanishes does not show among the held actions.
#[test]
fn an_action_that_loses_the_figure_when_it_is_held_is_named() {
    // Latent action 3 goes left; the figure vanishes at the left edge.
    let loses = changed(|t, states| {
        let [before, now] = [states[t - 1][1], states[t][1]];
        if before == NOWHERE || (before == 0 && now == 26) {
            states[t][1] = NOWHERE;
        }
    });
    let player = &section(&loses).objects[0];
    let last = |code: usize| percent(&player.held_by_action[code], 59);
    assert_eq!((last(2), last(3), last(0)), (100, 0, 100), "stand, left, right");
}

/// Catches: a world that loses what distinguishes its clips has no half-life, or a wrong one.
#[test]
fn the_half_life_is_when_half_of_the_lead_is_gone() {
    // From frame 30 on, everything looks like another theme.
    let drifts = changed(|t, states| {
        if t >= 30 {
            states[t][0] = (states[t][0] + 1) % 4;
        }
    });
    let long = section(&drifts);
    assert_eq!((long.half_life, long.half_life_at_least), (Some(30), Some(30)));
    assert!(at(&long.gain_over_copy_db, 15) > 0.0 && at(&long.gain_over_copy_db, 34) < 0.0);
    let (late, early) = (at(&long.rollout.ssim, 59), at(&long.rollout.ssim, 15));
    assert!(late < early - 0.05, "{late} {early}");
    let never_ahead = changed(|t, states| states[t][0] = (states[t][0] + 1) % 4);
    assert_eq!(section(&never_ahead).half_life, Some(1));
}

/// Catches: late windows that stand still are as close to real ones as early windows that move.
#[test]
fn late_windows_that_are_frozen_are_further_away() {
    let freezes = changed(|t, states| {
        if t > 20 {
            states[t] = states[t - 1];
        }
    });
    let long = section(&freezes);
    let distance = &long.distances[0];
    let times: Vec<usize> = distance.windows.iter().map(|window| window.t).collect();
    assert_eq!(times, [15, 49, 59]);
    assert!(distance.windows[0].frechet < 1e-9);
    let (early, late) = (at(&distance.over_floor, 15), at(&distance.over_floor, 49));
    assert!((early - 1.0).abs() < 1e-9 && late > 3.0, "{early} {late}");
    assert!(distance.windows[1].kernel > distance.windows[0].kernel);
}

/// Catches: actions are used one frame late, and long rollouts do not become worse.
#[test]
fn actions_shifted_by_one_cost_quality_from_the_first_frames() {
    let long = section(&ToyWorld(Flaw::Late));
    assert!(at(&long.rollout.psnr_db, 4) < PSNR_CAP_DB - 10.0);
    assert_eq!(percent(&long.objects[0].as_many, 59), 100, "the player itself stays");
    let ignores = section(&ToyWorld(Flaw::ActionBlind));
    assert!(at(&ignores.objects[0].near, 59) < 0.9);
}

/// Catches: left and right are not found to be opposite, or others are; the way back of a perfect
/// world does not return; a world that does not come back has a gain.
#[test]
fn a_world_that_does_not_come_back_has_no_gain() {
    let long = section(&ToyWorld(Flaw::None));
    let ways = &long.there_and_back.ways;
    // Latent action 3 goes left and 0 goes right.
    let pairs: Vec<_> = ways.iter().map(|way| (way.there, way.back, way.frames)).collect();
    assert_eq!(pairs, [(0, 3, 4), (0, 3, 8), (3, 0, 4), (3, 0, 8)]);
    for way in ways {
        assert!((way.psnr_back_db - PSNR_CAP_DB).abs() < 1e-9 && way.starts == 4, "{way:?}");
        assert!(way.gain_db > 10.0 && way.gain_db_ci95.unwrap()[0] > 0.0, "{way:?}");
    }
    assert!(long.there_and_back.gain_db.unwrap() > 10.0);

    let stuck = changed(|t, states| {
        if t > 8 {
            states[t] = states[t - 1];
        }
    });
    let ways = section(&stuck).there_and_back.ways;
    let gain = |frames: usize| ways.iter().find(|way| way.frames == frames).unwrap().gain_db;
    assert!(gain(8).abs() < 1e-12);
    assert!(gain(4) > 10.0, "it is stuck only after frame 8");
}

/// An observer that stops after some pieces.
struct StopsAfter(Cell<usize>);

impl MeasurementObserver for StopsAfter {
    fn advance(&self, _: usize) {
        self.0.set(self.0.get().saturating_sub(1));
    }

    fn found(&self, _: usize) {}

    fn stopped(&self) -> bool {
        self.0.get() == 0
    }
}

/// Catches: numbers depend on the batch size or on a stop; finished pieces are measured again, or
/// rounded on disk; a damaged file is used.
#[test]
fn batches_and_stops_change_no_number() {
    let model = ToyWorld(Flaw::Imperfect);
    let whole = Dataset::new().measured(&model, &settings(), &SilentObserver).unwrap();
    for batch in [1, 8] {
        let settings = LongSettings { batch, ..settings() };
        let other = Dataset::new().measured(&model, &settings, &SilentObserver).unwrap();
        assert!(other.0 == whole.0, "batches of {batch}");
    }
    let dataset = Dataset::new();
    let mut stops = 0;
    while dataset.measured(&model, &settings(), &StopsAfter(Cell::new(2))).is_none() {
        stops += 1;
        assert!(stops < 20, "it does not go on");
    }
    // Three batches of clips, of which the first has pictures and is not stored, four starts, and
    // four ways of two batches. Each run adds one piece, and the last one ends.
    assert_eq!(stops, 2 + 4 + 4 * 2 - 1);
    let files = || std::fs::read_dir(dataset.dir.path()).unwrap().map(|file| file.unwrap().path());
    for (number, file) in files().enumerate() {
        let text = std::fs::read_to_string(&file).unwrap();
        let damaged = if number % 2 == 0 { text.replace('1', "2") } else { text[..90].to_owned() };
        std::fs::write(&file, damaged).unwrap();
    }
    let again = dataset.measured(&model, &settings(), &SilentObserver).unwrap();
    assert!(again.0 == whole.0);
    // All pieces but the first are stored now.
    let once = StopsAfter(Cell::new(2));
    assert!(dataset.measured(&model, &settings(), &once).unwrap().0 == whole.0);
    assert_eq!(once.0.get(), 1);
}

/// Catches: a clip that ends early is compared beyond its end, or hides the later frames of others.
#[test]
fn shorter_clips_count_as_far_as_they_reach() {
    let mut dataset = Dataset::new();
    for clip in &mut dataset.clips[5..] {
        clip.frames = 37;
    }
    let (found, long, _) =
        dataset.measured(&ToyWorld(Flaw::None), &settings(), &SilentObserver).unwrap();
    assert_eq!((found.clips[4].psnr.len(), found.clips[5].psnr.len()), (59, 34));
    let reached = |t: usize| long.reached.iter().find(|reached| reached.t == t).unwrap().clips;
    assert_eq!((reached(34), reached(39), reached(59)), (8, 5, 5));
    assert_eq!(percent(&long.objects[0].as_many, 59), 100);
}
