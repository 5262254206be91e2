//! Tests of action logs.

use camino::Utf8PathBuf;
use genie_model::{SamplerConfig, UnmaskOrder};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Returns a log with `prompt` frames of the prompt and one segment for each list of actions.
fn log(prompt: usize, segments: &[Vec<u8>]) -> ActionLog {
    let model =
        |key: &str| LogModel { key: key.to_owned(), weights: blake3::hash(b"w").to_string() };
    let frames: Vec<Vec<u8>> = (0..prompt).map(|i| vec![i as u8 * 9; 4 * 6 * 3]).collect();
    let segment = |(i, actions): (usize, &Vec<u8>)| LogSegment {
        sampler: SamplerConfig { steps: 1 + i, ..SamplerConfig::default() },
        hashes: actions.iter().map(|code| hash(&[*code, i as u8])).collect(),
        actions: actions.clone(),
    };
    ActionLog {
        format: FORMAT,
        program: "genie-play 0.1.0".into(),
        models: LogModels {
            tokenizer: model("0123456789abcdef"),
            lam: model("1123456789abcdef"),
            dynamics: model("2123456789abcdef"),
        },
        device: "cpu".into(),
        height: 4,
        width: 6,
        fps: 12.5,
        actions: 8,
        seed: u64::MAX,
        start: LogStart::Clip { clip: "a clip".into(), first: 3 },
        prompt: LogPrompt::new(&frames, (4, 6), hash(b"tokens"), vec![7; prompt - 1]),
        segments: segments.iter().enumerate().map(segment).collect(),
    }
}

/// Returns the message for a log after a change of its JSON.
fn refused(change: impl FnOnce(&mut Value)) -> String {
    let mut json = serde_json::to_value(log(2, &[vec![0, 1, 7]])).unwrap();
    change(&mut json);
    ActionLog::parse(json.to_string().as_bytes()).unwrap_err().to_string()
}

/// Catches: a log cannot be read where it was written; the prompt changes; frames are miscounted.
#[test]
fn a_log_comes_back_from_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::try_from(dir.path().join("log.json")).unwrap();
    let log = log(2, &[vec![0, 1], vec![], vec![7]]);
    log.write(&path).unwrap();
    let found = ActionLog::read(&path).unwrap();
    assert_eq!(found, log);
    assert_eq!(found.generated(), 3);
    assert_eq!(found.prompt_frames().unwrap(), [vec![0; 72], vec![9; 72]]);
    let missing = ActionLog::read(&path.with_file_name("none")).unwrap_err();
    assert!(missing.to_string().contains("none"), "{missing}");
}

/// Catches: the format changes, but not its version.
#[test]
fn the_format_is_fixed() {
    let mut log = log(1, &[vec![5]]);
    log.start = LogStart::Image {};
    let json = serde_json::to_value(&log).unwrap();
    assert_eq!(json["start"], json!({"kind": "image"}));
    assert_eq!(json["segments"][0]["hashes"][0].as_str().map(str::len), Some(16));
    assert_eq!(json["segments"][0]["sampler"]["order"], "confidence");
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    let expected = [
        "format", "program", "models", "device", "height", "width", "fps", "actions", "seed",
        "start", "prompt", "segments",
    ];
    assert_eq!(keys, expected);
    assert_eq!(hash(b""), "af1349b9f5f9a1a6");
}

/// Catches: an impossible log is replayed, or the message does not say what is wrong with it.
#[test]
fn wrong_logs_are_refused() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 14] = [
        (|log| log["segments"][0]["actions"][1] = json!(8), "frame 3 has action 8"),
        (|log| log["segments"][0]["actions"][1] = json!(256), "256"),
        (
            |log| log["segments"][0]["actions"] = json!([1]),
            "from frame 2 has 1 actions and 3 hashes",
        ),
        (|log| log["segments"][0]["hashes"][2] = json!("0X"), "frame 4 has `0X`"),
        (|log| log["segments"][0]["sampler"]["steps"] = json!(0), "steps"),
        (|log| log["segments"][0]["sampler"]["speed"] = json!(0), "unknown field `speed`"),
        (|log| log["prompt"]["frames"] = json!([]), "no prompt"),
        (|log| log["prompt"]["hashes"] = json!([]), "2 frames and 0 hashes"),
        (|log| log["prompt"]["frames"][1] = json!("AAAA"), "its prompt: "),
        (|log| log["prompt"]["actions"] = json!([1, 2]), "2 frames and 2 actions"),
        (|log| log["prompt"]["hashes"][1] = json!("0123456789abcdef"), "frame 1 of its prompt"),
        (|log| log["height"] = json!(0), "impossible size"),
        (|log| log["start"]["more"] = json!(1), "more"),
        (|log| log["fps"] = json!(-1), "frame rate"),
    ];
    for (change, expected) in cases {
        let message = refused(change);
        assert!(message.contains(expected), "`{message}` does not contain `{expected}`");
    }
}

