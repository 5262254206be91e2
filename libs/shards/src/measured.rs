//! Measured windows: one row a window of held-out footage that an evaluation ran the models on, with every score of it.
//!
//! A report's `windows.parquet` holds all of them, and while it is being made each file in its `parts/` those of a batch; both
//! directories have a manifest. How the scores are computed is evaluate's business; what they mean is said here. A new score is a field of [`WindowScores`] and, as a list of numbers,
//! a name in [`CURVES`]: nothing else needs to know.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, StringArray, UInt32Array},
    datatypes::{Float32Type, Float64Type, UInt8Type, UInt32Type},
};
use camino::Utf8Path;

use crate::{
    MEASURED_FORMAT,
    columns::{Columns, lists},
    error::Result,
    manifest::{Entry, Manifest, tables},
    table::{self, NamedColumns, Row},
};

/// The file of a report's windows.
const FILE: &str = "windows.parquet";

/// A window, which report it was measured for, and what was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MeasuredWindow {
    /// Work key of the report.
    pub report: String,
    /// Work key of the dynamics model.
    pub dynamics: String,
    /// Content hash of the recording.
    pub source_id: String,
    /// The recording's file name.
    pub source: String,
    pub clip_id: String,
    /// Index, in the clip, of the window's first frame.
    pub first_frame: u32,
    /// Frames that rollouts were given: the frame that their lists begin at.
    pub prompt_frames: u32,
    /// True actions between its frames, where known.
    pub truth: Option<Vec<u8>>,
    /// True displacement classes between its frames, where known.
    pub effects: Option<Vec<u8>>,
    pub scores: WindowScores,
    /// Features of the clip as generated with its inferred actions: those of each of the report's distances, one after the other.
    pub features: Vec<f32>,
}

/// Scores of one window. Lists over all frames have an entry for each; lists of rollouts begin at the first generated
/// frame. PSNR in decibels.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WindowScores {
    /// The actions that rollouts were led by, between its frames: inferred by the latent action model, or true ones for a model of these.
    pub latent: Vec<u8>,
    /// How often each tokenizer code occurs in the window.
    pub token_counts: Vec<u32>,
    /// The tokenizer's reconstruction, all frames.
    pub reconstruction_psnr: Vec<f64>,
    pub reconstruction_ssim: Vec<f64>,
    /// LPIPS, here as below, is empty where its weights were not given.
    pub reconstruction_lpips: Vec<f64>,
    /// A copy of the first frame, all frames.
    pub copy_first_psnr: Vec<f64>,
    pub copy_first_ssim: Vec<f64>,
    pub copy_first_lpips: Vec<f64>,
    /// A copy of the last prompt frame, generated frames.
    pub copy_last_psnr: Vec<f64>,
    pub copy_last_ssim: Vec<f64>,
    pub copy_last_lpips: Vec<f64>,
    /// The one picture that training footage is on average, generated frames; empty without any.
    pub mean_frame_psnr: Vec<f64>,
    /// Rollouts with the window's own actions, generated frames.
    pub inferred_psnr: Vec<f64>,
    pub inferred_ssim: Vec<f64>,
    pub inferred_lpips: Vec<f64>,
    /// With random actions: means over the draws.
    pub random_psnr: Vec<f64>,
    /// With its own actions shuffled in time: means over the draws.
    pub shuffled_psnr: Vec<f64>,
    /// What really moved, between all neighbouring frames.
    pub moved: Motions,
    /// What moves while a latent action is held, a frame on average: an entry for each latent action. Empty for windows that are not starts.
    pub held: Motions,
}

/// Motions in pixels a frame, x to the right and y downwards: of the whole picture (scroll), and of what moves against it (figure).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Motions {
    pub scroll_x: Vec<f64>,
    pub scroll_y: Vec<f64>,
    pub figure_x: Vec<f64>,
    pub figure_y: Vec<f64>,
}

impl Motions {
    /// All lists.
    #[must_use]
    pub fn parts(&self) -> [&Vec<f64>; 4] {
        [&self.scroll_x, &self.scroll_y, &self.figure_x, &self.figure_y]
    }

    /// All lists, to fill.
    pub fn parts_mut(&mut self) -> [&mut Vec<f64>; 4] {
        [&mut self.scroll_x, &mut self.scroll_y, &mut self.figure_x, &mut self.figure_y]
    }
}

