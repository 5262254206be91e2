//! The files with the actions of token windows: labels, or clip rows with true actions.
//!
//! Latent actions are stored for each window. True actions are in the row of each clip, so they are
//! those of the current sidecar, whenever it was added.

use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use camino::Utf8Path;
use genie_shards::{ActionWindow, Manifest, read_action_rows, tables, visit_true_actions};
use genie_stage::lock::InUse;
use genie_training::{Chain, RowIndex, TokenBuffer, TokenIndex};

/// The files with the actions of the clips of an index.
pub(super) struct ActionFiles {
    kind: ActionKind,
    rows: RowIndex,
    _in_use: Arc<InUse>,
}

/// What the files contain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ActionKind {
    /// Latent actions, one row for each window.
    Labels,
    /// True actions, one row for each clip.
    ClipRows,
}

impl ActionFiles {
    /// Finds the labels of the clips of `tokens` in the directory of a latent action model.
    ///
    /// # Errors
    /// When a file cannot be read, or a clip lacks labels of some of its windows.
    pub fn of_labels(dir: &Utf8Path, tokens: &TokenIndex) -> Result<Self> {
        // Before the manifest is read: `gc` deletes no file that this manifest names.
        let in_use = Arc::new(InUse::mark(dir)?);
        let manifest = Manifest::load(dir).context("cannot read the manifest of the labels")?;
        let files = manifest.table(tables::ACTIONS);
        let rows = RowIndex::find(dir, tables::ACTIONS, files, tokens.clips())?;
        let found = Self { kind: ActionKind::Labels, rows, _in_use: in_use };
        found.check(tokens)?;
        Ok(found)
    }

    /// Finds the rows of the clips of `tokens` in the catalog of the dataset of `chain`.
    ///
    /// # Errors
    /// When a file cannot be read, or a clip has no row.
    pub fn of_sidecars(chain: &Chain, tokens: &TokenIndex) -> Result<Self> {
        let files = chain.manifest().table(tables::CLIP_ROWS);
        let rows = RowIndex::find(chain.root(), tables::CLIP_ROWS, files, tokens.clips())?;
        let found = Self { kind: ActionKind::ClipRows, rows, _in_use: chain.in_use() };
        found.check(tokens)?;
        Ok(found)
    }

    /// Checks that every clip has as many rows as it needs.
    fn check(&self, tokens: &TokenIndex) -> Result<()> {
        let needed = tokens.windows_of_clips().map(|windows| match self.kind {
            _ if windows == 0 => None,
            ActionKind::Labels => Some(windows),
            ActionKind::ClipRows => Some(1),
        });
        let Some((clip, needed)) = self.rows.incomplete(needed)? else { return Ok(()) };
        bail!(
            "the {} in {} have {} of the {needed} rows of clip {}: {}",
            self.kind.name(),
            self.rows.dir(),
            self.rows.rows(clip),
            tokens.clips().key(clip),
            self.remedy()
        );
    }

    /// Reads the actions of the windows of `buffer`.
    ///
    /// The result is `[window, step]`, with one step less than a window has frames.
    ///
    /// # Errors
    /// When a file cannot be read or lacks the actions of a window.
    pub fn read(&self, tokens: &TokenIndex, buffer: &TokenBuffer) -> Result<Vec<u8>> {
        let mut actions = WindowActions::new(tokens, buffer);
        let clips = buffer.clips.iter().map(|(clip, _)| *clip);
        for (file, rows) in self.rows.file_rows(clips) {
            let (dir, file) = (self.rows.dir(), self.rows.file(file));
            let read = match self.kind {
                ActionKind::Labels => read_action_rows(dir, file, &rows)
                    .map(|labels| labels.iter().for_each(|label| actions.add_label(label))),
                ActionKind::ClipRows => visit_true_actions(dir, file, |clip, list| {
                    actions.add_clip(clip, list.unwrap_or_default());
                }),
            };
            read.with_context(|| format!("cannot read the {}", self.kind.name()))?;
        }
        if let Some(clip) = actions.missing() {
            bail!(
                "the {} in {} lack the actions of a window of clip {}: {}",
                self.kind.name(),
                self.rows.dir(),
                tokens.clips().key(clip),
                self.remedy()
            );
        }
        Ok(actions.actions)
    }

    /// What the user must do if actions are missing.
    fn remedy(&self) -> String {
        match self.kind {
            ActionKind::Labels => format!(
                "delete {} and run `genie-train label`, which computes what is missing",
                self.rows.dir().join("step.json")
            ),
            ActionKind::ClipRows => "run `genie-ingest verify`".to_owned(),
        }
    }
}

impl ActionKind {
    fn name(self) -> &'static str {
        match self {
            Self::Labels => "labels",
            Self::ClipRows => "clip rows",
        }
    }
}

/// The actions of the windows of a buffer, while they are collected.
struct WindowActions<'a> {
    tokens: &'a TokenIndex,
    buffer: &'a TokenBuffer,
    /// Number of frames of a window.
    frames: usize,
    /// Actions `[window, step]`.
    actions: Vec<u8>,
    is_missing: Vec<bool>,
}

impl<'a> WindowActions<'a> {
    fn new(tokens: &'a TokenIndex, buffer: &'a TokenBuffer) -> Self {
        let (windows, shape) = (buffer.windows(), tokens.shape());
        Self {
            tokens,
            buffer,
            frames: shape.frames,
            actions: vec![0; windows * shape.actions()],
            is_missing: vec![true; windows],
        }
    }

    /// The windows of a clip, if the buffer has it.
    fn windows(&self, clip_id: &str) -> Option<Range<usize>> {
        self.buffer.windows_of(self.tokens.clips().position(clip_id)?)
    }

    /// Adds the actions of a window, if the buffer has it.
    fn add_label(&mut self, label: &ActionWindow) {
        let Some(windows) = self.windows(&label.clip_id) else { return };
        let first = label.first_frame as usize;
        let window = windows.start + first / self.frames;
        if first.is_multiple_of(self.frames) && window < windows.end {
            self.set(window, &label.codes);
        }
    }

    /// Adds the actions of the windows of a clip, if the buffer has it.
    ///
    /// Entry t is the action from frame t to frame t+1. The last entry has no visible effect, and
    /// no window has it. Neither has one the action from a window to the next one.
    fn add_clip(&mut self, clip_id: &str, actions: &[u8]) {
        let steps = self.frames - 1;
        for (number, window) in self.windows(clip_id).unwrap_or_default().enumerate() {
            let first = number * self.frames;
            self.set(window, actions.get(first..first + steps).unwrap_or_default());
        }
    }

    /// Sets the actions of a window, if there are as many as it has steps.
    fn set(&mut self, window: usize, actions: &[u8]) {
        let steps = self.frames - 1;
        if actions.len() == steps {
            self.actions[window * steps..][..steps].copy_from_slice(actions);
            self.is_missing[window] = false;
        }
    }

    /// A clip of whose windows one has no actions.
    fn missing(&self) -> Option<usize> {
        let window = self.is_missing.iter().position(|missing| *missing)?;
        let (clip, _) = self.buffer.clips.iter().find(|(_, windows)| windows.contains(&window))?;
        Some(*clip)
    }
}
