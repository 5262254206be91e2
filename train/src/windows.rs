//! Token windows joined with their labels: all that the dynamics model learns from.

use anyhow::{Context, Result, bail};
use camino::Utf8Path;
use genie_model::TokenWindows;
use genie_shards::{ActionWindow, ClipStore, Split, merge_names, read_actions, read_tokens};
use genie_training::Chain;

/// Which actions lead from frame to frame, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels {
    /// The latent action model's.
    Latent(usize),
    /// Those of the recordings' sidecars.
    True(usize),
}

impl Labels {
    /// The true actions of the clips under `root`.
    ///
    /// # Errors
    /// When no clip has any, or they number them differently.
    pub fn of_sidecars(root: &Utf8Path) -> Result<Self> {
        let store = ClipStore::open(root, None).context("cannot read the clips")?;
        let (mut names, mut highest, mut before) = (Vec::new(), None, "");
        for clip in store.clips() {
            let Some(actions) = &clip.actions else { continue };
            highest = highest.max(actions.iter().max());
            let Some(merged) = merge_names(&names, clip.action_names.as_deref().unwrap_or_default()) else {
                bail!(
                    "[dynamics] actions = \"true\", and {} names its actions otherwise than {before}: ingest them into [data] roots of \
                     their own",
                    clip.source_path
                );
            };
            (names, before) = (merged, &clip.source_path);
        }
        let Some(highest) = highest else {
            bail!(
                "[dynamics] actions = \"true\", and no recording under {root} has a sidecar with its actions (name.actions.csv): \
                 use actions = \"latent\""
            );
        };
        Ok(Self::True(names.len().max(usize::from(*highest) + 1)))
    }

    /// How many there are.
    pub fn count(self) -> usize {
        match self {
            Self::Latent(count) | Self::True(count) => count,
        }
    }

    /// A window's, where it has any.
    fn of(self, window: ActionWindow) -> Option<Vec<u8>> {
        match self {
            Self::Latent(_) => Some(window.codes),
            Self::True(_) => window.truth,
        }
    }
}

/// The training windows of the chain's clips by its tokenizer and latent action model, by clip, then first frame. Windows without true
/// actions are left out where those are asked for. What others write meanwhile does not matter: all that this chain's clips have was there
/// when it was made.
///
/// # Errors
/// When a shard cannot be read, windows are of several shapes, or a token window has no label.
pub fn read(chain: &Chain, actions: Labels) -> Result<TokenWindows> {
    let mut labels = read_actions(chain.actions.path())?.into_iter().peekable();
    let mut data = TokenWindows::default();
    let mut left_out = 0;
    let clips = chain.clips()?;
    for window in read_tokens(chain.tokens.path())? {
        if clips.get(&window.clip_id) != Some(&Split::Train) {
            continue;
        }
        let place = (&window.clip_id, window.first_frame);
        while labels.next_if(|label| (&label.clip_id, label.first_frame) < place).is_some() {}
        let Some(label) = labels.next_if(|label| (&label.clip_id, label.first_frame) == place) else {
            bail!(
                "the window of clip {} at frame {} has tokens but no latent actions: run `genie-train label` again",
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
            bail!("the windows of {} and {} are of several shapes", chain.tokens.path(), chain.actions.path());
        }
        data.tokens.extend(window.tokens);
        data.actions.extend(led);
    }
    if left_out > 0 {
        tracing::warn!("{left_out} windows have no true actions and are left out");
    }
    Ok(data)
}