/// Catches: text of a log reaches the terminal as it is: with escapes, or in thousands of letters.
#[test]
fn text_of_a_log_is_not_printed_raw() {
    type Change = fn(&mut Value, &str);
    let changes: [Change; 7] = [
        |log, text| log["models"]["dynamics"]["key"] = json!(text),
        |log, text| log["models"]["lam"]["weights"] = json!(text),
        |log, text| log["program"] = json!(text),
        |log, text| log["device"] = json!(text),
        |log, text| log["segments"][0]["hashes"][0] = json!(text),
        |log, text| log[text] = json!(1),
        |log, text| (log["format"], log["program"]) = (json!(2), json!(text)),
    ];
    for (i, change) in changes.into_iter().enumerate() {
        for text in ["\u{1b}[31mred".to_owned(), "x".repeat(9000)] {
            let message = refused(|log| change(log, &text));
            let plain = !message.contains(char::is_control) && message.len() < 500;
            assert!(plain, "{i}: {message:?}");
        }
    }
}

/// Catches: the message about another format, another file or an incomplete log is about types.
#[test]
fn other_files_have_their_own_messages() {
    let later = refused(|log| log["format"] = json!(2));
    assert_eq!(
        later,
        "the log has format 2, and this program reads format 1; use genie-play 0.1.0"
    );
    let json = log(1, &[vec![1, 2]]).to_json();
    let parse = |bytes: &[u8]| ActionLog::parse(bytes).unwrap_err();
    for cut in [0, 1, json.len() / 2, json.len() - 2] {
        assert!(matches!(parse(&json[..cut]), LogError::Truncated), "{cut}");
    }
    assert!(matches!(parse(b"GIF89a"), LogError::NotALog { .. }));
    assert!(matches!(parse(b"{\"schema_version\": 3}"), LogError::NotALog { .. }));
    assert!(matches!(parse(&vec![b' '; (64 << 20) + 1]), LogError::TooLarge));
}

/// Catches: a log with a frame that is not in its list of hashes is written.
#[test]
fn a_wrong_log_is_not_written() {
    let mut log = log(1, &[vec![1, 2]]);
    log.segments[0].hashes.pop();
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::try_from(dir.path().join("log.json")).unwrap();
    assert!(matches!(log.write(&path), Err(LogError::Wrong { .. })));
    assert!(!path.exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Catches: some number or text of a log changes on its way through JSON.
    #[test]
    fn every_log_comes_back(
        prompt in 1..4_usize,
        segments in prop::collection::vec(prop::collection::vec(0..8_u8, 0..20), 0..4),
        (seed, quarters) in (any::<u64>(), 1..400_u32),
        (temperature, noise, entropy) in (0.0..4.0_f32, 0.0..2.0_f32, 0.0..9.0_f32),
        (name, first) in ("\\PC{0,20}", 0..1000_usize),
    ) {
        let mut log = log(prompt, &segments);
        (log.seed, log.fps) = (seed, f64::from(quarters) / 4.0);
        log.start = LogStart::Clip { clip: name, first };
        for segment in &mut log.segments {
            let steps = segment.sampler.steps;
            let order = UnmaskOrder::Entropy;
            segment.sampler = SamplerConfig { steps, temperature, order, noise, entropy };
        }
        prop_assert_eq!(ActionLog::parse(&log.to_json()).unwrap(), log);
    }

    /// Catches: some changed byte of a log causes a panic.
    #[test]
    fn changed_logs_are_read_or_refused(place: prop::sample::Index, value: u8) {
        let mut json = log(2, &[vec![1, 2, 3]]).to_json();
        let place = place.index(json.len());
        json[place] = value;
        let _ = ActionLog::parse(&json);
    }
}
