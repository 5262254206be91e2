//! The majority label of each clip.
//!
//! Of each person the newest label counts, as in the table `labels`. Unsure counts for nothing. A
//! clip that as many people call good as bad has no majority.

use anyhow::{Result, bail};
use genie_catalog::Catalog;
use serde::Deserialize;

/// Fewest clips of each class.
const CLIPS: usize = 50;
/// Fewest sources of the labelled clips.
const SOURCES: usize = 10;

/// Votes are the number of people who call the clip good, minus those who call it bad.
const QUERY: &str = "select l.clip_id, c.source_id, c.kept, \
    sum(case l.label when 'good' then 1 when 'bad' then -1 else 0 end) as votes \
    from labels l join clips c on c.clip_id = l.clip_id \
    group by l.clip_id, c.source_id, c.kept order by c.source_id, l.clip_id";

/// A clip that a majority calls good or bad.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MajorityLabel {
    pub source_id: String,
    pub clip_id: String,
    pub good: bool,
}

/// The labels of a dataset.
#[derive(Debug, Default)]
pub struct MajorityLabels {
    /// Clips whose frames are in the dataset or stored as examples, by source.
    pub clips: Vec<MajorityLabel>,
    /// Number of clips with a majority that are not kept, so that their frames are missing.
    pub without_frames: usize,
    /// Number of clips without a majority.
    pub undecided: usize,
}

/// A row of the query.
#[derive(Deserialize)]
struct LabelledClip {
    clip_id: String,
    source_id: String,
    kept: bool,
    votes: i64,
}

impl MajorityLabels {
    /// Reads the labels of a dataset. `is_stored` says of which dropped clips there are frames.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(catalog: &Catalog, is_stored: impl Fn(&str) -> bool) -> Result<Self> {
        let rows = catalog.query::<LabelledClip>(QUERY)?;
        Ok(Self::of(rows.collect::<Result<Vec<_>, _>>()?, is_stored))
    }

    fn of(rows: Vec<LabelledClip>, is_stored: impl Fn(&str) -> bool) -> Self {
        let mut labels = Self::default();
        for LabelledClip { clip_id, source_id, kept, votes } in rows {
            if votes == 0 {
                labels.undecided += 1;
            } else if kept || is_stored(&clip_id) {
                labels.clips.push(MajorityLabel { source_id, clip_id, good: votes > 0 });
            } else {
                labels.without_frames += 1;
            }
        }
        labels.clips.sort();
        labels
    }

    /// Number of clips that are good, or bad.
    pub fn count(&self, good: bool) -> usize {
        self.clips.iter().filter(|clip| clip.good == good).count()
    }

    /// Number of sources.
    pub fn sources(&self) -> usize {
        let mut sources: Vec<&str> =
            self.clips.iter().map(|clip| clip.source_id.as_str()).collect();
        sources.dedup();
        sources.len()
    }

    /// Checks that there are enough labels to train and to measure a network.
    ///
    /// # Errors
    /// When there are too few. The message says what is missing.
    pub fn check(&self) -> Result<()> {
        let missing: Vec<String> = [
            (self.count(true), CLIPS, "clips labelled good"),
            (self.count(false), CLIPS, "clips labelled bad"),
            (self.sources(), SOURCES, "sources with labelled clips"),
        ]
        .into_iter()
        .filter(|(found, least, _)| found < least)
        .map(|(found, least, what)| format!("{} more {what} ({found} of {least})", least - found))
        .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut unused = Vec::new();
        if self.without_frames > 0 {
            unused.push(format!(
                "{} labelled clips are not kept, so their frames are not in the dataset",
                self.without_frames
            ));
        }
        if self.undecided > 0 {
            unused.push(format!("{} clips have no majority for good or bad", self.undecided));
        }
        let unused =
            if unused.is_empty() { String::new() } else { format!(" ({})", unused.join("; ")) };
        bail!(
            "there are too few labels for a quality network. Missing: {}{unused}. Label clips with \
             `genie-ingest browse`",
            missing.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(rows: &[(&str, &str, bool, i64)]) -> MajorityLabels {
        let votes = |(clip, source, kept, votes): &(&str, &str, bool, i64)| LabelledClip {
            clip_id: (*clip).to_owned(),
            source_id: (*source).to_owned(),
            kept: *kept,
            votes: *votes,
        };
        MajorityLabels::of(rows.iter().map(votes).collect(), |clip| clip == "stored")
    }

    /// Catches: a tie counts as bad; a clip without frames is trained on; one person outvotes two.
    #[test]
    fn the_majority_counts() {
        let found = labels(&[
            ("a", "x", true, 1),
            ("b", "x", true, -2),
            ("c", "y", true, 0),
            ("d", "y", false, 1),
            ("stored", "y", false, -1),
        ]);
        let good: Vec<_> = found.clips.iter().map(|clip| (&*clip.clip_id, clip.good)).collect();
        assert_eq!(good, [("a", true), ("b", false), ("stored", false)]);
        assert_eq!((found.undecided, found.without_frames, found.sources()), (1, 1, 2));
    }

    /// Catches: a network is trained on a few labels; the message does not say what is missing, or
    /// why labels do not count.
    #[test]
    fn too_few_labels_are_refused() {
        let names: Vec<String> = (0..100).map(|number| format!("{number:03}")).collect();
        let rows = |sources: usize, good: usize, kept: bool| -> Vec<(&str, &str, bool, i64)> {
            let row = |number: usize| {
                let votes = if number < good { 1 } else { -1 };
                (names[number].as_str(), names[number % sources].as_str(), kept, votes)
            };
            (0..100).map(row).collect()
        };
        labels(&rows(10, 50, true)).check().unwrap();
        let refused = |rows: &[_]| labels(rows).check().unwrap_err().to_string();
        let few = refused(&rows(9, 40, true));
        assert!(few.contains("10 more clips labelled good (40 of 50)"), "{few}");
        assert!(few.contains("1 more sources") && !few.contains("labelled bad"), "{few}");
        let gone = refused(&rows(10, 50, false));
        assert!(gone.contains("100 labelled clips are not kept"), "{gone}");
    }
}
