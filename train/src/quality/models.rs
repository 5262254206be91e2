//! The trained quality networks of a dataset root, and where their scores are.

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use genie_stage::exit::Usage;
use genie_stage::key::Key;
use genie_stage::step::{StepDir, read_record};

/// The kind of model: networks are in `models/quality/<key>`.
pub const KIND: &str = "quality";

/// The directory of a network.
pub fn model_dir(root: &Utf8Path, key: &str) -> Utf8PathBuf {
    root.join("models").join(KIND).join(key)
}

/// The directory of a network's scores.
pub fn score_dir(root: &Utf8Path, key: &str) -> Utf8PathBuf {
    root.join("quality").join(key)
}

/// The step that trains the network with this key.
pub fn step(root: &Utf8Path, key: &Key) -> StepDir {
    StepDir::open(model_dir(root, key.as_str()), key, KIND)
}

/// The key of the network that was finished last; `None` if there is none.
///
/// Of two networks that finished in the same second, it is the one with the greater key.
///
/// # Errors
/// When the networks cannot be listed, or the record of one cannot be read.
pub fn newest(root: &Utf8Path) -> Result<Option<String>> {
    let mut found = Vec::new();
    for dir in genie_store::list(&root.join("models").join(KIND))?.directories {
        let record = read_record(&dir)?.filter(|record| dir.file_name() == Some(&record.key));
        found.extend(record.map(|record| (record.lineage.finished, record.key)));
    }
    Ok(found.into_iter().max().map(|(_, key)| key))
}

/// Checks the key of a network, or finds the newest one.
///
/// # Errors
/// When there is no such network, or none at all.
pub fn chosen(root: &Utf8Path, key: Option<&str>) -> Result<String> {
    let Some(key) = key else {
        return newest(root)?
            .context("there is no quality network yet: run `genie-train quality fit`");
    };
    let dir = model_dir(root, key);
    read_record(&dir)?.filter(|record| record.key == key).with_context(|| {
        Usage(format!("--model {key}: there is no trained network in {}", genie_store::shown(&dir)))
    })?;
    Ok(key.to_owned())
}
