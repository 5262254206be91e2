//! Tests of narrow tables: writing and reading back, for every type of row.

use std::{fs, sync::Arc};

use arrow::{
    array::{AsArray, RecordBatch},
    datatypes::{Int64Type, SchemaRef},
};
use camino::Utf8Path;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{
    stream::read_columns,
    table::{self, Row},
    tokens::TokenRow,
};
use crate::{
    ActionWindow, ClipMeta, ClipRow, ClipTiming, Entry, Error, Manifest, SourceRow, Split, Status,
    TOKENS_FORMAT, TokenWindow, clip_rows_of_file,
    files::open::{FileKind, open},
    narrow_schema, read_actions, read_clip_rows, read_sources, read_tokens,
    schema::columns::{Columns, NamedColumns},
    stream_clip_rows, tables, testing, timing_of_kept, write_actions, write_clip_rows,
    write_sources, write_tokens,
};

fn token_window(clip: &str, first_frame: u32, seed: u16) -> TokenWindow {
    let tokens = (0..2 * 3 * 4).map(|i| seed.wrapping_add(i * 31)).collect();
    TokenWindow {
        clip_id: clip.to_owned(),
        split: Split::HeldOut,
        first_frame,
        t: 2,
        h: 3,
        w: 4,
        tokens,
    }
}

fn commit(dir: &Utf8Path, table: &str, entries: &[Entry]) {
    Manifest::commit(dir, |manifest| {
        for entry in entries {
            manifest.add(table, entry.clone());
        }
    })
    .unwrap();
}

/// Catches: windows are ordered by file; tokens above 255 are lost, or tokens have the wrong byte
/// order.
#[test]
fn token_windows_come_back_in_order_of_clip_and_time() {
    let (_dir, root) = testing::root();
    let windows =
        [token_window("a", 0, 1000), token_window("a", 16, 7), token_window("b", 0, 65_000)];
    let one = write_tokens(&root, "k1", "one", &[windows[2].clone(), windows[1].clone()]).unwrap();
    let two = write_tokens(&root, "k1", "two", &windows[..1]).unwrap();
    assert!(read_tokens(&root).unwrap().is_empty(), "nothing is named yet");
    commit(&root, tables::TOKENS, &[one, two]);
    assert_eq!(read_tokens(&root).unwrap(), windows);
}

/// Catches: a shard with mixed shapes, or a window with too few tokens, is accepted.
#[test]
fn token_windows_of_two_shapes_are_refused() {
    let (_dir, root) = testing::root();
    let mut other = token_window("b", 0, 0);
    (other.h, other.w) = (4, 3);
    assert!(write_tokens(&root, "k1", "one", &[token_window("a", 0, 0), other]).is_err());
    let mut short = token_window("b", 0, 0);
    short.tokens.pop();
    assert!(write_tokens(&root, "k1", "one", &[short]).is_err());
    assert!(matches!(write_tokens(&root, "k1", "one", &[]), Err(Error::Empty { .. })));
}

/// Catches: a damaged token file is used for training.
#[test]
fn a_flipped_bit_in_a_token_file_is_found() {
    let (_dir, root) = testing::root();
    let entry = write_tokens(&root, "k1", "one", &[token_window("a", 0, 0)]).unwrap();
    commit(&root, tables::TOKENS, std::slice::from_ref(&entry));
    let path = root.join(&entry.file);
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = read_tokens(&root).unwrap_err();
    assert!(error.to_string().contains(path.as_str()), "{error}");
}

/// Catches: rows with the hashes of other rows pass the check.
#[test]
fn a_window_hash_covers_whose_tokens_they_are() {
    let path = Utf8Path::new("x.parquet");
    let (dir, root) = testing::root();
    let entry =
        write_tokens(&root, "k1", "one", &[token_window("a", 0, 0), token_window("b", 0, 9)])
            .unwrap();
    let (file, metadata) = open(&root.join(&entry.file), &entry, &TokenRow::KIND).unwrap();
    let mut reader =
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata).build().unwrap();
    let batch = reader.next().unwrap().unwrap();
    let swapped = arrow::array::StringArray::from(vec!["b", "a"]);
    let mut columns = batch.columns().to_vec();
    columns[batch.schema().index_of("clip_id").unwrap()] = Arc::new(swapped);
    let swapped = RecordBatch::try_new(batch.schema(), columns).unwrap();
    assert!(TokenRow::read(Columns::new(path, &batch), path, 0).is_ok());
    let error = TokenRow::read(Columns::new(path, &swapped), path, 5).err().unwrap();
    assert!(matches!(error, Error::Hash { row: 5, .. }), "{error}");
    drop(dir);
}

