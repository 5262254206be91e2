//! Unusual recordings in `../shared/videos/odd`, if present: each must match `EXPECTED.csv` there.
//!
//! That file lists what a correct ingester does with each file: accept (with a warning), reject,
//! filter, or keep one of several near-duplicates. The tables in this test map it to reasons.
//! Near-duplicates have a test of their own, because most of the files are the same recording in
//! other codecs.

#[path = "support/test_dir.rs"]
mod support;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use support::{TestDir, code, stderr};

/// Files without kept clips, and the reason.
///
/// It is the source's reason, or its clip's reason if the source is `filtered`.
const NOT_KEPT: [(&str, &str); 21] = [
    ("audio_only.m4a", "no_video_stream"),
    ("audio_only.mp4", "duplicate"),
    ("black.mp4", "still"),
    ("broken_symlink.mp4", "unreadable"),
    ("half_second.mp4", "too_short"),
    ("low_fps_5.mp4", "distinct_share >= 0.7"),
    ("mandelbrot_zoom.mp4", "zoom < 0.4"),
    ("menu_supertux.mp4", "overlay_share < 0.37"),
    ("no_extension", "duplicate"),
    ("no_moov_box.mp4", "unreadable"),
    ("noise.mp4", "noise < 0.5"),
    ("ok_reference.mp4", "duplicate"),
    ("one_frame.mp4", "too_short"),
    ("static_image.mp4", "still"),
    ("testsrc2.mp4", "saturation < 0.75"),
    ("text_renamed.mp4", "unreadable"),
    ("truncated_moov_at_end.mp4", "unreadable"),
    ("white.mp4", "still"),
    ("zero_byte.mp4", "empty_file"),
    // Expected to be filtered, but kept: its overlay covers no more than a game's own status line
    // does.
    ("facecam_overlay.mp4", ""),
    // Expected as "W: the count depends on the decoder". The damage is recorded, the rest is good.
    ("bitflips_midfile.mp4", ""),
];
/// Files that are cut, and the number of frames of each clip.
const CUT: [(&str, &[u32]); 2] = [("scene_cuts_2s.mp4", &[20; 10]), ("fade_in_out.mp4", &[94])];
/// Near-duplicates of one recording. The best one comes first.
const NEAR_DUPLICATES: [&str; 4] =
    ["dup_720p.mp4", "dup_vp9_480p.webm", "dup_crf35_240p.mp4", "ok_reference.mp4"];

fn odd() -> Option<Utf8PathBuf> {
    let odd = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/videos/odd");
    if odd.join("EXPECTED.csv").is_file() {
        return Some(odd);
    }
    eprintln!("skipped: ../shared/videos/odd is not present");
    None
}

/// Runs over some of the files at the paper's size.
///
/// Returns status, reason and whether there is a warning, by file name.
fn ingested(
    videos: &[Utf8PathBuf],
    settings: &[&str],
) -> (TestDir, BTreeMap<String, (String, String, bool)>) {
    let dir = TestDir::new();
    let videos = format!("data.videos={}", serde_json::to_string(videos).unwrap());
    let size = ["ingest.width=160", "ingest.height=90", videos.as_str()];
    let output = dir.run(&[&size[..], settings].concat());
    assert!([0, 2].contains(&code(&output)), "{}", stderr(&output));
    let rows = dir.start(&["sql", "select * from sources", "--format", "json"]).stdout;
    let rows: serde_json::Value = serde_json::from_slice(&rows).unwrap();
    let clips =
        dir.start(&["sql", "select source_path, reason from clips", "--format", "json"]).stdout;
    let clips: serde_json::Value = serde_json::from_slice(&clips).unwrap();
    let text =
        |row: &serde_json::Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    let reason_of = |row: &serde_json::Value| match text(row, "reason").as_str() {
        "filtered" => {
            let mut clips = clips.as_array().unwrap().iter();
            let clip = clips.find(|clip| clip["source_path"] == row["source_path"]).unwrap();
            text(clip, "reason")
        }
        reason => reason.to_owned(),
    };
    let became = rows.as_array().unwrap().iter().map(|row| {
        let path = text(row, "source_path");
        let name = path.rsplit('/').next().unwrap().to_owned();
        let warned = row["reason"].is_null() && !row["detail"].is_null();
        (name, (text(row, "status"), reason_of(row), warned))
    });
    let became = became.collect();
    (dir, became)
}

