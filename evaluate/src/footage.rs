//! The held-out clips as windows to measure on.
//!
//! Only sources of the split `held_out` are ever opened. Clips of another size than the models' are left out with a
//! warning, and labels are only used where all agree on what they mean: two recordings that number their actions
//! differently cannot share one confusion table.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use camino::Utf8Path;
use genie_shards::{ClipMeta, ClipStore, Split, merge_names, windows_of};

use crate::measure::Window;
use crate::summary::Names;
use crate::windows::{Candidate, Choice, choose};
use crate::world::Video;

/// Training windows that the mean frame is of, at most.
const MEANT: usize = 256;

/// Held-out windows, and where their frames are.
pub struct Footage {
    store: ClipStore,
    choices: Vec<Choice>,
    frames: usize,
    pub windows: Vec<Window>,
    pub names: Names,
    pub fps: f64,
    pub warnings: Vec<String>,
}

impl Footage {
    /// Chooses at most `count` windows of `frames` frames from the held-out clips of (height, width) `size`.
    ///
    /// # Errors
    /// When the clips cannot be read, none is held out, or none fits.
    pub fn open(
        root: &Utf8Path,
        size: (usize, usize),
        frames: usize,
        count: usize,
        seed: u64,
    ) -> Result<Footage> {
        let store = ClipStore::open(root, Split::HeldOut).context("cannot read the clips")?;
        if store.is_empty() {
            bail!(
                "no clip under {root} is held out, and a model must not be measured on what it was trained on: ingest more \
                 recordings, or raise [data] held_out and ingest again"
            );
        }
        let choices = choose(&candidates(&store, size, frames), count, seed);
        if choices.is_empty() {
            bail!(
                "none of the {} held-out clips under {root} has a window of {frames} frames of {}×{} pixels, which is what the models \
                 take: ingest with the size that they were trained on, or train on these clips",
                store.len(),
                size.1,
                size.0,
            );
        }
        let mut warnings = Vec::new();
        let left_out = store.clips().iter().filter(|clip| size_of(clip) != size).count();
        if left_out > 0 {
            warnings.push(format!(
                "{left_out} held-out clips are not {}×{} pixels and were left out.",
                size.1, size.0
            ));
        }
        let clips = store.clips();
        let actions = commonest(
            clips,
            |clip| clip.actions.is_some(),
            |clip| &clip.action_names,
            "actions",
            &mut warnings,
        );
        let effects = commonest(
            clips,
            |clip| clip.effects.is_some(),
            |clip| &clip.effect_names,
            "effects",
            &mut warnings,
        );
        let window = |choice: &Choice| {
            let clip = &clips[choice.clip];
            let between = |labels: &Option<Vec<u8>>| {
                labels.as_ref().map(|l| l[choice.first..choice.first + frames - 1].to_vec())
            };
            Window {
                source: clip.source_id.clone(),
                name: file_name(&clip.source_path),
                clip_id: clip.clip_id.clone(),
                first: choice.first,
                truth: between(&clip.actions)
                    .filter(|_| agree(actions.as_deref(), clip.action_names.as_deref())),
                effects: between(&clip.effects)
                    .filter(|_| agree(effects.as_deref(), clip.effect_names.as_deref())),
            }
        };
        let windows = choices.iter().map(window).collect();
        let fps = clips[choices[0].clip].fps;
        let names =
            Names { actions: actions.unwrap_or_default(), effects: effects.unwrap_or_default() };
        Ok(Footage { store, choices, frames, windows, names, fps, warnings })
    }

    /// The mean frame `[h, w, 3]` of training footage of these windows' size: of the first frames of at most [`MEANT`] windows, spread over
    /// recordings as the measured ones are. `None` where nothing of that size was trained on.
    ///
    /// # Errors
    /// When the clips cannot be read.
    pub fn mean_frame(&self, root: &Utf8Path, seed: u64) -> Result<Option<Vec<u8>>> {
        let store =
            ClipStore::open(root, Split::Train).context("cannot read the training clips")?;
        let size = size_of(&self.store.clips()[self.choices[0].clip]);
        let choices = choose(&candidates(&store, size, self.frames), MEANT, seed);
        let mut sums = vec![0_u64; size.0 * size.1 * 3];
        for choice in &choices {
            let frame = store.window(choice.clip, choice.first, 1)?;
            sums.iter_mut().zip(frame.data).for_each(|(sum, value)| *sum += u64::from(value));
        }
        let count = choices.len() as u64;
        Ok((count > 0).then(|| sums.iter().map(|sum| ((sum + count / 2) / count) as u8).collect()))
    }

