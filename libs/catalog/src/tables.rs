//! The files of each table: exactly those that the manifests name.
//!
//! A table is a `DataFusion` listing table over single files, never over a directory. Its columns
//! are those of `genie_shards::narrow_schema`, even if the files have others.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use datafusion::{
    datasource::{
        TableProvider,
        empty::EmptyTable,
        file_format::parquet::ParquetFormat,
        listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl},
    },
    error::{DataFusionError, Result as DataFusionResult},
    execution::object_store::ObjectStoreUrl,
    prelude::SessionContext,
};
use genie_shards::{Manifest, narrow_schema, tables};
use genie_store::DirectStore;

use crate::error::{Error, Result};

/// The newest label of each clip and person, without those that were taken back.
const LABELS: &str = "select clip_id, label, tags, who, at from (select *, row_number() over \
    (partition by clip_id, who order by at desc) as age from label_rows) \
    where age = 1 and label is not null";

/// Registers the view `labels` over the table `label_rows`.
pub(crate) async fn register_views(context: &SessionContext) -> DataFusionResult<()> {
    let labels = context.sql(LABELS).await?.into_view();
    context.register_table("labels", labels)?;
    Ok(())
}

/// Registers all tables of a dataset root.
///
/// A query reads a dataset in a store there, and not this machine's copies: it needs few columns.
pub(crate) fn register(context: &SessionContext, root: &Utf8Path) -> Result<()> {
    if let Some(DirectStore { bucket, store }) = genie_store::direct(root)? {
        let failed = |source: DataFusionError| Error::Session { source: Box::new(source) };
        let bucket = ObjectStoreUrl::parse(bucket).map_err(failed)?;
        context.register_object_store(bucket.as_ref(), store);
    }
    let manifest = Manifest::load(root)?;
    let files = |table| manifest.table(table).iter().map(|entry| root.join(&entry.file)).collect();
    let labels = root.join("labels");
    let labels = Manifest::load(&labels)?
        .table(tables::LABELS)
        .iter()
        .map(|entry| labels.join(&entry.file))
        .collect();
    let tables: [(&str, &str, Vec<Utf8PathBuf>); 7] = [
        ("sources", tables::SOURCES, files(tables::SOURCES)),
        ("clips", tables::CLIP_ROWS, files(tables::CLIP_ROWS)),
        ("label_rows", tables::LABELS, labels),
        (
            "quality",
            tables::QUALITY,
            files_below(&root.join("quality"), tables::QUALITY, |_| Ok(true))?,
        ),
        (
            "tokens",
            tables::TOKENS,
            files_below(&root.join("tokens"), tables::TOKENS, |_| Ok(true))?,
        ),
        (
            "actions",
            tables::ACTIONS,
            files_below(&root.join("actions"), tables::ACTIONS, |_| Ok(true))?,
        ),
        (
            "windows",
            tables::WINDOWS,
            files_below(&root.join("reports"), tables::WINDOWS, finished)?,
        ),
    ];
    for (name, table, files) in tables {
        provider(table, &files)
            .and_then(|provider| context.register_table(name, provider))
            .map_err(|source| Error::Register {
                root: root.to_owned(),
                table: name,
                source: Box::new(source),
            })?;
    }
    Ok(())
}

/// Whether the step with this directory has finished.
fn finished(dir: &Utf8Path) -> Result<bool> {
    Ok(genie_store::read(&dir.join("step.json"))?.is_some())
}

/// Files of one table in the directories below `dir` for which `counts` is true.
fn files_below(
    dir: &Utf8Path,
    table: &str,
    counts: fn(&Utf8Path) -> Result<bool>,
) -> Result<Vec<Utf8PathBuf>> {
    let mut files = Vec::new();
    for below in genie_store::list(dir)?.directories {
        if !counts(&below)? {
            continue;
        }
        let manifest = Manifest::load(&below)?;
        files.extend(manifest.table(table).iter().map(|entry| below.join(&entry.file)));
    }
    files.sort();
    Ok(files)
}

fn provider(table: &str, files: &[Utf8PathBuf]) -> DataFusionResult<Arc<dyn TableProvider>> {
    let schema = narrow_schema(table)
        .ok_or_else(|| DataFusionError::Internal(format!("the table {table} has no schema")))?;
    if files.is_empty() {
        return Ok(Arc::new(EmptyTable::new(schema)));
    }
    let urls = files.iter().map(|file| url(file)).collect::<DataFusionResult<_>>()?;
    let options =
        ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension(".parquet");
    let config = ListingTableConfig::new_with_multi_paths(urls)
        .with_listing_options(options)
        .with_schema(schema);
    Ok(Arc::new(ListingTable::try_new(config)?))
}

/// Converts a path to a URL: in a plain path, `DataFusion` takes `[`, `*` and `?` for a pattern.
fn url(file: &Utf8Path) -> DataFusionResult<ListingTableUrl> {
    if genie_store::is_mounted(file) {
        return ListingTableUrl::parse(genie_store::shown(file));
    }
    let absolute = std::path::absolute(file)?;
    let mut url = "file://".to_owned();
    for &byte in absolute.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                url.push(char::from(byte));
            }
            other => url.extend(['%', hex(other >> 4), hex(other & 15)]),
        }
    }
    ListingTableUrl::parse(url)
}

fn hex(digit: u8) -> char {
    char::from_digit(u32::from(digit), 16).unwrap_or('0')
}
