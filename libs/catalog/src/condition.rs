//! A condition on clips: an SQL expression over the columns of the clip rows.
//!
//! The verdict on clips is one (`ingest.keep`). The selection of training clips is another
//! (`data.where`).
//!
//! `motion > 0.01 and black_share < 0.9` is split at its outermost `and`s, so a rejected clip can
//! name the part that failed: the first that is not true for it. A null is not true, as in a
//! `where`. The columns are the columns of the table `clips`, except those that the verdict writes.
//!
//! [`limits`] says how long and how deep an expression may be, and [`allowed`] what it may contain.

mod allowed;
pub(crate) mod any;
pub(crate) mod limits;
pub(crate) mod refusal;

use std::sync::Arc;

use arrow::{
    array::{Array, BooleanArray},
    datatypes::{DataType, SchemaRef},
    record_batch::RecordBatch,
};
use datafusion::{
    common::DFSchema,
    error::{DataFusionError, Result as DataFusionResult},
    physical_expr::PhysicalExpr,
    prelude::SessionContext,
    sql::sqlparser::{
        ast::{BinaryOperator, Expr},
        dialect::GenericDialect,
        parser::Parser,
        tokenizer::Token,
    },
};
use genie_shards::{ClipRow, condition_columns};

use self::refusal::shown;
use crate::error::{Error, Result};

/// A parsed expression.
pub struct Condition {
    /// Each part of the outermost `and`, as SQL and compiled.
    parts: Vec<(String, Arc<dyn PhysicalExpr>)>,
}

impl Condition {
    /// Parses and checks an expression. An empty one is true for all clips.
    ///
    /// # Errors
    /// If it is not SQL, names a column that clips do not have, has a part that is not boolean, is
    /// too long or nested too deeply, or contains a function that is not allowed.
    pub fn parse(sql: &str) -> Result<Self> {
        let schema = columns(&[ClipRow::default()])?.schema();
        let wrong = |source| Error::Condition {
            expression: shown(sql),
            columns: schema
                .fields()
                .iter()
                .map(|field| field.name().as_str())
                .collect::<Vec<_>>()
                .join(", "),
            source: Box::new(source),
        };
        if sql.trim().is_empty() {
            return Ok(Self { parts: Vec::new() });
        }
        let parts = limits::on_large_stack(|| compile(sql, &schema));
        parts.map(|parts| Self { parts }).map_err(wrong)
    }

    /// The parts of the outermost `and`, as SQL.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|(sql, _)| sql.as_str())
    }

    /// For each clip, whether the whole expression is true.
    ///
    /// # Errors
    /// As [`Self::failures`].
    pub fn holds(&self, rows: &[ClipRow]) -> Result<Vec<bool>> {
        Ok(self.failures(rows)?.iter().map(Option::is_none).collect())
    }

    /// For each clip, the first part of the expression that is not true; `None` if all are true.
    ///
    /// # Errors
    /// If an expression cannot be evaluated (for example after a division by zero).
    pub fn failures(&self, rows: &[ClipRow]) -> Result<Vec<Option<String>>> {
        let mut failures = vec![None; rows.len()];
        if rows.is_empty() {
            return Ok(failures);
        }
        let batch = columns(rows)?;
        for (sql, part) in &self.parts {
            let holds = evaluate(part.as_ref(), &batch).map_err(|source| Error::Evaluate {
                expression: shown(sql),
                source: Box::new(source),
            })?;
            for (row, failure) in failures.iter_mut().enumerate() {
                if failure.is_none() && !(holds.is_valid(row) && holds.value(row)) {
                    *failure = Some(sql.clone());
                }
            }
        }
        Ok(failures)
    }
}

fn columns(rows: &[ClipRow]) -> Result<RecordBatch> {
    Ok(condition_columns(rows)?)
}

/// Splits an expression and compiles its parts for a schema.
fn compile(
    sql: &str,
    schema: &SchemaRef,
) -> DataFusionResult<Vec<(String, Arc<dyn PhysicalExpr>)>> {
    let context = SessionContext::new();
    let columns = DFSchema::try_from(schema.as_ref().clone())?;
    let part = |part: Expr| {
        limits::check(&part)?;
        let sql = part.to_string();
        let part =
            context.create_physical_expr(context.parse_sql_expr(&sql, &columns)?, &columns)?;
        match part.data_type(schema)? {
            DataType::Boolean => Ok((sql, part)),
            other => {
                refusal::refused(format!("`{}` has type {other}, but must be boolean", shown(&sql)))
            }
        }
    };
    conjuncts(sql)?.into_iter().map(part).collect()
}

/// The outermost operands of `and`, in order.
fn conjuncts(sql: &str) -> DataFusionResult<Vec<Expr>> {
    let broken = |error| DataFusionError::SQL(Box::new(error), None);
    let mut parser =
        Parser::new(&GenericDialect {}).with_tokens_with_locations(limits::tokens(sql)?);
    let whole = parser.parse_expr().map_err(broken)?;
    parser.expect_token(&Token::EOF).map_err(broken)?;
    let (mut parts, mut waiting) = (Vec::new(), vec![whole]);
    while let Some(expression) = waiting.pop() {
        match expression {
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                waiting.extend([*right, *left]);
            }
            Expr::Nested(inner) => waiting.push(*inner),
            other => parts.push(other),
        }
    }
    Ok(parts)
}

fn evaluate(part: &dyn PhysicalExpr, batch: &RecordBatch) -> DataFusionResult<BooleanArray> {
    let values = part.evaluate(batch)?.into_array(batch.num_rows())?;
    let holds = values.as_any().downcast_ref::<BooleanArray>().cloned();
    holds.ok_or_else(|| {
        DataFusionError::Execution("the value of an expression is not boolean".to_owned())
    })
}

#[cfg(test)]
mod tests;
