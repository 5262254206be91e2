//! The page of a report of the toy world.

use crate::held_out::LabelNames;
use crate::measure::Settings;
use crate::report::schema::ReportLineage;
use crate::report::{Provenance, summarise};
use crate::testing::{
    CODES, Flaw, MeanDifference, SETTINGS, SilentObserver, ToyWorld, lpips_weights, measured,
    measured_by, names, provenance, recordings,
};

/// Catches: nothing. It writes a report of an imperfect model, to look at.
///
/// Run it with `GENIE_FIXTURE_REPORT=dir cargo test … -- --ignored fixture`.
#[test]
#[ignore = "writes a fixture report to look at"]
fn fixture_report() {
    let directory = std::path::PathBuf::from(
        std::env::var("GENIE_FIXTURE_REPORT").expect("set GENIE_FIXTURE_REPORT to a directory"),
    );
    let settings = Settings { scenes: 3, held: 2, ..SETTINGS };
    let (windows, videos) = recordings(6, 4);
    let model = ToyWorld(Flaw::Imperfect);
    let found =
        measured_by(Some(&MeanDifference), &model, &windows, &videos, &settings, &SilentObserver)
            .unwrap()
            .unwrap();
    let mut provenance = Provenance { lpips_weights: Some(lpips_weights()), ..provenance() };
    provenance.lineage = ReportLineage {
        data: "0f".repeat(32),
        tokenizer: "1f0c5a90b7d1e2aa".into(),
        lam: "9ab1c0d2e3f40516".into(),
        dynamics: "77e0d1c2b3a49586".into(),
        evaluate: "c0ffee00c0ffee00".into(),
        device: "cpu".into(),
        config: serde_json::json!({ "windows": 64, "samples": 2 }),
        versions: [("genie-evaluate".to_owned(), "0.1.0".to_owned())].into(),
    };
    let report = summarise(&found, &windows, &names(), &settings, provenance);
    let pictures = crate::page::draw(&found.scenes, &windows, 1, 10.0).unwrap();
    std::fs::write(directory.join("report.json"), report.to_json().unwrap()).unwrap();
    std::fs::write(directory.join("report.html"), crate::page::render(&report, &pictures).unwrap())
        .unwrap();
}

/// Catches: the page links to a script, font or picture, so it is broken without a network; a part
/// of the page is missing; a scene cannot be played.
#[test]
fn the_page_needs_nothing_from_outside_and_holds_every_part() {
    let (windows, videos) = recordings(6, 4);
    let found = measured(&ToyWorld(Flaw::Imperfect), &windows, &videos, &SETTINGS, &SilentObserver)
        .unwrap()
        .unwrap();
    let names = LabelNames { actions: vec!["<left>".into(), "a & b".into()], effects: Vec::new() };
    let report = summarise(&found, &windows, &names, &SETTINGS, provenance());
    let page =
        crate::page::render(&report, &crate::page::draw(&found.scenes, &windows, 1, 10.0).unwrap())
            .unwrap();
    let place = format!("#clip={}:{}:1", windows[0].clip_id, windows[0].first);
    assert!(page.contains(&place), "the first scene says how to play from it: {place}");
    for outside in ["http:", "https:", "<script", "<link", "@import", "url("] {
        assert!(!page.contains(outside), "{outside} in the page");
    }
    assert_eq!(
        page.matches("src=\"data:image/png;base64,").count(),
        2 * 2 + 2,
        "two scenes, one of them with held actions"
    );
    let actions = &report.effects.as_ref().unwrap().actions;
    let arrows =
        actions.iter().flat_map(|action| [&action.recorded, &action.held]).flatten().count();
    assert_eq!(page.matches("<svg viewBox").count(), 4, "three charts of curves, and one of bars");
    assert_eq!(page.matches("<svg class=\"arrows\"").count(), arrows);
    assert!(arrows > CODES);
    assert!(page.contains("No. No signal without a recording follows the true error."));
    assert!(page.contains("12.5 frames per second on cpu; 80.0 with 16 worlds in one batch"));
    assert!(page.contains("have 50\u{a0}% of the information that the same frames have"));
    assert!(page.contains("supervised, more frames (frames t−2 to t+2)"));
    let without_pictures: String =
        page.split('"').filter(|part| !part.starts_with("data:")).collect();
    assert!(!without_pictures.contains("NaN"));
    assert!(page.contains("Clip distance 01234567 (not FVD)") && !page.contains(">FVD<"));
    assert!(
        page.contains("&#60;left&#62;") && !page.contains("<left>"),
        "names from sidecars must be escaped"
    );
}
