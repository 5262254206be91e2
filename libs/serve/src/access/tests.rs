//! Tests of the checks, without sockets.

use axum::http::HeaderName;

use super::*;

const HERE: &str = "127.0.0.1:7860";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn open() -> AccessRules {
    AccessRules::new(HERE.parse().unwrap(), None)
}

fn locked() -> AccessRules {
    AccessRules::new("0.0.0.0:7860".parse().unwrap(), Some(TOKEN.to_owned()))
}

fn ask(
    access: &AccessRules,
    request: &str,
    headers: &[(&str, &str)],
) -> Result<Option<String>, String> {
    let (method, path) = request.split_once(' ').unwrap();
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    let cookie = access.check(&method.parse().unwrap(), &path.parse().unwrap(), &map);
    cookie
        .map(|cookie| cookie.map(|cookie| cookie.to_str().unwrap().to_owned()))
        .map_err(|error| error.message)
}

/// Catches: a foreign name that resolves to a loopback address reaches the server (DNS rebinding).
#[test]
fn only_the_names_of_the_server_are_hosts() {
    for host in [HERE, "localhost:7860", "[::1]:7860", "LOCALHOST:7860"] {
        assert_eq!(ask(&open(), "GET /", &[("host", host)]), Ok(None), "{host}");
    }
    let foreign = [
        "evil.example:7860",
        "evil.example",
        "localhost",
        "localhost:7861",
        "127.0.0.1:7860.evil.example",
        "127.0.0.2:7860",
        "",
    ];
    for host in foreign {
        let error = ask(&open(), "GET /", &[("host", host)]).unwrap_err();
        assert!(error.contains("http://127.0.0.1:7860"), "{error}");
    }
    assert!(ask(&open(), "GET /", &[]).is_err());
    assert!(ask(&open(), "GET /", &[("host", HERE), ("host", HERE)]).is_err());
    let other = AccessRules::new("127.0.0.2:80".parse().unwrap(), None);
    for host in ["127.0.0.2", "127.0.0.2:80", "localhost"] {
        assert_eq!(ask(&other, "GET /", &[("host", host)]), Ok(None), "{host}");
    }
}

/// Catches: a page of another server starts or steers a session; curl cannot.
#[test]
fn an_origin_must_be_the_server() {
    for request in ["POST /api/sessions", "DELETE /api/sessions/a", "GET /api/sessions/a/socket"] {
        let ask = |origin| ask(&open(), request, &[("host", HERE), ("origin", origin)]);
        assert_eq!(ask("http://127.0.0.1:7860"), Ok(None));
        let foreign = [
            "http://evil.example",
            "http://localhost:7860",
            "http://127.0.0.1:3000",
            "http://127.0.0.1:78600",
            "https://127.0.0.1:7860",
            "null",
            "",
        ];
        for origin in foreign {
            assert!(ask(origin).is_err(), "{request} {origin}");
        }
    }
    assert_eq!(ask(&open(), "POST /api/sessions", &[("host", HERE)]), Ok(None));
}

/// Catches: a picture on a page of another server asks for a frame; a link to the page fails.
#[test]
fn other_sites_may_only_link_to_the_page() {
    let ask = |request, site, mode, destination| {
        let headers = [
            ("host", HERE),
            ("sec-fetch-site", site),
            ("sec-fetch-mode", mode),
            ("sec-fetch-dest", destination),
        ];
        ask(&open(), request, &headers)
    };
    for site in ["same-origin", "none"] {
        assert_eq!(ask("POST /api/sessions", site, "cors", "empty"), Ok(None));
    }
    for site in ["cross-site", "same-site"] {
        assert!(ask("GET /api/clips/a/0.png", site, "no-cors", "image").is_err());
        assert!(ask("GET /api/world", site, "navigate", "document").is_err());
        assert!(ask("POST /", site, "navigate", "document").is_err());
        assert!(ask("GET /", site, "navigate", "iframe").is_err());
        assert_eq!(ask("GET /", site, "navigate", "document"), Ok(None));
    }
}

/// Catches: a server that others can reach answers without its token; a reload needs the URL again.
#[test]
fn the_token_is_needed_once() {
    let anywhere = ("host", "gpu.example:7860");
    let wrong = format!("GET /?token={}", TOKEN.replace('0', "1"));
    for request in ["GET /", "GET /api/world", "GET /?token=", "GET /?Token=x", &wrong] {
        let error = ask(&locked(), request, &[anywhere]).unwrap_err();
        assert!(error.contains("the URL that the server printed"), "{error}");
    }
    let cookie = ask(&locked(), &format!("GET /?a=b&token={TOKEN}"), &[anywhere]).unwrap();
    let cookie = cookie.expect("the page sets a cookie");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    let sent = format!("a=b; {}", cookie.split(';').next().unwrap());
    assert_eq!(ask(&locked(), "GET /api/world", &[anywhere, ("cookie", &sent)]), Ok(None));
    assert_eq!(ask(&locked(), &format!("GET /api/world?token={TOKEN}"), &[anywhere]), Ok(None));
    let other = sent.replace("7860", "7861");
    assert!(ask(&locked(), "GET /api/world", &[anywhere, ("cookie", &other)]).is_err());
}

/// Catches: a token opens the server for pages of others; a proxy with TLS cannot be used.
#[test]
fn the_token_does_not_replace_the_origin() {
    let request = format!("POST /api/sessions?token={TOKEN}");
    let from = |origin| ask(&locked(), &request, &[("host", "gpu.example"), ("origin", origin)]);
    assert_eq!(from("https://gpu.example"), Ok(None));
    assert_eq!(from("http://gpu.example"), Ok(None));
    assert!(from("http://evil.example").is_err());
    assert!(ask(&locked(), &request, &[]).is_err());
}
