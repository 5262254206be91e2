//! Values in the query of a URL, with errors that say what is wrong.

use axum::extract::Query;
use axum::http::Uri;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// Reads the query; unknown values, such as the token, are ignored.
///
/// # Errors
/// 400 with the name of the wrong value.
pub fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, ApiError> {
    match Query::try_from_uri(uri) {
        Ok(Query(query)) => Ok(query),
        Err(error) => {
            let reason =
                std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string);
            Err(ApiError::wrong(format!("the query of this URL is wrong: {reason}")))
        }
    }
}