/// Catches: the codes of a window are those of another one, or lost.
#[test]
fn action_windows_come_back_as_they_were() {
    let (_dir, root) = testing::root();
    let window = |clip: &str, codes: &[u8]| ActionWindow {
        clip_id: clip.to_owned(),
        split: Split::Train,
        first_frame: 16,
        codes: codes.to_vec(),
    };
    let windows = [window("a", &[7, 0, 3]), window("b", &[1, 2, 3])];
    let entry = write_actions(&root, "l1", "one", &windows).unwrap();
    commit(&root, tables::ACTIONS, &[entry]);
    assert_eq!(read_actions(&root).unwrap(), windows);
}

/// Catches: a rejected source loses its reason, or unknown numbers come back as 0.
#[test]
fn catalog_rows_come_back_as_they_were() {
    let (_dir, root) = testing::root();
    let good = SourceRow {
        source_id: "s1".into(),
        source_path: "a.mp4".into(),
        bytes: 9,
        fps: Some(59.94),
        split: Some(Split::HeldOut),
        ..Default::default()
    };
    let bad = SourceRow {
        source_path: "b.mp4".into(),
        status: Status::Rejected,
        reason: Some("unreadable".into()),
        detail: Some("moov atom not found".into()),
        ingest_key: "k".into(),
        ..Default::default()
    };
    let kept = ClipRow { meta: testing::clip("a", 0, 20).meta, kept: true, ..ClipRow::default() };
    let rejected = ClipRow {
        meta: testing::clip("a", 50, 3).meta,
        reason: Some("too_short".into()),
        duplicate_of: Some("other".into()),
        kept: false,
        quality: Some(0.25),
    };
    let sources = write_sources(&root, "r1", &[bad.clone(), good.clone()]).unwrap();
    let clips = write_clip_rows(&root, "r1", &[rejected.clone(), kept.clone()]).unwrap();
    assert!(
        sources.file.starts_with("catalog/sources-r1-")
            && clips.file.starts_with("catalog/clips-r1-")
    );
    commit(&root, tables::SOURCES, &[sources]);
    commit(&root, tables::CLIP_ROWS, &[clips]);
    assert_eq!(read_sources(&root).unwrap(), [good, bad]);
    assert_eq!(read_clip_rows(&root).unwrap(), [kept, rejected]);
}

/// A clip row as earlier versions wrote it, without a quality.
struct EarlierClipRow(ClipRow);

impl Row for EarlierClipRow {
    const KIND: FileKind = ClipRow::KIND;

    fn columns(rows: &[Self]) -> Result<NamedColumns, Error> {
        let rows: Vec<ClipRow> = rows.iter().map(|row| row.0.clone()).collect();
        let mut columns = ClipRow::columns(&rows)?;
        columns.retain(|(name, ..)| *name != "quality");
        Ok(columns)
    }

    fn read(_: Columns<'_>, _: &Utf8Path, _: usize) -> Result<Vec<Self>, Error> {
        Ok(Vec::new())
    }
}

/// Catches: a dataset of an earlier version must be ingested again, because its rows lack a column.
#[test]
fn clip_rows_of_earlier_versions_have_no_quality() {
    let (_dir, root) = testing::root();
    let clip = ClipRow { meta: testing::clip("a", 0, 20).meta, kept: true, ..ClipRow::default() };
    let entry = table::write(&root, "clips", &[EarlierClipRow(clip.clone())]).unwrap();
    assert_eq!(clip_rows_of_file(&root, &entry).unwrap(), [clip]);
}

