//! Who may talk to the server: checks of `Host`, `Origin`, `Sec-Fetch-Site` and the token.
//!
//! A web page of somebody else can make a player's browser send requests to a loopback address.
//! Three checks refuse them:
//!
//! - `Host` must be a name of this server. So a foreign name that resolves to a loopback address
//!   (DNS rebinding) does not help.
//! - `Origin` must be this server's if there is one. Browsers send it with every WebSocket and with
//!   every POST and DELETE. So a request without it comes from a program such as curl. A program
//!   can send what it likes. Only the token stops it.
//! - `Sec-Fetch-Site` must be `same-origin` or `none` if there is one. Browsers send it with
//!   requests that have no `Origin`, such as those of `<img>`.

use std::net::SocketAddr;

use axum::http::header::{COOKIE, HOST, HeaderMap, ORIGIN};
use axum::http::{HeaderName, HeaderValue, Method, Uri};

use super::error::ApiError;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DESTINATION: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The checks of every request.
pub struct AccessRules {
    /// Values of `Host` that are allowed without a token.
    hosts: Vec<String>,
    token: Option<Token>,
}

struct Token {
    text: String,
    /// BLAKE3 hashes are compared in constant time.
    hash: blake3::Hash,
    /// Cookies do not know ports, so each port has a cookie of its own.
    cookie: String,
}

impl AccessRules {
    /// The checks for a server that listens on `address`.
    pub fn new(address: SocketAddr, token: Option<String>) -> Self {
        let port = address.port();
        let mut names = vec!["127.0.0.1".to_owned(), "localhost".to_owned(), "[::1]".to_owned()];
        names.push(match address {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        });
        let mut hosts: Vec<_> = names.iter().map(|name| format!("{name}:{port}")).collect();
        if port == 80 {
            hosts.append(&mut names);
        }
        let token = token.map(|text| Token {
            hash: blake3::hash(text.as_bytes()),
            cookie: format!("genie_{port}"),
            text,
        });
        Self { hosts, token }
    }

    /// Checks a request; the cookie is set if the token was in the URL of the page.
    ///
    /// # Errors
    /// 403 with the reason.
    pub fn check(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Option<HeaderValue>, ApiError> {
        let host = self.check_host(headers)?;
        self.check_origin(&host, headers)?;
        check_site(method, uri, headers)?;
        let Some(token) = &self.token else { return Ok(None) };
        if token.is_in_query(uri) {
            return Ok((uri.path() == "/").then(|| token.set_cookie()));
        }
        if token.is_in_cookie(headers) {
            return Ok(None);
        }
        Err(ApiError::forbidden(
            "the token is missing or wrong; open the URL that the server printed at its start",
        ))
    }

    fn check_host(&self, headers: &HeaderMap) -> Result<String, ApiError> {
        let mut hosts = headers.get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().unwrap_or_default().to_ascii_lowercase(),
            _ => String::new(),
        };
        if self.hosts.contains(&host) || (self.token.is_some() && !host.is_empty()) {
            return Ok(host);
        }
        Err(ApiError::forbidden(format!(
            "this server answers only as http://{}; behind a tunnel or proxy, use the same port on \
             both sides, or start it with --token",
            self.hosts[0]
        )))
    }

    fn check_origin(&self, host: &str, headers: &HeaderMap) -> Result<(), ApiError> {
        for origin in headers.get_all(ORIGIN) {
            let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
            let from = match origin.split_once("://") {
                Some(("http", from)) => Some(from),
                // A proxy with TLS may stand between, and the token protects the server.
                Some(("https", from)) if self.token.is_some() => Some(from),
                _ => None,
            };
            if from != Some(host) {
                return Err(ApiError::forbidden(format!(
                    "a page of another server ({origin}) may not use this server; open \
                     http://{host}/"
                )));
            }
        }
        Ok(())
    }
}

fn check_site(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    let is = |name: &HeaderName, value: &str| headers.get(name).is_some_and(|found| found == value);
    let Some(site) = headers.get(FETCH_SITE) else { return Ok(()) };
    if site == "same-origin" || site == "none" {
        return Ok(());
    }
    // A link on another page may open the page in a tab, which starts nothing.
    let opens_page = method == Method::GET
        && uri.path() == "/"
        && is(&FETCH_MODE, "navigate")
        && is(&FETCH_DESTINATION, "document");
    if opens_page {
        return Ok(());
    }
    Err(ApiError::forbidden(
        "a page of another server may not use this server; open the URL that it printed",
    ))
}

impl Token {
    fn is(&self, text: &str) -> bool {
        blake3::hash(text.as_bytes()) == self.hash
    }

    /// A token has no characters that a URL encodes.
    fn is_in_query(&self, uri: &Uri) -> bool {
        let query = uri.query().unwrap_or_default();
        query.split('&').filter_map(|part| part.strip_prefix("token=")).any(|text| self.is(text))
    }

    fn is_in_cookie(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        cookies
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .any(|(name, text)| name == self.cookie && self.is(text))
    }

    fn set_cookie(&self) -> HeaderValue {
        let Self { cookie, text, .. } = self;
        let value = format!("{cookie}={text}; Path=/; HttpOnly; SameSite=Strict");
        HeaderValue::try_from(value).expect("a token has only letters, digits and -._~")
    }
}

#[cfg(test)]
mod tests;
