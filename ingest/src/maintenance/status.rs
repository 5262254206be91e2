//! `status`: the state of the steps of ingest, found without decoding or hashing.

use std::borrow::Cow;
use std::collections::HashSet;

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
use crate::discover::{discover, videos};
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
    let found = discover(&entries)?.files;
    let paths: HashSet<_> = found.iter().map(|found| found.path.to_string_lossy()).collect();
    let (known, is_any_known) = match known_paths(&data.root, &manifest, &key, &paths) {
        // The next run decodes all sources again.
        Err(Error::Older { .. }) => (HashSet::new(), false),
        known => known?,
    };
    let is_new = |path: &std::path::Path| !known.contains(path.to_string_lossy().as_ref());
    let new = found.iter().filter(|found| is_new(&found.path)).count();
    let clips = manifest.rows(tables::CLIPS);
    let quality = QualityScores::read(&data.root, &config.quality)?;
    let rules = KeepRules::new(&config.keep, config.near_duplicates, quality)?;
    let finalized =
        Finalizer::new(&data.root, data.held_out, &rules, Partitioning::default(), data.memory_mb)
            .is_finalized()?;
    status.state = match (found.is_empty(), new, clips) {
        (true, ..) => StepState::Waiting,
        (_, 0, 0) if finalized => StepState::Waiting,
        (_, 0, 1..) if finalized => StepState::Done,
        _ if !is_any_known => StepState::Missing,
        _ => StepState::Partial,
    };
    status.needs = match status.state {
        StepState::Waiting if found.is_empty() => {
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

/// The paths among `asked` of the sources for which a run with this config has nothing to do.
///
/// Also returns whether there is any such source, perhaps at another path.
fn known_paths(
    root: &Utf8Path,
    manifest: &Manifest,
    key: &Key,
    asked: &HashSet<Cow<'_, str>>,
) -> Result<(HashSet<String>, bool), Error> {
    let (mut known, mut is_any) = (HashSet::new(), false);
    for entry in manifest.table(tables::SOURCES) {
        for rows in stream_sources(root, entry)? {
            for row in rows?.into_iter().filter(|row| is_of_config(row, key) && !is_pending(row)) {
                is_any = true;
                if asked.contains(row.source_path.as_str()) {
                    known.insert(row.source_path);
                }
            }
        }
    }
    Ok((known, is_any))
}