/// A list of scores: its column, and where it is in [`WindowScores`].
type Curve = (&'static str, fn(&WindowScores) -> &[f64], fn(&mut WindowScores) -> &mut Vec<f64>);

macro_rules! curves {
    ($($name:literal: $($field:ident).+),* $(,)?) => {
        [$(($name, |scores| &scores.$($field).+, |scores| &mut scores.$($field).+)),*]
    };
}

/// All lists of numbers among the scores, in the order of the schema.
const CURVES: [Curve; 23] = curves![
    "reconstruction_psnr": reconstruction_psnr,
    "reconstruction_ssim": reconstruction_ssim,
    "reconstruction_lpips": reconstruction_lpips,
    "copy_first_psnr": copy_first_psnr,
    "copy_first_ssim": copy_first_ssim,
    "copy_first_lpips": copy_first_lpips,
    "copy_last_psnr": copy_last_psnr,
    "copy_last_ssim": copy_last_ssim,
    "copy_last_lpips": copy_last_lpips,
    "mean_frame_psnr": mean_frame_psnr,
    "inferred_psnr": inferred_psnr,
    "inferred_ssim": inferred_ssim,
    "inferred_lpips": inferred_lpips,
    "random_psnr": random_psnr,
    "shuffled_psnr": shuffled_psnr,
    "moved_scroll_x": moved.scroll_x,
    "moved_scroll_y": moved.scroll_y,
    "moved_figure_x": moved.figure_x,
    "moved_figure_y": moved.figure_y,
    "held_scroll_x": held.scroll_x,
    "held_scroll_y": held.scroll_y,
    "held_figure_x": held.figure_x,
    "held_figure_y": held.figure_y,
];

/// Publishes all windows of a report as `dir/windows.parquet`, in the place of any that were there.
///
/// # Errors
/// When there are no windows, or the file or the manifest cannot be written.
pub fn publish_measured(dir: &Utf8Path, windows: &[MeasuredWindow]) -> Result<()> {
    commit(dir, table::write_as(dir, FILE, windows)?)
}

/// Publishes some of the windows as `dir/<name>-<hash>.parquet`, beside the others that are there.
///
/// # Errors
/// When there are no windows, or the file or the manifest cannot be written.
pub fn publish_measured_part(dir: &Utf8Path, name: &str, windows: &[MeasuredWindow]) -> Result<()> {
    commit(dir, table::write(dir, name, windows)?)
}

fn commit(dir: &Utf8Path, entry: Entry) -> Result<()> {
    Manifest::commit(dir, |manifest| manifest.add(tables::WINDOWS, entry)).map(drop)
}

/// Reads one published file of measured windows, in the order that they were written.
///
/// # Errors
/// When the file cannot be read or is damaged.
pub fn read_measured(dir: &Utf8Path, entry: &Entry) -> Result<Vec<MeasuredWindow>> {
    table::read(dir, entry)
}

impl Row for MeasuredWindow {
    const KIND: &'static str = "measured windows";
    const FORMAT: u32 = MEASURED_FORMAT;
    const HIDDEN: &'static [&'static str] = &["token_counts", "features"];

    fn columns(rows: &[Self]) -> Result<NamedColumns> {
        let strings = |get: fn(&Self) -> &str| {
            Arc::new(StringArray::from_iter_values(rows.iter().map(get))) as ArrayRef
        };
        let u32s = |get: fn(&Self) -> u32| {
            Arc::new(UInt32Array::from_iter_values(rows.iter().map(get))) as ArrayRef
        };
        let bytes = |get: fn(&Self) -> Option<&[u8]>| lists::<UInt8Type>(rows.iter().map(get));
        let mut columns: NamedColumns = vec![
            ("report", strings(|row| &row.report), false),
            ("dynamics", strings(|row| &row.dynamics), false),
            ("source_id", strings(|row| &row.source_id), false),
            ("source", strings(|row| &row.source), false),
            ("clip_id", strings(|row| &row.clip_id), false),
            ("first_frame", u32s(|row| row.first_frame), false),
            ("prompt_frames", u32s(|row| row.prompt_frames), false),
            ("latent", bytes(|row| Some(&row.scores.latent)), false),
            ("truth", bytes(|row| row.truth.as_deref()), true),
            ("effects", bytes(|row| row.effects.as_deref()), true),
        ];
        // Null is for SQL over files of before a score was thought of; here none is.
        columns.extend(CURVES.iter().map(|(name, get, _)| {
            (*name, lists::<Float64Type>(rows.iter().map(|row| Some(get(&row.scores)))), true)
        }));
        let counts = rows.iter().map(|row| Some(row.scores.token_counts.as_slice()));
        columns.push(("token_counts", lists::<UInt32Type>(counts), false));
        columns.push((
            "features",
            lists::<Float32Type>(rows.iter().map(|row| Some(row.features.as_slice()))),
            false,
        ));
        Ok(columns)
    }

    fn read(columns: Columns<'_>, _path: &Utf8Path, _first_row: usize) -> Result<Vec<Self>> {
        let string = |field| columns.required::<StringArray>(field);
        let (report, dynamics) = (string("report")?, string("dynamics")?);
        let (source_id, source, clip_id) =
            (string("source_id")?, string("source")?, string("clip_id")?);
        let first_frame = columns.required::<UInt32Array>("first_frame")?;
        let prompt_frames = columns.required::<UInt32Array>("prompt_frames")?;
        let mut truth = columns.lists::<UInt8Type>("truth")?.into_iter();
        let mut effects = columns.lists::<UInt8Type>("effects")?.into_iter();
        let mut features = columns.required_lists::<Float32Type>("features")?.into_iter();
        let row = |(i, scores)| {
            Ok(Self {
                report: report.value(i).to_owned(),
                dynamics: dynamics.value(i).to_owned(),
                source_id: source_id.value(i).to_owned(),
                source: source.value(i).to_owned(),
                clip_id: clip_id.value(i).to_owned(),
                first_frame: first_frame.value(i),
                prompt_frames: prompt_frames.value(i),
                truth: truth.next().flatten(),
                effects: effects.next().flatten(),
                scores,
                features: features.next().unwrap_or_default(),
            })
        };
        scores(columns)?.into_iter().enumerate().map(row).collect()
    }
}

