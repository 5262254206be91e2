//! How fast a world answers: `make bench-play`.
//!
//! Starts `genie-play serve` for a config and plays as pages do, over HTTP and web sockets. It
//! prints a table with the targets. The exit code is 1 if a target is missed.

use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use genie_tests::{PlayerClient, Playing, binary};
use serde_json::{Value, json};

/// Frames of the measurement of single steps; the demo's window slides after every eighth.
const STEPS: usize = 400;
/// Key presses of the measurement of latency.
const PRESSES: u64 = 150;
/// Players at a time, and for how many seconds.
const PLAYERS: usize = 4;
const SECONDS: u64 = 20;
/// Targets: frames per second of each player, latency in milliseconds, and ratio of p99 to p50.
const RATE: f64 = 10.0;
const LATENCY: f64 = 150.0;
const HICCUP: f64 = 2.0;

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let mut command = Command::new(binary("genie-play"));
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments);
    // Paths are relative to the workspace, as those of all make commands.
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let server = Playing::start(command);
    let world = server.json("/api/world");
    let clip = server.json("/api/clips")["clips"][0]["id"].clone();
    let start = json!({ "clip": clip, "first": 0, "prompt": 1 });
    println!(
        "{}×{} pixels, window of {} frames, sampler {}, {}",
        world["width"], world["height"], world["window"], world["sampler"], world["device"]
    );
    let results = [
        steps(&mut server.player(&start)),
        latency(&mut server.player(&start)),
        players(&server, &start),
    ];
    if results.iter().flatten().all(|met| *met) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures the time that the models take for a frame, one step after the other.
fn steps(player: &mut PlayerClient) -> Vec<bool> {
    let actions: Vec<u8> = (0..STEPS).map(|step| [0, 1, 2][step / 5 % 3]).collect();
    let mut times: Vec<f64> = player
        .play(&actions)
        .iter()
        .skip(20)
        .map(|(header, _)| header["ms"].as_f64().expect("a time"))
        .collect();
    let (p50, p99) = (percentile(&mut times, 50), percentile(&mut times, 99));
    println!("one frame, models only        p50 {p50:6.1} ms   p99 {p99:6.1} ms");
    let ratio = p99 / p50;
    vec![row("p99 / p50 (the window slides)", ratio, "", ratio < HICCUP, HICCUP)]
}

/// Measures the time from a key press to the first frame that its action leads to, in real time.
fn latency(player: &mut PlayerClient) -> Vec<bool> {
    player.say(&json!({ "type": "play" }));
    let mut times = Vec::new();
    for press in 1..=PRESSES {
        // The pause varies from 100 to 400 ms, so that key presses are not in step with the frames.
        thread::sleep(Duration::from_millis(100 + press * 7919 % 301));
        while player.is_behind() {
            player.frame();
        }
        let pressed = Instant::now();
        player.say(&json!({ "type": "hold", "action": press % 3 }));
        player.say(&json!({ "type": "ping", "id": press }));
        while player.frame().0["input"] != json!(press) {}
        times.push(pressed.elapsed().as_secs_f64() * 1e3);
    }
    player.say(&json!({ "type": "pause" }));
    let (p50, p95) = (percentile(&mut times, 50), percentile(&mut times, 95));
    println!("key to frame, one player      p50 {p50:6.1} ms   p95 {p95:6.1} ms");
    vec![row("key to frame, p95", p95, " ms", p95 < LATENCY, LATENCY)]
}

/// Measures the frame rates of several players who play at the same time.
fn players(server: &Playing, start: &Value) -> Vec<bool> {
    let count = |mut player: PlayerClient| {
        player.say(&json!({ "type": "play" }));
        let first = player.frame().0["frame"].as_u64().expect("a number");
        let began = Instant::now();
        let mut last = first;
        let mut frames = 0_u32;
        while began.elapsed() < Duration::from_secs(SECONDS) {
            last = player.frame().0["frame"].as_u64().expect("a number");
            frames += 1;
        }
        let rate = f64::from(frames) / began.elapsed().as_secs_f64();
        (rate, (last - first) - u64::from(frames))
    };
    let players: Vec<PlayerClient> = (0..PLAYERS).map(|_| server.player(start)).collect();
    let rates: Vec<(f64, u64)> = thread::scope(|scope| {
        let players: Vec<_> =
            players.into_iter().map(|player| scope.spawn(move || count(player))).collect();
        players.into_iter().map(|player| player.join().expect("a player")).collect()
    });
    let slowest = rates.iter().map(|(rate, _)| *rate).fold(f64::INFINITY, f64::min);
    let lost: u64 = rates.iter().map(|(_, lost)| lost).sum();
    println!(
        "{PLAYERS} players, {SECONDS} s            slowest {slowest:.2} frames/s, {lost} lost"
    );
    // A rate that is measured over some seconds misses a part of a frame.
    vec![row("frames per second of each", slowest, "", slowest > RATE - 0.1, RATE)]
}

/// Prints a number beside its target. Returns whether it meets it.
fn row(what: &str, value: f64, unit: &str, met: bool, target: f64) -> bool {
    let verdict = if met { "met" } else { "MISSED" };
    println!("    {what:<34} {value:8.2}{unit}   target {target}{unit}: {verdict}");
    met
}

/// The value below which `percent` per cent of the values lie.
fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * percent / 100]
}
