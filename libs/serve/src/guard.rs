//! What holds for all routes: who has access, security headers, errors as JSON.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

use super::access::AccessRules;
use super::error::ApiError;

/// Everything comes from this server. Frames are drawn from `data:` and `blob:` URLs.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Adds the checks, and answers for addresses that do not exist, to all routes.
pub(crate) fn guarded(routes: Router, access: AccessRules) -> Router {
    routes
        .fallback(async || ApiError::not_found("there is no such page; open /"))
        .method_not_allowed_fallback(async || {
            let words = "this address exists, but not with this method";
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, words)
        })
        .layer(middleware::from_fn_with_state(Arc::new(access), guard))
}

/// Checks a request before its route, and completes the answer.
async fn guard(State(access): State<Arc<AccessRules>>, request: Request, next: Next) -> Response {
    let api = request.uri().path().starts_with("/api/");
    let checked = access.check(request.method(), request.uri(), request.headers());
    let mut response = match checked {
        Ok(cookie) => {
            let mut response = next.run(request).await;
            if let Some(cookie) = cookie {
                response.headers_mut().insert(SET_COOKIE, cookie);
            }
            response
        }
        Err(error) => error.into_response(),
    };
    let status = response.status();
    if status.is_client_error() && !is_json(response.headers()) {
        // Axum's own refusals are plain text.
        response = ApiError::new(status, "the server cannot read this request").into_response();
    }
    secure(response.headers_mut(), api);
    response
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json")
}

fn secure(headers: &mut HeaderMap, api: bool) {
    let opener = HeaderName::from_static("cross-origin-opener-policy");
    let resource = HeaderName::from_static("cross-origin-resource-policy");
    // A page of the last version must not meet the API of this one.
    let cache = if api { "no-store" } else { "no-cache" };
    // A route knows if its answer never changes.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static(cache));
    let values = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (opener, "same-origin"),
        (resource, "same-origin"),
    ];
    for (name, value) in values {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
