//! The root that a config names: a directory, or `s3://bucket/prefix`.

use crate::error::{Error, Result};

/// The place of a dataset in an S3 bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) bucket: String,
    /// Without slashes at its ends; may be empty.
    pub(crate) prefix: String,
}

/// Whether the root of a config is a URL, and not a directory.
#[must_use]
pub fn is_url(root: &str) -> bool {
    root.contains("://")
}

/// Checks that a root is a directory, or a URL that can be mounted.
///
/// # Errors
/// [`Error::Url`] with the problem.
pub fn check_root(root: &str) -> Result<()> {
    if !is_url(root) {
        return Ok(());
    }
    Location::parse(root)?;
    if cfg!(feature = "s3") { Ok(()) } else { Err(Error::without_s3(root)) }
}

impl Location {
    /// Parses `s3://bucket/prefix`.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let wrong = |problem: &str| {
            let problem = format!("{problem}; write s3://BUCKET/PREFIX, or a directory");
            Error::Url { url: url.to_owned(), problem }
        };
        let Some(rest) = url.strip_prefix("s3://") else {
            return Err(wrong("its scheme is not s3"));
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let prefix = prefix.trim_end_matches('/');
        if bucket.is_empty() {
            return Err(wrong("it names no bucket"));
        }
        if !bucket.chars().all(is_plain) {
            return Err(wrong("the name of its bucket has other characters than a-z 0-9 - _ ."));
        }
        let parts = || prefix.split('/').filter(|_| !prefix.is_empty());
        if parts().any(|part| matches!(part, "" | "." | "..") || !part.chars().all(is_plain)) {
            return Err(wrong(
                "a part of its prefix is empty or has other characters than a-z A-Z \
                              0-9 - _ .",
            ));
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// The URL of an object or a folder of the dataset.
    pub(crate) fn url(&self, name: &str) -> String {
        let parts = [self.bucket.as_str(), &self.prefix, name];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        format!("s3://{}", parts.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a mistyped URL is taken for a directory, or two spellings are two datasets.
    #[test]
    fn urls_are_parsed_or_refused() {
        let parsed = Location::parse("s3://bucket/a/b/").unwrap();
        assert_eq!((parsed.bucket.as_str(), parsed.prefix.as_str()), ("bucket", "a/b"));
        assert_eq!(parsed.url("clips/x"), "s3://bucket/a/b/clips/x");
        assert_eq!(Location::parse("s3://bucket").unwrap().url(""), "s3://bucket");
        for url in
            ["s3://", "s3:///a", "gs://bucket/a", "s3://bucket/a//b", "s3://b/../c", "s3://b c"]
        {
            assert!(matches!(check_root(url), Err(Error::Url { .. })), "{url}");
        }
        check_root("data/demo").unwrap();
    }
}