    /// The frames of window `index`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn load(&self, index: usize) -> Result<Video> {
        let Choice { clip, first } = self.choices[index];
        let frames = self.store.window(clip, first, self.frames)?;
        Ok(Video {
            batch: 1,
            frames: frames.t,
            height: frames.height,
            width: frames.width,
            data: frames.data,
        })
    }
}

/// The clips that windows of `frames` frames of (height, width) `size` can be taken from.
fn candidates(store: &ClipStore, size: (usize, usize), frames: usize) -> Vec<Candidate> {
    let firsts = |clip: &ClipMeta| {
        if size_of(clip) == size {
            windows_of(clip.frame_count(), frames).collect()
        } else {
            Vec::new()
        }
    };
    let candidate =
        |clip: &ClipMeta| Candidate { source: clip.source_id.clone(), firsts: firsts(clip) };
    store.clips().iter().map(candidate).collect()
}

/// Height and width.
fn size_of(clip: &ClipMeta) -> (usize, usize) {
    (clip.height as usize, clip.width as usize)
}

/// The names that most of the labelled clips have, with what others that agree with them add; a warning where some do not.
fn commonest(
    clips: &[ClipMeta],
    labelled: impl Fn(&ClipMeta) -> bool,
    names: impl Fn(&ClipMeta) -> &Option<Vec<String>>,
    what: &str,
    warnings: &mut Vec<String>,
) -> Option<Vec<String>> {
    let mut counts: BTreeMap<&[String], usize> = BTreeMap::new();
    for clip in clips.iter().filter(|clip| labelled(clip)) {
        *counts.entry(names(clip).as_deref().unwrap_or_default()).or_default() += 1;
    }
    let mut lists: Vec<_> = counts.into_iter().collect();
    lists.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let (mut known, mut others) = (lists.first()?.0.to_vec(), 0);
    for (list, count) in lists {
        match merge_names(&known, list) {
            Some(merged) => known = merged,
            None => others += count,
        }
    }
    if others > 0 {
        warnings.push(format!(
            "{others} held-out clips name their {what} differently; agreement is measured without them."
        ));
    }
    Some(known)
}

/// Whether a clip's own names are among the common ones.
fn agree(common: Option<&[String]>, own: Option<&[String]>) -> bool {
    common.is_some_and(|common| merge_names(common, own.unwrap_or_default()).is_some())
}

