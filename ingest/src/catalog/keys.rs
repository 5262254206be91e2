//! Work keys of ingest: of a config, and of a source.
//!
//! A source's work key is made of the resolved config (what changes pixels, clips or splits), the clip format's
//! version and the sidecar's content; with the content of the file it says whether there is anything to do. One dataset
//! root holds clips of one config: when it changes, what was made with another is dropped and made again. The verdict on clips
//! (`ingest.keep`) is not part of the key: it is passed again over the scores that are in the catalog ([`super::finalize`]).

use genie_shards::CLIPS_FORMAT;
use genie_stage::key::Key;
use serde_json::json;

use crate::config::IngestConfig;

/// Version of this stage's code; another number when the same config gives other clips.
const CODE_FORMAT: u32 = 2;

/// The work key of a config: the head of every source's.
pub fn config_key(held_out: f64, config: &IngestConfig) -> Key {
    // Not `threads` and `decoder`: they change nothing. Not `keep`: it decides over clips, not what they are. Not the paths: content counts.
    let decides = json!({
        "fps": config.fps,
        "width": config.width,
        "height": config.height,
        "aspect": config.aspect,
        "clip_seconds": config.clip_seconds,
        "min_frames": config.min_frames,
        "held_out": held_out,
    });
    Key::builder("ingest", CODE_FORMAT)
        .config(&decides)
        .input("clips_format", CLIPS_FORMAT)
        .finish()
}

/// The work key of a source: the config's, and of its sidecar if it has one.
pub fn source_key(config_key: &Key, sidecar: Option<&[u8]>) -> String {
    match sidecar {
        Some(content) => format!("{config_key}-{}", &blake3::hash(content).to_hex()[..16]),
        None => config_key.to_string(),
    }
}
