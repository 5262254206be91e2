//! Training on shards of tokens and labels that do not fit into memory together.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "the numbers of a test are small"
)]

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use genie_model::{
    Device, DynamicsConfig, Outcome, StackConfig, StepReport, TrainConfig, TrainingObserver,
    train_dynamics,
};
use genie_shards::{
    ActionWindow, ClipMeta, ClipRow, Manifest, Split, TokenWindow, tables, write_actions,
    write_clip_rows, write_tokens,
};
use genie_stage::config::{ConfigArgs, load};
use genie_training::ModelSections;

use super::*;

const FRAMES: usize = 3;
const POSITIONS: usize = 4;

/// A clip: its name, its split, its number of windows, and whether its true actions are known.
type ClipSpec = (&'static str, Split, usize, bool);

/// A dataset whose clips have tokens and labels.
struct Dataset {
    _dir: tempfile::TempDir,
    chain: Chain,
}

/// The id of a clip; the order of ids is that of names.
fn id(name: &str) -> String {
    let hex: Vec<String> = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{:0<32}", hex.concat())
}

/// The token that a window has everywhere.
fn token(clip: &str, window: usize) -> u16 {
    let clip: u16 = clip.bytes().map(u16::from).sum();
    clip % 50 * 20 + window as u16
}

/// The latent action that a window has everywhere; its true action is 7 less this one.
fn code(clip: &str, window: usize) -> u8 {
    (token(clip, window) % 8) as u8
}

/// The true actions of a clip. 99 is the action from a window to the next one.
fn true_actions(clip: &str, windows: usize) -> Vec<u8> {
    let of_window = |window| {
        let mut actions = vec![7 - code(clip, window); FRAMES];
        actions[FRAMES - 1] = 99;
        actions
    };
    (0..windows).flat_map(of_window).collect()
}

/// Publishes the rows of `clips` in place of those that are published.
fn publish(root: &Utf8Path, clips: &[ClipSpec]) {
    let row = |(name, split, windows, labelled): &ClipSpec| {
        // A frame behind the last window.
        let frames = windows * FRAMES + 1;
        let actions = || [true_actions(name, *windows), vec![99]].concat();
        let meta = ClipMeta {
            clip_id: id(name),
            source_id: (*name).into(),
            split: *split,
            time_base: (1, 10),
            frame_pts: (0..frames as i64).collect(),
            actions: labelled.then(actions),
            ..ClipMeta::default()
        };
        ClipRow { meta, kept: *name != "dropped", ..ClipRow::default() }
    };
    let rows: Vec<ClipRow> = clips.iter().map(row).collect();
    let entries: Vec<_> = rows
        .chunks(3)
        .enumerate()
        .map(|(number, rows)| write_clip_rows(root, &number.to_string(), rows).unwrap())
        .collect();
    Manifest::commit(root, |manifest| {
        // Nothing here reads frames.
        for table in [tables::CLIPS, tables::CLIP_ROWS] {
            manifest.retain(table, |_| false);
            for entry in &entries {
                manifest.add(table, entry.clone());
            }
        }
    })
    .unwrap();
}

/// The chain over the clips that are published now.
fn chain(root: &Utf8Path, sets: &[&str]) -> Chain {
    let mut set = vec![format!("data.root={root}")];
    set.extend(sets.iter().map(ToString::to_string));
    let sections = ModelSections::read(&load(&ConfigArgs { config: None, set }).unwrap());
    Chain::existing(&sections.unwrap()).unwrap()
}

impl Dataset {
    /// Publishes `clips`, and the chain over them.
    fn new(clips: &[ClipSpec]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        publish(&root, clips);
        Self { chain: chain(&root, &[]), _dir: dir }
    }

    /// Adds a shard with the tokens of `clips`.
    fn encode(&self, clips: &[ClipSpec]) -> Utf8PathBuf {
        let windows = |(name, split, windows, _): &ClipSpec| {
            (0..*windows)
                .map(|window| TokenWindow {
                    clip_id: id(name),
                    split: *split,
                    first_frame: (window * FRAMES) as u32,
                    t: FRAMES as u16,
                    h: 2,
                    w: 2,
                    tokens: vec![token(name, window); FRAMES * POSITIONS],
                })
                .collect::<Vec<_>>()
        };
        let windows: Vec<TokenWindow> = clips.iter().flat_map(windows).collect();
        let dir = self.chain.tokens.path();
        let entry = write_tokens(dir, "tokenizer", "tokens", &windows).unwrap();
        let path = dir.join(&entry.file);
        Manifest::commit(dir, |manifest| manifest.add(tables::TOKENS, entry.clone())).unwrap();
        path
    }

    /// Adds a shard with the labels of `clips`.
    fn label(&self, clips: &[ClipSpec]) -> Utf8PathBuf {
        let windows = |(name, split, windows, _): &ClipSpec| {
            (0..*windows)
                .map(|window| ActionWindow {
                    clip_id: id(name),
                    split: *split,
                    first_frame: (window * FRAMES) as u32,
                    codes: vec![code(name, window); FRAMES - 1],
                })
                .collect::<Vec<_>>()
        };
        let windows: Vec<ActionWindow> = clips.iter().flat_map(windows).collect();
        let dir = self.chain.actions.path();
        let entry = write_actions(dir, "lam", "actions", &windows).unwrap();
        let path = dir.join(&entry.file);
        Manifest::commit(dir, |manifest| manifest.add(tables::ACTIONS, entry.clone())).unwrap();
        path
    }

    fn open(&self) -> Result<LabelledTokens> {
        LabelledTokens::open(&self.chain, ActionSet::Latent(8))
    }

    /// Tokens and actions of all windows.
    fn read(&self, actions: ActionSet) -> Result<(Vec<u16>, Vec<u8>)> {
        let data = LabelledTokens::open(&self.chain, actions)?;
        let groups: Vec<u32> = (0..data.windows().len() as u32).collect();
        let read =
            data.read(&groups, &AtomicBool::new(false)).map_err(anyhow::Error::from_boxed)?;
        let first = |all: &[u16], each: usize| all.chunks(each).map(|all| all[0]).collect();
        let actions = read.actions.chunks(FRAMES - 1).map(|actions| actions[0]).collect();
        Ok((first(&read.tokens, FRAMES * POSITIONS), actions))
    }
}

const TRAIN: Split = Split::Train;
const CLIPS: [ClipSpec; 8] = [
    ("h", TRAIN, 3, true),
    ("c", TRAIN, 2, true),
    ("held out", Split::HeldOut, 3, true),
    ("a", TRAIN, 4, false),
    ("dropped", TRAIN, 2, true),
    ("b", TRAIN, 1, true),
    ("k", TRAIN, 5, true),
    ("g", TRAIN, 2, false),
];

/// The tokens and actions of clips in the order of their names.
fn expected(clips: &[ClipSpec], truth: bool) -> (Vec<u16>, Vec<u8>) {
    let mut clips: Vec<_> = clips.iter().collect();
    clips.sort();
    let tokens: Vec<u16> = clips
        .iter()
        .filter(|(id, split, ..)| *split == TRAIN && *id != "dropped")
        .filter(|(.., labelled)| *labelled || !truth)
        .flat_map(|(id, _, windows, _)| (0..*windows).map(|window| token(id, window)))
        .collect();
    let actions = tokens.iter().map(|token| (token % 8) as u8);
    let actions = actions.map(|code| if truth { 7 - code } else { code }).collect();
    (tokens, actions)
}

/// Catches: windows or labels of held-out, dropped or other clips are trained on; the order depends
/// on the shards; a window gets the label of another one; clips without true actions are trained on
/// as if they had them.
#[test]
fn windows_of_the_chosen_clips_come_in_the_order_of_clips_with_their_labels() {
    let later: ClipSpec = ("new", TRAIN, 2, true);
    let cuts: [(&[usize], &[usize]); 3] =
        [(&[8], &[8]), (&[3, 8], &[1, 5, 6, 8]), (&[1, 2, 5, 8], &[8])];
    for (token_cuts, label_cuts) in cuts {
        let dataset = Dataset::new(&CLIPS);
        let shards = |cuts: &[usize], add: &dyn Fn(&[ClipSpec])| {
            let firsts = [0].into_iter().chain(cuts.iter().copied());
            firsts.zip(cuts).for_each(|(first, end)| add(&CLIPS[first..*end]));
        };
        shards(token_cuts, &|clips| drop(dataset.encode(clips)));
        shards(label_cuts, &|clips| drop(dataset.label(clips)));
        dataset.encode(&[later]);
        assert_eq!(dataset.read(ActionSet::Latent(8)).unwrap(), expected(&CLIPS, false));
        assert_eq!(dataset.read(ActionSet::True(8)).unwrap(), expected(&CLIPS, true));
    }
}

/// Catches: a sidecar that is added or changed after the clips were labelled stops training, or
/// has no effect.
#[test]
fn true_actions_are_those_of_the_current_sidecars() {
    let mut before = CLIPS;
    for clip in &mut before {
        clip.3 = clip.0 == "k";
    }
    let mut dataset = Dataset::new(&before);
    dataset.encode(&CLIPS);
    dataset.label(&CLIPS);
    assert_eq!(dataset.read(ActionSet::True(8)).unwrap(), expected(&before, true));
    publish(dataset.chain.root(), &CLIPS);
    let mut now = chain(dataset.chain.root(), &[]);
    assert_ne!(now.dynamics.key(), dataset.chain.dynamics.key());
    // With pinned models, tokens and labels stay where they are.
    now.tokens = dataset.chain.tokens.clone();
    now.actions = dataset.chain.actions.clone();
    dataset.chain = now;
    assert_eq!(dataset.read(ActionSet::True(8)).unwrap(), expected(&CLIPS, true));
    assert_eq!(dataset.read(ActionSet::Latent(8)).unwrap(), expected(&CLIPS, false));
}

/// Catches: a clip that lacks some of its windows or labels is found only after hours, or is
/// trained on without them.
#[test]
fn clips_that_lack_windows_are_found_at_the_start() {
    let fewer = |windows: usize| {
        let mut clips = CLIPS;
        clips[6].2 = windows;
        clips
    };
    for windows in [0, 4] {
        let dataset = Dataset::new(&CLIPS);
        dataset.encode(&fewer(windows));
        dataset.label(&CLIPS);
        let error = dataset.open().err().unwrap().to_string();
        let missing = format!("{windows} of the 5 windows of clip {}", id("k"));
        assert!(error.contains(&missing) && error.contains("step.json"), "{error}");

        let dataset = Dataset::new(&CLIPS);
        dataset.encode(&CLIPS);
        dataset.label(&fewer(windows));
        let error = dataset.open().err().unwrap().to_string();
        let missing = format!("{windows} of the 5 rows of clip {}", id("k"));
        assert!(error.contains(&missing) && error.contains("genie-train label"), "{error}");
        dataset.read(ActionSet::True(8)).unwrap();
    }
    let dataset = Dataset::new(&CLIPS);
    dataset.encode(&CLIPS);
    dataset.label(&CLIPS);
    dataset.label(&CLIPS[..1]);
    let error = dataset.open().err().unwrap().to_string();
    assert!(error.contains(&id("h")) && error.contains("genie-train verify"), "{error}");
}

/// Catches: a clip without labels, with tokens twice, or in a damaged file is found only after
/// hours; the error does not name the file, the clip and the command that helps.
#[test]
fn what_is_missing_or_damaged_is_named_with_a_command() {
    let says = |error: &anyhow::Error, words: &[&str]| {
        let error = format!("{error:#}");
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    };
    let dataset = Dataset::new(&CLIPS);
    says(&dataset.open().err().unwrap(), &["no tokens", "genie-tokenize encode"]);
    let tokens = dataset.encode(&CLIPS);
    dataset.label(&CLIPS[..3]);
    let labels = dataset.label(&CLIPS[4..]);
    says(&dataset.open().err().unwrap(), &[&id("a"), "0 of the 4", "genie-train label"]);
    dataset.label(&CLIPS[3..4]);
    dataset.read(ActionSet::Latent(8)).unwrap();

    for (path, command) in [(&labels, "genie-train"), (&tokens, "genie-tokenize")] {
        let whole = fs::read(path).unwrap();
        for place in (0..whole.len()).step_by(97) {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x10;
            fs::write(path, damaged).unwrap();
            match dataset.read(ActionSet::Latent(8)) {
                Ok(read) => assert_eq!(read, expected(&CLIPS, false), "byte {place} of {path}"),
                Err(error) => {
                    let words = ["verify", command, path.file_name().unwrap()];
                    says(&error.context(format!("byte {place}")), &words);
                }
            }
        }
        fs::write(path, &whole[..whole.len() - 1]).unwrap();
        says(&dataset.open().err().unwrap(), &["damaged", path.file_name().unwrap()]);
        fs::write(path, whole).unwrap();
    }
    dataset.encode(&[CLIPS[1]]);
    says(&dataset.open().err().unwrap(), &["twice", "genie-tokenize verify"]);
}

/// Stops a run after some steps.
struct StopAfter(usize);

impl TrainingObserver for StopAfter {
    fn report(&mut self, _report: &StepReport) {}

    fn should_stop(&mut self) -> bool {
        self.0 -= 1;
        self.0 == 0
    }
}

impl Dataset {
    /// Trains for 30 steps in a new directory, and stops after each of `stops` steps; the weights.
    fn train(&self, name: &str, memory: u64, stops: &[usize]) -> Vec<u8> {
        // First weights are drawn from random numbers of the process, which tests share.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let stack = StackConfig { layers: 1, d: 8, heads: 1, ..DynamicsConfig::default().stack };
        let train =
            TrainConfig { steps: 30, batch: 2, checkpoint_every: 1000, ..TrainConfig::default() };
        let config = DynamicsConfig { stack, train, ..DynamicsConfig::default() };
        let run = self.chain.dynamics.path().join(name);
        fs::create_dir_all(&run).unwrap();
        for steps in stops.iter().copied().chain([usize::MAX]) {
            let data = LabelledTokens::open_in(&self.chain, ActionSet::Latent(8), memory);
            let (data, observer) = (Arc::new(data.unwrap()), &mut StopAfter(steps));
            let outcome =
                train_dynamics(&config, data, 1024, 8, &run, &Device::Cpu, observer).unwrap();
            assert_eq!(outcome == Outcome::Finished, steps == usize::MAX);
        }
        fs::read(run.join("step-30/model.safetensors")).unwrap()
    }
}

/// Catches: a run that is stopped and resumes, in a buffer or at its border, sees other windows
/// than one that was never stopped; buffers are not used although the data does not fit.
#[test]
fn resumed_training_over_several_buffers_is_as_never_stopped() {
    let dataset = Dataset::new(&CLIPS);
    for (first, end) in [(0, 1), (1, 3), (3, 4), (4, 6), (6, 7), (7, 8)] {
        dataset.encode(&CLIPS[first..end]);
    }
    dataset.label(&CLIPS);
    let memory = 10 * dataset.open().unwrap().shape().bytes();
    let never_stopped = dataset.train("whole", memory, &[]);
    assert_ne!(dataset.train("all", u64::MAX, &[]), never_stopped, "the data does not fit");
    for stop in [2, 3, 4, 9, 17] {
        let resumed = dataset.train(&format!("stopped-{stop}"), memory, &[stop]);
        assert!(resumed == never_stopped, "the weights differ after a stop at step {stop}");
    }
    assert!(dataset.train("often", memory, &[2, 3, 4, 5, 6]) == never_stopped);
}

/// Catches: the order of training depends on which clips share a shard, in what order clips were
/// encoded or labelled, or on clips that the model is not trained on.
#[test]
fn any_history_of_encoding_gives_one_order() {
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut known: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for history in 0..6 {
        let dataset = Dataset::new(&CLIPS);
        let mut stored = CLIPS.to_vec();
        stored.extend([("later", TRAIN, 3, true), ("another", TRAIN, 1, false)]);
        for label in [false, true] {
            for place in (1..stored.len()).rev() {
                stored.swap(place, random(place + 1));
            }
            let mut rest = stored.as_slice();
            while !rest.is_empty() {
                let (some, after) = rest.split_at(1 + random(rest.len()));
                drop(if label { dataset.label(some) } else { dataset.encode(some) });
                rest = after;
            }
        }
        let bytes = dataset.open().unwrap().shape().bytes();
        for windows in [4, 10, 100] {
            let weights = dataset.train(&format!("in {windows}"), windows * bytes, &[]);
            let first = known.entry(windows).or_insert_with(|| weights.clone());
            assert!(*first == weights, "history {history}, {windows} windows in memory");
        }
    }
    assert_ne!(known[&4], known[&10]);
}
