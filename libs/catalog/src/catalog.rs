//! The catalog of one dataset root, as it was when opened.

use std::thread::available_parallelism;

use arrow::{
    array::{BooleanArray, Float64Array},
    record_batch::RecordBatch,
};
use camino::Utf8Path;
use datafusion::{
    error::DataFusionError,
    prelude::{SQLOptions, SessionConfig, SessionContext},
    scalar::ScalarValue,
};
use tokio::runtime::{Builder, Runtime};

use crate::{
    error::{Error, Result},
    tables,
};

/// SQL over the published files.
///
/// It blocks and has threads of its own, so do not use it inside an async runtime.
pub struct Catalog {
    context: SessionContext,
    runtime: Runtime,
}

impl Catalog {
    /// Opens the catalog of a dataset root. If the root does not exist, the tables are empty.
    ///
    /// # Errors
    /// If a manifest cannot be read, is damaged, or has a later format.
    pub fn open(root: &Utf8Path) -> Result<Self> {
        let threads = available_parallelism().map_or(1, usize::from).min(4);
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("catalog")
            .enable_all()
            .build()
            .map_err(Error::Runtime)?;
        let config = SessionConfig::new()
            .with_target_partitions(threads)
            .with_information_schema(true)
            // With statistics, planning a query would open every file of a table.
            .with_collect_statistics(false);
        let context = SessionContext::new_with_config(config);
        tables::register(&context, root)?;
        Ok(Self { context, runtime })
    }

    /// Runs a query and returns its rows.
    ///
    /// The result has at least one batch, so the columns are known even without rows. Queries can
    /// only read: only the writers change published files.
    ///
    /// # Errors
    /// If the query is invalid or would write, or a file that it needs cannot be read.
    pub fn sql(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        self.sql_with(sql, Vec::new())
    }

    /// Runs a query with a number and a boolean column, and skips rows with nulls.
    ///
    /// # Errors
    /// As [`Self::sql`], and if the columns have other types.
    pub fn numbers_and_flags(&self, sql: &str) -> Result<Vec<(f64, bool)>> {
        let failed = |problem: String| Error::Query {
            sql: sql.to_owned(),
            source: Box::new(DataFusionError::Execution(problem)),
        };
        let mut rows = Vec::new();
        for batch in self.sql(sql)? {
            let columns = (batch.num_columns() == 2).then(|| (batch.column(0), batch.column(1)));
            let typed = columns.and_then(|(number, flag)| {
                Some((
                    number.as_any().downcast_ref::<Float64Array>()?,
                    flag.as_any().downcast_ref::<BooleanArray>()?,
                ))
            });
            let (numbers, flags) = typed
                .ok_or_else(|| failed("the query must return a number and a boolean".to_owned()))?;
            rows.extend(
                numbers.iter().zip(flags).filter_map(|(number, flag)| Some((number?, flag?))),
            );
        }
        Ok(rows)
    }

    /// Runs a query with values for its `$name` parameters.
    pub(crate) fn sql_with(
        &self,
        sql: &str,
        parameters: Vec<(&str, ScalarValue)>,
    ) -> Result<Vec<RecordBatch>> {
        let reading = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        let rows = async {
            let mut query = self.context.sql_with_options(sql, reading).await?;
            if !parameters.is_empty() {
                query = query.with_param_values(parameters)?;
            }
            let schema = query.schema().inner().clone();
            let mut batches = query.collect().await?;
            if batches.is_empty() {
                batches.push(RecordBatch::new_empty(schema));
            }
            Ok(batches)
        };
        let failed = |source: DataFusionError| match source.find_root() {
            DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) => {
                Error::File { source: Box::new(source) }
            }
            _ => Error::Query { sql: sql.to_owned(), source: Box::new(source) },
        };
        self.runtime.block_on(rows).map_err(failed)
    }
}
