//! The names of true actions and of their effects.

use std::collections::BTreeMap;

use genie_shards::merge_names;

/// The names of the true actions and of the true effects of all labelled clips.
#[derive(Debug, Clone, Default)]
pub struct LabelNames {
    pub actions: Vec<String>,
    pub effects: Vec<String>,
}

/// How often each list of names occurs among labelled clips.
#[derive(Default)]
pub struct NameCounts(BTreeMap<Vec<String>, usize>);

impl NameCounts {
    /// Counts the names of a labelled clip.
    pub fn add(&mut self, names: Option<Vec<String>>) {
        *self.0.entry(names.unwrap_or_default()).or_default() += 1;
    }

    /// Returns the most common list; `None` if there are no labelled clips.
    ///
    /// Longer lists that agree with it extend it. Clips whose list disagrees add a warning.
    pub fn most_common(self, what: &str, warnings: &mut Vec<String>) -> Option<Vec<String>> {
        let mut lists: Vec<_> = self.0.into_iter().collect();
        lists.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let (mut known, mut others) = (lists.first()?.0.clone(), 0);
        for (list, count) in lists {
            match merge_names(&known, &list) {
                Some(merged) => known = merged,
                None => others += count,
            }
        }
        if others > 0 {
            warnings.push(format!(
                "{others} held-out clips name their {what} differently. Agreement is measured \
                 without them."
            ));
        }
        Some(known)
    }
}

/// Returns whether a clip's own names agree with the common ones.
pub fn agree(common: &[String], own: Option<&[String]>) -> bool {
    merge_names(common, own.unwrap_or_default()).is_some()
}
