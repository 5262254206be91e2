//! Ceilings of small games with planted flaws.
//!
//! A square moves over the frame, one motion for each key.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::bail;
use camino::{Utf8Path, Utf8PathBuf};
use genie_model::Device;
use genie_shards::{Clip, ClipMeta, ClipShardWriter, Frames, Manifest, Split, tables};
use genie_stage::config::Resolved;
use genie_stage::stop::Stop;
use rand::RngExt;

use super::*;
use crate::random::{Purpose, stream};
use crate::world::{ActionBatch, Continuation, TokenBatch, VideoBatch};

const SIDE: usize = 8;
const WINDOW: usize = 8;
const CLIP: usize = 24;
const KEYS: [&str; 4] = ["right", "down", "left", "d"];
/// Rows and columns by which the square moves. The last key does what the first does.
const MOTIONS: [(usize, usize); 4] = [(0, 1), (1, 0), (0, SIDE - 1), (0, 1)];

/// How keys and motions belong together.
#[derive(Clone, Copy)]
struct Game {
    /// Number of keys in use.
    keys: u8,
    /// Number of frames by which motions are late.
    delay: usize,
    /// Whether the motions have nothing to do with the keys.
    unrelated: bool,
    /// Whether each key does in held-out clips what the next one does in training clips.
    swapped: bool,
}

const GAME: Game = Game { keys: 3, delay: 0, unrelated: false, swapped: false };

impl Game {
    fn clip(self, number: u64, split: Split) -> Clip {
        let mut rng = stream(number, Purpose::Windows, 7);
        let mut draw = || (0..CLIP).map(|_| rng.random_range(0..self.keys)).collect::<Vec<u8>>();
        let (keys, others) = (draw(), draw());
        let (mut y, mut x) = (usize::from(others[0]), usize::from(others[1]) * 2);
        let mut data = Vec::new();
        for t in 0..CLIP {
            let inside = |at: usize, from: usize| (at + SIDE - from) % SIDE < SIDE / 2;
            let pixels = (0..SIDE).flat_map(|row| (0..SIDE).map(move |column| (row, column)));
            data.extend(pixels.flat_map(|(row, column)| {
                if inside(row, y) && inside(column, x) { [230, 200, 60] } else { [30, 40, 30] }
            }));
            let moved_by = if self.unrelated { &others } else { &keys };
            if let Some(&key) = t.checked_sub(self.delay).and_then(|t| moved_by.get(t)) {
                let swapped = self.swapped && split == Split::HeldOut;
                let (down, right) = MOTIONS[usize::from(key + u8::from(swapped)) % 3];
                (y, x) = ((y + down) % SIDE, (x + right) % SIDE);
            }
        }
        let meta = ClipMeta {
            clip_id: format!("clip-{number}"),
            source_id: format!("source-{number:03}"),
            source_path: format!("{number}.mp4"),
            split,
            time_base: (1, 10),
            frame_pts: (0..CLIP).map(|t| i64::try_from(t).unwrap()).collect(),
            fps: 10.0,
            width: SIDE as u32,
            height: SIDE as u32,
            actions: Some(keys),
            action_names: Some(KEYS.map(str::to_owned).to_vec()),
            ..ClipMeta::default()
        };
        Clip { meta, frames: Frames::new(CLIP, SIDE, SIDE, data).unwrap() }
    }

    /// Publishes clips of both splits.
    fn publish(self, training: u64, held_out: u64) -> Dataset {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let mut writer = ClipShardWriter::create(&root.join("clips"), "test").unwrap();
        for number in 0..training + held_out {
            let split = if number < training { Split::Train } else { Split::HeldOut };
            writer.push(&self.clip(number, split)).unwrap();
        }
        let entry = writer.publish().unwrap().entry;
        Manifest::commit(&root, |manifest| manifest.add(tables::CLIPS, entry.clone())).unwrap();
        Dataset { _dir: dir, root }
    }
}

struct Dataset {
    _dir: tempfile::TempDir,
    root: Utf8PathBuf,
}

