//! The odd recordings of `../shared/videos/odd`, where they are: each comes out as `EXPECTED.csv` there says.
//!
//! That file says of each what a correct ingester does: accept (with a warning), reject, filter, or keep one of several copies. How that is said
//! here, with which reason, is the table of this test. Copies that only look the same are looked at apart, since most of the
//! odd files are the same recording in other codecs.

mod support;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use support::{Place, code, stderr};

/// Files of which nothing is kept, and the reason of the source, or of its clip where the source is `filtered`.
const NOT_KEPT: [(&str, &str); 21] = [
    ("audio_only.m4a", "no_video_stream"),
    ("audio_only.mp4", "duplicate"),
    ("black.mp4", "black_share < 0.95"),
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
    ("static_image.mp4", "static_share < 0.9"),
    ("testsrc2.mp4", "saturation < 0.75"),
    ("text_renamed.mp4", "unreadable"),
    ("truncated_moov_at_end.mp4", "unreadable"),
    ("white.mp4", "contrast > 0.02"),
    ("zero_byte.mp4", "empty_file"),
    // Expected to be filtered, and kept: its overlay covers no more of the picture than a game's own status line does.
    ("facecam_overlay.mp4", ""),
    // Expected as "W: the count depends on the decoder"; damage is noted, the rest is good.
    ("bitflips_midfile.mp4", ""),
];
/// Clips of the files that are cut: frames of each.
const CUT: [(&str, &[u32]); 2] = [("scene_cuts_2s.mp4", &[20; 10]), ("fade_in_out.mp4", &[94])];
/// Copies, by their looks, of one recording; the best of them comes first.
const COPIES: [&str; 4] =
    ["dup_720p.mp4", "dup_vp9_480p.webm", "dup_crf35_240p.mp4", "ok_reference.mp4"];

fn odd() -> Option<Utf8PathBuf> {
    let odd = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/videos/odd");
    if odd.join("EXPECTED.csv").is_file() {
        return Some(odd);
    }
    eprintln!("no odd recordings here: not tested");
    None
}

/// A run over some of the odd files, at the paper's size; returns by file name what became of it: status, reason, warning.
fn ingested(
    videos: &[Utf8PathBuf],
    settings: &[&str],
) -> (Place, BTreeMap<String, (String, String, bool)>) {
    let place = Place::new();
    let videos = format!("data.videos={}", serde_json::to_string(videos).unwrap());
    let size = ["ingest.width=160", "ingest.height=90", videos.as_str()];
    let output = place.run(&[&size[..], settings].concat());
    assert!([0, 2].contains(&code(&output)), "{}", stderr(&output));
    let rows = place.start(&["sql", "select * from sources", "--format", "json"]).stdout;
    let rows: serde_json::Value = serde_json::from_slice(&rows).unwrap();
    let clips =
        place.start(&["sql", "select source_path, reason from clips", "--format", "json"]).stdout;
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
    (place, became)
}

/// Would catch a file that changes sides: the whole behaviour towards odd files, one by one.
#[test]
fn every_odd_file_comes_out_as_expected() {
    let Some(odd) = odd() else { return };
    let (place, became) = ingested(std::slice::from_ref(&odd), &["ingest.near_duplicates=false"]);
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
        // Bytes that are there twice are expected to be accepted, and once they are.
        let as_expected = match policy {
            "reject" | "filter" => !kept || NOT_KEPT.contains(&(name, "")),
            _ => kept || reason == "duplicate",
        };
        if !as_planned || !as_expected {
            problems.push(format!("{name}: {policy} is expected; {status}, `{reason}`"));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    assert_eq!((files, became.len()), (59, 59));
    let warned: Vec<&str> =
        became.iter().filter(|(_, (.., warned))| *warned).map(|(name, _)| name.as_str()).collect();
    // What is expected "with a warning", but for cuts, which are no matter; and the GIF, whose format has an alpha channel.
    let notable = [
        "alpha_qtrle.mov",
        "animated.gif",
        "bitflips_midfile.mp4",
        "hevc_hdr10_pq.mp4",
        "interlaced_mpeg2.ts",
        "interlaced_mpeg2_corrupt.ts",
    ];
    assert_eq!(warned, notable);

    for (name, lengths) in CUT {
        let clips = place.clips(None).into_iter().filter(|clip| clip.source_path.ends_with(name));
        let mut found: Vec<_> = clips.map(|clip| (clip.start_pts, clip.frame_pts.len())).collect();
        found.sort_unstable();
        let found: Vec<u32> =
            found.into_iter().map(|(_, frames)| u32::try_from(frames).unwrap()).collect();
        assert_eq!(found, lengths, "{name}");
    }
    let crops =
        place.sql("select split_part(source_path, '/odd/', 2), crop from sources where crop is not null order by 1");
    assert_eq!(
        crops.lines().skip(1).collect::<Vec<_>>(),
        ["letterboxed.mp4,640x360+0+60", "pillarboxed.mp4,480x360+80+0"]
    );
}

/// Would catch copies in another codec or size that are in both splits, another moment of the same level that is thrown away, and a worse copy
/// that is kept for a better one.
#[test]
fn of_copies_the_best_is_kept() {
    let Some(odd) = odd() else { return };
    let mut files: Vec<Utf8PathBuf> = COPIES.iter().map(|name| odd.join(name)).collect();
    files.push(odd.join("notdup_same_level_other_run.mp4"));
    let (place, became) = ingested(&files, &["ingest.near_duplicates=true"]);
    assert_eq!(became["notdup_same_level_other_run.mp4"].0, "accepted");
    assert_eq!(became[COPIES[0]].0, "accepted");
    for copy in &COPIES[1..] {
        assert_eq!(became[*copy].1, "near_duplicate", "{copy}");
    }
    assert_eq!(place.clips(None).len(), 2);
    let original =
        place.sql("select count(distinct duplicate_of) from clips where reason = 'near_duplicate'");
    assert!(original.ends_with("\n1\n"), "{original}");
}
