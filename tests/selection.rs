//! `[data] where`, which selects the clips that models are trained on, with the built binaries.

use std::fs;

use genie_tests::{Dataset, Steps};

const MODELS: [&str; 3] = ["tokenize fit", "train lam", "train dynamics"];

fn keys(steps: &Steps) -> Vec<String> {
    MODELS.iter().map(|step| steps.key(step).to_owned()).collect()
}

/// Catches: an expression is ignored; another expression that selects the same clips leads to other
/// models; the report uses other clips than without the expression; `genie-evaluate`, which has no
/// SQL, does not find the models; a status does not show the expression.
#[test]
fn models_are_trained_on_the_clips_that_are_selected() {
    let dataset = Dataset::new();
    dataset.pipeline(&[]).expect(0);
    let all = dataset.status(&[]);
    let rows = dataset
        .sql("select clip_id, motion from clips where kept and split = 'train' order by motion");
    let motion = |row: usize| rows[row]["motion"].as_f64().expect("a number");
    assert!(rows.len() >= 4, "{rows:?}");
    // The midpoint, so that both sides have clips and no clip has exactly this value.
    let (low, high) = (motion(rows.len() / 2 - 1), motion(rows.len() / 2));
    assert!(low < high, "{rows:?}");
    let middle = f64::midpoint(low, high);

    let set = |expression: &str| format!("data.where={expression}");
    let moving = set(&format!("motion > {middle} and split = 'train'"));
    let moving = ["--set", moving.as_str()];
    let said = format!("selects {} of {} clips", rows.len() - rows.len() / 2, rows.len());
    dataset.pipeline(&moving).expect(0).says(&said);
    let steps = dataset.status(&moving);
    assert_eq!(steps.all("done").len(), 8);
    assert!(keys(&steps).iter().zip(keys(&all)).all(|(selected, all)| *selected != all));
    // These numbers depend on the measured windows only, not on a model.
    let copied = |words: &[&str]| {
        let report = dataset.report(words);
        (
            report["counts"].clone(),
            report["tokenizer"]["psnr_baseline_db"].as_f64().expect("a number"),
        )
    };
    assert_eq!(copied(&moving), copied(&[]), "reports are on the same clips");
    assert_eq!(
        keys(&dataset.status(&[])),
        keys(&all),
        "without the expression, the keys are as before"
    );
    let shown =
        dataset.run("genie", &["status", "tiny.toml", moving[0], moving[1]]).expect(0).stdout;
    assert!(shown.contains("trained on clips where motion > "), "{shown}");

    // Another expression for the same clips: nothing to do.
    let words = set(&format!("NOT (motion <= {middle}) AND frames > 0"));
    dataset.pipeline(&["--set", &words]).expect(0).says("up to date");
    assert_eq!(keys(&dataset.status(&["--set", &words])), keys(&steps));
    // Other clips.
    let still = set(&format!("motion < {middle}"));
    let other = dataset.status(&["--set", &still]);
    assert!(keys(&other).iter().zip(keys(&steps)).all(|(other, key)| *other != key));
    assert_eq!(other.state("tokenize fit"), "missing");
}

/// Catches: a wrong expression is found only after hours of ingest; a model trains on an empty
/// selection; a message does not list the columns.
#[test]
fn a_wrong_expression_is_refused_before_anything_starts() {
    let dataset = Dataset::new();
    for wrong in ["moton > 0.1", "motion >", "motion", "motion > 0.1; drop table clips"] {
        let set = format!("data.where={wrong}");
        dataset
            .pipeline(&["--set", &set])
            .expect(64)
            .says("[data] where")
            .says(wrong)
            .says("static_share");
    }
    assert!(!dataset.path("root").exists(), "nothing starts");

    dataset.pipeline(&["--stage", "ingest"]).expect(0);
    let clips = dataset.sql("select clip_id from clips where kept and split = 'train'").len();
    for (stage, step) in [("tokenize", "fit"), ("train", "lam")] {
        let ended = dataset.stage(stage, step, &["--set", "data.where=motion > 2"]).expect(1);
        ended.says(&format!("none of the {clips} clips")).says("genie-ingest sql");
    }
    assert!(
        fs::exists(dataset.path("root/clips")).unwrap() && !dataset.path("root/models").exists()
    );
}
