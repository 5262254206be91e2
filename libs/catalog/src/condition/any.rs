//! A condition that may contain everything that a query may, also queries of other tables.
//!
//! People look at clips with such conditions. They decide nothing.

use datafusion::{
    error::{DataFusionError, Result as DataFusionResult},
    sql::sqlparser::{dialect::GenericDialect, parser::Parser, tokenizer::Token},
};

use super::limits::{DEEP, tokens_without};

/// Reads an expression, and writes it again so that it fits into a query.
///
/// # Errors
/// If it is not one expression: a comment or a parenthesis cannot reach what is around it.
pub(crate) fn expression(sql: &str) -> DataFusionResult<String> {
    let broken = |error| DataFusionError::SQL(Box::new(error), None);
    let tokens = tokens_without(sql, DEEP)?;
    let mut parser = Parser::new(&GenericDialect {}).with_tokens_with_locations(tokens);
    let whole = parser.parse_expr().map_err(broken)?;
    parser.expect_token(&Token::EOF).map_err(broken)?;
    Ok(whole.to_string())
}
