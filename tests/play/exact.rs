//! The same inputs give the same frames: rewinding, branches, logs, and evaluate's rollouts.

use std::fs;

use genie_shards::{Manifest, read_measured, tables};
use serde_json::{Value, json};

use super::{clip_start, trained};

/// Catches: an inexact rewind, within the window and beyond it; a rewound picture is not the one
/// that was played; playing on overwrites the old frames.
#[test]
fn a_rewound_world_goes_on_exactly() {
    let dataset = trained();
    let server = dataset.serve(&[]);
    let mut player = server.player(&clip_start(&server));
    let actions: Vec<u8> = (0..30).map(|t: u8| t % 5 * t % 5).collect();
    let played = player.play(&actions);
    for from in [3, 8, 17, 29] {
        let (header, pixels) = &played[from - 1];
        player.say(&json!({ "type": "seek", "node": header["node"] }));
        let (seen, seen_pixels) = player.frame();
        assert_eq!(seen["node"], header["node"], "rewound to {from}");
        assert!(seen_pixels == *pixels, "the picture after the rewind to {from} differs");
        for ((_, again), (_, before)) in player.play(&actions[from..]).iter().zip(&played[from..]) {
            assert!(again == before, "a frame after the rewind to {from} differs");
        }
    }
    let session = server.json(&format!("/api/sessions/{}", player.id));
    assert_eq!(session["branches"].as_array().unwrap().len(), 4, "{session}");
    for (header, pixels) in &played {
        let path = format!("/api/sessions/{}/frames/{}.png", player.id, header["node"]);
        let png = image_of(&server.get(&path));
        assert!(png == *pixels, "frame {} is still there", header["frame"]);
    }
}

/// Catches: a log does not replay; a changed frame or other models are not noticed, or the message
/// does not say which frame and why.
#[test]
fn a_log_replays_or_names_the_first_frame_that_differs() {
    let dataset = trained();
    let server = dataset.serve(&[]);
    let mut player = server.player(&clip_start(&server));
    player.play(&[1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3]);
    player.say(&json!({
        "type": "sampler", "steps": 3, "temperature": 0.7, "order": "random", "entropy": 0.5,
    }));
    player.text("session");
    player.play(&[1, 1, 1]);
    let mut log = server.json(&format!("/api/sessions/{}/log.json", player.id));
    assert_eq!(log["segments"].as_array().unwrap().len(), 2, "one for each sampler");
    let write = |log: &Value| fs::write(dataset.path("log.json"), log.to_string()).unwrap();
    let replay =
        |arguments: &[&str]| dataset.stage("play", "replay", &[&["log.json"], arguments].concat());
    write(&log);
    replay(&["--out", "again.gif"]).expect(0).says("all 14 generated frames are the same");
    assert!(fs::read(dataset.path("again.gif")).unwrap().starts_with(b"GIF89a"));

    log["segments"][1]["hashes"][1] = json!("0123456789abcdef");
    write(&log);
    replay(&[]).expect(1).says("frame 13 differs").says("was changed");

    let other = ["--set", "dynamics.train.seed=5"];
    dataset.pipeline(&other).expect(0);
    replay(&other).expect(1).says("frame 1 differs").says("has other weights");
}

/// Catches: the log of a branch that begins inside the prompt contains prompt frames that were not
/// played, so it does not replay.
#[test]
fn a_branch_inside_the_prompt_replays() {
    let dataset = trained();
    let server = dataset.serve(&[]);
    let clip = clip_start(&server)["clip"].clone();
    let mut player = server.player(&json!({ "clip": clip, "first": 0, "prompt": 5 }));
    player.say(&json!({ "type": "seek", "node": 2 }));
    player.frame();
    player.play(&[1, 2, 3, 1]);
    let log = server.json(&format!("/api/sessions/{}/log.json", player.id));
    assert_eq!(log["prompt"]["frames"].as_array().unwrap().len(), 3, "the frames that were played");
    fs::write(dataset.path("log.json"), log.to_string()).unwrap();
    dataset.stage("play", "replay", &["log.json"]).expect(0).says("all 4");
}

/// Catches: a world on autopilot differs from the rollout of `evaluate`: another seed, another
/// sampler, actions off by one frame, or another order of random numbers.
#[test]
fn autopilot_is_evaluates_rollout_token_for_token() {
    let dataset = trained();
    let report = dataset.path(dataset.status(&[]).dir("evaluate run"));
    let server = dataset.serve(&[]);
    let mut compared = 0;
    for entry in Manifest::load(&report).unwrap().table(tables::WINDOWS) {
        for window in read_measured(&report, entry).unwrap() {
            let steps = window.scores.latent.len();
            let mut player = server.player(&json!({
                "clip": window.clip_id, "first": window.first_frame, "prompt": window.prompt_frames,
            }));
            player.say(&json!({ "type": "inspect", "on": true }));
            player.frame();
            player.text("session");
            player.say(&json!({ "type": "autopilot", "on": true }));
            player.text("session");
            let prompt = window.prompt_frames as usize;
            assert_eq!(prompt, 1);
            player.say(&json!({ "type": "seek", "node": player.welcome.0["node"] }));
            let mut tokens = tokens(&player.frame().0);
            for expected in &window.scores.latent[prompt - 1..] {
                player.say(&json!({ "type": "step", "action": null }));
                let (header, _) = player.frame();
                assert_eq!(header["action"], json!(expected), "frame {}", header["frame"]);
                assert_eq!(header["recording"], json!(true));
                tokens.extend(self::tokens(&header));
            }
            assert_eq!(tokens.len() % (steps + 1), 0);
            let bytes: Vec<u8> = tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
            let hash = &blake3::hash(&bytes).to_hex()[..16];
            assert_eq!(hash, window.scores.rollout, "clip {}", window.clip_id);
            compared += 1;
        }
    }
    assert_eq!(compared, 6, "all windows of the report");
}

/// The tokens of an inspected frame.
fn tokens(header: &Value) -> Vec<u16> {
    serde_json::from_value(header["inspect"]["tokens"].clone()).expect("an inspected frame")
}

/// RGB of a PNG.
fn image_of(png: &[u8]) -> Vec<u8> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a small PNG")];
    reader.next_frame(&mut pixels).expect("a frame");
    pixels
}
