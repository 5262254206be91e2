//! Worlds that are played through the built `genie-play`: exactness, logs, scripts, and errors.

#[path = "play/commands.rs"]
mod commands;
#[path = "play/exact.rs"]
mod exact;
#[path = "play/together.rs"]
mod together;

use genie_tests::{Dataset, Playing};
use serde_json::{Value, json};

/// A dataset with trained models and a report.
fn trained() -> Dataset {
    let dataset = Dataset::new();
    dataset.pipeline(&[]).expect(0);
    dataset
}

/// The first held-out clip of a server.
fn first_clip(server: &Playing) -> Value {
    server.json("/api/clips")["clips"][0].clone()
}

/// A start from the first held-out clip.
fn clip_start(server: &Playing) -> Value {
    json!({ "clip": first_clip(server)["id"], "first": 0, "prompt": 1 })
}
