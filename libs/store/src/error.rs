//! The error of this crate: what could not be done to which file or object, and what to do.

use std::{io, iter::successors};

use camino::{Utf8Path, Utf8PathBuf};
use object_store::Error as StoreError;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An operation on a file of a dataset root failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error(transparent)]
    Durable(#[from] genie_durable::Error),

    #[error("cannot {action} `{path}`")]
    Io { path: Utf8PathBuf, action: &'static str, source: io::Error },

    /// The root of a config is not a URL that this program can use.
    #[error("`{url}` is not a dataset root: {problem}")]
    Url { url: String, problem: String },

    #[error("cannot {action} {place}: {remedy}")]
    Store { action: &'static str, place: String, remedy: String, source: Box<StoreError> },

    #[error("{place}: {problem}")]
    Damaged { place: String, problem: String },
}

/// The cause of an error: two machines write the same part of a dataset. Exit code 75.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("a run on another machine writes there, too; wait for it to end")]
pub struct Conflict;

impl Error {
    pub(crate) fn io(path: &Utf8Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, action, source }
    }

    /// The error of a request for the object `place` of a bucket.
    pub(crate) fn store(
        action: &'static str,
        bucket: &str,
        place: &str,
        error: StoreError,
    ) -> Self {
        let remedy = remedy(bucket, &error);
        Self::Store { action, place: place.to_owned(), remedy, source: Box::new(error) }
    }

    /// The error for a root in S3 in a program without the feature `s3`.
    pub(crate) fn without_s3(url: &str) -> Self {
        let problem = "this program was built without S3; build it with `make build FEATURES=s3`";
        Self::Url { url: url.to_owned(), problem: problem.to_owned() }
    }

    /// Whether the object or file does not exist.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::Durable(error) => error.source.kind() == io::ErrorKind::NotFound,
            Self::Store { source, .. } => matches!(**source, StoreError::NotFound { .. }),
            Self::Url { .. } | Self::Damaged { .. } => false,
        }
    }
}

/// What to do about a failed request.
fn remedy(bucket: &str, error: &StoreError) -> String {
    // What happened can be in any of the causes.
    let causes = successors(Some(error as &dyn std::error::Error), |error| error.source());
    let text: Vec<String> = causes.map(ToString::to_string).collect();
    let text = text.join(": ");
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["NoSuchBucket"]) {
        return format!("the bucket `{bucket}` does not exist; create it, or change data.root");
    }
    if has(&["169.254.169.254", "169.254.170.2"]) {
        return "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".into();
    }
    let denied = || {
        format!(
            "access is denied; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and \
             AWS_SESSION_TOKEN, and that this account may list bucket `{bucket}` and may get, put \
             and delete its objects"
        )
    };
    match error {
        // The client reports a list that is denied as a general error.
        _ if has(&["403 Forbidden", "401 Unauthorized", "AccessDenied", "InvalidAccessKeyId"]) => {
            denied()
        }
        StoreError::NotFound { .. } => {
            "the object does not exist; check data.root and AWS_ENDPOINT_URL".into()
        }
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => denied(),
        StoreError::NotImplemented { .. } | StoreError::NotSupported { .. } => {
            "the store lacks conditional writes (If-None-Match), which this program needs".into()
        }
        _ if has(&["BadScheme", "not allowed", "scheme"]) => {
            "the endpoint is not https; set AWS_ALLOW_HTTP=true to use it without encryption".into()
        }
        _ if has(&["LOCATION", "AuthorizationHeaderMalformed"]) => {
            format!("set AWS_REGION to the region of bucket `{bucket}`")
        }
        _ => "the store does not answer as it should; check AWS_ENDPOINT_URL, AWS_REGION and the \
              network, then run the command again"
            .into(),
    }
}
