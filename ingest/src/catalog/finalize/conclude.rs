//! What the verdict on clips means for their sources.

use std::collections::{BTreeMap, HashMap};

use genie_shards::{ClipRow, SourceRow, Status};

use crate::catalog::row_kinds::is_decided;
use crate::reject::Reason;

/// Updates the rows of sources from the verdict on their clips.
pub fn conclude(sources: &mut [SourceRow], clips: &[ClipRow]) {
    let mut by_source: HashMap<&str, Vec<&ClipRow>> = HashMap::new();
    for row in clips {
        by_source.entry(&row.meta.source_id).or_default().push(row);
    }
    for row in sources.iter_mut().filter(|row| is_decided(row)) {
        let Some(clips) = by_source.get(row.source_id.as_str()) else { continue };
        row.clips_kept =
            u32::try_from(clips.iter().filter(|clip| clip.kept).count()).unwrap_or(u32::MAX);
        if row.clips_kept > 0 {
            (row.status, row.reason) = (Status::Accepted, None);
            continue;
        }
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for clip in clips {
            *reasons.entry(clip.reason.as_deref().unwrap_or_default()).or_default() += 1;
        }
        // What the cutter cut off or out tells less about its source than the other clips.
        let short = Reason::TooShort.code();
        let judged: Vec<&&str> =
            reasons.keys().filter(|reason| !Reason::is_of_cutter(reason)).collect();
        let reason = match judged[..] {
            [] if reasons.keys().all(|reason| *reason == short) => short,
            [one] if *one == Reason::NearDuplicate.code() => one,
            [one] if *one == Reason::Gone.code() => one,
            _ => Reason::Filtered.code(),
        };
        row.status = Status::Rejected;
        if row.reason.as_deref() != Some(reason) || reason != short {
            let words = reasons
                .iter()
                .map(|(reason, count)| format!("{count} of {} clips: {reason}", clips.len()));
            row.detail = Some(words.collect::<Vec<_>>().join("; "));
            row.reason = Some(reason.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(source: &str, kept: bool, reason: Option<&str>) -> ClipRow {
        let mut row = ClipRow { kept, reason: reason.map(str::to_owned), ..ClipRow::default() };
        row.meta.source_id = source.to_owned();
        row
    }

    fn concluded(clips: &[ClipRow]) -> SourceRow {
        let mut rows = [SourceRow { source_id: "a".to_owned(), ..SourceRow::default() }];
        conclude(&mut rows, clips);
        let [row] = rows;
        row
    }

    /// Catches: a source without kept clips is accepted; a source with kept clips is rejected; a
    /// reason depends on the order of clips.
    #[test]
    fn the_row_of_a_source_follows_from_its_clips() {
        let kept = concluded(&[
            clip("a", true, None),
            clip("a", false, Some("motion > 0.1")),
            clip("b", false, None),
        ]);
        assert_eq!((kept.status, kept.clips_kept, kept.reason), (Status::Accepted, 1, None));
        let reason = |clips: &[ClipRow]| concluded(clips).reason.unwrap();
        assert_eq!(reason(&[clip("a", false, Some("too_short"))]), "too_short");
        assert_eq!(
            reason(&[
                clip("a", false, Some("near_duplicate")),
                clip("a", false, Some("too_short"))
            ]),
            "near_duplicate"
        );
        let beside_still =
            |other| reason(&[clip("a", false, Some(other)), clip("a", false, Some("still"))]);
        assert_eq!(beside_still("near_duplicate"), "near_duplicate");
        assert_eq!(beside_still("gone"), "gone");
        assert_eq!(beside_still("too_short"), "filtered");
        assert_eq!(reason(&[clip("a", false, Some("still"))]), "filtered");
        let mixed =
            [clip("a", false, Some("near_duplicate")), clip("a", false, Some("motion > 0.1"))];
        assert_eq!(reason(&mixed), "filtered");
        assert!(concluded(&mixed).detail.unwrap().contains("1 of 2 clips: motion > 0.1"));
    }
}
