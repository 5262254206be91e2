//! Tests of the catalog over real files, published as the stages publish them.

use std::{
    fs,
    time::{Duration, Instant},
};

use camino::{Utf8Path, Utf8PathBuf};
use genie_catalog::{Catalog, ClipOrder, Format, leftovers, render};
use genie_shards::{
    ActionWindow, ClipMeta, ClipRow, Judgement, LabelRow, Manifest, MeasuredWindow, SourceRow,
    Split, Status, TokenWindow, WindowScores, publish_measured, tables, write_actions,
    write_clip_rows, write_labels, write_sources, write_tokens,
};

fn root() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    (dir, root)
}

fn clip(id: &str, frames: i64, split: Split, kept: bool) -> ClipRow {
    let meta = ClipMeta {
        clip_id: id.to_owned(),
        source_id: format!("source of {id}"),
        split,
        frame_pts: (0..frames).collect(),
        fps: 10.0,
        actions: Some(vec![0; usize::try_from(frames).unwrap()]),
        ..ClipMeta::default()
    };
    let reason = (!kept).then(|| "too_dark".to_owned());
    ClipRow { meta, kept, reason, ..ClipRow::default() }
}

fn publish_clips(root: &Utf8Path, name: &str, rows: &[ClipRow]) {
    let entry = write_clip_rows(root, name, rows).unwrap();
    Manifest::commit(root, |manifest| manifest.add(tables::CLIP_ROWS, entry.clone())).unwrap();
}

fn publish_tokens(root: &Utf8Path, tokenizer: &str, name: &str, windows: &[(&str, u32)]) {
    let window = |&(clip_id, first_frame): &(&str, u32)| TokenWindow {
        clip_id: clip_id.to_owned(),
        split: Split::Train,
        first_frame,
        t: 16,
        h: 1,
        w: 1,
        tokens: vec![3; 16],
    };
    let dir = root.join("tokens").join(tokenizer);
    let entry =
        write_tokens(&dir, tokenizer, name, &windows.iter().map(window).collect::<Vec<_>>())
            .unwrap();
    Manifest::commit(&dir, |manifest| manifest.add(tables::TOKENS, entry.clone())).unwrap();
}

fn csv(catalog: &Catalog, sql: &str) -> String {
    render(&catalog.sql(sql).unwrap(), Format::Csv).unwrap()
}

/// Catches: every query fails if the output of one stage is missing; its table should be empty.
#[test]
fn missing_files_give_an_empty_table() {
    let (_dir, root) = root();
    let catalog = Catalog::open(&root.join("not made yet"), 1024).unwrap();
    for table in ["sources", "clips", "labels", "label_rows", "tokens", "actions", "windows"] {
        assert_eq!(csv(&catalog, &format!("SELECT count(*) AS n FROM {table}")), "n\n0\n");
    }
    let sql = "SELECT s.status, c.reason, t.tokenizer, a.lam
        FROM sources s JOIN clips c ON s.source_id = c.source_id JOIN tokens t
        ON t.clip_id = c.clip_id JOIN actions a ON a.clip_id = c.clip_id";
    assert_eq!(csv(&catalog, sql), "status,reason,tokenizer,lam\n");
    assert_eq!(catalog.clips_without_tokens("k1", None, 16).unwrap(), Vec::<String>::new());
}

/// Catches: a directory listing finds files of a killed run, or files that were replaced.
#[test]
fn only_what_a_manifest_names_is_seen() {
    let (_dir, root) = root();
    publish_clips(&root, "one", &[clip("a", 20, Split::Train, true)]);
    write_clip_rows(&root, "unnamed", &[clip("b", 20, Split::Train, true)]).unwrap();
    let dir = root.join("tokens/k1");
    write_tokens(
        &dir,
        "k1",
        "unnamed",
        &[TokenWindow { t: 1, h: 1, w: 1, tokens: vec![1], ..Default::default() }],
    )
    .unwrap();
    let catalog = Catalog::open(&root, 1024).unwrap();
    assert_eq!(csv(&catalog, "SELECT clip_id FROM clips"), "clip_id\na\n");
    assert_eq!(csv(&catalog, "SELECT count(*) AS n FROM tokens"), "n\n0\n");
}