impl Dataset {
    /// Measures the ceiling; returns it with the warnings.
    fn measure(&self, config: &EvaluateConfig, stop: &Stop) -> (CeilingResult, Vec<String>) {
        // Rollouts are measured on two windows only.
        let held_out = HeldOutSet::open(&self.root, (SIDE, SIDE), WINDOW, 2, 0).unwrap();
        let labelled = held_out.labelled(config.agreement_windows, 0).unwrap();
        let inference = Inference { model: &Motions, frames: WINDOW, batch: 5, stop };
        let Some(latent) =
            inference.actions("agreement", held_out.store(), &labelled.places).unwrap()
        else {
            return (CeilingResult::Stopped, Vec::new());
        };
        let mut notes = Vec::new();
        let inputs = CeilingInputs {
            config,
            place: NetworkPlace {
                root: &self.root,
                resolved: &Resolved::new(),
                device: Device::Cpu,
                stop,
            },
            model: &Motions,
            seen: FramesSeen { before: 0, after: 1 },
            held_out: &held_out,
            labelled: &labelled,
            latent: Some(&latent),
            frames: WINDOW,
        };
        (measure_ceiling(&inputs, &mut notes).unwrap(), notes)
    }

    fn ceiling(&self, config: &EvaluateConfig) -> (Ceiling, Vec<String>) {
        match self.measure(config, &Stop::manual()) {
            (CeilingResult::Measured(ceiling), notes) => (*ceiling, notes),
            _ => panic!("there is no ceiling"),
        }
    }

    /// The directories of the networks, in order.
    fn networks(&self) -> Vec<Utf8PathBuf> {
        let mut found: Vec<_> = self
            .root
            .join("ceilings")
            .read_dir_utf8()
            .map(|items| items.map(|item| item.unwrap().into_path()).collect())
            .unwrap_or_default();
        found.sort();
        found
    }
}

fn with_steps(ceiling_steps: usize) -> EvaluateConfig {
    EvaluateConfig { ceiling_steps, bootstrap: 20, ..EvaluateConfig::default() }
}

/// A perfect latent action model: it names each motion by its number in [`MOTIONS`].
struct Motions;

impl WorldModel for Motions {
    fn codebook_size(&self) -> usize {
        1
    }

    fn num_actions(&self) -> usize {
        4
    }

    fn infer_actions(&self, video: &VideoBatch) -> Result<ActionBatch> {
        let corner = |b: usize, t: usize| {
            let frame = video.frame(b, t);
            let is =
                |row: usize, column: usize| frame[(row % SIDE * SIDE + column % SIDE) * 3] > 100;
            (0..SIDE * SIDE)
                .map(|at| (at / SIDE, at % SIDE))
                .find(|&(row, column)| {
                    is(row, column) && !is(row + SIDE - 1, column) && !is(row, column + SIDE - 1)
                })
                .unwrap()
        };
        let code = |b: usize, t: usize| {
            let ((y, x), (below, right)) = (corner(b, t), corner(b, t + 1));
            let moved = ((below + SIDE - y) % SIDE, (right + SIDE - x) % SIDE);
            // A square that stands still, before the first late motion, gets a code of its own.
            MOTIONS[..3].iter().position(|motion| *motion == moved).unwrap_or(3) as u8
        };
        let steps = video.frames - 1;
        let data = (0..video.batch).flat_map(|b| (0..steps).map(move |t| (b, t)));
        let data = data.map(|(b, t)| code(b, t)).collect();
        Ok(ActionBatch { batch: video.batch, steps, data })
    }

    fn encode(&self, _: &VideoBatch) -> Result<TokenBatch> {
        bail!("not needed")
    }

    fn decode(&self, _: &TokenBatch) -> Result<VideoBatch> {
        bail!("not needed")
    }

    fn rollout(&self, _: &TokenBatch, _: &ActionBatch, _: &[u64]) -> Result<Continuation> {
        bail!("not needed")
    }
}

