//! The whole pipeline: from nothing to a report, a second run, and a run with another config.

use std::fs;

use genie_tests::{Dataset, Files};
use serde_json::Value;

const STEPS: [&str; 8] = [
    "evaluate run",
    "ingest run",
    "ingest sample",
    "tokenize encode",
    "tokenize fit",
    "train dynamics",
    "train label",
    "train lam",
];

/// Catches: a stage does not find the output of the stage before it; a report lacks a key, or has
/// text instead of a number; a status differs from the work of the run; long rollouts change
/// another number of the report.
#[test]
fn from_nothing_to_a_report() {
    let dataset = Dataset::new();
    let before = dataset.status(&[]);
    assert_eq!(before.all("missing"), ["ingest sample"], "the only step whose inputs exist");
    assert_eq!(before.all("waiting").len(), STEPS.len() - 1);

    let ended = dataset.pipeline(&[]).expect(0).says("all done");

    let after = dataset.status(&[]);
    assert_eq!(after.all("done"), STEPS);
    let report = dataset.report(&[]);
    check_report(&report);
    assert_eq!(report["lineage"]["dynamics"], after.key("train dynamics"));
    let place = after.dir("evaluate run");
    assert!(
        ended.stdout.contains(&format!("{place}/report.html")),
        "no report named in\n{}",
        ended.stdout
    );
    check_page(&fs::read_to_string(dataset.path(place).join("report.html")).expect("a page"));
    check_windows(&dataset, &report);
    check_without_long_rollouts(&dataset, &report);
}

/// Checks that long rollouts can be turned off, and that no other number depends on them.
fn check_without_long_rollouts(dataset: &Dataset, report: &Value) {
    let off = ["--set", "evaluate.long=0"];
    dataset.stage("evaluate", "run", &off).expect(0);
    let without = dataset.report(&off);
    assert!(report["long"].is_object() && without["long"].is_null(), "{}", without["long"]);
    for key in ["tokenizer", "lam", "rollout", "delta_psnr_db", "effects", "distances", "trust"] {
        assert_eq!(report[key], without[key], "{key}");
    }
}

/// Checks that the rows of windows, read by SQL, agree with the report.
fn check_windows(dataset: &Dataset, report: &Value) {
    let rows = dataset.sql(
        "select report, dynamics, count(*) as windows, \
         avg(inferred_psnr[4] - random_psnr[4]) as gain, sum(cardinality(latent)) as pairs \
         from windows group by 1, 2",
    );
    let [row] = &rows[..] else { panic!("one report, one model: {rows:?}") };
    assert_eq!(
        (&row["report"], &row["dynamics"]),
        (&report["lineage"]["evaluate"], &report["lineage"]["dynamics"])
    );
    // A window has 8 frames.
    assert_eq!(&row["windows"], &report["counts"]["windows"]);
    assert_eq!(row["pairs"].as_u64(), row["windows"].as_u64().map(|windows| windows * 7));
    assert!(
        (number(&row["gain"]) - number(&report["delta_psnr_db"][3]["mean"])).abs() < 1e-9,
        "{row}"
    );
}

