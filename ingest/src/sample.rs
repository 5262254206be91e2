//! Sample videos: episodes of a small built-in platformer, with the true action of every frame.
//!
//! The pipeline uses them if the user has no videos. Their true actions are known, for all tests of
//! controllability. The same configuration gives the same bytes on any number of threads, because
//! an episode depends only on the seed and its own number.
//!
//! `episode-00000.actions.csv` lies beside `episode-00000.mp4`. Its row t contains the action whose
//! effect is first visible in frame t+1. It also contains the player's true displacement from frame
//! t to t+1, in pixels; y points down.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "coordinates are small; they are negative only to the left of and above the level"
)]

mod action;
mod generate;
mod level;
mod paint;
mod policy;
mod world;

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_stage::Exit;
use genie_stage::config::Resolved;
use genie_stage::key::Key;
use genie_stage::progress::Progress;
use genie_stage::step::StepDir;
use genie_stage::stop::Stop;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde_json::json;

use crate::clips::effect;
use crate::config::SampleConfig;
use crate::export::encode::{Coding, VideoFormat, VideoWriter};
use generate::generate;
use level::SCREEN;
use paint::{SIDE, THEMES, paint};
use policy::Policy;
use world::{FPS, TENTH, World};

/// Part of the work key. Increase it if the same configuration gives different videos.
const FORMAT: u32 = 1;
/// Width of a scrolling level in tiles.
const WIDE: usize = 5 * SCREEN;

/// Returns the step directory of the sample videos.
pub fn step(out: &Utf8Path, config: &SampleConfig) -> StepDir {
    StepDir::open(out, &Key::builder("sample", FORMAT).config(config).finish(), "sample")
}

/// Makes the sample videos in `out`, unless they are there already.
pub fn run(out: &Utf8Path, config: &SampleConfig, stop: &Stop) -> Result<Exit> {
    let output = step(out, config);
    if output.is_done()? {
        output.fetched()?;
        tracing::info!("sample: {} episodes in {out} are up to date", config.episodes);
        return Ok(Exit::Done);
    }
    output.create()?;
    remove_earlier(&output, config)?;
    output.write_config(&Resolved::new().with(config))?;

    let progress = Progress::new("sample videos", u64::from(config.episodes));
    (0..config.episodes).into_par_iter().try_for_each(|number| {
        stop.check()?;
        write_episode(out, config, number)
            .with_context(|| format!("cannot make sample episode {number}"))?;
        progress.inc(1);
        anyhow::Ok(())
    })?;
    progress.finish();
    output.finish(json!({ "episodes": config.episodes, "seconds": config.seconds }))?;
    tracing::info!("sample: {} episodes of {} s in {out}", config.episodes, config.seconds);
    Ok(Exit::Done)
}

