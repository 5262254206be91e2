//! A condition on clips: an SQL expression over the columns of the clip rows.
//!
//! The verdict on clips is one (`ingest.keep`). The selection of training clips is another
//! (`data.where`).
//!
//! `motion > 0.01 and black_share < 0.9` is split at its outermost `and`s, so a rejected clip can
//! name the part that failed: the first that is not true for it. A null is not true, as in a
//! `where`, with one exception: the verdict keeps clips that no quality network has judged yet. The
//! columns are the columns of the table `clips`, except those that the verdict writes.
//!
//! [`limits`] says how long and how deep an expression may be, and [`allowed`] what it may contain.
//! An expression that cannot be evaluated for [ordinary clips](ordinary) is refused, too. It may
//! still fail for a clip. Then it is wrong, and the error names the clip.

mod allowed;
pub(crate) mod any;
pub(crate) mod limits;
mod ordinary;
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
    physical_expr::{PhysicalExpr, utils::collect_columns},
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

/// The column that is null for clips that no quality network has judged.
const QUALITY: &str = "quality";

/// A parsed expression.
pub struct Condition {
    /// Each part of the outermost `and`.
    parts: Vec<CompiledPart>,
}

/// A part of the outermost `and`.
struct CompiledPart {
    sql: String,
    compiled: Arc<dyn PhysicalExpr>,
    /// Whether it uses the column `quality`.
    uses_quality: bool,
}

impl Condition {
    /// Parses and checks an expression. An empty one is true for all clips.
    ///
    /// # Errors
    /// If it is not SQL, names a column that clips do not have, has a part that is not boolean, is
    /// too long or nested too deeply, contains a function that is not allowed, or cannot be
    /// evaluated for an ordinary clip.
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
        let parts = parts.map_err(wrong)?;
        let clips = ordinary::ordinary_clips()?;
        for part in &parts {
            part.evaluate(&clips).map_err(|source| part.failed("an ordinary clip", source))?;
        }
        Ok(Self { parts })
    }

    /// The parts of the outermost `and`, as SQL.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|part| part.sql.as_str())
    }

    /// Whether a part uses the column `quality`.
    #[must_use]
    pub fn uses_quality(&self) -> bool {
        self.parts.iter().any(|part| part.uses_quality)
    }

    /// The expression for a query, true for exactly the clips without [failures](Self::failures).
    #[must_use]
    pub fn verdict_sql(&self) -> String {
        let sql = |CompiledPart { sql, uses_quality, .. }: &CompiledPart| {
            if *uses_quality {
                format!("(({sql}) is true or ({sql}) is null and {QUALITY} is null)")
            } else {
                format!("({sql})")
            }
        };
        self.parts.iter().map(sql).collect::<Vec<_>>().join(" and ")
    }

    /// For each clip, whether the whole expression is true.
    ///
    /// # Errors
    /// As [`Self::failures`].
    pub fn holds(&self, rows: &[ClipRow]) -> Result<Vec<bool>> {
        let failures = self.first_failures(rows, |_| true, |_, _| false)?;
        Ok(failures.iter().map(Option::is_none).collect())
    }

    /// For each clip, the first part of the expression that is not true; `None` if all are true.
    ///
    /// A part that uses `quality` counts as true if it is null and the clip has no quality. So the
    /// verdict keeps a clip until a network has judged it. The result for a clip that is not
    /// `asked` for means nothing, and the expression may fail for it.
    ///
    /// # Errors
    /// [`Error::Evaluate`] if the expression cannot be evaluated for a clip that is asked for (for
    /// example after a division by zero).
    pub fn failures(
        &self,
        rows: &[ClipRow],
        asked: impl Fn(&ClipRow) -> bool,
    ) -> Result<Vec<Option<String>>> {
        self.first_failures(rows, asked, |part, row| part.uses_quality && row.quality.is_none())
    }

    /// For each clip, the first part that is not true; `passes` says for which a null is enough.
    fn first_failures(
        &self,
        rows: &[ClipRow],
        asked: impl Fn(&ClipRow) -> bool,
        passes: impl Fn(&CompiledPart, &ClipRow) -> bool,
    ) -> Result<Vec<Option<String>>> {
        let mut failures = vec![None; rows.len()];
        if rows.is_empty() {
            return Ok(failures);
        }
        let batch = columns(rows)?;
        for part in &self.parts {
            let holds = match part.evaluate(&batch) {
                Ok(holds) => holds,
                Err(_) => part.evaluate_one_by_one(rows, &asked)?,
            };
            for (place, (row, failure)) in rows.iter().zip(&mut failures).enumerate() {
                let is_true =
                    if holds.is_valid(place) { holds.value(place) } else { passes(part, row) };
                if failure.is_none() && !is_true {
                    *failure = Some(part.sql.clone());
                }
            }
        }
        Ok(failures)
    }
}

impl CompiledPart {
    fn evaluate(&self, batch: &RecordBatch) -> DataFusionResult<BooleanArray> {
        let values = self.compiled.evaluate(batch)?.into_array(batch.num_rows())?;
        let holds = values.as_any().downcast_ref::<BooleanArray>().cloned();
        holds.ok_or_else(|| {
            DataFusionError::Execution("the value of an expression is not boolean".to_owned())
        })
    }

    /// Evaluates the part for each clip that is asked for alone; for the others, it is null.
    ///
    /// # Errors
    /// [`Error::Evaluate`] with the first clip for which the part cannot be evaluated.
    fn evaluate_one_by_one(
        &self,
        rows: &[ClipRow],
        asked: impl Fn(&ClipRow) -> bool,
    ) -> Result<BooleanArray> {
        let of_row = |row: &ClipRow| {
            if !asked(row) {
                return Ok(None);
            }
            let holds = self.evaluate(&columns(std::slice::from_ref(row))?).map_err(|source| {
                let clip = format!("the clip {} of {}", row.meta.clip_id, row.meta.source_path);
                self.failed(&clip, source)
            })?;
            Ok(holds.is_valid(0).then(|| holds.value(0)))
        };
        rows.iter().map(of_row).collect()
    }

    fn failed(&self, clip: &str, source: DataFusionError) -> Error {
        let (expression, clip) = (shown(&self.sql), clip.to_owned());
        Error::Evaluate { expression, clip, source: Box::new(source) }
    }
}

fn columns(rows: &[ClipRow]) -> Result<RecordBatch> {
    Ok(condition_columns(rows)?)
}

/// Splits an expression and compiles its parts for a schema.
fn compile(sql: &str, schema: &SchemaRef) -> DataFusionResult<Vec<CompiledPart>> {
    let context = SessionContext::new();
    let columns = DFSchema::try_from(schema.as_ref().clone())?;
    let part = |part: Expr| {
        limits::check(&part)?;
        let sql = part.to_string();
        let part =
            context.create_physical_expr(context.parse_sql_expr(&sql, &columns)?, &columns)?;
        match part.data_type(schema)? {
            DataType::Boolean => {
                let uses_quality =
                    collect_columns(&part).iter().any(|column| column.name() == QUALITY);
                Ok(CompiledPart { sql, compiled: part, uses_quality })
            }
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

#[cfg(test)]
mod tests;
