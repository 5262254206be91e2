//! Tests of segments: any sequence of commits gives what a map would contain.

use proptest::prelude::*;

use super::*;

const TABLES: [&str; 2] = ["clips", "sources"];
const FILES: usize = 300;

/// A part of an edit.
#[derive(Debug, Clone)]
enum Part {
    /// Adds these files to a table.
    Add(usize, std::ops::Range<usize>),
    Remove(usize, usize),
    /// Keeps the files of a table whose number is not divisible by this.
    Retain(usize, usize),
}

fn part() -> impl Strategy<Value = Part> {
    let range = (0..FILES, 1..120_usize);
    prop_oneof![
        4 => (0..2_usize, range).prop_map(|(table, (first, count))| {
            Part::Add(table, first..(first + count).min(FILES))
        }),
        2 => (0..2_usize, 0..FILES).prop_map(|(table, file)| Part::Remove(table, file)),
        1 => (0..2_usize, 1..5_usize).prop_map(|(table, by)| Part::Retain(table, by)),
    ]
}

/// Catches: a merge loses an entry, shows a removed one again, or takes the older of two.
#[test]
fn random_commits_give_what_a_map_contains() {
    let (_dir, root) = testing::root();
    let all = entries(&root, FILES);
    let commits = prop::collection::vec(prop::collection::vec(part(), 1..4), 1..12);
    proptest!(ProptestConfig::with_cases(48), |(commits in commits)| {
        Manifest::remove(&root).unwrap();
        let mut model: BTreeMap<(&str, usize), Entry> = BTreeMap::new();
        for (number, commit) in commits.iter().enumerate() {
            // The same path with other contents: `rows` tells them apart.
            let new = |file: usize| Entry { rows: number as u64, ..all[file].clone() };
            for part in commit {
                match part {
                    Part::Add(table, files) => model.extend(
                        files.clone().map(|file| ((TABLES[*table], file), new(file)))
                    ),
                    Part::Remove(table, file) => drop(model.remove(&(TABLES[*table], *file))),
                    Part::Retain(table, by) => model.retain(|(of, file), _| {
                        *of != TABLES[*table] || file % by > 0
                    }),
                }
            }
            Manifest::commit(&root, |manifest| {
                for part in commit {
                    match part {
                        Part::Add(table, files) => files
                            .clone()
                            .for_each(|file| manifest.add(TABLES[*table], new(file))),
                        Part::Remove(table, file) => {
                            manifest.remove(TABLES[*table], &all[*file].file);
                        }
                        Part::Retain(table, by) => manifest.retain(TABLES[*table], |entry| {
                            entry.file[..4].parse::<usize>().unwrap() % by > 0
                        }),
                    }
                }
            }).unwrap();
            let loaded = Manifest::load(&root).unwrap();
            let expected = model.iter().map(|((table, _), entry)| (*table, entry));
            prop_assert!(loaded.entries().eq(expected));
            let folder = Version::folder(&root);
            let left = loaded.unnamed(&root, &[]).unwrap();
            prop_assert!(!left.iter().any(|path| path.starts_with(&folder)), "{left:?}");
        }
        // The same content in one commit has the same hashes.
        let loaded = Manifest::load(&root).unwrap();
        Manifest::remove(&root).unwrap();
        Manifest::commit(&root, |manifest| {
            for ((table, _), entry) in model.iter().rev() {
                manifest.add(table, entry.clone());
            }
        }).unwrap();
        let at_once = Manifest::load(&root).unwrap();
        prop_assert_eq!(loaded.content_hash(), at_once.content_hash());
        prop_assert_eq!(loaded.table_hash("clips"), at_once.table_hash("clips"));
    });
}

/// Catches: a commit rewrites all entries; segments are never merged, so a load opens thousands.
#[test]
fn commits_write_what_they_add_and_segments_stay_few() {
    let (_dir, root) = testing::root();
    let one = entry(&root, "a.parquet", "a");
    let count = 1200_usize;
    // Entries with other names need other files. Hard links are quick to make.
    let entries: Vec<Entry> = (0..count)
        .map(|n| {
            let file = format!("{n:05}.parquet");
            fs::hard_link(root.join(&one.file), root.join(&file)).unwrap();
            Entry { file, ..one.clone() }
        })
        .collect();
    let (mut written, mut known) = (0, HashSet::new());
    for entry in &entries {
        add(&root, "clips", std::slice::from_ref(entry));
        let version = Version::newest(&root).unwrap();
        assert!(version.changes.len() <= 64, "{}", version.changes.len());
        let rows: Vec<u64> = version.segments.iter().map(|segment| segment.rows).collect();
        assert!(rows.windows(2).all(|pair| pair[0] >= 2 * pair[1]), "{rows:?}");
        let new = version.segments.into_iter().filter(|segment| known.insert(segment.file.clone()));
        written += new.map(|segment| segment.rows).sum::<u64>();
    }
    assert_eq!(Manifest::load(&root).unwrap().table("clips"), entries);
    // n log2 n. If each commit wrote all entries, it would be n² / 2.
    let limit = count as u64 * u64::from(count.ilog2());
    assert!(written < limit, "{written} entries written, limit {limit}");
}
