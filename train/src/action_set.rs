//! Which actions the dynamics model learns: latent actions or true ones.

use anyhow::{Context, Result, bail};
use camino::Utf8Path;
use genie_shards::{Manifest, merge_names, stream_clip_rows, tables};

/// The kind of actions between frames, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionSet {
    /// The codes of the latent action model.
    Latent(usize),
    /// The true actions in the sidecars of the recordings.
    True(usize),
}

impl ActionSet {
    /// The true actions of the clips that `manifest` names, of the dataset root `root`.
    ///
    /// # Errors
    /// When no clip has true actions, or clips give the same action different numbers.
    pub fn of_sidecars(root: &Utf8Path, manifest: &Manifest) -> Result<Self> {
        let read = "cannot read the catalog of the clips";
        let (mut names, mut highest, mut before) = (Vec::new(), None, String::new());
        for entry in manifest.table(tables::CLIP_ROWS) {
            for rows in stream_clip_rows(root, entry).context(read)? {
                for clip in rows.context(read)?.into_iter().filter(|row| row.kept) {
                    let clip = clip.meta;
                    let Some(actions) = clip.actions else { continue };
                    highest = highest.max(actions.into_iter().max());
                    let own = clip.action_names.unwrap_or_default();
                    let Some(merged) = merge_names(&names, &own) else {
                        bail!(
                            "[dynamics] actions = \"true\", but {} numbers its actions \
                             differently from {before}: ingest them into different [data] roots",
                            clip.source_path
                        );
                    };
                    (names, before) = (merged, clip.source_path);
                }
            }
        }
        let Some(highest) = highest else {
            bail!(
                "[dynamics] actions = \"true\", but no recording under {root} has a sidecar with \
                 its actions (name.actions.csv): use actions = \"latent\""
            );
        };
        Ok(Self::True(names.len().max(usize::from(highest) + 1)))
    }

    /// The number of actions.
    pub fn count(self) -> usize {
        match self {
            Self::Latent(count) | Self::True(count) => count,
        }
    }
}
