//! Values in the query and in file names, with errors that say what is wrong.

use std::str::FromStr;

use axum::extract::Query;
use axum::http::Uri;
use serde::de::DeserializeOwned;

use crate::server::error::ApiError;

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

/// Reads the number in a name such as `12.png`.
///
/// # Errors
/// 404 if the name is different.
pub fn number_of_png<N: FromStr>(file: &str) -> Result<N, ApiError> {
    let number = file.strip_suffix(".png").and_then(|number| number.parse().ok());
    number.ok_or_else(|| {
        ApiError::not_found(format!("there is no picture {file:?}; ask for <number>.png"))
    })
}
