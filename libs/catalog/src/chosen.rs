//! The clips for which any SQL condition holds, in an order: for people who look at them.

use std::time::Duration;

use arrow::{array::AsArray, compute::cast, datatypes::DataType};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use tokio::time::timeout;

use crate::{
    catalog::Catalog,
    condition::{any, limits::on_large_stack, refusal::shown},
    error::{Error, Result},
};

/// An order of clips. Clips of the same value come in the order of source and time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ClipOrder {
    /// A column of `clips`; empty: only source and time.
    pub column: String,
    pub descending: bool,
}

impl ClipOrder {
    fn sql(&self) -> String {
        let column = self.column.replace('"', "\"\"");
        let direction = if self.descending { "desc" } else { "asc" };
        let first = match column.as_str() {
            "" => String::new(),
            column => format!("\"{column}\" {direction} nulls last, "),
        };
        format!("{first}source_id, start_pts, clip_id")
    }
}

impl Catalog {
    /// Ids of the clips for which `condition` holds. An empty condition holds for all.
    ///
    /// The condition is SQL over the columns of the table `clips`. It may contain queries, such as
    /// `source_id in (select source_id from sources where bytes > 1e9)`.
    ///
    /// # Errors
    /// If the condition is wrong, needs more time than `patience`, or a file cannot be read.
    pub fn chosen_clips(
        &self,
        condition: &str,
        order: &ClipOrder,
        patience: Duration,
    ) -> Result<Vec<String>> {
        let found = on_large_stack(|| {
            let holds = match condition.trim() {
                "" => String::new(),
                condition => format!("where ({})", any::expression(condition)?),
            };
            let sql = format!("select clip_id from clips {holds} order by {}", order.sql());
            self.within(patience, &sql).transpose()
        });
        let wrong = |source: DataFusionError| Error::of_query(&shown(condition), source);
        let late = || Error::Late { expression: condition.to_owned(), seconds: patience.as_secs() };
        found.map_err(wrong)?.ok_or_else(late)
    }

    /// The texts of a query's first column; `None` after `patience`.
    fn within(&self, patience: Duration, sql: &str) -> Option<DataFusionResult<Vec<String>>> {
        let (context, options) = (self.context(), Self::reading());
        let batches = async {
            let query = context.sql_with_options(sql, options).await?;
            let batches = query.collect().await?;
            let mut texts = Vec::new();
            for batch in &batches {
                let column = cast(batch.column(0), &DataType::Utf8)?;
                texts.extend(column.as_string::<i32>().iter().flatten().map(str::to_owned));
            }
            Ok(texts)
        };
        self.runtime().block_on(async { timeout(patience, batches).await.ok() })
    }
}