/// Checks the keys of the report and their values.
fn check_report(report: &Value) {
    // Clips of 2.5 seconds at 10 frames per second are longer than windows of 8 frames.
    assert_eq!(report["long"]["frames"], 25);
    assert_eq!(report["long"]["rollout"]["psnr_db"].as_array().map(Vec::len), Some(17));
    assert_eq!(report["long"]["objects"][0]["recorded"][16]["mean"], 1.0, "{}", report["long"]);
    for key in ["/tokenizer/psnr_db", "/tokenizer/psnr_baseline_db"] {
        assert!(number(&report.pointer(key).cloned().unwrap_or_default()) > 0.0, "{key}");
    }
    for (key, most) in [("/tokenizer/codes_used", 16), ("/lam/codes_used", 8)] {
        let used = report
            .pointer(key)
            .and_then(Value::as_u64)
            .unwrap_or_else(|| panic!("{key} is not a count"));
        assert!((1..=most).contains(&used), "{key} is {used}");
    }
    for key in ["delta_psnr_db", "delta_psnr_time_shuffled_db"] {
        let points = report[key].as_array().unwrap_or_else(|| panic!("{key} is not a list"));
        let t: Vec<u64> = points.iter().filter_map(|point| point["t"].as_u64()).collect();
        assert_eq!(
            t,
            (1..8).collect::<Vec<_>>(),
            "{key}: a window has 8 frames, and the first is given"
        );
        for point in points {
            // Several episodes are held out, so there is an interval.
            let [lo, hi] = [&point["ci95"][0], &point["ci95"][1]].map(number);
            assert!(lo <= number(&point["mean"]) && number(&point["mean"]) <= hi, "{key}: {point}");
            assert_eq!(point["ci95"].as_array().map(Vec::len), Some(2));
        }
    }
    for key in ["nmi", "nmi_shuffled", "accuracy"] {
        let share = number(&report["action_agreement"][key]);
        assert!((0.0..=1.0).contains(&share), "action_agreement.{key} is {share}");
    }
    for reader in ["latent", "narrow", "ahead", "wide"] {
        let reading = &report["ceiling"]["keys"][reader];
        assert!(number(&reading["information_nats"]) >= 0.0, "{reader}: {reading}");
        assert_eq!(reading["lags"].as_array().map(Vec::len), Some(3), "{reader}: {reading}");
    }
    let counts = &report["counts"];
    assert_eq!(counts["windows"], 6);
    // Every held-out window has true actions, and there are more than six.
    let agreement = counts["agreement_windows"].as_u64().expect("a count");
    assert!(agreement > 6, "{counts}");
    assert_eq!(counts["agreement_windows_available"], agreement);
    assert_eq!(counts["action_pairs"], agreement * 7);
    assert_eq!(report["ceiling"]["windows"], agreement);
    let distance = &report["distances"][0];
    assert!(!distance["name"].as_str().expect("a name").contains("FVD"), "{distance}");
    assert_eq!(
        (&distance["real_clips"], &distance["generated_clips"]),
        (&report["counts"]["windows"], &report["counts"]["windows"])
    );
    for key in ["frechet", "half_floor", "half_generated", "probe_frozen", "probe_shuffled"] {
        assert!(number(&distance[key]) >= 0.0, "distances[0].{key}");
    }
    assert!(number(&distance["kernel_ci95"][0]) <= number(&distance["kernel"]), "{distance}");
    assert!(distance["frechet_infinity"].is_null(), "six clips are too few to extrapolate");
}

/// Catches: the report lacks FVD or LPIPS without a message although weights were given; FVD is
/// computed on clips that are too short.
#[test]
fn weights_that_cannot_be_used_are_an_error() {
    let dataset = Dataset::new();
    dataset.pipeline(&[]).expect(0);
    let files = dataset.files();
    let with = |file: &str| dataset.stage("evaluate", "run", &["--i3d", file]);
    with("nowhere.pt").expect(1).says("nowhere.pt");
    fs::write(dataset.path("weights.pt"), "not yet looked at").expect("a file");
    with("weights.pt").expect(1).says("windows have 8 frames, and I3D needs at least 9");
    dataset.stage("evaluate", "run", &["--lpips", "nowhere.pt"]).expect(1).says("nowhere.pt");
    dataset
        .stage("evaluate", "run", &["--lpips", "weights.pt"])
        .expect(1)
        .says("cannot use the weights of LPIPS");
    fs::remove_file(dataset.path("weights.pt")).expect("the file");
    assert_eq!(different(&files, &dataset.files()), [""; 0]);
}

#[track_caller]
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