/// Catches: a stream loses or repeats rows at the border of a batch, reads columns that nobody
/// asked for, or ignores a column that does not exist.
#[test]
fn a_stream_has_every_row_in_batches_of_chosen_columns() {
    let (_dir, root) = testing::root();
    let clip = testing::clip("a", 0, 2).meta;
    let row = |n: i64| {
        let meta = ClipMeta { clip_id: format!("{n:04}"), start_pts: n, ..clip.clone() };
        ClipRow { meta, ..ClipRow::default() }
    };
    let rows: Vec<ClipRow> = (0..2500).map(row).collect();
    let entry = write_clip_rows(&root, "one", &rows).unwrap();
    let batches: Vec<Vec<ClipRow>> =
        stream_clip_rows(&root, &entry).unwrap().collect::<Result<_, _>>().unwrap();
    assert!(batches.iter().all(|batch| batch.len() <= 1024));
    assert_eq!(batches.concat(), rows);

    let columns = |wanted: &[&str]| read_columns(&root, tables::CLIP_ROWS, &entry, wanted);
    let mut starts: Vec<i64> = Vec::new();
    for batch in columns(&["start_pts", "clip_id"]).unwrap() {
        let batch = batch.unwrap();
        assert_eq!(batch.num_columns(), 2);
        starts.extend(batch["start_pts"].as_primitive::<Int64Type>().values());
    }
    assert!(starts.into_iter().eq(0..2500));
    let error = columns(&["clip_id", "clipid"]).map(drop).unwrap_err();
    assert!(error.to_string().contains("`clipid`: is missing"), "{error}");
    assert!(read_columns(&root, tables::CLIPS, &entry, &[]).is_err(), "a file of another kind");
    assert!(read_columns(&root, "payloads", &entry, &[]).is_err());
}

/// Catches: the timing of a dataset includes rejected clips, or only the clips of one file.
#[test]
fn the_timing_is_that_of_all_kept_clips() {
    let (_dir, root) = testing::root();
    let row = |n: u32, kept| {
        let mut meta = testing::clip("a", i64::from(n), 3).meta;
        (meta.fps, meta.mixed_actions) = (f64::from(n), (n > 20).then_some(0.5));
        ClipRow { meta, kept, ..ClipRow::default() }
    };
    let files = [vec![row(10, true), row(99, false)], vec![row(20, true), row(30, true)]];
    let write =
        |(n, rows): (usize, &Vec<ClipRow>)| write_clip_rows(&root, &n.to_string(), rows).unwrap();
    let entries: Vec<Entry> = files.iter().enumerate().map(write).collect();
    commit(&root, tables::CLIP_ROWS, &entries);
    let kept = files.iter().flatten().filter(|row| row.kept).map(|row| &row.meta);
    let manifest = Manifest::load(&root).unwrap();
    assert_eq!(timing_of_kept(&root, &manifest).unwrap(), ClipTiming::of(kept));
    assert_eq!(timing_of_kept(&root, &Manifest::default()).unwrap(), None);
}

/// Catches: a file of another kind or another version is read; the advice names the wrong command.
#[test]
fn other_kinds_and_later_versions_are_refused() {
    let (_dir, root) = testing::root();
    let entry = write_tokens(&root, "k1", "one", &[token_window("a", 0, 0)]).unwrap();
    let path = root.join(&entry.file);
    let kind = |name, format| FileKind { name, format, command: "genie-tokenize encode" };
    assert!(matches!(
        open(&path, &entry, &kind("actions", TOKENS_FORMAT)),
        Err(Error::Damaged { .. })
    ));
    assert!(matches!(
        open(&path, &entry, &kind("tokens", TOKENS_FORMAT - 1)),
        Err(Error::Newer { .. })
    ));
    let older = open(&path, &entry, &kind("tokens", TOKENS_FORMAT + 1)).unwrap_err();
    assert!(matches!(older, Error::Older { .. }));
    assert!(older.to_string().contains("genie-tokenize encode"), "{older}");
    commit(&root, tables::ACTIONS, &[entry]);
    assert!(read_actions(&root).is_err());
}

/// Catches: a `select *` prints blobs.
#[test]
fn sql_sees_no_blobs() {
    let names = |table| {
        let schema: SchemaRef = narrow_schema(table).unwrap();
        schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        names(tables::TOKENS),
        ["clip_id", "split", "first_frame", "tokenizer", "t", "h", "w"]
    );
    assert!(!names(tables::CLIP_ROWS).contains(&"frame_pts".to_owned()));
    assert!(names(tables::CLIP_ROWS).contains(&"reason".to_owned()));
    assert!(narrow_schema("payloads").is_none());
}
