//! Protecting the clips of a dataset from a run with another config.
//!
//! A dataset root contains clips of one config. A run with another config would replace them, and
//! clips of deleted videos would be lost. Such a run is in most cases a mistake: two pipelines with
//! the same root, or a forgotten `--config`.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{Manifest, tables};
use genie_stage::config::{self, ConfigArgs, DataConfig};
use genie_stage::exit::Usage;

use super::keys::deciding_values;
use crate::config::IngestConfig;

/// Refuses a config that would replace the clips of another config.
///
/// # Errors
///
/// [`Usage`] if the root has clips, and their config differs in a key that decides about clips.
pub fn refuse_other_config(root: &Utf8Path, held_out: f64, config: &IngestConfig) -> Result<()> {
    let clips = Manifest::load(root)?.rows(tables::CLIPS);
    // The config of an older program may have other keys. Its clips are then replaced.
    let Some((old_held_out, old)) = stored(root)?.filter(|_| clips > 0) else { return Ok(()) };
    let old = deciding_values(old_held_out, &old);
    let new = deciding_values(held_out, config);
    let differs = new.as_object().into_iter().flatten().filter(|(key, value)| old[key] != **value);
    let differences: Vec<String> = differs
        .map(|(key, value)| {
            let section = if key == "held_out" { "data" } else { "ingest" };
            format!("{section}.{key} is {value} instead of {}", old[key])
        })
        .collect();
    if differences.is_empty() {
        return Ok(());
    }
    let usage = Usage(format!(
        "{root} has {clips} clips of another config: {}; set data.root to another directory, or \
         run `genie-ingest run --replace` with this config to decode all videos again",
        differences.join(", ")
    ));
    Err(usage.into())
}

/// `data.held_out` and the section `[ingest]` of the run that added the last clips.
///
/// # Errors
///
/// The dataset's store cannot be asked.
fn stored(root: &Utf8Path) -> Result<Option<(f64, IngestConfig)>> {
    let file = root.join("clips/config.toml");
    Ok(if genie_store::refresh(&file)? { parsed(file) } else { None })
}

/// The same from the file of the config; `None` if this program does not know its keys.
fn parsed(file: Utf8PathBuf) -> Option<(f64, IngestConfig)> {
    let config = config::load(&ConfigArgs { config: Some(file), ..ConfigArgs::default() }).ok()?;
    let data: DataConfig = config.section().ok()?;
    Some((data.held_out, config.section().ok()?))
}