/// Checks that the page contains its pictures, so that it can be sent as one file.
fn check_page(page: &str) {
    let mut pictures = 0;
    for attribute in ["src=", "href=", "srcset=", "url("] {
        for (_, rest) in
            page.match_indices(attribute).map(|(at, _)| page.split_at(at + attribute.len()))
        {
            let target = rest.trim_start_matches(['"', '\'']);
            assert!(
                target.starts_with("data:") || target.starts_with('#'),
                "not self-contained: {attribute}{}",
                target.chars().take(60).collect::<String>()
            );
            pictures += usize::from(target.starts_with("data:image/"));
        }
    }
    assert!(pictures > 0, "the page has no pictures");
    assert!(!page.contains("@import"), "the page imports a style sheet");
}

/// Catches: work is done twice; a file is rewritten (and copied by every backup) although nothing
/// changed; a key depends on time or on the order of files.
#[test]
fn a_second_run_does_nothing() {
    let dataset = Dataset::new();
    dataset.pipeline(&[]).expect(0);
    let files = dataset.files();
    let ended = dataset.pipeline(&[]).expect(0).says("nothing to do: everything is up to date");
    assert_eq!(ended.stderr.matches(": up to date").count(), STEPS.len(), "{}", ended.stderr);
    assert_eq!(different(&files, &dataset.files()), [""; 0]);
}

/// The names of files that were written, added or removed.
fn different(before: &Files, after: &Files) -> Vec<String> {
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    names.filter(|name| before.get(*name) != after.get(*name)).map(ToString::to_string).collect()
}

/// Catches: an output lacks its config; a `config.toml` differs from the config that was used, so
/// that it gives another key.
#[test]
fn the_config_beside_an_output_finds_it_again() {
    let dataset = Dataset::new();
    let words = ["--set", "dynamics.stack.d=24", "--set", "tokenizer.train.lr=3e-4"];
    dataset.pipeline(&words).expect(0);
    let steps = dataset.status(&words);
    for name in STEPS {
        let config = format!("{}/config.toml", steps.dir(name));
        assert!(dataset.path(&config).is_file(), "{name} has no {config}");
        let (stage, subcommand) = name.split_once(' ').expect("stage and subcommand");
        let found = dataset
            .run(&format!("genie-{stage}"), &["status", "--json", "--config", &config])
            .expect(0)
            .json();
        let rows = found.as_array().expect("a list of steps");
        let row = rows.iter().find(|row| row["step"] == subcommand).expect("the step");
        // The config.toml of ingest does not contain [sample], so it does not find the sample
        // videos.
        if stage != "ingest" {
            assert_eq!(row["state"], "done", "{name} under {config}");
        }
        assert_eq!(row["key"], steps.key(name), "{name} under {config}");
    }
}

/// Catches: a key contains too much (one changed number trains every model again) or too little (a
/// changed number trains nothing); the output of the old config is overwritten; the old config is
/// evaluated with a model of the new config.
#[test]
fn another_dynamics_model_leaves_the_rest_alone() {
    let dataset = Dataset::new();
    dataset.pipeline(&[]).expect(0);
    let (old, old_report, files) = (dataset.status(&[]), dataset.report(&[]), dataset.files());

    let changed = ["--set", "dynamics.stack.d=24"];
    let due = dataset.status(&changed);
    assert_eq!((due.state("train dynamics"), due.state("evaluate run")), ("missing", "waiting"));
    assert_eq!(due.all("done").len(), STEPS.len() - 2);
    dataset.pipeline(&changed).expect(0);

    let new = dataset.status(&changed);
    let moved: Vec<_> = STEPS.into_iter().filter(|step| old.key(step) != new.key(step)).collect();
    assert_eq!(moved, ["evaluate run", "train dynamics"]);
    let touched = different(&files, &dataset.files());
    let places = ["evaluate run", "train dynamics"].map(|step| format!("{}/", new.dir(step)));
    let elsewhere: Vec<_> =
        touched.iter().filter(|file| !places.iter().any(|place| file.starts_with(place))).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    assert_eq!(dataset.report(&changed)["lineage"]["dynamics"], new.key("train dynamics"));

    // A second evaluation of the old config's model gives the old numbers.
    assert_eq!(dataset.status(&[]).all("done"), STEPS);
    fs::remove_dir_all(dataset.path(old.dir("evaluate run"))).expect("the old report");
    dataset.pipeline(&[]).expect(0);
    let again = dataset.report(&[]);
    assert_eq!(again["lineage"], old_report["lineage"]);
    for key in [
        "tokenizer",
        "lam",
        "rollout",
        "delta_psnr_db",
        "delta_psnr_time_shuffled_db",
        "action_agreement",
    ] {
        assert_eq!(again[key], old_report[key], "{key}");
    }
}

