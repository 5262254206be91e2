//! Files in searched directories that are skipped because of their extensions.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

/// Number of extensions that a report names.
const NAMED: usize = 8;

/// Numbers of skipped files, by extension in lower case.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SkippedFiles(BTreeMap<String, u64>);

impl SkippedFiles {
    /// Counts a file. The files that ingest reads beside a video do not count.
    pub fn add(&mut self, path: &Path) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        if !name.ends_with(".actions.csv") && !name.ends_with(".info.json") {
            let extension = path.extension().map(OsStr::to_ascii_lowercase).unwrap_or_default();
            *self.0.entry(extension.to_string_lossy().into_owned()).or_default() += 1;
        }
    }

    /// A report, with the most frequent extensions. `None` if no file was skipped.
    pub fn report(&self) -> Option<String> {
        let mut counts: Vec<(&String, u64)> = self.0.iter().map(|(name, &n)| (name, n)).collect();
        counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        let total: u64 = counts.iter().map(|(_, count)| count).sum();
        let mut parts: Vec<String> =
            counts.iter().take(NAMED).map(|(name, count)| format!("{count} .{name}")).collect();
        let rest: u64 = counts.iter().skip(NAMED).map(|(_, count)| count).sum();
        parts.extend((rest > 0).then(|| format!("{rest} others")));
        let segments = if self.0.contains_key("m4s") {
            "; .m4s are segments of a recording, for example by Steam: export it as MP4"
        } else {
            ""
        };
        (total > 0).then(|| {
            format!(
                "skipped {total} files whose extension is not that of a video: {}; \
                 to try one, name it in data.videos{segments}",
                parts.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: sidecars are reported; a report has a line for each of a hundred extensions.
    #[test]
    fn the_most_frequent_extensions_are_named() {
        let mut skipped = SkippedFiles::default();
        assert_eq!(skipped.report(), None);
        for name in ["a.actions.csv", "a.info.json", "a.TXT", "b.txt", "c.m4s"] {
            skipped.add(Path::new(name));
        }
        let report = skipped.report().unwrap();
        assert!(report.starts_with("skipped 3 files"), "{report}");
        assert!(report.contains("video: 2 .txt, 1 .m4s;") && report.contains("export"), "{report}");
        (0..20).for_each(|n| skipped.add(Path::new(&format!("a.x{n}"))));
        assert!(skipped.report().unwrap().contains(", 14 others;"), "{:?}", skipped.report());
    }
}
