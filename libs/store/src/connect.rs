//! The client of S3, which is built only with the feature `s3`.
//!
//! It adds about 20 crates, and it changes the features of those that all of `DataFusion` uses. So
//! a build without it is shorter.

use std::{sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
};

use crate::{
    error::{Error, Result},
    location::Location,
};

/// The client of a bucket. Credentials and endpoint come from the environment.
pub(crate) fn connect(location: &Location) -> Result<Arc<dyn ObjectStore>> {
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries: 8,
        retry_timeout: Duration::from_secs(30),
    };
    let timeouts = [(ClientConfigKey::ConnectTimeout, "5s"), (ClientConfigKey::Timeout, "300s")];
    let builder =
        timeouts.into_iter().fold(AmazonS3Builder::from_env(), |builder, (key, value)| {
            builder.with_config(AmazonS3ConfigKey::Client(key), value)
        });
    let built = builder.with_bucket_name(&location.bucket).with_retry(retry).build();
    let place = location.url("");
    let failed = |error| Error::store("connect to", &location.bucket, &place, error);
    Ok(Arc::new(built.map_err(failed)?))
}