/// Removes the surplus episodes of an earlier configuration.
///
/// It removes only files that an earlier run recorded as its own.
fn remove_earlier(step: &StepDir, config: &SampleConfig) -> Result<()> {
    let Some(record) = step.record()?.filter(|record| record.step == "sample") else {
        return Ok(());
    };
    let earlier = record.summary["episodes"].as_u64().unwrap_or(0);
    for number in u64::from(config.episodes)..earlier {
        for suffix in ["mp4", "actions.csv"] {
            let path = step.path().join(format!("episode-{number:05}.{suffix}"));
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| {
                        format!(
                            "cannot remove {path}, an episode of an earlier configuration; \
                             remove it yourself"
                        )
                    });
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn write_episode(out: &Utf8Path, config: &SampleConfig, number: u32) -> Result<()> {
    let path = out.join(format!("episode-{number:05}.mp4"));
    let draft = out.join(format!(".episode-{number:05}.mp4.tmp"));
    let format = VideoFormat {
        width: SIDE,
        height: SIDE,
        coding: Coding::Lossy,
        time_base: (1, FPS as i32),
        step: 1,
    };
    let mut video = VideoWriter::create(&draft, format)?;
    let (mut failed, mut time_stamps) = (None, 0..);
    let sidecar = play(config, number, |frame| {
        if let (None, Some(time_stamp)) = (&failed, time_stamps.next()) {
            failed = video.push(frame, time_stamp).err();
        }
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    video.finish()?;
    // Write the sidecar first. A video without one would be ingested without actions.
    genie_durable::write(out.join(format!("episode-{number:05}.actions.csv")), sidecar)?;
    genie_durable::rename_file(&draft, &path)?;
    Ok(())
}

/// Plays an episode, calls `show` with every frame, and returns the sidecar's text.
fn play(config: &SampleConfig, number: u32, mut show: impl FnMut(&[u8])) -> String {
    let mut random = episode_random(config.seed, number);
    let theme = &THEMES[random.random_range(0..(config.themes as usize).clamp(1, THEMES.len()))];
    let level = generate(&mut random, if config.scrolling { WIDE } else { SCREEN });
    let mut policy = Policy::new(random);
    let mut world = World::new(&level);

    let mut sidecar = String::from("frame,action,action_name,dx,dy,effect,effect_name\n");
    let mut action = policy.next(0);
    let mut moved = 0;
    for frame in 0..(config.seconds * FPS) as usize {
        if frame % TENTH == 0 && frame > 0 {
            action = policy.next(moved);
            moved = 0;
        }
        show(&paint(&world, theme));
        let (dx, dy) = world.step(action);
        moved += dx;
        let effect = effect::class(f64::from(dx), f64::from(dy));
        let (name, effect_name) = (action.name(), effect::NAMES[usize::from(effect)]);
        // Writing to a string cannot fail.
        let _ =
            writeln!(sidecar, "{frame},{},{name},{dx},{dy},{effect},{effect_name}", action as u8);
    }
    sidecar
}

/// Returns the random stream of an episode. It depends only on the seed and the number.
fn episode_random(seed: u64, number: u32) -> ChaCha8Rng {
    let name = format!("genie sample {seed} {number}");
    ChaCha8Rng::from_seed(*blake3::hash(name.as_bytes()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> SampleConfig {
        SampleConfig { episodes: 4, seconds: 3, ..SampleConfig::default() }
    }

    fn frames(config: &SampleConfig, number: u32) -> (Vec<Vec<u8>>, String) {
        let mut frames = Vec::new();
        let sidecar = play(config, number, |frame| frames.push(frame.to_vec()));
        (frames, sidecar)
    }

    /// Catches: episodes are copies of each other, or depend on the number of episodes.
    #[test]
    fn episodes_differ_and_repeat() {
        assert_ne!(frames(&config(), 0).0, frames(&config(), 1).0);
        let more = SampleConfig { episodes: 9, ..config() };
        assert_eq!(frames(&config(), 3), frames(&more, 3));
    }

    /// Catches: the player jumps out of the picture, or the camera does not follow the player.
    #[test]
    fn the_player_is_always_in_the_picture() {
        for scrolling in [false, true] {
            let config = SampleConfig { scrolling, seconds: 60, ..config() };
            for (index, frame) in frames(&config, 2).0.iter().enumerate() {
                let red = frame.chunks(3).filter(|pixel| *pixel == [235, 35, 55]).count();
                assert_eq!(red, 16 * 16 - 4 * 4, "frame {index}, scrolling {scrolling}");
            }
        }
    }

    /// Catches: the player rarely moves, so that there is nothing to learn.
    #[test]
    fn most_actions_have_an_effect() {
        let config = SampleConfig { seconds: 60, ..config() };
        let (mut walked, mut pressed) = (0, 0);
        for number in 0..4 {
            for line in frames(&config, number).1.lines().skip(1) {
                let cells: Vec<&str> = line.split(',').collect();
                if cells[2].contains("left") || cells[2].contains("right") {
                    pressed += 1;
                    walked += i32::from(cells[3] != "0");
                }
            }
        }
        assert!(f64::from(walked) > 0.7 * f64::from(pressed), "{walked} of {pressed}");
    }
}
