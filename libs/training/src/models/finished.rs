//! The finished models that a config names.
//!
//! All stages compute the directory of a model from the config and the clips: the directory is
//! named by the model's work key. So a dynamics model is always used with the tokenizer and the
//! latent actions that it was trained on. To find the models of an old output, use the
//! `config.toml` in the output's directory.

use anyhow::Result;

use super::chain::Chain;
use super::sections::ModelSections;

/// A step that has to run first, and its command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {what} of this config {verb} missing: run `{command}`")]
pub struct MissingStep {
    /// What is missing.
    pub what: &'static str,
    verb: &'static str,
    /// The command that makes it.
    pub command: &'static str,
}

/// The finished models of a config, or the first missing step.
///
/// # Errors
/// When the manifest of the clips or the record of a step cannot be read.
pub fn find_finished(sections: &ModelSections) -> Result<Result<Chain, MissingStep>> {
    let Some(chain) = Chain::of(sections)? else {
        return Ok(Err(MissingStep { what: "clips", verb: "are", command: "genie-ingest run" }));
    };
    let needed = [
        (&chain.tokenizer, "tokenizer", "genie-tokenize fit"),
        (&chain.lam, "latent action model", "genie-train lam"),
        (&chain.dynamics, "dynamics model", "genie-train dynamics"),
    ];
    for (step, what, command) in needed {
        if !step.is_done()? {
            return Ok(Err(MissingStep { what, verb: "is", command }));
        }
    }
    Ok(Ok(chain))
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;
    use genie_shards::{Clip, ClipMeta, ClipShardWriter, Frames, Manifest, tables};
    use genie_stage::config::{ConfigArgs, load};
    use serde_json::json;

    use super::*;

    /// Catches: a user without any ingested video gets the advice to train the dynamics model.
    #[test]
    fn the_first_missing_step_is_named_with_its_command() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let args = ConfigArgs { config: None, set: vec![format!("data.root={root}")] };
        let sections = ModelSections::read(&load(&args).unwrap()).unwrap();
        let missing = || find_finished(&sections).unwrap().err().map(|missing| missing.command);
        assert_eq!(missing(), Some("genie-ingest run"));

        let meta = ClipMeta {
            clip_id: "clip".into(),
            source_id: "source".into(),
            time_base: (1, 10),
            frame_pts: vec![0],
            width: 1,
            height: 1,
            ..ClipMeta::default()
        };
        let mut writer = ClipShardWriter::create(&root.join("clips"), "test").unwrap();
        writer.push(&Clip { meta, frames: Frames::new(1, 1, 1, vec![0; 3]).unwrap() }).unwrap();
        let entry = writer.publish().unwrap().entry;
        Manifest::commit(&root, |manifest| manifest.add(tables::CLIPS, entry.clone())).unwrap();
        let chain = Chain::of(&sections).unwrap().unwrap();
        for (step, command) in [
            (&chain.tokenizer, "genie-tokenize fit"),
            (&chain.lam, "genie-train lam"),
            (&chain.dynamics, "genie-train dynamics"),
        ] {
            assert_eq!(missing(), Some(command));
            step.finish(json!({})).unwrap();
        }
        assert_eq!(missing(), None);
    }
}