/// Catches: a config key changes the output of a step, but the step is not due after the key
/// changed.
#[test]
fn a_changed_key_makes_what_follows_due() {
    let dataset = Dataset::new();
    dataset.pipeline(&[]).expect(0);
    let due = |set: &str| {
        let steps = dataset.status(&["--set", set]);
        STEPS.into_iter().filter(|step| steps.state(step) != "done").collect::<Vec<_>>()
    };
    let downstream = ["evaluate run", "train dynamics"];
    assert_eq!(due("evaluate.steps=3"), ["evaluate run"]);
    assert_eq!(
        due("lam.changed_pixel_weight=2.0"),
        ["evaluate run", "train dynamics", "train label", "train lam"]
    );
    assert_eq!(
        due("tokenizer.patch=8"),
        ["evaluate run", "tokenize encode", "tokenize fit", "train dynamics"]
    );
    assert_eq!(due("dynamics.train.seed=1"), downstream);
    // Devices, threads and the intervals of logs and checkpoints are not in the keys.
    assert_eq!(due("lam.train.log_every=1"), [""; 0]);
    assert_eq!(due("lam.train.checkpoint_every=3"), [""; 0]);
    assert_eq!(due("evaluate.device=cpu"), [""; 0]);
    assert_eq!(due("ingest.threads=1"), [""; 0]);
}

/// Catches: a latent action model with `input = "tokens"` uses pixels; a model is kept although its
/// tokenizer changed; labels or a report are made with another input than the model was trained on.
#[test]
fn latent_actions_can_be_learned_from_tokens() {
    let dataset = Dataset::new();
    let words = ["--set", "lam.input=tokens", "--set", "lam.patch=1"];
    let before = dataset.status(&words);
    assert_eq!(before.state("train lam"), "waiting");
    dataset.stage("ingest", "sample", &[]).expect(0);
    dataset.stage("ingest", "run", &[]).expect(0);
    dataset.stage("train", "lam", &words).expect(1).says("genie-tokenize encode");
    dataset.pipeline(&words).expect(0);
    check_report(&dataset.report(&words));

    let other = [&words[..], &["--set", "tokenizer.train.seed=1"]].concat();
    let due = dataset.status(&other);
    let kept: Vec<_> = STEPS.into_iter().filter(|step| due.state(step) == "done").collect();
    assert_eq!(
        kept,
        ["ingest run", "ingest sample"],
        "another tokenizer gives other latent actions"
    );
}

/// Catches: a dynamics model with `actions = "true"` is trained or evaluated with latent actions.
#[test]
fn dynamics_can_be_diagnosed_with_true_actions() {
    let dataset = Dataset::new();
    dataset.pipeline(&[]).expect(0);
    let words = ["--set", "dynamics.actions=true"];
    let due = dataset.status(&words);
    let moved: Vec<_> = STEPS.into_iter().filter(|step| due.state(step) != "done").collect();
    assert_eq!(moved, ["evaluate run", "train dynamics"]);
    dataset.pipeline(&words).expect(0);
    let report = dataset.report(&words);
    assert!(
        (number(&report["action_agreement"]["nmi"]) - 1.0).abs() < 1e-9,
        "{}",
        report["action_agreement"]
    );
    assert!(
        report["warnings"].to_string().contains("trained with true actions"),
        "{}",
        report["warnings"]
    );
}
