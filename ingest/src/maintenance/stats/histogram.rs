//! A text histogram of one clip score, to choose a threshold for `ingest.keep`.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use genie_catalog::Catalog;
use genie_stage::exit::Usage;
use serde::Deserialize;

use crate::reject::Reason;

const BINS: usize = 12;
const WIDTH: usize = 50;

/// Number of clips, and their smallest and largest value.
#[derive(Deserialize)]
struct Range {
    clips: usize,
    /// Number of clips whose value is NaN or infinite.
    not_finite: usize,
    least: Option<f64>,
    most: Option<f64>,
}

/// Number of clips in one bin that are kept, or are not kept.
#[derive(Deserialize)]
struct Bin {
    number: usize,
    kept: bool,
    clips: usize,
}

/// Draws the histogram of a column over all clips: kept clips dark, others light.
///
/// `score` may be any SQL expression over the columns that gives a number. Stretches that were cut
/// out have no scores and do not count.
pub fn histogram(catalog: &Catalog, score: &str) -> Result<String> {
    let values = format!(
        "(select cast({score} as double) as value, kept from clips \
         where {score} is not null and coalesce(reason, '') not in ('{}', '{}', '{}')) as scores",
        Reason::Still.code(),
        Reason::Fade.code(),
        Reason::Damaged.code()
    );
    // The difference of two equal numbers is 0. Of NaN and of an infinite number it is NaN.
    let range = format!(
        "select count(*) as clips, count(*) filter (where value - value <> 0) as not_finite, \
         min(value) as least, max(value) as most from {values}"
    );
    let mut ranges = catalog.query::<Range>(&range)?;
    let Some(range) = ranges.next().transpose()? else {
        bail!("the range of `{score}` is missing")
    };
    if range.not_finite > 0 {
        return Err(Usage(format!(
            "cannot draw a histogram of `{score}`: it is not a finite number for every clip; use \
             another column or expression"
        ))
        .into());
    }
    let mut text = format!("\n{score} of {} clips (█ kept, ░ not kept)\n", range.clips);
    let (Some(least), Some(most)) = (range.least, range.most) else { return Ok(text) };
    let width = (most - least) / BINS as f64;
    let bin = if width > 0.0 {
        // The largest value would be in a bin of its own.
        format!(
            "case when value >= {most:e} then {} \
                 else cast((value - {least:e}) / {width:e} as bigint) end",
            BINS - 1
        )
    } else {
        "0".to_owned()
    };
    let bins =
        format!("select {bin} as number, kept, count(*) as clips from {values} group by 1, 2");
    let mut counts = [[0; 2]; BINS];
    for row in catalog.query::<Bin>(&bins)? {
        let Bin { number, kept, clips } = row?;
        counts[number.min(BINS - 1)][usize::from(kept)] += clips;
    }
    draw(&mut text, (least, width), &counts);
    let _ = writeln!(text, "  {most:>10.4}");
    Ok(text)
}

/// Draws the bins: those that are not kept, and those that are kept.
fn draw(text: &mut String, (least, width): (f64, f64), bins: &[[usize; 2]; BINS]) {
    let tallest = bins.iter().map(|[light, full]| light + full).max().unwrap_or(0).max(1);
    let used = if width > 0.0 { BINS } else { 1 };
    for (number, [light, full]) in bins.iter().enumerate().take(used) {
        // Every bin with clips gets at least one mark.
        let marks = |count: usize| (count * WIDTH).div_ceil(tallest);
        let bar = "█".repeat(marks(*full)) + &"░".repeat(marks(*light));
        let _ =
            writeln!(text, "  {:>10.4}  {:>7}  {bar}", least + width * number as f64, light + full);
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;
    use genie_shards::{ClipMeta, ClipRow, Manifest, Scores, tables, write_clip_rows};

    use super::*;

    /// Catches: a value is outside the last bin, a bin is missing, or a width of zero is a divisor.
    #[test]
    fn every_clip_is_in_a_bin() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let row = |n: u16| {
            let scores = Scores { motion: f32::from(n.min(999)), ..Scores::default() };
            let (clip_id, source_id) = (n.to_string(), "a".to_owned());
            let meta = ClipMeta { clip_id, source_id, scores, ..ClipMeta::default() };
            ClipRow { meta, kept: n >= 500, ..ClipRow::default() }
        };
        let rows: Vec<ClipRow> = (0..1001).map(row).collect();
        let entry = write_clip_rows(root, "one", &rows).unwrap();
        Manifest::commit(root, |manifest| manifest.add(tables::CLIP_ROWS, entry.clone())).unwrap();
        let catalog = Catalog::open(root, 64).unwrap();
        let text = histogram(&catalog, "motion").unwrap();
        let count = |line: &str| line.split_whitespace().nth(1)?.parse::<usize>().ok();
        let counts: Vec<usize> = text.lines().filter_map(count).collect();
        assert_eq!((counts.iter().sum(), counts.len()), (1001, BINS), "{text}");
        assert!(counts.iter().all(|count| (80..90).contains(count)), "{text}");
        assert!(text.lines().last().unwrap().trim() == "999.0000", "{text}");
        let one = histogram(&catalog, "0.5 + 0 * motion").unwrap();
        assert!(one.contains("0.5000     1001  █"), "{one}");
        assert!(histogram(&catalog, "1 / (motion - 3.0)").is_err(), "a division by zero");
        let none = Catalog::open(&root.join("nothing"), 64).unwrap();
        assert!(histogram(&none, "motion").unwrap().contains("0 clips"));
    }
}
