//! The names of true actions and of their effects.

use std::collections::BTreeMap;

use genie_shards::{ClipMeta, merge_names};

/// The names of the true actions and of the true effects of all labelled clips.
#[derive(Debug, Clone, Default)]
pub struct LabelNames {
    pub actions: Vec<String>,
    pub effects: Vec<String>,
}

/// Returns the most common list of names among the labelled clips.
///
/// Longer lists that agree with it extend it. Clips whose list disagrees add a warning.
pub fn most_common(
    clips: &[ClipMeta],
    labelled: impl Fn(&ClipMeta) -> bool,
    names: impl Fn(&ClipMeta) -> &Option<Vec<String>>,
    what: &str,
    warnings: &mut Vec<String>,
) -> Option<Vec<String>> {
    let mut counts: BTreeMap<&[String], usize> = BTreeMap::new();
    for clip in clips.iter().filter(|clip| labelled(clip)) {
        *counts.entry(names(clip).as_deref().unwrap_or_default()).or_default() += 1;
    }
    let mut lists: Vec<_> = counts.into_iter().collect();
    lists.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let (mut known, mut others) = (lists.first()?.0.to_vec(), 0);
    for (list, count) in lists {
        match merge_names(&known, list) {
            Some(merged) => known = merged,
            None => others += count,
        }
    }
    if others > 0 {
        warnings.push(format!(
            "{others} held-out clips name their {what} differently. Agreement is measured without \
             them."
        ));
    }
    Some(known)
}

/// Returns whether a clip's own names agree with the common ones.
pub fn agree(common: Option<&[String]>, own: Option<&[String]>) -> bool {
    common.is_some_and(|common| merge_names(common, own.unwrap_or_default()).is_some())
}