fn scores(columns: Columns<'_>) -> Result<Vec<WindowScores>> {
    let latent = columns.required_lists::<UInt8Type>("latent")?;
    let counts = columns.required_lists::<UInt32Type>("token_counts")?;
    let both = latent.into_iter().zip(counts);
    let mut scores: Vec<WindowScores> = both
        .map(|(latent, token_counts)| WindowScores {
            latent,
            token_counts,
            ..WindowScores::default()
        })
        .collect();
    for (name, _, place) in CURVES {
        for (scores, values) in scores.iter_mut().zip(columns.required_lists::<Float64Type>(name)?)
        {
            *place(scores) = values;
        }
    }
    Ok(scores)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing;

    fn window(clip: &str, truth: Option<Vec<u8>>) -> MeasuredWindow {
        let mut scores = WindowScores {
            latent: vec![7, 0, 3],
            token_counts: vec![0, 9, 70_000],
            ..Default::default()
        };
        // Each list its own, with numbers that text would round.
        for (number, (_, _, place)) in (1_u8..).zip(CURVES) {
            *place(&mut scores) = vec![1.0 / f64::from(number), -0.0, f64::from(number).sqrt()];
        }
        MeasuredWindow {
            report: "0123456789abcdef".into(),
            dynamics: "fedcba9876543210".into(),
            source_id: "s".into(),
            source: "level 1.mp4".into(),
            clip_id: clip.into(),
            first_frame: 16,
            prompt_frames: 1,
            effects: truth.clone(),
            truth,
            scores,
            features: vec![0.1, 3.0e-9],
        }
    }

    fn read(dir: &Utf8Path) -> Vec<MeasuredWindow> {
        let manifest = Manifest::load(dir).unwrap();
        manifest
            .table(tables::WINDOWS)
            .iter()
            .flat_map(|entry| read_measured(dir, entry).unwrap())
            .collect()
    }

    /// Catches: a score that is written into another's column or left out, numbers that are rounded, truth that nobody knew coming back as an
    /// empty list, a second writing that fails on the first or adds to it.
    #[test]
    fn windows_come_back_as_they_were() {
        let (_dir, root) = testing::root();
        let report = root.join("reports/k");
        publish_measured(&report, &[window("other", None)]).unwrap();
        let windows = [window("a", Some(vec![1, 2, 3])), window("b", None)];
        publish_measured(&report, &windows).unwrap();
        assert_eq!(read(&report), windows);
        assert!(report.join("windows.parquet").is_file());
        assert!(publish_measured(&report, &[]).is_err());
    }

    /// Catches: parts that replace each other, a cut file that is read.
    #[test]
    fn parts_lie_beside_each_other() {
        let (_dir, root) = testing::root();
        publish_measured_part(&root, "1", &[window("b", None)]).unwrap();
        publish_measured_part(&root, "0", &[window("a", None)]).unwrap();
        assert_eq!(read(&root), [window("a", None), window("b", None)]);
        let entry = Manifest::load(&root).unwrap().table(tables::WINDOWS)[1].clone();
        let bytes = fs::read(root.join(&entry.file)).unwrap();
        fs::write(root.join(&entry.file), &bytes[..bytes.len() / 2]).unwrap();
        assert!(read_measured(&root, &entry).is_err());
    }
}
