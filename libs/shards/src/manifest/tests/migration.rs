//! Tests of datasets of version 0.1, whose manifest is `manifest.json`.

use super::*;

/// Catches: a dataset of version 0.1 is empty for this program, its work keys change, or its first
/// commit loses entries.
#[test]
fn a_manifest_of_version_0_1_is_read_and_replaced() {
    let (_dir, root) = testing::root();
    let all = entries(&root, 200);
    let tables = serde_json::json!({ "clips": all[..150], "sources": all[150..160] });
    let old = serde_json::json!({ "format": 1, "tables": tables }).to_string();
    fs::write(marker::path(&root), &old).unwrap();
    let manifest = Manifest::load(&root).unwrap();
    assert_eq!((manifest.table("clips"), manifest.table("sources")), (&all[..150], &all[150..160]));
    assert_eq!(fs::read_to_string(marker::path(&root)).unwrap(), old, "reading changes nothing");

    Manifest::commit(&root, |manifest| {
        manifest.retain("sources", |_| false);
        manifest.add("clips", all[199].clone());
    })
    .unwrap();
    let manifest = Manifest::load(&root).unwrap();
    assert_eq!(manifest.table("clips"), [&all[..150], &all[199..]].concat());
    assert!(manifest.table("sources").is_empty());
}
