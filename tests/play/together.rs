//! Several players, real time, and the end.

use genie_tests::Signal;
use serde_json::json;

use super::{clip_start, first_clip, trained};

/// Catches: a session depends on who else plays; a second player is not served; an action reaches
/// another session.
#[test]
fn a_player_gets_the_same_frames_alone_and_in_company() {
    let dataset = trained();
    let server = dataset.serve(&[]);
    let clip = first_clip(&server)["id"].clone();
    let start = |seed: u64| {
        let (status, session) = server
            .post(&format!("/api/sessions?seed={seed}"), &json!({ "clip": clip, "prompt": 1 }));
        assert_eq!(status, 201, "{session}");
        server.connect(session["id"].as_str().unwrap())
    };
    let actions: Vec<u8> = (0..20).map(|t: u8| t * 3 % 7).collect();
    let alone = start(5).play(&actions);
    let mut others = [start(1), start(2)];
    for other in &mut others {
        other.say(&json!({ "type": "rate", "fps": 60 }));
        other.say(&json!({ "type": "hold", "action": 2 }));
        other.say(&json!({ "type": "play" }));
    }
    let together = start(5).play(&actions);
    for ((_, alone), (header, together)) in alone.iter().zip(&together) {
        assert!(alone == together, "frame {} differs", header["frame"]);
    }
    for other in &mut others {
        let (header, _) = loop {
            let (header, pixels) = other.frame();
            if header["frame"].as_u64() > Some(12) {
                break (header, pixels);
            }
        };
        assert_eq!(header["action"], json!(2), "the held action leads to every frame");
    }
}

/// Catches: futures differ from what the action then does, or change the session.
#[test]
fn a_future_is_what_its_action_then_does() {
    let dataset = trained();
    let server = dataset.serve(&[]);
    let mut player = server.player(&clip_start(&server));
    player.play(&[1, 2, 3]);
    let path = format!("/api/sessions/{}/futures?frames=4", player.id);
    let (status, futures) = server.post(&path, &json!({}));
    assert_eq!(status, 200, "{futures}");
    let futures_of = |action: u8| {
        let future = futures["futures"].as_array().unwrap();
        future.iter().find(|future| future["action"] == action).unwrap()["png"].clone()
    };
    let node = futures["node"].clone();
    for action in [4, 0] {
        player.say(&json!({ "type": "seek", "node": node }));
        player.frame();
        player.play(&[action; 4]);
        let strip = server.get(&format!("/api/sessions/{}/strip.png?from=4&to=7", player.id));
        let encoded = futures_of(action).as_str().unwrap().to_owned();
        let future = base64_of(&encoded);
        assert!(future == strip, "the future of action {action}");
    }
}

/// Catches: many requests for futures stop the players.
#[test]
fn many_futures_do_not_stop_a_player() {
    let dataset = trained();
    let server = dataset.serve(&[]);
    let mut player = server.player(&clip_start(&server));
    let others: Vec<String> =
        (0..4).map(|_| server.player(&clip_start(&server)).id.clone()).collect();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for id in &others {
            let (server, done) = (&server, &done);
            scope.spawn(move || {
                let path = format!("/api/sessions/{id}/futures?frames=64");
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let (status, answer) = server.post(&path, &json!({}));
                    assert!([200, 400, 503].contains(&status), "{answer}");
                }
            });
        }
        player.say(&json!({ "type": "rate", "fps": 60 }));
        player.say(&json!({ "type": "play" }));
        let frames = std::iter::repeat_with(|| player.frame().0["frame"].as_u64());
        let reached = frames.take(200).any(|frame| frame >= Some(60));
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(reached, "the player goes on");
    });
}

/// Catches: an action or a message that does not exist ends the connection or the server; a bad
/// start is not explained.
#[test]
fn wrong_inputs_are_explained_and_nothing_is_lost() {
    let dataset = trained();
    let server = dataset.serve(&["--sessions", "2"]);
    let mut player = server.player(&clip_start(&server));
    for (message, words) in [
        (json!({ "type": "hold", "action": 99 }), "no action 99"),
        (json!({ "type": "step", "action": 0, "count": 5000 }), "5000 steps"),
        (json!({ "type": "seek", "node": 77 }), "77"),
        (json!({ "type": "fly" }), "fly"),
    ] {
        player.say(&message);
        let error = player.text("error")["error"].as_str().unwrap().to_owned();
        assert!(error.contains(words), "{message}: {error}");
    }
    assert_eq!(player.play(&[1]).len(), 1, "the game goes on");
    for (start, status, words) in [
        (json!({ "clip": "none", "prompt": 1 }), 404, "no such held-out clip"),
        (json!({ "clip": first_clip(&server)["id"], "prompt": 99 }), 400, "1 to 8 frames"),
        (json!({ "clip": first_clip(&server)["id"], "first": 9999, "prompt": 1 }), 400, "frames"),
    ] {
        let (got, answer) = server.post("/api/sessions", &start);
        assert_eq!(got, status, "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(words), "{answer}");
    }
    let (status, answer) = server.send("/api/sessions", "image/png", b"no picture at all");
    assert!((400..500).contains(&status), "{status} {answer}");
    let _second = server.player(&clip_start(&server));
    let (status, answer) = server.post("/api/sessions", &clip_start(&server));
    assert_eq!(status, 503, "{answer}");
    assert!(answer["error"].as_str().unwrap().contains("--sessions"), "{answer}");
}

/// Catches: SIGTERM during play does not end the server, or ends it with a wrong exit code.
#[test]
fn sigterm_during_play_ends_the_server() {
    let dataset = trained();
    let server = dataset.serve(&[]);
    let mut player = server.player(&clip_start(&server));
    player.say(&json!({ "type": "play" }));
    (0..3).for_each(|_| drop(player.frame()));
    server.stop(Signal::TERM).expect(143);
}

/// The bytes of a data URL.
fn base64_of(url: &str) -> Vec<u8> {
    use base64::Engine as _;
    let (_, data) = url.split_once(',').expect("a data URL");
    base64::engine::general_purpose::STANDARD.decode(data).expect("Base64")
}
