//! Tests of killed writers: after each file operation, readers find the old or the new version.

use super::*;

/// What a program of version 0.1 finds: its manifest, an empty one, or (`None`) a later format.
fn seen_by_version_0_1(root: &Utf8Path) -> Option<usize> {
    let Ok(text) = fs::read_to_string(marker::path(root)) else { return Some(0) };
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    (json["format"] == 1).then(|| json["tables"]["clips"].as_array().map_or(0, Vec::len))
}

/// Catches: a writer that is killed between two file operations leaves neither the old nor the new
/// version, or a version that no later commit can continue; a program of version 0.1 sees an empty
/// dataset.
#[test]
fn a_kill_leaves_the_old_or_the_new_version() {
    // The number of old entries, of format 1 or 2, and of new ones. 150 entries need a segment.
    for (old, format, new) in [(0, 2, 3), (3, 2, 3), (100, 2, 150), (3, 1, 3), (150, 1, 3)] {
        let mut operations = 1;
        let mut stopped_at = 0;
        while stopped_at <= operations {
            let (_dir, root) = testing::root();
            let all = entries(&root, old + new + 1);
            if format == 1 {
                let tables = serde_json::json!({ "format": 1, "tables": { "clips": all[..old] } });
                fs::write(marker::path(&root), tables.to_string()).unwrap();
            } else if old > 0 {
                add(&root, "clips", &all[..old]);
            }
            let edit = |manifest: &mut ManifestEdit<'_>| {
                for entry in &all[old..old + new] {
                    manifest.add("clips", entry.clone());
                }
            };
            let prepared =
                commit::prepare(&root, &Version::newest(&root).unwrap(), edit).unwrap().unwrap();
            operations = prepared.len();
            let create = |operation: &FileOperation| matches!(operation, FileOperation::Create(..));
            let created = prepared.iter().position(create).unwrap();
            commit::run(prepared.into_iter().take(stopped_at).collect()).unwrap();

            let case = format!("{old} entries of format {format}, killed after {stopped_at}");
            let expected = if stopped_at > created { old + new } else { old };
            let loaded = Manifest::load(&root).unwrap();
            assert_eq!(loaded.table("clips"), &all[..expected], "{case}");
            let seen = seen_by_version_0_1(&root);
            assert!(seen.is_none_or(|seen| seen == expected), "{case}: 0.1 sees {seen:?}");

            Manifest::commit(&root, |manifest| {
                edit(manifest);
                manifest.add("clips", all[old + new].clone());
            })
            .unwrap();
            assert_eq!(Manifest::load(&root).unwrap().table("clips"), all, "{case}");
            assert_eq!(seen_by_version_0_1(&root), None, "{case}");
            let json = fs::read_to_string(marker::path(&root)).unwrap();
            assert!(!json.contains("tables"), "{case}: {json}");
            stopped_at += 1;
        }
    }
}

/// Catches: what a killed writer left in the folder `manifest` stays for ever, or `gc` removes a
/// part of the manifest.
#[test]
fn leftovers_are_unnamed_and_what_is_needed_is_not() {
    let (_dir, root) = testing::root();
    let all = entries(&root, 200);
    add(&root, "clips", &all[..100]);
    add(&root, "clips", &all[100..101]);
    let edit = |manifest: &mut ManifestEdit<'_>| {
        for entry in &all[101..] {
            manifest.add("clips", entry.clone());
        }
    };
    drop(commit::prepare(&root, &Version::newest(&root).unwrap(), edit).unwrap());
    fs::write(Version::folder(&root).join(".x-1.tmp"), "").unwrap();
    let manifest = Manifest::load(&root).unwrap();
    let unnamed = manifest.unnamed(&root, &[]).unwrap();
    let of_manifest: Vec<&Utf8PathBuf> =
        unnamed.iter().filter(|path| path.starts_with(Version::folder(&root))).collect();
    assert_eq!(of_manifest.len(), 2, "a segment and a draft: {of_manifest:?}");
    for path in &unnamed {
        fs::remove_file(path).unwrap();
    }
    assert_eq!(Manifest::load(&root).unwrap(), manifest);
}