/// Catches: agreement and ceiling do not find keys that are a frame late; lags count in the wrong
/// direction; `ahead` and `wide` see no more than `narrow`, or `ahead` sees as much as `wide`; only
/// the windows with rollouts are measured.
///
/// At lag 0, the pair of frames does not show the key, and the next frame does. At lag 2, only
/// frames before the pair show it.
#[test]
fn late_keys_are_found_at_their_lag() {
    let game = Game { delay: 1, ..GAME };
    let Ceiling { keys, windows, pairs, .. } = game.publish(80, 12).ceiling(&with_steps(250)).0;
    // Two windows of a clip lose two steps at one end of the clip, or one.
    assert_eq!((windows, pairs), (12 * 3, 12 * (5 + 7 + 6)));
    assert_eq!((keys.latent.chosen.lag, keys.narrow.chosen.lag), (1, 1));
    let ahead = keys.ahead.as_ref().unwrap();
    assert_eq!((ahead.frames_before, ahead.frames_after), (0, 2));
    let [narrow, ahead, wide] =
        [&keys.narrow, ahead, &keys.wide].map(|reading| reading.lags.clone());
    assert!(narrow[0].information_nats < 0.1 && narrow[2].information_nats < 0.1, "{narrow:?}");
    assert!(narrow[1].information_nats > 0.7 && narrow[1].accuracy > 0.8, "{narrow:?}");
    assert!(ahead[0].information_nats > narrow[0].information_nats + 0.4, "{ahead:?}");
    assert!(wide[0].information_nats > narrow[0].information_nats + 0.4, "{wide:?}");
    assert!(wide[2].information_nats > ahead[2].information_nats + 0.4, "{wide:?}");
    let latent = &keys.latent;
    assert!(latent.chosen.accuracy > 0.99 && latent.chosen.nmi > 0.9, "{latent:?}");
    assert!(latent.lags[0].nmi < 0.1 && latent.lags[0].information_nats < 0.05, "{latent:?}");
    let share = keys.of_narrow.nmi_share.unwrap();
    let [lo, hi] = keys.of_narrow.nmi_share_ci95.unwrap();
    assert!(share >= 0.9 && lo <= share && share <= hi, "{:?}", keys.of_narrow);
}

/// Catches: a network that memorises its clips has information about other clips; chance agreement
/// counts as a ceiling.
#[test]
fn keys_without_effect_have_no_ceiling() {
    let game = Game { unrelated: true, ..GAME };
    let (ceiling, notes) = game.publish(6, 12).ceiling(&with_steps(150));
    for reading in [&ceiling.keys.latent, &ceiling.keys.narrow, &ceiling.keys.wide] {
        assert!(reading.chosen.information_nats < 0.03, "{reading:?}");
        assert!(reading.chosen.nmi < 0.05, "{reading:?}");
    }
    assert!(notes.iter().any(|note| note.contains("144 frames of training clips")), "{notes:?}");
}

/// Catches: networks or names of latent actions are learnt from held-out clips.
///
/// The keys are swapped there, so whatever was learnt on training clips alone is wrong.
#[test]
fn nothing_is_learnt_from_held_out_clips() {
    let game = Game { swapped: true, ..GAME };
    // As many held-out clips as training clips: had they been learnt from, half would be right.
    let (Ceiling { keys, .. }, notes) = game.publish(40, 40).ceiling(&with_steps(150));
    for reading in [&keys.latent, &keys.narrow, &keys.wide] {
        assert!(reading.lags[0].accuracy < 0.2, "{reading:?}");
        assert!(reading.lags[0].information_nats == 0.0, "{reading:?}");
    }
    assert!(notes.iter().any(|note| note.contains("the ceiling of agreement is not known")));
    // The network's NMI is high, because its answers are wrong in the same way everywhere.
    assert_eq!((keys.of_narrow.nmi_share, keys.of_wide.nmi_share), (None, None));
}

/// Catches: networks are trained although all keys count as one, and a warning advises more steps.
#[test]
fn one_key_has_no_ceiling() {
    let dataset = GAME.publish(6, 4);
    let all = vec![KEYS.map(str::to_owned).to_vec()];
    let merged = EvaluateConfig { same_keys: all, ..with_steps(3) };
    let (result, notes) = dataset.measure(&merged, &Stop::manual());
    assert!(matches!(result, CeilingResult::NotMeasured));
    assert!(notes.len() == 1 && notes[0].contains("count as one"), "{notes:?}");
    assert!(dataset.networks().is_empty());
}

/// Catches: keys with the same effect count as different ones although the config merges them;
/// directions use the division of the keys.
#[test]
fn keys_with_the_same_effect_count_as_one() {
    let dataset = Game { keys: 4, ..GAME }.publish(60, 12);
    let same = || vec![vec!["right".to_owned(), "d".to_owned()]];
    let apart = EvaluateConfig { directions: same(), ..with_steps(200) };
    let merged = EvaluateConfig { same_keys: same(), ..with_steps(200) };
    let (apart, merged) = (dataset.ceiling(&apart).0, dataset.ceiling(&merged).0);
    assert_eq!(apart.keys.names, KEYS);
    let directions = apart.directions.unwrap();
    for found in [&directions, &merged.keys] {
        assert_eq!(found.names, ["right, d", "down", "left"]);
        for reading in [&found.latent, &found.narrow] {
            assert!(reading.chosen.accuracy > 0.9, "{reading:?}");
        }
    }
    for reading in [&apart.keys.latent, &apart.keys.narrow] {
        // Half of all keys are one of two keys with the same effect.
        assert!((0.6..0.85).contains(&reading.chosen.accuracy), "{reading:?}");
        assert_eq!(reading.chosen.lag, 0);
    }
    assert!(merged.directions.is_none());
}