fn file_name(path: &str) -> String {
    Utf8Path::new(path).file_name().unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;
    use genie_shards::{Clip, ClipShardWriter, Frames, Manifest, tables};

    use super::*;

    const SIZE: usize = 4;

    /// A clip whose frame t is filled with t and led to frame t + 1 by action t mod 5.
    fn clip(source: &str, split: Split, frames: usize, height: usize) -> Clip {
        let byte = |t: usize| u8::try_from(t).unwrap();
        // The odd one numbers other keys; the short one never saw the last.
        let key = if source == "odd" { "button" } else { "key" };
        let names =
            (0..if source == "short" { 3 } else { 5 }).map(|n| format!("{key} {n}")).collect();
        let data = (0..frames).flat_map(|t| vec![byte(t); height * SIZE * 3]).collect();
        let meta = ClipMeta {
            clip_id: format!("{source}-clip"),
            source_id: source.into(),
            source_path: format!("somewhere/{source}.mp4"),
            split,
            time_base: (1, 10),
            frame_pts: (0..i64::try_from(frames).unwrap()).collect(),
            fps: 10.0,
            width: SIZE as u32,
            height: height as u32,
            actions: Some((0..frames).map(|t| byte(t % 5)).collect()),
            action_names: Some(names),
            ..ClipMeta::default()
        };
        Clip { meta, frames: Frames::new(frames, height, SIZE, data).unwrap() }
    }

    fn published(clips: &[Clip]) -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let mut writer = ClipShardWriter::create(&root.join("clips"), "test").unwrap();
        for clip in clips {
            writer.push(clip).unwrap();
        }
        let entry = writer.publish().unwrap().entry;
        Manifest::commit(&root, |manifest| manifest.add(tables::CLIPS, entry)).unwrap();
        (dir, root)
    }

    #[test]
    fn nothing_is_measured_on_what_was_trained_on() {
        let (_dir, root) = published(&[clip("a", Split::Train, 32, SIZE)]);
        let message = Footage::open(&root, (SIZE, SIZE), 8, 10, 0).err().unwrap().to_string();
        assert!(message.contains("held out") && message.contains("[data] held_out"), "{message}");

        let (_dir, root) =
            published(&[clip("a", Split::Train, 32, SIZE), clip("b", Split::HeldOut, 17, SIZE)]);
        let footage = Footage::open(&root, (SIZE, SIZE), 8, 10, 0).unwrap();
        assert_eq!(
            footage.windows.iter().map(|w| w.name.as_str()).collect::<Vec<_>>(),
            ["b.mp4", "b.mp4"]
        );
    }

    /// Catches: a baseline that has seen what is measured, or is of clips of another size; a black picture where nothing is trained on.
    #[test]
    fn the_mean_frame_is_of_training_footage_alone() {
        let grey = |source: &str, split, height, level: u8| {
            let mut clip = clip(source, split, 16, height);
            clip.frames =
                Frames::new(16, height, SIZE, vec![level; 16 * height * SIZE * 3]).unwrap();
            clip
        };
        let mut clips = vec![
            grey("a", Split::Train, SIZE, 10),
            grey("b", Split::Train, SIZE, 31),
            grey("tall", Split::Train, SIZE + 1, 200),
            grey("held", Split::HeldOut, SIZE, 250),
        ];
        let mean = |clips: &[Clip]| {
            let (_dir, root) = published(clips);
            let footage = Footage::open(&root, (SIZE, SIZE), 8, 10, 0).unwrap();
            footage.mean_frame(&root, 0).unwrap()
        };
        assert_eq!(mean(&clips), Some(vec![21; SIZE * SIZE * 3]));
        clips.drain(..2);
        assert_eq!(mean(&clips), None);
    }

    #[test]
    fn truth_lies_between_the_frames_of_its_window() {
        // Labels of the clip's beginning for a window in its middle would make agreement a matter of luck.
        let (_dir, root) = published(&[clip("a", Split::HeldOut, 32, SIZE)]);
        let footage = Footage::open(&root, (SIZE, SIZE), 8, 10, 0).unwrap();
        assert_eq!(footage.windows.len(), 4);
        for (index, window) in footage.windows.iter().enumerate() {
            let video = footage.load(index).unwrap();
            let truth = window.truth.as_ref().unwrap();
            assert_eq!((video.frames, truth.len()), (8, 7));
            for (t, &action) in truth.iter().enumerate() {
                assert_eq!(action, video.frame(0, t)[0] % 5, "frame {t} of window {index}");
            }
        }
    }

    #[test]
    fn clips_that_do_not_fit_are_left_out_loudly() {
        let clips = [
            clip("a", Split::HeldOut, 16, SIZE),
            clip("b", Split::HeldOut, 16, SIZE),
            clip("odd", Split::HeldOut, 16, SIZE),
            clip("short", Split::HeldOut, 16, SIZE),
            clip("tall", Split::HeldOut, 16, SIZE + 1),
        ];
        let (_dir, root) = published(&clips);
        let footage = Footage::open(&root, (SIZE, SIZE), 16, 10, 0).unwrap();
        let labelled: Vec<(&str, bool)> =
            footage.windows.iter().map(|w| (w.name.as_str(), w.truth.is_some())).collect();
        assert_eq!(
            labelled,
            [("a.mp4", true), ("b.mp4", true), ("odd.mp4", false), ("short.mp4", true)]
        );
        assert_eq!(footage.names.actions.len(), 5);
        assert_eq!(footage.warnings.len(), 2, "{:?}", footage.warnings);
        let message = Footage::open(&root, (9, 9), 16, 10, 0).err().unwrap().to_string();
        assert!(message.contains("9×9"), "{message}");
    }
}