/// Catches: the result for any unusual file changes.
#[test]
fn every_odd_file_comes_out_as_expected() {
    let Some(odd) = odd() else { return };
    let (dir, became) = ingested(std::slice::from_ref(&odd), &["ingest.near_duplicates=false"]);
    let not_kept: BTreeMap<&str, &str> =
        NOT_KEPT.into_iter().filter(|(_, reason)| !reason.is_empty()).collect();
    let mut expected = csv::Reader::from_path(odd.join("EXPECTED.csv")).unwrap();
    let mut problems = Vec::new();
    let mut files = 0;
    for record in expected.records() {
        let record = record.unwrap();
        let (name, policy) = (record.get(0).unwrap(), record.get(3).unwrap());
        files += 1;
        let Some((status, reason, _)) = became.get(name) else {
            problems.push(format!("{name}: no row"));
            continue;
        };
        let kept = !not_kept.contains_key(name);
        let as_planned = (status == "accepted") == kept
            && reason == not_kept.get(name).copied().unwrap_or_default();
        // A file with the bytes of another file is expected to be accepted. One of the two is.
        let as_expected = match policy {
            "reject" | "filter" => !kept || NOT_KEPT.contains(&(name, "")),
            _ => kept || reason == "duplicate",
        };
        if !as_planned || !as_expected {
            problems.push(format!("{name}: expected {policy}, found {status}, `{reason}`"));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    assert_eq!((files, became.len()), (59, 59));
    let warned: Vec<&str> =
        became.iter().filter(|(_, (.., warned))| *warned).map(|(name, _)| name.as_str()).collect();
    // The files that are expected "with a warning", except cuts, which need none.
    let notable = [
        "alpha_qtrle.mov",
        "bitflips_midfile.mp4",
        "hevc_hdr10_pq.mp4",
        "interlaced_mpeg2.ts",
        "interlaced_mpeg2_corrupt.ts",
    ];
    assert_eq!(warned, notable);

    for (name, lengths) in CUT {
        let clips = dir.clips(None).into_iter().filter(|clip| clip.source_path.ends_with(name));
        let mut found: Vec<_> = clips.map(|clip| (clip.start_pts, clip.frame_pts.len())).collect();
        found.sort_unstable();
        let found: Vec<u32> =
            found.into_iter().map(|(_, frames)| u32::try_from(frames).unwrap()).collect();
        assert_eq!(found, lengths, "{name}");
    }
    let crops = dir.sql(
        "select split_part(source_path, '/odd/', 2), crop from sources \
             where crop is not null order by 1",
    );
    assert_eq!(
        crops.lines().skip(1).collect::<Vec<_>>(),
        ["letterboxed.mp4,640x360+0+60", "pillarboxed.mp4,480x360+80+0"]
    );
}

/// Catches: near-duplicates are in both splits, or a worse one is kept instead of a better one.
///
/// Another moment of the same level must not be dropped.
#[test]
fn the_best_near_duplicate_is_kept() {
    let Some(odd) = odd() else { return };
    let mut files: Vec<Utf8PathBuf> = NEAR_DUPLICATES.iter().map(|name| odd.join(name)).collect();
    files.push(odd.join("notdup_same_level_other_run.mp4"));
    let (dir, became) = ingested(&files, &["ingest.near_duplicates=true"]);
    assert_eq!(became["notdup_same_level_other_run.mp4"].0, "accepted");
    assert_eq!(became[NEAR_DUPLICATES[0]].0, "accepted");
    for copy in &NEAR_DUPLICATES[1..] {
        assert_eq!(became[*copy].1, "near_duplicate", "{copy}");
    }
    assert_eq!(dir.clips(None).len(), 2);
    let original =
        dir.sql("select count(distinct duplicate_of) from clips where reason = 'near_duplicate'");
    assert!(original.ends_with("\n1\n"), "{original}");
}
