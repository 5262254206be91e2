//! Files whose footers contain numbers that cannot be true, with hashes that fit.

use std::fs;

use camino::Utf8Path;
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnChunkMetaDataBuilder, ParquetMetaData, ParquetMetaDataBuilder,
    ParquetMetaDataReader, ParquetMetaDataWriter, RowGroupMetaData,
};

use crate::{
    ActionWindow, ClipRow, ClipStore, Entry, Manifest, NearPair, Result, ShardChanges,
    SourceChange, SourceRow, TokenWindow, check_shard, clip_rows_of_file, clip_runs,
    misplaced_clips, near_pairs_of_file, read_action_rows, read_action_shard, read_token_shard,
    rewrite_shard, scan_outcomes, scan_prints, scan_shard_sources, sources_of_file, tables,
    testing, timing_of_kept, token_shape, visit_clip_verdicts, visit_places, visit_true_actions,
    write_actions, write_clip_rows, write_near_pairs, write_sources, write_tokens,
};

/// Numbers that are wrong for every field of a file with a few rows.
const WRONG: [i64; 6] = [-1, 1 << 20, 1 << 40, 1_000_000_000_000_000_000, i64::MAX, i64::MIN];

/// Writes a copy of a published file with another footer, and returns its entry.
fn forged(
    root: &Utf8Path,
    entry: &Entry,
    change: &dyn Fn(RowGroupMetaData) -> RowGroupMetaData,
) -> Entry {
    let bytes = fs::read(root.join(&entry.file)).unwrap();
    let (rest, end) = bytes.split_at(bytes.len() - 8);
    let footer = u32::from_le_bytes(end[..4].try_into().unwrap()) as usize;
    let file = fs::File::open(root.join(&entry.file)).unwrap();
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).unwrap();
    let groups: Vec<_> = metadata.row_groups().iter().cloned().map(change).collect();
    let rows = groups.iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0)).sum();
    let metadata: ParquetMetaData =
        ParquetMetaDataBuilder::new_from_metadata(metadata).set_row_groups(groups).build();
    let mut forged = rest[..rest.len() - footer].to_vec();
    ParquetMetaDataWriter::new(&mut forged, &metadata).finish().unwrap();
    let file =
        format!("{}/forged.parquet", entry.file.rsplit_once('/').map_or(".", |(dir, _)| dir));
    fs::write(root.join(&file), &forged).unwrap();
    let blake3 = blake3::hash(&forged).to_hex().to_string();
    Entry { file, rows, bytes: forged.len() as u64, blake3 }
}

/// Changes every column of a row group.
fn columns(
    group: RowGroupMetaData,
    change: impl Fn(ColumnChunkMetaDataBuilder) -> ColumnChunkMetaDataBuilder,
) -> RowGroupMetaData {
    let change = |column: &ColumnChunkMetaData| change(column.clone().into_builder()).build();
    let columns = group.columns().iter().map(change).collect::<Result<_, _>>().unwrap();
    group.into_builder().set_column_metadata(columns).build().unwrap()
}

/// A change of a row group in a footer.
type Forgery = Box<dyn Fn(RowGroupMetaData) -> RowGroupMetaData>;

/// The ways to forge a footer, by the field that is wrong.
fn forgeries(wrong: i64) -> Vec<(&'static str, Forgery)> {
    let small = i32::try_from(wrong).unwrap_or(i32::MAX);
    vec![
        ("rows", Box::new(move |group| group.into_builder().set_num_rows(wrong).build().unwrap())),
        ("values", Box::new(move |group| columns(group, |column| column.set_num_values(wrong)))),
        (
            "compressed size",
            Box::new(move |group| columns(group, |column| column.set_total_compressed_size(wrong))),
        ),
        (
            "uncompressed size",
            Box::new(move |group| {
                columns(group, |column| column.set_total_uncompressed_size(wrong))
            }),
        ),
        (
            "data page",
            Box::new(move |group| columns(group, |column| column.set_data_page_offset(wrong))),
        ),
        (
            "dictionary",
            Box::new(move |group| {
                columns(group, |column| column.set_dictionary_page_offset(Some(wrong)))
            }),
        ),
        (
            "offset index",
            Box::new(move |group| {
                columns(group, |column| column.set_offset_index_offset(Some(wrong)))
            }),
        ),
        (
            "length of the offset index",
            Box::new(move |group| {
                columns(group, |column| column.set_offset_index_length(Some(small)))
            }),
        ),
    ]
}

/// A reader of a file of a dataset root.
type FileReader = fn(&Utf8Path, &Entry) -> Result<()>;

fn of_clips(root: &Utf8Path, entry: &Entry) -> Result<()> {
    Manifest::commit(root, |manifest| {
        manifest.retain(tables::CLIPS, |_| false);
        manifest.add(tables::CLIPS, entry.clone());
    })?;
    let store = ClipStore::open(root, None)?;
    (0..store.len()).try_for_each(|clip| store.read(clip).map(drop))
}

