//! Measured windows: one row per held-out window of an evaluation, with all its scores.
//!
//! `windows.parquet` of a report contains all of them. `agreement.parquet` contains the windows on
//! which agreement is measured, with their actions and without other scores. While the report is
//! incomplete, each file in its `parts/` contains the windows of one batch. Both directories have a
//! manifest. The crate `evaluate` computes the scores; this file and `scores` define what they
//! mean.

pub(crate) mod scores;

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, StringArray, UInt32Array, UInt64Array},
    datatypes::{Float32Type, Float64Type, UInt8Type, UInt32Type},
};
use camino::Utf8Path;

use super::table::{self, Row};
use crate::{
    error::Result,
    files::open::FileKind,
    formats::MEASURED_FORMAT,
    manifest::{Entry, Manifest, tables},
    schema::columns::{Columns, NamedColumns, lists},
};
use scores::{CURVES, WindowScores};

/// File name of a report's windows.
const FILE: &str = "windows.parquet";
/// File name of the windows on which agreement is measured.
const AGREEMENT_FILE: &str = "agreement.parquet";

/// A window, the report that it was measured for, and its scores.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MeasuredWindow {
    /// Work key of the report.
    pub report: String,
    /// Work key of the dynamics model.
    pub dynamics: String,
    /// Content hash of the source.
    pub source_id: String,
    /// File name of the source.
    pub source: String,
    pub clip_id: String,
    /// Index in the clip of the window's first frame.
    pub first_frame: u32,
    /// Number of frames that a rollout starts from; its score lists begin after them.
    pub prompt_frames: u32,
    /// Seed of the sampler for every rollout of the window.
    pub sampler_seed: u64,
    /// True actions between the frames, if known: `[t - 1]`.
    pub truth: Option<Vec<u8>>,
    /// True displacement classes between the frames, if known: `[t - 1]`.
    pub effects: Option<Vec<u8>>,
    pub scores: WindowScores,
    /// Features of the clip that was generated with the inferred actions.
    ///
    /// The features of the report's distances follow one after the other.
    pub features: Vec<f32>,
}

/// Publishes all windows of a report as `dir/windows.parquet`, and replaces older ones.
///
/// # Errors
/// If there are no windows, or the file or the manifest cannot be written.
pub fn publish_measured(dir: &Utf8Path, windows: &[MeasuredWindow]) -> Result<()> {
    commit(dir, tables::WINDOWS, &table::write_as(dir, FILE, windows)?)
}

/// Publishes the windows on which agreement is measured as `dir/agreement.parquet`.
///
/// It replaces older ones. Only the actions of a window's scores count.
///
/// # Errors
/// If there are no windows, or the file or the manifest cannot be written.
pub fn publish_agreement(dir: &Utf8Path, windows: &[MeasuredWindow]) -> Result<()> {
    commit(dir, tables::AGREEMENT, &table::write_as(dir, AGREEMENT_FILE, windows)?)
}

/// Publishes some windows as `dir/<name>-<hash>.parquet`, beside those that are already there.
///
/// # Errors
/// If there are no windows, or the file or the manifest cannot be written.
pub fn publish_measured_part(dir: &Utf8Path, name: &str, windows: &[MeasuredWindow]) -> Result<()> {
    commit(dir, tables::WINDOWS, &table::write(dir, name, windows)?)
}

fn commit(dir: &Utf8Path, table: &str, entry: &Entry) -> Result<()> {
    Manifest::commit(dir, |manifest| manifest.add(table, entry.clone()))
}

/// Reads one published file of measured windows, in the order of writing.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn read_measured(dir: &Utf8Path, entry: &Entry) -> Result<Vec<MeasuredWindow>> {
    table::read(dir, entry)
}

impl Row for MeasuredWindow {
    const KIND: FileKind = FileKind {
        name: "measured windows",
        format: MEASURED_FORMAT,
        command: "genie-evaluate run",
    };
    const HIDDEN: &'static [&'static str] = &["token_counts", "features"];

    fn columns(rows: &[Self]) -> Result<NamedColumns> {
        let strings = |get: fn(&Self) -> &str| {
            Arc::new(StringArray::from_iter_values(rows.iter().map(get))) as ArrayRef
        };
        let u32s = |get: fn(&Self) -> u32| {
            Arc::new(UInt32Array::from_iter_values(rows.iter().map(get))) as ArrayRef
        };
        let seeds = UInt64Array::from_iter_values(rows.iter().map(|row| row.sampler_seed));
        let bytes = |get: fn(&Self) -> Option<&[u8]>| lists::<UInt8Type>(rows.iter().map(get));
        let mut columns: NamedColumns = vec![
            ("report", strings(|row| &row.report), false),
            ("dynamics", strings(|row| &row.dynamics), false),
            ("source_id", strings(|row| &row.source_id), false),
            ("source", strings(|row| &row.source), false),
            ("clip_id", strings(|row| &row.clip_id), false),
            ("first_frame", u32s(|row| row.first_frame), false),
            ("prompt_frames", u32s(|row| row.prompt_frames), false),
            // Nullable in the schema, as the scores below.
            ("sampler_seed", Arc::new(seeds) as ArrayRef, true),
            ("rollout", strings(|row| &row.scores.rollout), true),
            ("latent", bytes(|row| Some(&row.scores.latent)), false),
            ("truth", bytes(|row| row.truth.as_deref()), true),
            ("effects", bytes(|row| row.effects.as_deref()), true),
        ];
        // Nullable in the schema, because SQL also reads files from before a score existed.
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
        let sampler_seed = columns.required::<UInt64Array>("sampler_seed")?;
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
                sampler_seed: sampler_seed.value(i),
                truth: truth.next().flatten(),
                effects: effects.next().flatten(),
                scores,
                features: features.next().unwrap_or_default(),
            })
        };
        scores::read(columns)?.into_iter().enumerate().map(row).collect()
    }
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
            rollout: "00112233aabbccdd".into(),
            ..Default::default()
        };
        // Each list is different, with numbers that text would round.
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
            sampler_seed: u64::MAX - 1,
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

    /// Catches: a score is not in `CURVES`, so its values are lost in the file.
    #[test]
    fn every_score_has_a_column() {
        // `window` fills the lists in `CURVES` only.
        let shown = format!("{:?}", window("a", None).scores);
        assert!(!shown.contains("[]"), "not in CURVES: {shown}");
    }

    /// Catches: a score is in the wrong column or missing, a number is rounded, unknown true
    /// actions come back as an empty list, or a second write fails or appends.
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

    /// Catches: the windows of agreement replace the measured windows, or are among them.
    #[test]
    fn windows_of_agreement_are_a_table_of_their_own() {
        let (_dir, root) = testing::root();
        publish_measured(&root, &[window("a", None)]).unwrap();
        publish_agreement(&root, &[window("b", None), window("c", None)]).unwrap();
        assert_eq!(read(&root), [window("a", None)]);
        let manifest = Manifest::load(&root).unwrap();
        let [entry] = manifest.table(tables::AGREEMENT) else { panic!("not one file") };
        assert_eq!(read_measured(&root, entry).unwrap(), [window("b", None), window("c", None)]);
    }

    /// Catches: stored batches replace each other, or a truncated file is read.
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