/// Catches: columns or types are lost between writer and query; `select *` returns blobs.
#[test]
fn every_table_answers() {
    let (_dir, root) = root();
    let rejected = SourceRow {
        source_path: "bad.mp4".into(),
        status: Status::Rejected,
        reason: Some("unreadable".into()),
        ..Default::default()
    };
    let accepted = SourceRow {
        source_path: "good.mp4".into(),
        duration_s: Some(2.5),
        clips_kept: 1,
        ..Default::default()
    };
    let sources = write_sources(&root, "one", &[rejected, accepted]).unwrap();
    Manifest::commit(&root, |manifest| manifest.add(tables::SOURCES, sources.clone())).unwrap();
    publish_clips(
        &root,
        "one",
        &[clip("a", 20, Split::HeldOut, true), clip("b", 3, Split::Train, false)],
    );
    publish_tokens(&root, "k1", "one", &[("a", 0)]);
    publish_tokens(&root, "k2", "one", &[("a", 0), ("a", 16)]);
    let actions = ActionWindow { clip_id: "a".into(), codes: vec![5, 5, 1], ..Default::default() };
    let dir = root.join("actions/l1");
    let entry = write_actions(&dir, "l1", "one", &[actions]).unwrap();
    Manifest::commit(&dir, |manifest| manifest.add(tables::ACTIONS, entry.clone())).unwrap();

    let catalog = Catalog::open(&root, 1024).unwrap();
    let cases = [
        (
            "SELECT source_path, status, reason, duration_s FROM sources ORDER BY 1",
            "bad.mp4,rejected,unreadable,\ngood.mp4,accepted,,2.5\n",
        ),
        (
            "SELECT clip_id, split, frames, has_actions, kept, reason FROM clips ORDER BY 1",
            "a,held_out,20,true,true,\nb,train,3,true,false,too_dark\n",
        ),
        ("SELECT tokenizer, count(*) FROM tokens GROUP BY 1 ORDER BY 1", "k1,1\nk2,2\n"),
        (
            "SELECT lam, code, count(*) FROM (SELECT lam, unnest(codes) AS code FROM actions) \
             GROUP BY 1, 2 ORDER BY 2",
            "l1,1,1\nl1,5,2\n",
        ),
    ];
    for (sql, expected) in cases {
        let (_header, rows) =
            csv(&catalog, sql).split_once('\n').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert_eq!(rows, expected, "{sql}");
    }
    assert_eq!(
        csv(&catalog, "SELECT * FROM tokens WHERE tokenizer = 'k1'"),
        "clip_id,split,first_frame,tokenizer,t,h,w\na,train,0,k1,16,1,1\n"
    );
}

/// Catches: a query finds windows of an unfinished report, an old report without windows makes
/// every query fail, or SQL cannot read the elements of a list.
#[test]
fn windows_are_those_of_finished_reports() {
    let (_dir, root) = root();
    let write = |report: &str, gains: &[f64]| {
        let window = |(first_frame, &gain): (u32, &f64)| MeasuredWindow {
            report: report.to_owned(),
            source: "level.mp4".to_owned(),
            first_frame,
            prompt_frames: 1,
            scores: WindowScores {
                inferred_psnr: vec![30.0, 20.0 + gain],
                random_psnr: vec![30.0, 20.0],
                token_counts: vec![1, 2],
                ..Default::default()
            },
            ..Default::default()
        };
        let windows: Vec<_> = (0..).zip(gains).map(window).collect();
        publish_measured(&root.join("reports").join(report), &windows).unwrap();
    };
    write("done", &[1.0, 3.0]);
    write("unfinished", &[9.0]);
    fs::create_dir(root.join("reports/old")).unwrap();
    for finished in ["done", "old"] {
        fs::write(root.join("reports").join(finished).join("step.json"), "{}").unwrap();
    }
    let catalog = Catalog::open(&root, 1024).unwrap();
    let sql = "SELECT report, source, count(*) AS windows,
        avg(inferred_psnr[2] - random_psnr[2]) AS gain FROM windows GROUP BY 1, 2";
    assert_eq!(csv(&catalog, sql), "report,source,windows,gain\ndone,level.mp4,2,2.0\n");
    let columns = csv(&catalog, "SELECT * FROM windows");
    assert!(!columns.contains("token_counts") && columns.contains("shuffled_psnr"), "{columns}");
}

