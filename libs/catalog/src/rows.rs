//! The rows of a query, computed while they are read.

use arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures_util::StreamExt as _;
use tokio::runtime::Runtime;

use crate::error::{Error, Result};

/// An iterator over the rows of a query, in batches.
///
/// It has at least one batch, so the columns are known even without rows.
pub struct Rows<'a> {
    runtime: &'a Runtime,
    sql: String,
    stream: SendableRecordBatchStream,
    has_begun: bool,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(runtime: &'a Runtime, sql: &str, stream: SendableRecordBatchStream) -> Self {
        Self { runtime, sql: sql.to_owned(), stream, has_begun: false }
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = !std::mem::replace(&mut self.has_begun, true);
        match self.runtime.block_on(self.stream.next()) {
            Some(batch) => Some(batch.map_err(|error| Error::of_query(&self.sql, error))),
            None => first.then(|| Ok(RecordBatch::new_empty(self.stream.schema()))),
        }
    }
}
