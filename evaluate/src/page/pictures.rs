//! The pictures of a report: the models' frames beside the real ones.
//!
//! A scene has two pictures. *compare* shows real frames, reconstructed frames, frames generated
//! with inferred actions, and frames generated with random actions. *held* shows the same start
//! continued with the most frequent latent actions held; only the first scenes have it. Each
//! picture exists as an animated PNG and as a filmstrip (time runs to the right, one row for each
//! clip). Scenes are the first windows in the order of measurement, not the best.

use anyhow::Result;

use crate::held_out::HeldOutWindow;
use crate::measure::{Measurement, Scene};
use crate::page::canvas::{Canvas, Zoom, animate, grid};

/// Width of a frame, in pixels, in an animation and in a filmstrip.
const CELL: usize = 128;
const FILM_CELL: usize = 64;
/// Largest number of frames in a filmstrip; a longer window is sampled evenly.
const FILM_FRAMES: usize = 16;

/// Names of the rows and columns of a *compare* picture.
pub const COMPARED: [&str; 4] = ["real", "reconstructed", "generated", "random actions"];

/// One picture, as an animation and as a filmstrip.
#[derive(Debug, Clone)]
pub struct Picture {
    /// File name without extension.
    pub name: String,
    /// Names of the animation's columns and the filmstrip's rows.
    pub labels: Vec<String>,
    pub animation: Vec<u8>,
    pub film: Vec<u8>,
}

/// All pictures of one scene.
#[derive(Debug, Clone)]
pub struct ScenePictures {
    /// Recording, clip and frames of the scene.
    pub caption: String,
    /// Where to play from: `clip:first frame:prompt frames`.
    pub place: String,
    /// The inferred actions after the prompt, for `genie-play roll --actions`.
    pub script: String,
    /// The latent actions between its frames.
    pub latent: Vec<u8>,
    pub compare: Picture,
    pub held: Option<Picture>,
    /// The latent actions of `held`.
    pub held_actions: Vec<usize>,
}

/// Draws the pictures of all scenes.
///
/// # Errors
/// Fails if a picture cannot be written as PNG.
pub fn draw(
    found: &Measurement,
    windows: &[HeldOutWindow],
    prompt_frames: usize,
    fps: f64,
) -> Result<Vec<ScenePictures>> {
    let actions = &found.held_actions;
    let draw = |(number, scene)| draw_scene(number, scene, windows, actions, prompt_frames, fps);
    (1..).zip(&found.scenes).map(draw).collect()
}

fn draw_scene(
    number: usize,
    scene: &Scene,
    windows: &[HeldOutWindow],
    actions: &[usize],
    prompt_frames: usize,
    fps: f64,
) -> Result<ScenePictures> {
    let window = &windows[scene.window];
    let compared = [&scene.real, &scene.reconstructed, &scene.inferred, &scene.random];
    let size = Size { height: scene.real.height, width: scene.real.width, prompt_frames, fps };
    let clip = |frames: &'_ crate::world::VideoBatch, b: usize| {
        (0..frames.frames).map(|t| frames.frame(b, t).to_vec()).collect()
    };
    let clips: Vec<Vec<Vec<u8>>> = compared.iter().map(|video| clip(video, 0)).collect();
    let compare = size.picture(
        format!("scene-{number:02}-compare"),
        COMPARED.map(str::to_owned).to_vec(),
        &clips,
    )?;
    let held = scene.held.as_ref().map(|video| {
        let clips: Vec<Vec<Vec<u8>>> = (0..actions.len()).map(|row| clip(video, row)).collect();
        let labels = actions.iter().map(usize::to_string).collect();
        size.picture(format!("scene-{number:02}-held"), labels, &clips)
    });
    Ok(ScenePictures {
        caption: format!(
            "{}, clip {}, frames {} to {}",
            window.name,
            short(&window.clip_id),
            window.first,
            window.first + scene.real.frames - 1
        ),
        place: format!("{}:{}:{prompt_frames}", window.clip_id, window.first),
        script: words(&scene.latent[prompt_frames - 1..]),
        latent: scene.latent.clone(),
        compare,
        held: held.transpose()?,
        held_actions: actions.to_vec(),
    })
}

fn words(actions: &[u8]) -> String {
    actions.iter().map(u8::to_string).collect::<Vec<_>>().join(" ")
}

fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

struct Size {
    height: usize,
    width: usize,
    prompt_frames: usize,
    fps: f64,
}

impl Size {
    fn picture(
        &self,
        name: String,
        labels: Vec<String>,
        clips: &[Vec<Vec<u8>>],
    ) -> Result<Picture> {
        let frames = clips.first().map_or(0, Vec::len);
        let moving: Vec<Canvas> = (0..frames)
            .map(|t| {
                let row = clips.iter().map(|clip| clip[t].as_slice()).collect();
                grid(&[row], self.height, self.width, Zoom::to_width(self.width, CELL), 0)
            })
            .collect();
        let shown = evenly_spaced(frames, FILM_FRAMES);
        let rows: Vec<Vec<&[u8]>> =
            clips.iter().map(|clip| shown.iter().map(|&t| clip[t].as_slice()).collect()).collect();
        let given = shown.iter().filter(|&&t| t < self.prompt_frames).count();
        let film =
            grid(&rows, self.height, self.width, Zoom::to_width(self.width, FILM_CELL), given);
        Ok(Picture { name, labels, animation: animate(&moving, self.fps)?, film: film.to_png()? })
    }
}

/// Returns at most `most` of `0..count`, evenly spaced, with the first and the last.
fn evenly_spaced(count: usize, most: usize) -> Vec<usize> {
    if count <= most {
        (0..count).collect()
    } else {
        (0..most).map(|i| i * (count - 1) / (most - 1)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a filmstrip is cut off, so the end of a rollout, its worst part, is hidden.
    #[test]
    fn long_windows_are_thinned_from_first_to_last() {
        let shown = evenly_spaced(64, 16);
        assert_eq!((shown.len(), shown[0], shown[15]), (16, 0, 63));
        assert_eq!(evenly_spaced(5, 16), [0, 1, 2, 3, 4]);
    }
}