/// Catches: a clip that is only partly done counts as done, a short clip is always pending, or a
/// rejected clip, another split or another tokenizer counts as pending.
#[test]
fn pending_work_is_what_lacks_windows() {
    let (_dir, root) = root();
    let train = |id, frames| clip(id, frames, Split::Train, true);
    publish_clips(
        &root,
        "one",
        &[train("done", 40), train("half", 40), train("none", 16), train("short", 15)],
    );
    publish_clips(
        &root,
        "two",
        &[clip("held", 16, Split::HeldOut, true), clip("rejected", 40, Split::Train, false)],
    );
    publish_tokens(&root, "k1", "one", &[("done", 0), ("half", 16)]);
    publish_tokens(&root, "k1", "two", &[("done", 16), ("half", 16)]);
    publish_tokens(&root, "k2", "one", &[("none", 0)]);
    let catalog = Catalog::open(&root, 1024).unwrap();
    let without = |tokenizer, split| catalog.clips_without_tokens(tokenizer, split, 16).unwrap();
    assert_eq!(without("k1", None), ["half", "held", "none"]);
    assert_eq!(without("k1", Some(Split::Train)), ["half", "none"]);
    assert_eq!(without("k2", Some(Split::HeldOut)), ["held"]);
    assert_eq!(
        without("k1' OR '1' = '1", Some(Split::Train)).len(),
        3,
        "a key is a value, not SQL"
    );
    assert_eq!(catalog.clips_without_actions("l1", None, 16).unwrap().len(), 4);
}

/// Catches: windows of another length count as those of a clip, so that nothing labels it again
/// when the length of windows changes.
#[test]
fn windows_of_another_length_do_not_count() {
    let (_dir, root) = root();
    publish_clips(&root, "one", &[clip("a", 32, Split::Train, true)]);
    let dir = root.join("actions/l1");
    let publish = |name: &str, windows: &[(u32, usize)]| {
        let window = |&(first_frame, frames): &(u32, usize)| ActionWindow {
            clip_id: "a".into(),
            first_frame,
            codes: vec![1; frames - 1],
            ..Default::default()
        };
        let windows: Vec<_> = windows.iter().map(window).collect();
        let entry = write_actions(&dir, "l1", name, &windows).unwrap();
        Manifest::commit(&dir, |manifest| manifest.add(tables::ACTIONS, entry.clone())).unwrap();
    };
    let pending = |frames| {
        let catalog = Catalog::open(&root, 1024).unwrap();
        catalog.clips_without_actions("l1", None, frames).unwrap().len()
    };
    publish("eight", &[(0, 8), (8, 8), (16, 8), (24, 8)]);
    assert_eq!([8, 16, 32].map(pending), [0, 1, 1]);
    publish("sixteen", &[(0, 16)]);
    assert_eq!(pending(16), 1);
    publish("more", &[(16, 16)]);
    assert_eq!([8, 16, 32].map(pending), [0, 0, 1]);
}

/// Catches: an SQL prompt can change published files.
#[test]
fn queries_cannot_write() {
    let (_dir, root) = root();
    publish_clips(&root, "one", &[clip("a", 20, Split::Train, true)]);
    let catalog = Catalog::open(&root, 1024).unwrap();
    let copy = format!("COPY (SELECT 1) TO '{root}/out.parquet'");
    for sql in [
        "INSERT INTO clips SELECT * FROM clips",
        "DROP TABLE clips",
        "CREATE TABLE x AS SELECT 1",
        &copy,
    ] {
        assert!(catalog.sql(sql).is_err(), "{sql}");
    }
    assert!(!root.join("out.parquet").exists());
    let error = catalog.sql("SELECT clipid FROM clips").unwrap_err();
    assert!(error.to_string().contains("clipid"), "{error}");
    assert!(catalog.sql("SHOW TABLES").is_ok() && catalog.sql("DESCRIBE clips").is_ok());
}

