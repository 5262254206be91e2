//! Pages of other servers, and strangers in the network.

use super::client::{ask, get, hear, post_json, socket, start};
use super::running::{Running, Setup};

const ROUTES: [&str; 14] = [
    "GET /",
    "GET /page/main.js",
    "GET /api/world",
    "GET /api/clips",
    "GET /api/clips/a/0.png",
    "POST /api/sessions",
    "GET /api/sessions/s1",
    "DELETE /api/sessions/s1",
    "GET /api/sessions/s1/socket",
    "GET /api/sessions/s1/frames/0.png",
    "GET /api/sessions/s1/play.gif",
    "GET /api/sessions/s1/log.json",
    "POST /api/sessions/s1/futures",
    "GET /nowhere",
];

/// Catches: a route is added without the check, so a foreign name that resolves to a loopback
/// address reaches it.
#[test]
fn a_foreign_host_reaches_nothing() {
    let server = Running::start();
    let session = start(server.address);
    for route in ROUTES {
        let answer = ask(server.address, route, &[("Host", "evil.example:7860")], &[]);
        assert_eq!(answer.status, 403, "{route}: {answer:?}");
        assert!(answer.error().contains(&format!("http://{}", server.address)), "{route}");
    }
    assert_eq!(get(server.address, &format!("/api/sessions/{session}")).status, 200);
    let port = server.address.port();
    for host in [format!("localhost:{port}"), format!("[::1]:{port}")] {
        assert_eq!(ask(server.address, "GET /api/world", &[("Host", &host)], &[]).status, 200);
    }
}

/// Catches: a page of another server starts, steers, reads or ends a session.
#[test]
fn a_foreign_origin_reaches_nothing() {
    let server = Running::start();
    let session = start(server.address);
    let own = format!("http://{}", server.address);
    for origin in ["http://evil.example", "null", "http://127.0.0.1:3000"] {
        let headers = [("Origin", origin), ("Content-Type", "application/json")];
        let body = br#"{"clip": "a"}"#;
        for route in ROUTES {
            let answer = ask(server.address, route, &headers, body);
            assert_eq!(answer.status, 403, "{route} {origin}: {answer:?}");
        }
        assert_eq!(socket(server.address, &session, &[("Origin", origin)]).unwrap_err(), 403);
    }
    for headers in [&[][..], &[("Origin", own.as_str())]] {
        let mut socket = socket(server.address, &session, headers).unwrap();
        assert_eq!(hear(&mut socket)["type"], "session");
    }
    let cross = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")];
    assert_eq!(ask(server.address, "GET /api/clips/a/0.png", &cross, &[]).status, 403);
    let delete = format!("DELETE /api/sessions/{session}");
    assert_eq!(ask(server.address, &delete, &[("Origin", &own)], &[]).status, 204);
}

/// Catches: a stranger in the network plays, or a player with the URL does not.
#[test]
fn a_server_for_others_needs_its_token() {
    let server = Setup { listen: "0.0.0.0:0", ..Setup::default() }.run();
    let (_, token) = server.url.split_once("/?token=").expect("the URL has a token");
    assert_eq!(token.len(), 32);
    for route in ROUTES {
        assert_eq!(ask(server.address, route, &[], &[]).status, 403, "{route}");
        let wrong = [("Cookie", "genie=0; token=0")];
        assert_eq!(ask(server.address, route, &wrong, &[]).status, 403, "{route}");
    }
    assert_eq!(socket(server.address, "s1", &[]).unwrap_err(), 403);

    let page = ask(server.address, &format!("GET /?token={token}"), &[("Host", "gpu:1")], &[]);
    assert_eq!(page.status, 200);
    let cookie = page.header("Set-Cookie").expect("the page sets a cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let headers = [("Cookie", cookie), ("Content-Type", "application/json")];
    let answer = ask(server.address, "POST /api/sessions", &headers, br#"{"clip": "a"}"#);
    assert_eq!(answer.status, 201, "{answer:?}");
    let session = answer.json()["id"].as_str().unwrap().to_owned();
    socket(server.address, &session, &[("Cookie", cookie)]).unwrap();
    let with_query = format!("/api/sessions?token={token}&seed=5");
    assert_eq!(post_json(server.address, &with_query, r#"{"clip": "a"}"#).status, 201);
}

/// Catches: an answer may be framed, sniffed or cached, or the page may load from other hosts.
#[test]
fn all_answers_have_security_headers() {
    let server = Running::start();
    for route in ROUTES {
        let answer = ask(server.address, route, &[], &[]);
        let header = |name| answer.header(name).unwrap_or_else(|| panic!("{route}: no {name}"));
        let policy = header("Content-Security-Policy");
        for part in ["default-src 'self'", "img-src 'self' data: blob:", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{route}: {policy}");
        }
        let loose = ["inline", "eval", "http"].iter().find(|word| policy.contains(**word));
        assert_eq!(loose, None, "{route}: {policy}");
        assert_eq!(header("X-Content-Type-Options"), "nosniff");
        assert_eq!(header("Referrer-Policy"), "no-referrer");
        let cache = if route.contains("/api/") { "no-store" } else { "no-cache" };
        assert_eq!(header("Cache-Control"), cache, "{route}");
        assert_eq!(answer.header("Access-Control-Allow-Origin"), None);
    }
}