/// Catches: latent actions are named on few training windows, so that rare ones have no
/// information; the limit of the held-out windows is ignored, or depends on the windows with
/// rollouts.
#[test]
fn many_windows_name_the_codes_and_a_limit_holds() {
    let dataset = GAME.publish(100, 6);
    let at_most = |agreement_windows| EvaluateConfig { agreement_windows, ..with_steps(3) };
    let few = dataset.ceiling(&at_most(7)).0;
    assert_eq!((few.windows, few.training_pairs), (7, 100 * (5 + 7 + 6)));
    assert!(few.training_pairs > LAG_WINDOWS as u64 * 6, "more than those that choose the lags");
    assert_eq!(dataset.ceiling(&at_most(1000)).0.windows, 6 * 3);
}

/// Catches: networks are trained again for every report, or are not trained again when labels
/// change; a damaged network is an error or is used.
#[test]
fn networks_are_trained_once_for_a_dataset() {
    let (dataset, config) = (GAME.publish(6, 4), with_steps(3));
    let records = |dataset: &Dataset| {
        let networks = dataset.networks();
        networks.iter().map(|dir| fs::read_to_string(dir.join("step.json")).unwrap()).collect()
    };
    let first = dataset.ceiling(&config).0;
    let trained: Vec<String> = records(&dataset);
    assert_eq!(trained.len(), 3);
    let other = EvaluateConfig { agreement_windows: 7, batch: 3, ..config.clone() };
    dataset.ceiling(&other);
    assert_eq!(records(&dataset), trained, "the step's record has the time of training");

    let weights = dataset.networks()[0].join("step-3/model.safetensors");
    let whole = fs::read(&weights).unwrap();
    fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
    let again = dataset.ceiling(&config).0;
    assert_eq!(fs::read(&weights).unwrap().len(), whole.len());
    assert_eq!(again.keys.narrow.chosen.lag, first.keys.narrow.chosen.lag);
    assert_eq!(records(&dataset)[1..], trained[1..], "the other networks are not damaged");

    let relabelled = Game { keys: 2, ..GAME }.publish(6, 4);
    copy(&dataset.root.join("ceilings"), &relabelled.root.join("ceilings"));
    relabelled.ceiling(&config);
    assert_eq!(relabelled.networks().len(), 6);
}

fn copy(from: &Utf8Path, to: &Utf8Path) {
    fs::create_dir_all(to).unwrap();
    for item in from.read_dir_utf8().unwrap() {
        let item = item.unwrap();
        let to = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy(item.path(), &to);
        } else {
            fs::copy(item.path(), to).unwrap();
        }
    }
}

/// Catches: a stop request is ignored while a network trains; the stopped network counts as
/// trained, or starts again instead of resuming.
#[test]
fn a_stopped_training_resumes() {
    let (dataset, config, stop) = (GAME.publish(6, 4), with_steps(120), Stop::manual());
    let log = |dataset: &Dataset| {
        let dir = dataset.networks().into_iter().next()?;
        fs::read_to_string(dir.join("metrics.jsonl")).ok().filter(|log| !log.is_empty())
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            while log(&dataset).is_none() {
                thread::sleep(Duration::from_millis(1));
            }
            stop.request();
        });
        assert!(matches!(dataset.measure(&config, &stop).0, CeilingResult::Stopped));
    });
    let dir = dataset.networks().remove(0);
    assert!(!dir.join("step.json").exists());
    let stopped_at = genie_model::latest_step(&dir).unwrap();
    assert!(stopped_at < 120);
    dataset.ceiling(&config);
    let log = fs::read_to_string(dir.join("metrics.jsonl")).unwrap();
    assert_eq!(log.matches("\"step\":1,").count(), 1, "stopped at {stopped_at}:\n{log}");
    assert_eq!(log.matches("\"step\":120,").count(), 1, "{log}");
}
