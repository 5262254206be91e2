//! The page of a report of the toy world.

use crate::held_out::LabelNames;
use crate::long::LongStrip;
use crate::measure::Settings;
use crate::page::ReportPictures;
use crate::report::schema::{Report, ReportLineage};
use crate::report::{AgreementWindows, Provenance, summarise};
use crate::testing::{
    CODES, Flaw, MeanDifference, SETTINGS, SilentObserver, ToyWorld, long_recordings,
    long_rollouts, lpips_weights, measured, measured_by, names, provenance, recordings, report,
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
    let names = names();
    let labelled = AgreementWindows::measured(&found, &windows, &names);
    let report = summarise(&found, &windows, &labelled, &settings, provenance);
    let scenes = crate::page::draw(&found, &windows, 1, 10.0).unwrap();
    let pictures = ReportPictures { scenes, ..ReportPictures::default() };
    std::fs::write(directory.join("report.json"), report.to_json().unwrap()).unwrap();
    std::fs::write(directory.join("report.html"), crate::page::render(&report, &pictures).unwrap())
        .unwrap();
}

/// Catches: long rollouts, a strip, held actions or the way there and back are not on the page; a
/// name from the config is not escaped; a lost player is called good.
#[test]
fn the_page_shows_long_rollouts() {
    let report = Report { long: Some(long_rollouts()), ..report(Flaw::None) };
    assert!(report.to_json().is_ok());
    let (clips, videos) = long_recordings(2, 20);
    let frame = |t: usize| videos[1].frame(0, t).to_vec();
    let strip = LongStrip {
        clip: 1,
        times: vec![0, 15],
        real: vec![frame(0), frame(15)],
        generated: vec![frame(0), frame(14)],
        height: videos[1].height,
        width: videos[1].width,
    };
    let strips = crate::page::draw_strips(&[strip], &clips).unwrap();
    let page = crate::page::render(&report, &ReportPictures { strips, ..Default::default() });
    let page = page.unwrap();
    for part in [
        "half of the lead over the mean frame is gone at t = 42",
        "Whole `&#60;player&#62;` after 50 frames",
        "In most worlds it vanishes",
        "PSNR after 50 frames",
        "closer to the recording than a still picture is",
        "frame 16 (t = 15)",
        "level-01.mp4",
        "There and back",
        "+6.0 [+4.0, +8.0]",
        "<td>4.50</td>",
        "<th scope=\"row\">all</th><td></td><td>75",
    ] {
        assert!(page.contains(part), "the page has no {part}");
    }
    let mut better = report.clone();
    better.long.as_mut().unwrap().objects[0].as_many[1].mean = 0.95;
    let card = crate::page::cards(&better).into_iter().find(|card| card.title.contains("player"));
    assert_eq!(card.unwrap().rating.class(), "good");
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
    let labelled = AgreementWindows::measured(&found, &windows, &names);
    let report = summarise(&found, &windows, &labelled, &SETTINGS, provenance());
    let scenes = crate::page::draw(&found, &windows, 1, 10.0).unwrap();
    let pictures = ReportPictures { scenes, ..ReportPictures::default() };
    let page = crate::page::render(&report, &pictures).unwrap();
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
    assert!(arrows >= CODES);
    assert!(page.contains("No. No signal without a recording follows the true error."));
    assert!(page.contains("12.5 frames per second on cpu; 80.0 with 16 worlds in one batch"));
    assert!(page.contains("have 50\u{a0}% of the information that the same frames have"));
    assert!(page.contains("supervised, one more frame (frames t to t+2)"));
    assert!(page.contains("supervised, more frames (frames t−2 to t+2)"));
    assert!(page.contains("50\u{a0}% [40, 60]"), "shares have intervals");
    assert!(page.contains("of 48 held-out windows"));
    let without_pictures: String =
        page.split('"').filter(|part| !part.starts_with("data:")).collect();
    assert!(!without_pictures.contains("NaN"));
    assert!(page.contains("Clip distance 01234567 (not FVD)") && !page.contains(">FVD<"));
    assert!(
        page.contains("&#60;left&#62;") && !page.contains("<left>"),
        "names from sidecars must be escaped"
    );
}
