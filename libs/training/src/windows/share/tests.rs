//! Shares of a model that computes nothing, with shards of three windows.

use camino::{Utf8Path, Utf8PathBuf};
use genie_model::Device;
use genie_shards::{
    Clip, ClipMeta, ClipShardWriter, ClipStore, Entry, Frames, Manifest, TokenWindow, clip_runs,
    tables,
};
use genie_stage::key::Key;
use genie_stage::stop::Stop;

use super::super::pending::publish_pending;
use super::*;

/// A window of two frames; its tokens are the red of the first pixels.
struct SmallShard(TokenWindow);

impl StoredWindow for SmallShard {
    const PLACE: &'static str = "tokens";
    const NAME: &'static str = "tokens";
    const KIND: &'static str = "tokenizer";
    const MODEL: &'static str = "tokenizer";
    const TABLE: &'static str = tables::TOKENS;
    const SHARD: usize = 3;
    const VERIFY: &'static str = "genie-tokenize verify";

    fn clip_id(&self) -> &str {
        self.0.clip_id()
    }

    fn write(dir: &Utf8Path, model: &str, name: &str, windows: &[Self]) -> Result<Entry> {
        let windows: Vec<TokenWindow> = windows.iter().map(|window| window.0.clone()).collect();
        TokenWindow::write(dir, model, name, &windows)
    }

    fn read(dir: &Utf8Path, entry: &Entry) -> Result<Vec<Self>> {
        Ok(TokenWindow::read(dir, entry)?.into_iter().map(Self).collect())
    }
}

/// A dataset root with the directory of a step in it.
struct Root {
    _guard: tempfile::TempDir,
    path: Utf8PathBuf,
    /// Clips that are pending although a shard has some of their windows.
    incomplete: Vec<String>,
    /// Whether the model fails.
    fails: bool,
}

impl WindowModel for Root {
    type Window = SmallShard;

    fn size(&self) -> (usize, usize) {
        (1, 1)
    }

    fn frames(&self) -> usize {
        2
    }

    fn pending(&self) -> Result<Vec<String>> {
        let (dir, mut stored) = (self.path.join("tokens"), Vec::new());
        for entry in Manifest::load(&dir)?.table(tables::TOKENS) {
            stored
                .extend(clip_runs(&dir, tables::TOKENS, entry)?.into_iter().map(|run| run.clip_id));
        }
        let store = ClipStore::open(&self.path, None)?;
        let ids = (0..store.len()).map(|clip| Ok(store.meta(clip)?.clip_id));
        let ids = ids.collect::<Result<Vec<_>>>()?.into_iter();
        let is_pending = |id: &String| !stored.contains(id) || self.incomplete.contains(id);
        Ok(ids.filter(is_pending).collect())
    }

    fn compute(&self, firsts: &[(&ClipMeta, usize)], frames: &[u8]) -> Result<Vec<SmallShard>> {
        ensure!(!self.fails, "the model fails");
        let window = |((clip, first), pixels): (&(&ClipMeta, usize), &[u8])| {
            SmallShard(TokenWindow {
                clip_id: clip.clip_id.clone(),
                first_frame: u32::try_from(*first).unwrap(),
                tokens: vec![pixels[0].into(), pixels[3].into()],
                t: 2,
                h: 1,
                w: 1,
                ..TokenWindow::default()
            })
        };
        Ok(firsts.iter().zip(frames.chunks_exact(6)).map(window).collect())
    }
}

impl Root {
    fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(guard.path()).unwrap().to_owned();
        Self { _guard: guard, path, incomplete: Vec::new(), fails: false }
    }

    /// Adds clips of four frames.
    fn add_clips(&self, numbers: std::ops::Range<u8>) {
        let mut writer = ClipShardWriter::create(&self.path.join("clips"), "test").unwrap();
        for number in numbers {
            let meta = ClipMeta {
                clip_id: format!("clip {number}"),
                source_id: format!("source {number:03}"),
                time_base: (1, 10),
                frame_pts: vec![0, 1, 2, 3],
                width: 1,
                height: 1,
                ..ClipMeta::default()
            };
            let pixels = (0..12).map(|pixel| number + pixel).collect();
            writer.push(&Clip { meta, frames: Frames::new(4, 1, 1, pixels).unwrap() }).unwrap();
        }
        let entry = writer.publish().unwrap().entry;
        Manifest::commit(&self.path, |manifest| manifest.add(tables::CLIPS, entry.clone()))
            .unwrap();
    }

    /// Computes a share, or everything. Returns the number of windows that were computed.
    fn compute(&self, share: Option<Share>) -> usize {
        self.try_to_compute(share).unwrap()
    }

    fn try_to_compute(&self, share: Option<Share>) -> Result<usize> {
        let store = ClipStore::open(&self.path, None).unwrap();
        let key = Key::builder("test", 1).finish();
        let step = StepDir::open(self.path.join("tokens"), &key, "tokens");
        step.create().unwrap();
        let computer = WindowComputer {
            loaded: self,
            store: &store,
            device: Device::Cpu,
            stop: &Stop::install(),
        };
        let mut run = WindowRun::begin::<SmallShard>("key");
        let finished = match share {
            Some(share) => publish_share(&computer, (&step, &step), share, &mut run),
            None => publish_pending(&computer, &step, &step, &mut run),
        };
        assert!(finished?);
        Ok(run.windows)
    }

    fn published(&self) -> Manifest {
        Manifest::load(&self.path.join("tokens")).unwrap()
    }
}

