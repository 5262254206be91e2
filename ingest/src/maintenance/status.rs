//! `status`: the state of the steps of ingest, found without decoding or hashing.

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{Error, Manifest, stream_sources, tables};
use genie_stage::config::DataConfig;
use genie_stage::key::Key;
use genie_stage::status::{StepState, StepStatus};

use crate::catalog::{
    Finalizer, KeepRules, Partitioning, QualityScores, config_key, is_of_config, is_pending,
    label_dir,
};
use crate::config::{IngestConfig, SampleConfig};
use crate::discover::{SourceFiles, discover, videos};
use crate::sample;

/// The steps `sample` and `run`. `sample` is there only if ingest uses the sample videos.
pub fn steps(
    data: &DataConfig,
    sample_config: &SampleConfig,
    config: &IngestConfig,
) -> Result<Vec<StepStatus>> {
    let mut steps = Vec::new();
    let mut waits_for = String::new();
    if data.videos.is_empty() {
        let sample = sample::step(&data.root.join("videos"), sample_config).status("sample")?;
        if sample.state != StepState::Done {
            "the sample videos: run genie-ingest sample".clone_into(&mut waits_for);
        }
        steps.push(sample);
    }
    steps.push(ingest(data, config, waits_for)?);
    steps.extend(labels(&data.root)?);
    Ok(steps)
}

/// The labels, if there are any. They are done: nothing runs without people.
fn labels(root: &Utf8Path) -> Result<Option<StepStatus>> {
    let dir = label_dir(root);
    let manifest = Manifest::load(&dir)?;
    Ok((manifest.rows(tables::LABELS) > 0).then(|| StepStatus {
        step: "labels".to_owned(),
        key: manifest.content_hash()[..16].to_owned(),
        dir: genie_store::shown(&dir),
        state: StepState::Done,
        needs: String::new(),
    }))
}

/// The state of the step `run`.
///
/// It compares paths, not contents. Only a run notices a file whose content changed.
fn ingest(data: &DataConfig, config: &IngestConfig, waits_for: String) -> Result<StepStatus> {
    let key = config_key(data.held_out, config);
    let mut status = StepStatus {
        step: "run".to_owned(),
        key: key.to_string(),
        dir: genie_store::shown(&data.root.join("clips")),
        state: StepState::Waiting,
        needs: waits_for,
    };
    if !status.needs.is_empty() {
        return Ok(status);
    }
    let manifest = Manifest::load(&data.root)?;
    let entries = videos(data)?;
    let found = SourceFiles::new(discover(&entries)?.files);
    let (new, is_any_known) = match count_new(&data.root, &manifest, &key, &found) {
        // The next run decodes all sources again.
        Err(Error::Older { .. }) => (found.all().len(), false),
        counted => counted?,
    };
    let clips = manifest.rows(tables::CLIPS);
    let quality = QualityScores::read(&data.root, &config.quality)?;
    let rules = KeepRules::new(&config.keep, config.near_duplicates, quality)?;
    let finalized =
        Finalizer::new(&data.root, data.held_out, &rules, Partitioning::default(), data.memory_mb)
            .is_finalized()?;
    status.state = match (found.all().is_empty(), new, clips) {
        (true, ..) => StepState::Waiting,
        (_, 0, 0) if finalized => StepState::Waiting,
        (_, 0, 1..) if finalized => StepState::Done,
        _ if !is_any_known => StepState::Missing,
        _ => StepState::Partial,
    };
    status.needs = match status.state {
        StepState::Waiting if found.all().is_empty() => {
            format!("videos: there are none in {}; set data.videos", entries.join(", "))
        }
        StepState::Waiting => "usable videos: none of the given files can be used".to_owned(),
        StepState::Partial if new > 0 => format!("{new} new files: run genie-ingest run"),
        StepState::Partial if !finalized => {
            "a new verdict on its clips: run genie-ingest run".to_owned()
        }
        StepState::Done | StepState::Missing | StepState::Partial => String::new(),
    };
    Ok(status)
}

/// The number of files for which a run with this config has something to do.
///
/// Also returns whether it has nothing to do for some source, perhaps at another path.
fn count_new(
    root: &Utf8Path,
    manifest: &Manifest,
    key: &Key,
    files: &SourceFiles,
) -> Result<(usize, bool), Error> {
    let (mut is_known, mut is_any) = (vec![false; files.all().len()], false);
    for entry in manifest.table(tables::SOURCES) {
        for rows in stream_sources(root, entry)? {
            for row in rows?.into_iter().filter(|row| is_of_config(row, key) && !is_pending(row)) {
                is_any = true;
                files.numbers_at(&row.source_path).for_each(|number| is_known[number] = true);
            }
        }
    }
    Ok((is_known.into_iter().filter(|is_known| !is_known).count(), is_any))
}
