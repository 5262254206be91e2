//! Messages about conditions that are not allowed.

use datafusion::{
    error::{DataFusionError, Result as DataFusionResult},
    sql::sqlparser::ast::Function,
};

use super::allowed::FUNCTIONS;

/// Most characters of an expression in a message.
const SHOWN: usize = 200;

/// The beginning of an expression, for a message.
pub(crate) fn shown(sql: &str) -> String {
    match sql.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &sql[..end]),
        None => sql.to_owned(),
    }
}

/// The error for a call that is not allowed.
pub(super) fn unknown_function<T>(function: &Function) -> DataFusionResult<T> {
    let name = function.name.to_string();
    if FUNCTIONS.contains(&name.to_lowercase().as_str()) {
        return unknown(&function.to_string());
    }
    refused(format!(
        "the function `{}` is not allowed in a condition on clips; allowed are {}",
        shown(&name),
        FUNCTIONS.join(", ")
    ))
}

/// The error for an expression that is not allowed.
pub(super) fn unknown<T>(what: &str) -> DataFusionResult<T> {
    refused(format!(
        "`{}` is not allowed in a condition on clips; allowed are columns, numbers, texts, \
         comparisons, arithmetic, `||`, `and`, `or`, `not`, `is`, `between`, `in (…)`, `like`, \
         `similar to` a short text, `case`, `cast` to a simple type, and the functions {}",
        shown(what),
        FUNCTIONS.join(", ")
    ))
}

/// The error of a condition that is not allowed.
pub(super) fn refused<T>(reason: impl Into<String>) -> DataFusionResult<T> {
    Err(DataFusionError::Plan(reason.into()))
}
