//! Work keys of ingest: of a config, and of a source.
//!
//! The work key of a source contains the config keys that change pixels, clips or splits, the
//! version of the clip format, and the content of the sidecar. Ingest has nothing to do for a
//! source if its work key and the hash of its content are in the catalog.
//!
//! A dataset root contains clips of one config. A run with another config is refused, unless
//! `--replace` is given. Then ingest drops the clips of the old config and decodes their sources
//! again. The key does not contain `ingest.keep`, because
//! the verdict on clips needs only the scores in the catalog ([`super::finalize`]).

use genie_shards::CLIPS_FORMAT;
use genie_stage::key::Key;
use serde_json::json;

use crate::config::{CutConfig, IngestConfig};

/// Version of the code of ingest. It changes when the same config gives other clips.
const CODE_FORMAT: u32 = 10;

/// The work key of a config. The work key of every source starts with it.
pub fn config_key(held_out: f64, config: &IngestConfig) -> Key {
    Key::builder("ingest", CODE_FORMAT)
        .config(&deciding_values(held_out, config))
        .input("clips_format", CLIPS_FORMAT)
        .finish()
}

/// The values of a config that decide about pixels, clips and splits.
pub fn deciding_values(held_out: f64, config: &IngestConfig) -> serde_json::Value {
    // All keys are named, so that a new key needs a decision. `threads` and `decoder` do not change
    // clips. `keep`, `quality` and `near_duplicates` choose among clips, but do not change them.
    // The result of `metadata` is in the source's row. Paths have no effect, because a source is
    // its content.
    let IngestConfig {
        fps,
        width,
        height,
        aspect,
        clip_seconds,
        min_frames,
        cut: CutConfig { still, fade, damage },
        keep: _,
        quality: _,
        near_duplicates: _,
        metadata: _,
        threads: _,
        decoder: _,
    } = config;
    json!({
        "fps": fps,
        "width": width,
        "height": height,
        "aspect": aspect,
        "clip_seconds": clip_seconds,
        "min_frames": min_frames,
        "cut.still": still,
        "cut.fade": fade,
        "cut.damage": damage,
        "held_out": held_out,
    })
}

/// The work key of a source: the config's key, and the hash of the sidecar if there is one.
pub fn source_key(config_key: &str, sidecar: Option<&[u8]>) -> String {
    match sidecar {
        Some(content) => format!("{config_key}-{}", &blake3::hash(content).to_hex()[..16]),
        None => config_key.to_string(),
    }
}

/// The config's key in the work key of a source.
pub fn config_of(source_key: &str) -> &str {
    source_key.split_once('-').map_or(source_key, |(config_key, _)| config_key)
}

/// Whether the source with this work key has a sidecar.
pub fn has_sidecar(source_key: &str) -> bool {
    source_key.contains('-')
}