/// Catches: a dataset is not found because its directory's name looks like a pattern.
#[test]
fn any_directory_name_will_do() {
    let (_dir, root) = root();
    let odd = root.join("runs [1080p] 100% *é?");
    fs::create_dir(&odd).unwrap();
    publish_clips(&odd, "one", &[clip("a", 20, Split::Train, true)]);
    assert_eq!(
        csv(&Catalog::open(&odd, 1024).unwrap(), "SELECT clip_id FROM clips"),
        "clip_id\na\n"
    );
}

/// The rows of clips `0..count` with long, distinct source paths and unsorted ends.
fn wide_clips(count: u64) -> Vec<ClipRow> {
    let row = |n: u64| {
        let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut row = clip(&format!("{n:08}"), 1, Split::Train, true);
        row.meta.source_path = format!("{mixed:016x}").repeat(10);
        row.meta.end_pts = mixed.cast_signed();
        row
    };
    (0..count).map(row).collect()
}

/// Catches: a query ignores the memory limit, fails where it could write temporary files, or gives
/// another result then; temporary files stay in the dataset.
#[test]
fn a_query_that_needs_more_memory_writes_temporary_files() {
    let (_dir, root) = root();
    let rows = wide_clips(160_000);
    for (number, rows) in rows.chunks(40_000).enumerate() {
        publish_clips(&root, &number.to_string(), rows);
    }
    let mut expected: Vec<&ClipMeta> = rows.iter().map(|row| &row.meta).collect();
    expected.sort_by_key(|clip| clip.end_pts);
    // The paths alone have 24 MiB.
    let catalog = Catalog::open(&root, 20).unwrap();
    assert_eq!(leftovers(&root).unwrap().len(), 1);
    let mut wanted = expected.iter();
    let sorted = "SELECT source_path, clip_id FROM clips ORDER BY end_pts";
    for batch in catalog.stream(sorted).unwrap() {
        let csv = render(&[batch.unwrap()], Format::Csv).unwrap();
        for line in csv.lines().skip(1) {
            let clip = wanted.next().expect("more rows than clips");
            assert_eq!(line, format!("{},{}", clip.source_path, clip.clip_id));
        }
    }
    assert_eq!(wanted.count(), 0);
    // This one cannot use temporary files.
    let error = catalog.sql("SELECT array_agg(source_path) FROM clips").unwrap_err();
    assert!(error.to_string().contains("data.memory_mb"), "{error}");
    drop(catalog);
    assert_eq!(leftovers(&root).unwrap(), Vec::<Utf8PathBuf>::new());
}

/// Catches: printing a result needs all its rows in memory, or a batch loses its rows, its header
/// or a comma.
#[test]
fn rows_of_many_batches_are_one_result() {
    let (_dir, root) = root();
    publish_clips(&root, "one", &wide_clips(20_000));
    let catalog = Catalog::open(&root, 64).unwrap();
    let batches = catalog.sql("SELECT clip_id AS id FROM clips ORDER BY 1").unwrap();
    assert!(batches.len() > 1, "{} batches", batches.len());
    let csv = render(&batches, Format::Csv).unwrap();
    let ids = (0..20_000).map(|n| format!("{n:08}"));
    assert!(csv.lines().eq(std::iter::once("id".to_owned()).chain(ids)));
    let json = render(&batches, Format::Json).unwrap();
    assert!(json.starts_with("[{\"id\":\"00000000\"},{") && json.ends_with("}]\n"));
    assert_eq!(json.matches("},{").count(), 19_999);
    let table = render(&batches, Format::Table).unwrap();
    assert_eq!(table.lines().filter(|line| line.starts_with("| 0")).count(), 20_000);
}

