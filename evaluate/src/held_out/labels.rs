//! The names of true actions and of their effects.

use std::collections::{BTreeMap, HashSet};

use genie_shards::merge_names;

/// The names of the true actions and of the true effects of all labelled clips.
#[derive(Debug, Clone, Default)]
pub struct LabelNames {
    pub actions: Vec<String>,
    pub effects: Vec<String>,
}

/// How often each list of names occurs among labelled clips.
#[derive(Default)]
pub struct NameCounts(BTreeMap<Vec<String>, NameList>);

/// A list of names that some clips have.
struct NameList {
    number: u32,
    clips: usize,
}

impl NameCounts {
    /// Counts the names of a labelled clip. Returns the number of this list of names.
    pub fn add(&mut self, names: Option<Vec<String>>) -> u32 {
        let number = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        let list = self.0.entry(names.unwrap_or_default());
        let list = list.or_insert(NameList { number, clips: 0 });
        list.clips += 1;
        list.number
    }

    /// Returns the most common list; `None` if there are no labelled clips.
    ///
    /// Longer lists that agree with it extend it. Clips whose list disagrees add a warning.
    pub fn most_common(&self, what: &str, warnings: &mut Vec<String>) -> Option<Vec<String>> {
        let mut lists: Vec<_> = self.0.iter().map(|(names, list)| (names, list.clips)).collect();
        lists.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let (mut known, mut others) = (lists.first()?.0.clone(), 0);
        for (list, count) in lists {
            match merge_names(&known, list) {
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

    /// Returns the numbers of the lists that agree with the common names.
    pub fn agreeing(&self, common: &[String]) -> HashSet<u32> {
        let agreeing = self.0.iter().filter(|(names, _)| agree(common, Some(names)));
        agreeing.map(|(_, list)| list.number).collect()
    }
}

/// Returns whether a clip's own names agree with the common ones.
pub fn agree(common: &[String], own: Option<&[String]>) -> bool {
    merge_names(common, own.unwrap_or_default()).is_some()
}
