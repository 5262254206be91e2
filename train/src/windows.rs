//! Token windows joined with their labels: the training data of the dynamics model.

use anyhow::{Context, Result, bail};
use camino::Utf8Path;
use genie_model::TokenWindows;
use genie_shards::{ActionWindow, ClipStore, merge_names, read_actions, read_tokens};
use genie_training::Chain;

/// The kind of actions between frames, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionSet {
    /// The codes of the latent action model.
    Latent(usize),
    /// The true actions in the sidecars of the recordings.
    True(usize),
}

impl ActionSet {
    /// The true actions of the clips under `root`.
    ///
    /// # Errors
    /// When no clip has true actions, or clips give the same action different numbers.
    pub fn of_sidecars(root: &Utf8Path) -> Result<Self> {
        let store = ClipStore::open(root, None).context("cannot read the clips")?;
        let (mut names, mut highest, mut before) = (Vec::new(), None, "");
        for clip in store.clips() {
            let Some(actions) = &clip.actions else { continue };
            highest = highest.max(actions.iter().max());
            let Some(merged) =
                merge_names(&names, clip.action_names.as_deref().unwrap_or_default())
            else {
                bail!(
                    "[dynamics] actions = \"true\", but {} numbers its actions differently from \
                     {before}: ingest them into different [data] roots",
                    clip.source_path
                );
            };
            (names, before) = (merged, &clip.source_path);
        }
        let Some(highest) = highest else {
            bail!(
                "[dynamics] actions = \"true\", but no recording under {root} has a sidecar with \
                 its actions (name.actions.csv): use actions = \"latent\""
            );
        };
        Ok(Self::True(names.len().max(usize::from(*highest) + 1)))
    }

    /// The number of actions.
    pub fn count(self) -> usize {
        match self {
            Self::Latent(count) | Self::True(count) => count,
        }
    }

    /// The actions of a window, if it has any of this kind.
    fn of(self, window: ActionWindow) -> Option<Vec<u8>> {
        match self {
            Self::Latent(_) => Some(window.codes),
            Self::True(_) => window.truth,
        }
    }
}

/// Reads the training windows of the clips of `chain`, by clip, then first frame.
///
/// If true actions are asked for, windows without them are skipped. Shards that another run
/// publishes meanwhile do not matter: the windows of the chain's clips were complete when the chain
/// was computed.
///
/// # Errors
/// When a shard cannot be read, windows are of several shapes, or a token window has no label.
pub fn read(chain: &Chain, actions: ActionSet) -> Result<TokenWindows> {
    let mut labels = read_actions(chain.actions.path())?.into_iter().peekable();
    let mut data = TokenWindows::default();
    let mut left_out = 0;
    let clips = chain.clips()?;
    for window in read_tokens(chain.tokens.path())? {
        if !clips.contains(&window.clip_id) {
            continue;
        }
        let place = (&window.clip_id, window.first_frame);
        while labels.next_if(|label| (&label.clip_id, label.first_frame) < place).is_some() {}
        let Some(label) = labels.next_if(|label| (&label.clip_id, label.first_frame) == place)
        else {
            bail!(
                "the window of clip {} at frame {} has tokens but no latent actions: \
                 run `genie-train label` again",
                place.0,
                place.1
            );
        };
        let Some(led) = actions.of(label) else {
            left_out += 1;
            continue;
        };
        let (rows, columns) = (usize::from(window.h), usize::from(window.w));
        let shape = (usize::from(window.t), rows * columns, columns);
        if data.tokens.is_empty() {
            (data.frames, data.positions, data.columns) = shape;
        }
        if (data.frames, data.positions, data.columns) != shape || led.len() + 1 != data.frames {
            bail!(
                "the windows in {} and {} have several shapes: \
                 run `genie-tokenize verify` and `genie-train verify`",
                chain.tokens.path(),
                chain.actions.path()
            );
        }
        data.tokens.extend(window.tokens);
        data.actions.extend(led);
    }
    if left_out > 0 {
        tracing::warn!("{left_out} windows have no true actions and are skipped");
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;
    use genie_shards::{
        Clip, ClipMeta, ClipRow, ClipShardWriter, Frames, Manifest, Split, TokenWindow, tables,
        write_actions, write_clip_rows, write_tokens,
    };
    use genie_stage::config::{ConfigArgs, load};
    use genie_training::ModelSections;

    use super::*;

    /// Publishes a clip of two frames.
    fn publish(root: &Utf8Path, id: &str, split: Split) {
        let meta = ClipMeta {
            clip_id: id.into(),
            source_id: id.into(),
            split,
            time_base: (1, 10),
            frame_pts: vec![0, 1],
            width: 1,
            height: 1,
            ..ClipMeta::default()
        };
        let rows = [ClipRow { meta: meta.clone(), kept: true, ..ClipRow::default() }];
        let mut writer = ClipShardWriter::create(&root.join("clips"), id).unwrap();
        writer.push(&Clip { meta, frames: Frames::new(2, 1, 1, vec![0; 6]).unwrap() }).unwrap();
        let clips = writer.publish().unwrap().entry;
        let rows = write_clip_rows(root, id, &rows).unwrap();
        Manifest::commit(root, |manifest| {
            manifest.add(tables::CLIPS, clips.clone());
            manifest.add(tables::CLIP_ROWS, rows.clone());
        })
        .unwrap();
    }

    /// Adds a window with the clip's tokens.
    fn encode(chain: &Chain, id: &str, split: Split, token: u16) {
        let (t, h, w) = (2, 1, 1);
        let window = TokenWindow {
            clip_id: id.into(),
            split,
            t,
            h,
            w,
            tokens: vec![token; 2],
            ..TokenWindow::default()
        };
        let entry = write_tokens(chain.tokens.path(), "tokenizer", "tokens", &[window]).unwrap();
        Manifest::commit(chain.tokens.path(), |manifest| {
            manifest.add(tables::TOKENS, entry.clone());
        })
        .unwrap();
    }

    /// Adds a label of the clip's window.
    fn label(chain: &Chain, id: &str, split: Split) {
        let window =
            ActionWindow { clip_id: id.into(), split, codes: vec![0], ..ActionWindow::default() };
        let entry = write_actions(chain.actions.path(), "lam", "actions", &[window]).unwrap();
        Manifest::commit(chain.actions.path(), |manifest| {
            manifest.add(tables::ACTIONS, entry.clone());
        })
        .unwrap();
    }

    /// Catches: training fails, or uses only some new clips, because a nightly run has encoded them
    /// and not yet labelled them; models train on clips that were dropped or held out after
    /// encoding.
    #[test]
    fn a_training_sees_the_clips_of_its_chain() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let sections = ModelSections::read(
            &load(&ConfigArgs { config: None, set: vec![format!("data.root={root}")] }).unwrap(),
        )
        .unwrap();
        publish(&root, "old", Split::Train);
        publish(&root, "moved", Split::HeldOut);
        let chain = Chain::existing(&sections).unwrap();
        for (id, token) in [("old", 7), ("moved", 8), ("dropped", 9)] {
            encode(&chain, id, Split::Train, token);
            label(&chain, id, Split::Train);
        }
        publish(&root, "new", Split::Train);
        encode(&chain, "new", Split::Train, 10);
        assert_eq!(read(&chain, ActionSet::Latent(8)).unwrap().tokens, [7, 7]);
    }
}