const CLIPS: &[FileReader] = &[
    of_clips,
    |root, entry| check_shard(root, entry).1.into_iter().next().map_or(Ok(()), Err),
    |root, entry| scan_shard_sources(root, entry, &mut |_| ()),
    |root, entry| {
        let source = testing::clip("a", 0, 2).meta.source_id;
        let changes = ShardChanges::from([(source, SourceChange::Dropped)]);
        rewrite_shard(root, entry, &changes).map(drop)
    },
];

const CLIP_ROWS: &[FileReader] = &[
    |root, entry| clip_rows_of_file(root, entry).map(drop),
    |root, entry| visit_clip_verdicts(root, entry, |_| ()),
    |root, entry| visit_true_actions(root, entry, |_, _| ()),
    |root, entry| scan_prints(root, entry, &mut |_| ()),
    |root, entry| scan_outcomes(root, entry, &mut |_| ()),
    |root, entry| {
        Manifest::commit(root, |manifest| {
            manifest.retain(tables::CLIPS, |_| false);
            manifest.retain(tables::CLIP_ROWS, |_| false);
            manifest.add(tables::CLIP_ROWS, entry.clone());
        })?;
        let manifest = Manifest::load(root)?;
        timing_of_kept(root, &manifest)?;
        misplaced_clips(root, &manifest, |_| ())
    },
];

const TOKENS: &[FileReader] = &[
    |root, entry| read_token_shard(root, entry).map(drop),
    |root, entry| clip_runs(root, tables::TOKENS, entry).map(drop),
    |root, entry| token_shape(root, entry).map(drop),
    |root, entry| visit_places(root, tables::TOKENS, entry, |_| ()),
];

const ACTIONS: &[FileReader] = &[
    |root, entry| read_action_shard(root, entry).map(drop),
    |root, entry| {
        let rows = 0..usize::try_from(entry.rows).unwrap_or(usize::MAX);
        read_action_rows(root, entry, std::slice::from_ref(&rows)).map(drop)
    },
];

const OTHERS: &[FileReader] = &[
    |root, entry| near_pairs_of_file(root, entry).map(drop),
    |root, entry| sources_of_file(root, entry).map(drop),
];

/// Catches: a number in a footer decides how much memory is allocated, or makes the program panic;
/// the error does not name the file; rows that do not exist are silently missing.
#[test]
fn wrong_numbers_in_a_footer_are_errors_that_name_the_file() {
    let (_dir, root) = testing::root();
    let clips = ["a", "b", "c"].map(|source| testing::clip(source, 0, 20));
    let rows: Vec<ClipRow> = clips
        .iter()
        .map(|clip| ClipRow { meta: clip.meta.clone(), ..Default::default() })
        .collect();
    let token = |clip: &str| TokenWindow {
        clip_id: clip.to_owned(),
        tokens: vec![1],
        t: 1,
        h: 1,
        w: 1,
        ..Default::default()
    };
    let action =
        |clip: &str| ActionWindow { clip_id: clip.into(), codes: vec![1], ..Default::default() };
    let source = |path: &str| SourceRow { source_path: path.into(), ..Default::default() };
    let files: [(Entry, &[FileReader]); 6] = [
        (testing::publish(&root, "one", &clips).entry, CLIPS),
        (write_clip_rows(&root, "one", &rows).unwrap(), CLIP_ROWS),
        (write_tokens(&root, "k", "tokens", &["a", "b", "c"].map(token)).unwrap(), TOKENS),
        (write_actions(&root, "k", "actions", &["a", "b", "c"].map(action)).unwrap(), ACTIONS),
        (write_near_pairs(&root, "one", &vec![NearPair::default(); 3]).unwrap(), &OTHERS[..1]),
        (write_sources(&root, "one", &["a", "b", "c"].map(source)).unwrap(), &OTHERS[1..]),
    ];
    for (entry, readers) in files {
        let same = forged(&root, &entry, &|group| group);
        for (number, read) in readers.iter().enumerate() {
            read(&root, &same).unwrap_or_else(|error| panic!("{}, {number}: {error}", entry.file));
        }
        for wrong in WRONG {
            for (field, forge) in forgeries(wrong) {
                let entry = forged(&root, &entry, &forge);
                for (number, read) in readers.iter().enumerate() {
                    let what = format!("{field} {wrong} of {}, reader {number}", entry.file);
                    match read(&root, &entry) {
                        Ok(()) => assert_ne!(field, "rows", "{what}"),
                        Err(error) => {
                            let error = error.to_string();
                            assert!(error.contains("forged.parquet"), "{what}: {error}");
                        }
                    }
                }
            }
        }
    }
}