/// Catches: shares leave out shards, compute one twice, or end them elsewhere than one run does;
/// the last run computes something again.
#[test]
fn shares_publish_the_shards_of_one_run() {
    let whole = Root::new();
    whole.add_clips(0..7);
    assert_eq!(whole.compute(None), 14);
    let expected = whole.published();
    assert_eq!(expected.table(tables::TOKENS).len(), 4);
    for (of, order) in [(1, vec![0]), (3, vec![2, 0, 1]), (6, vec![5, 4, 3, 2, 1, 0])] {
        let root = Root::new();
        root.add_clips(0..7);
        let computed: usize =
            order.iter().map(|index| root.compute(Some(Share::new(*index, of)))).sum();
        assert_eq!(computed, 14, "{of} shares");
        assert_eq!(root.compute(Some(Share::new(0, of))) + root.compute(None), 0);
        assert_eq!(root.published().content_hash(), expected.content_hash(), "{of} shares");
    }
}

/// Catches: with windows of an earlier night, the shares divide the new clips in different ways.
#[test]
fn shares_add_to_an_older_set() {
    let hash = |of: u32| {
        let root = Root::new();
        root.add_clips(0..3);
        root.compute(None);
        root.add_clips(3..12);
        let computed: usize =
            (0..of).rev().map(|index| root.compute(Some(Share::new(index, of)))).sum();
        assert_eq!((computed, root.compute(None)), (18, 0), "{of} shares");
        assert_eq!(root.published().rows(tables::TOKENS), 24);
        root.published().content_hash()
    };
    assert_eq!(hash(1), hash(3));
}

/// Catches: a share ends its shards elsewhere than a run without shares, or loses the last one.
#[test]
fn shards_end_where_a_whole_run_ends_them() {
    let windows = [2, 2, 2, 5, 1, 1];
    assert_eq!(shard_ranges(&windows, 4), [0..2, 2..4, 4..6]);
    let one = shard_ranges(&windows, 100);
    assert_eq!((one.len(), &one[0]), (1, &(0..6)));
    assert!(shard_ranges(&[], 4).is_empty());
    // Batches of a whole run end there, too, so a model gets the same windows at once.
    let whole = batch_ranges(&windows, 3, 4, 0);
    let of_shards: Vec<Range<usize>> = shard_ranges(&windows, 4)
        .into_iter()
        .flat_map(|shard| {
            let batches = batch_ranges(&windows[shard.clone()], 3, 4, 0).into_iter();
            batches.map(move |batch| batch.start + shard.start..batch.end + shard.start)
        })
        .collect();
    assert_eq!(whole, of_shards);
}

/// Catches: a clip that lacks windows is published beside the windows that it has; the other clips
/// of its shard lose theirs; a run that fails removes windows without a replacement.
#[test]
fn a_shard_with_an_incomplete_clip_stays_until_it_is_replaced() {
    let whole = Root::new();
    whole.add_clips(0..5);
    whole.compute(None);

    let mut root = Root { incomplete: vec!["clip 1".to_owned()], ..Root::new() };
    root.add_clips(0..5);
    let window = |clip: u8, first: u8| {
        let red = |frame: u8| u16::from(clip + 3 * (first + frame));
        SmallShard(TokenWindow {
            clip_id: format!("clip {clip}"),
            first_frame: first.into(),
            tokens: vec![red(0), red(1)],
            t: 2,
            h: 1,
            w: 1,
            ..TokenWindow::default()
        })
    };
    let dir = root.path.join("tokens");
    for windows in [&[(0, 0), (0, 2), (1, 0), (4, 0), (4, 2)][..], &[(2, 0), (2, 2)]] {
        let windows: Vec<_> = windows.iter().map(|(clip, first)| window(*clip, *first)).collect();
        let key = Key::builder("test", 1).finish();
        let entry = SmallShard::write(&dir, key.as_str(), "tokens", &windows).unwrap();
        Manifest::commit(&dir, |manifest| manifest.add(tables::TOKENS, entry.clone())).unwrap();
    }
    let before = root.published();
    root.fails = true;
    assert!(root.try_to_compute(None).is_err());
    assert_eq!(root.published(), before);

    root.fails = false;
    assert_eq!(root.compute(None), 8, "all clips but the second shard's");
    let windows = |root: &Root| {
        let (dir, published) = (root.path.join("tokens"), root.published());
        let shards = published.table(tables::TOKENS).iter();
        let read = shards.flat_map(|entry| TokenWindow::read(&dir, entry).unwrap());
        let mut found: Vec<_> =
            read.map(|window| (window.clip_id, window.first_frame, window.tokens)).collect();
        found.sort();
        found
    };
    assert_eq!(windows(&root), windows(&whole));
}
