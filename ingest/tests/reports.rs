//! Recordings after public bug reports, in `../shared/videos/reports`, if present.
//!
//! Each must match `EXPECTED.csv` there, which says in words what is right. The numbers of frames
//! are read from these words. [`OTHERS`] lists the rows that need a look at more than a number.

#[path = "support/test_dir.rs"]
mod support;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;
use support::{TestDir, code, stderr};

/// Files whose kept clips are not the numbers in `EXPECTED.csv`, and their rows.
///
/// A number is the frames of a clip. A number and a reason are a row that is not kept.
const OTHERS: [(&str, &str); 10] = [
    // A fade of the game in mid-file is cut out, and two short clips beside it.
    ("avi_power_loss_no_index.avi", "47, 15 fade, 24"),
    ("letterboxed_intro_one_key_frame.mp4", "47, 15 fade, 18, 120"),
    ("mkv_obs_crash_two_audio.mkv", "46, 16 fade, 29"),
    ("ts_video_only_in_a_later_pmt.ts", "46, 16 fade, 18"),
    // The words name parts of a file, or allow several results.
    ("flv_dropped_frames_long_gop.flv", "21, 33 damaged"),
    ("mp4_zeroed_p_frames_smear.mp4", "51, 25 damaged, 20"),
    ("raw_av1.obu", "70"),
    ("ts_lost_access_units_long_gop.ts", "21, 33 damaged"),
    ("tiny_1x1.mkv", "40 contrast > 0.02"),
    ("tiny_2x2.mp4", "40 static_share < 0.9"),
];
/// Files that have no row, because a folder is searched and not named.
const PASSED_OVER: [&str; 4] = [
    "animated.webp",
    "apng_named.png",
    "sequence.avif",
    "steam_clip_570_20260101/init-stream0.m4s",
];
/// Titles that contain no word of the rules once they can be read.
const NOTED: [&str; 1] = ["words/array.mp4"];

fn reports() -> Option<Utf8PathBuf> {
    let reports = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/videos/reports");
    if reports.join("EXPECTED.csv").is_file() {
        return Some(reports);
    }
    eprintln!("skipped: ../shared/videos/reports is not present");
    None
}

/// What ingest made of one file.
struct Found<'a> {
    source: &'a Value,
    clips: Vec<&'a Value>,
}

impl Found<'_> {
    fn text(&self, field: &str) -> &str {
        self.source[field].as_str().unwrap_or_default()
    }

    /// The rows of the file as in [`OTHERS`].
    fn rows(&self) -> String {
        let row = |clip: &&Value| match clip["reason"].as_str() {
            Some(reason) => format!("{} {reason}", clip["frames"]),
            None => clip["frames"].to_string(),
        };
        self.clips.iter().map(row).collect::<Vec<_>>().join(", ")
    }

    /// Returns whether the kept clips have these numbers of frames, within a tolerance.
    fn has_lengths(&self, lengths: &[u64], about: bool) -> bool {
        let kept: Vec<u64> = self
            .clips
            .iter()
            .filter(|clip| clip["reason"].is_null())
            .filter_map(|clip| clip["frames"].as_u64())
            .collect();
        let fits = |(found, right): (&u64, &u64)| {
            found.abs_diff(*right) <= if about { right / 10 } else { 1 }
        };
        kept.len() == lengths.len() && kept.iter().zip(lengths).all(fits)
    }

    /// Returns what is wrong, if anything is.
    fn problem(&self, name: &str, expected: &str) -> Option<String> {
        let (status, reason, detail) =
            (self.text("status"), self.text("reason"), self.text("detail"));
        let found = format!("{status} {reason}, {}: {detail}", self.rows());
        let words: Vec<&str> = expected.split([' ', ',', ':', ';']).collect();
        let is_right = if let Some((_, rows)) = OTHERS.iter().find(|(other, _)| *other == name) {
            self.rows() == *rows
        } else if name.starts_with("sidecars/") {
            let has_actions = self.source["has_actions"].as_bool().unwrap_or(false);
            match words[0] {
                "actions" if words.len() == 1 => has_actions && detail.is_empty(),
                "actions" => !detail.is_empty(),
                _ if expected.ends_with("or a note in the catalog") => !detail.is_empty(),
                _ => !has_actions && !detail.is_empty(),
            }
        } else if NOTED.contains(&name) {
            status == "accepted" && !detail.is_empty()
        } else {
            match (words[0], words.get(1).copied().unwrap_or_default()) {
                ("accept" | "a", _) => status == "accepted" && self.fits(&words),
                (
                    "rejected" | "reject",
                    known @ ("metadata" | "unreadable" | "unsupported_codec"),
                ) => reason == known,
                ("reject", _) => status == "rejected",
                ("near_duplicate", _) | ("no", "crash") => status == "accepted",
                (other, _) => reason == other,
            }
        };
        (!is_right).then(|| format!("{name}: `{expected}`, but found {found}"))
    }

    /// Returns whether the kept clips have the lengths in the words `accept about 20 + 30`.
    fn fits(&self, words: &[&str]) -> bool {
        let numbers = words.iter().skip(1).map_while(|word| match *word {
            "about" | "+" => Some(None),
            word => word.parse().ok().map(Some),
        });
        let lengths: Vec<u64> = numbers.flatten().collect();
        lengths.is_empty() || self.has_lengths(&lengths, words.contains(&"about"))
    }
}

/// Catches: the result for a file of the bug reports changes.
///
/// FFmpeg's version decides how many frames damage costs. The numbers are those of FFmpeg 5.1, so
/// `make test` does not run this test.
#[test]
#[ignore = "needs ../shared/videos/reports; part of make test-slow"]
fn every_report_comes_out_as_expected() {
    let Some(reports) = reports() else { return };
    let dir = TestDir::new();
    let videos = format!("data.videos=[\"{reports}\"]");
    let size = ["ingest.width=160", "ingest.height=90", "ingest.near_duplicates=false"];
    let output = dir.run(&[&size[..], &[videos.as_str()]].concat());
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    let rows = |query: &str| -> Vec<Value> {
        let rows = dir.start(&["sql", query, "--format", "json"]).stdout;
        serde_json::from_slice(&rows).unwrap()
    };
    let sources = rows("select * from sources");
    let clips = rows("select * from clips order by source_path, start_pts");
    let mut expected = csv::Reader::from_path(reports.join("EXPECTED.csv")).unwrap();
    let mut problems = Vec::new();
    let mut files = 0;
    for record in expected.records() {
        let record = record.unwrap();
        let name = record.get(0).unwrap();
        files += 1;
        let end = format!("/reports/{name}");
        let is_same =
            |row: &&Value| row["source_path"].as_str().is_some_and(|path| path.ends_with(&end));
        let Some(source) = sources.iter().find(is_same) else {
            if !PASSED_OVER.contains(&name) {
                problems.push(format!("{name}: no row"));
            }
            continue;
        };
        let found = Found { source, clips: clips.iter().filter(is_same).collect() };
        problems.extend(found.problem(name, record.get(2).unwrap()));
    }
    assert!(problems.is_empty(), "{problems:#?}");
    assert_eq!(files, 130);
}
