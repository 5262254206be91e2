//! The catalog of one dataset root, as it was when opened.

use std::thread::available_parallelism;

use arrow::record_batch::RecordBatch;
use camino::Utf8Path;
use datafusion::{
    prelude::{SQLOptions, SessionContext},
    scalar::ScalarValue,
};
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};

use crate::{
    error::{Error, Result},
    print::{Format, render},
    rows::Rows,
    session::session,
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
    /// `memory_mb` is the memory for sorts, aggregations and joins of all queries, in MiB. What
    /// does not fit is written to temporary files in the root. Results do not depend on it.
    ///
    /// # Errors
    /// If a manifest cannot be read, is damaged, or has a later format.
    pub fn open(root: &Utf8Path, memory_mb: u64) -> Result<Self> {
        let threads = available_parallelism().map_or(1, usize::from).min(4);
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            // A listing asks for all files of a table at once. Each thread has a heap of its own:
            // 222 files took 200 threads and 350 MB (2026-11-30). No file operation waits for
            // another, so any number of threads will do.
            .max_blocking_threads(threads)
            .thread_name("catalog")
            .enable_all()
            .build()
            .map_err(Error::Runtime)?;
        let memory = usize::try_from(memory_mb).unwrap_or(usize::MAX).saturating_mul(1 << 20);
        let context = session(root, threads, memory)
            .map_err(|source| Error::Session { source: Box::new(source) })?;
        tables::register(&context, root)?;
        let views = runtime.block_on(tables::register_views(&context));
        views.map_err(|source| Error::Session { source: Box::new(source) })?;
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
        self.stream(sql)?.collect()
    }

    /// Runs a query and returns an iterator that computes its rows.
    ///
    /// # Errors
    /// As [`Self::sql`], and the iterator may return such an error.
    pub fn stream(&self, sql: &str) -> Result<Rows<'_>> {
        self.stream_with(sql, Vec::new())
    }

    /// Runs a query and converts each row to a `T`, whose fields are the columns.
    ///
    /// NaN and infinite numbers become nulls, as in JSON.
    ///
    /// # Errors
    /// As [`Self::stream`], and if the columns do not fit `T`.
    pub fn query<T: DeserializeOwned>(
        &self,
        sql: &str,
    ) -> Result<impl Iterator<Item = Result<T>> + use<'_, T>> {
        let name = sql.to_owned();
        let typed = move |batch: Result<RecordBatch>| -> Result<Vec<T>> {
            let json = render(&[batch?], Format::Json)?;
            let other = |source| Error::Columns { sql: name.clone(), source };
            serde_json::from_str(&json).map_err(other)
        };
        Ok(self.stream(sql)?.map(typed).flat_map(|rows| match rows {
            Ok(rows) => rows.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        }))
    }

    /// Queries may only read.
    pub(crate) fn reading() -> SQLOptions {
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false)
    }

    pub(crate) fn context(&self) -> &SessionContext {
        &self.context
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Runs a query with values for its `$name` parameters.
    pub(crate) fn stream_with(
        &self,
        sql: &str,
        parameters: Vec<(&str, ScalarValue)>,
    ) -> Result<Rows<'_>> {
        let reading = Self::reading();
        let stream = async {
            let mut query = self.context.sql_with_options(sql, reading).await?;
            if !parameters.is_empty() {
                query = query.with_param_values(parameters)?;
            }
            query.execute_stream().await
        };
        let stream = self.runtime.block_on(stream);
        stream
            .map(|stream| Rows::new(&self.runtime, sql, stream))
            .map_err(|error| Error::of_query(sql, error))
    }
}