/// Catches: opening the catalog reads files, which would slow every stage down. The limit suits
/// busy machines.
#[test]
fn opening_is_fast() {
    let (_dir, root) = root();
    for shard in 0..50 {
        publish_clips(
            &root,
            &format!("s{shard}"),
            &[clip(&format!("c{shard}"), 20, Split::Train, true)],
        );
    }
    let start = Instant::now();
    let catalog = Catalog::open(&root, 1024).unwrap();
    let opened = start.elapsed();
    assert_eq!(catalog.clips_without_tokens("k", None, 16).unwrap().len(), 50);
    eprintln!("opened after {opened:?}, first answer after {:?}", start.elapsed());
    assert!(opened.as_millis() < 1000, "{opened:?}");
}

/// Catches: SQL counts a label that was replaced or taken back; the labels of two people are one.
#[test]
fn the_newest_label_of_each_person_counts() {
    let (_dir, root) = root();
    let row = |at, who: &str, clip: &str, label| LabelRow {
        at,
        clip_id: clip.to_owned(),
        who: who.to_owned(),
        label,
        tags: vec!["menu".to_owned()],
    };
    let (good, bad) = (Some(Judgement::Good), Some(Judgement::Bad));
    let rows = [
        row(1, "ana", "a", good),
        row(3, "ana", "a", bad),
        row(2, "ben", "a", good),
        row(1, "ana", "b", good),
        row(2, "ana", "b", None),
    ];
    let dir = root.join("labels");
    for rows in rows.chunks(2) {
        let entry = write_labels(&dir, rows).unwrap();
        Manifest::commit(&dir, |manifest| manifest.add(tables::LABELS, entry.clone())).unwrap();
    }
    let catalog = Catalog::open(&root, 1024).unwrap();
    let sql = "select clip_id, label, who, array_has(tags, 'menu') as m from labels order by who";
    assert_eq!(csv(&catalog, sql), "clip_id,label,who,m\na,bad,ana,true\na,good,ben,true\n");
    assert_eq!(csv(&catalog, "select count(*) as n from label_rows"), "n\n5\n");
    let columns = csv(&catalog, "describe labels");
    assert!(columns.contains("Timestamp(ms"), "{columns}");
}

/// Catches: a condition or an order chooses other clips; a condition escapes from its parentheses,
/// or writes.
#[test]
fn clips_are_chosen_by_any_condition() {
    let (_dir, root) = root();
    let clips = [("a", 20, true), ("b", 5, false), ("c", 9, true)];
    let clips = clips.map(|(id, frames, kept)| clip(id, frames, Split::Train, kept));
    publish_clips(&root, "one", &clips);
    let catalog = Catalog::open(&root, 1024).unwrap();
    let long = Duration::from_mins(1);
    let chosen = |condition: &str, column: &str, descending| {
        let order = ClipOrder { column: column.to_owned(), descending };
        catalog.chosen_clips(condition, &order, long)
    };
    assert_eq!(chosen("", "", false).unwrap(), ["a", "b", "c"]);
    assert_eq!(chosen(" ", "frames", false).unwrap(), ["b", "c", "a"]);
    assert_eq!(chosen("kept -- or not", "frames", true).unwrap(), ["a", "c"]);
    let nested = "frames > (select avg(frames) from clips) or reason = 'too_dark'";
    assert_eq!(chosen(nested, "", false).unwrap(), ["a", "b"]);
    let wrong = ["kept) or (kept", "kept; select 1", "frames", "nothing = 1", "kept order by 1"];
    for condition in wrong {
        let error = chosen(condition, "", false).unwrap_err();
        assert!(error.is_wrong_sql(), "{condition}: {error}");
    }
    assert!(chosen("kept", "nothing", false).unwrap_err().is_wrong_sql());
    assert!(chosen("kept", "frames\", clip_id", false).unwrap_err().is_wrong_sql());
    let slow = "(select count(*) from clips a, clips b, clips c, clips d) > 0";
    let late = catalog.chosen_clips(slow, &ClipOrder::default(), Duration::ZERO);
    assert!(late.unwrap_err().to_string().contains("make it simpler"));
}
