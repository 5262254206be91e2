//! The routes of the API.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::client::{ask, get, post_json, start};
use super::fake::SESSIONS;
use super::running::{Running, Setup};
use crate::pictures::from_png;
use crate::server::ServerLimits;

/// Catches: a route is missing, has another name or status, or gives another picture.
#[test]
fn a_session_can_be_played_over_http() {
    let server = Running::start();
    let body = r#"{"clip": "a", "first": 3, "prompt": 2}"#;
    let answer = post_json(server.address, "/api/sessions?seed=18446744073709551615", body);
    assert_eq!((answer.status, answer.header("Content-Type")), (201, Some("application/json")));
    let session = answer.json();
    let start = serde_json::json!({ "kind": "clip", "clip": "a", "name": "a.mp4", "first": 3 });
    assert_eq!(session["start"], start);
    assert_eq!((&session["prompt"], &session["seed"]), (&2.into(), &u64::MAX.into()));

    let path = format!("/api/sessions/{}", session["id"].as_str().unwrap());
    assert_eq!(get(server.address, &path).json(), session);
    let frame = get(server.address, &format!("{path}/frames/7.png"));
    assert_eq!((frame.status, frame.header("Content-Type")), (200, Some("image/png")));
    assert_eq!(from_png(&frame.body, (4, 4)).unwrap(), [7; 48]);
    let gif = get(server.address, &format!("{path}/play.gif?from=0&to=0"));
    assert_eq!((gif.status, gif.header("Content-Type")), (200, Some("image/gif")));
    assert!(gif.body.starts_with(b"GIF89a"));
    let strip = get(server.address, &format!("{path}/strip.png"));
    assert_eq!(from_png(&strip.body, (4, 4)).unwrap(), [0; 48]);
    assert_eq!(get(server.address, &format!("{path}/log.json")).status, 500);

    let futures = ask(server.address, &format!("POST {path}/futures?frames=2"), &[], &[]).json();
    assert_eq!((&futures["node"], &futures["frames"]), (&0.into(), &2.into()));
    assert_eq!(futures["futures"][1]["action"], 100);
    let png = futures["futures"][1]["png"].as_str().unwrap();
    let png = STANDARD.decode(png.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
    let strip = from_png(&png, (4, 8)).unwrap();
    assert_eq!(strip[..24], [[100; 12], [101; 12]].concat());

    assert_eq!(ask(server.address, &format!("DELETE {path}"), &[], &[]).status, 204);
    let gone = get(server.address, &path);
    assert_eq!(gone.status, 404);
    assert_eq!(gone.error(), "this session has ended; start another one");
    for rest in ["/frames/0.png", "/play.gif", "/strip.png"] {
        assert_eq!(get(server.address, &format!("{path}{rest}")).status, 404, "{rest}");
    }
}

/// Catches: the world or the clips are not those of the backend; a filter arrives encoded.
#[test]
fn the_world_and_its_clips_are_listed() {
    let server = Running::start();
    let world = get(server.address, "/api/world");
    assert_eq!((world.status, &world.json()["width"]), (200, &4.into()));
    let page = get(server.address, "/api/clips?where=motion+%3E%200.5&after=60").json();
    assert_eq!(page["total"], 60);
    let clip = &page["clips"][0];
    assert_eq!((&clip["name"], &clip["start"]), (&"motion > 0.5".into(), &0.5.into()));
    assert_eq!(get(server.address, "/api/clips?where=").json()["clips"][0]["name"], "all");
    let thumbnail = get(server.address, clip["thumb"].as_str().unwrap());
    assert_eq!(from_png(&thumbnail.body, (4, 4)).unwrap(), [0; 48]);
}

/// Catches: a request for clips waits as long as its condition runs.
#[test]
fn a_slow_condition_is_refused() {
    let limits = ServerLimits { condition: Duration::from_millis(50), ..ServerLimits::default() };
    let server = Setup { limits, ..Setup::default() }.run();
    let answer = get(server.address, "/api/clips?where=slow");
    assert_eq!(answer.status, 400);
    assert!(answer.error().contains("too long"), "{answer:?}");
}

/// Catches: an error has another status, is no JSON, or does not say what is wrong.
#[test]
fn errors_say_what_is_wrong() {
    let server = Running::start();
    let session = start(server.address);
    let path = |rest| format!("GET /api/sessions/{session}/{rest}");
    let cases = [
        ("GET /nowhere".to_owned(), 404, "open /"),
        ("GET /page/../Cargo.toml".to_owned(), 404, ""),
        ("GET /page/no.js".to_owned(), 404, "no.js"),
        ("POST /api/world".to_owned(), 405, "not with this method"),
        ("PUT /api/sessions".to_owned(), 405, "not with this method"),
        ("GET /api/clips?where=bad%20sql".to_owned(), 400, "no column bad"),
        ("GET /api/clips?after=x".to_owned(), 400, "after"),
        ("GET /api/clips/b/0.png".to_owned(), 404, "no such clip"),
        ("GET /api/clips/a/9.png".to_owned(), 404, "no such clip"),
        ("GET /api/clips/a/0.gif".to_owned(), 404, "<number>.png"),
        ("GET /api/clips/%FF/0.png".to_owned(), 400, ""),
        ("GET /api/clips/panic/0.png".to_owned(), 500, "stderr"),
        ("GET /api/sessions/s9".to_owned(), 404, "start another one"),
        ("DELETE /api/sessions/s9".to_owned(), 404, "start another one"),
        ("POST /api/sessions/s9/futures".to_owned(), 404, "start another one"),
        ("GET /api/sessions/s9/socket".to_owned(), 426, "WebSocket"),
        (path("frames/x.png"), 404, "<number>.png"),
        (path("frames/99999999999.png"), 404, "<number>.png"),
        (path("play.gif?from=1&to=0"), 400, "frames 0 to 0"),
        (path("play.gif?from=-1"), 400, "from"),
        (path("strip.png?to=5"), 400, "frames 0 to 0"),
    ];
    for (request, status, words) in cases {
        let answer = ask(server.address, &request, &[], &[]);
        assert_eq!(answer.status, status, "{request}: {answer:?}");
        assert!(answer.error().contains(words), "{request}: {answer:?}");
    }
}

/// Catches: a full engine looks like a fault of the player; a client does not learn when to return.
#[test]
fn a_full_engine_answers_503() {
    let server = Running::start();
    (0..SESSIONS).for_each(|_| drop(start(server.address)));
    let answer = post_json(server.address, "/api/sessions", r#"{"clip": "a"}"#);
    assert_eq!((answer.status, answer.header("Retry-After")), (503, Some("1")));
    assert_eq!(answer.error(), "all places are taken; wait");
}

/// Catches: a server on IPv6 refuses its own name.
#[test]
fn ipv6_works() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        eprintln!("this computer has no IPv6");
        return;
    }
    let server = Setup { listen: "[::1]:0", ..Setup::default() }.run();
    assert!(server.url.starts_with("http://[::1]:"), "{}", server.url);
    assert_eq!(get(server.address, "/api/world").status, 200);
}
