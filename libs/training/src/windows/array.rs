//! Which shards of a step the processes of an array job make together, and which ones exist.
//!
//! The processes agree without talking to each other. What is published before the array begins is
//! its *base*. The id of the array is a hash of the clips and the base. The name of a shard
//! contains the id and the shard's number. So each process can tell the shards of the array from
//! the base, and finds the same base, whenever it starts.

use std::cell::Cell;
use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{Entry, Manifest};
use genie_store::Conflict;

use super::stored::StoredWindow;

/// The shards of an array job in the directory of a step.
pub(super) struct ArrayShards {
    dir: Utf8PathBuf,
    id: String,
    /// What was published before the array began.
    pub base: Vec<Entry>,
    /// Numbers of the shards that exist.
    pub done: BTreeSet<usize>,
}

impl ArrayShards {
    /// Finds the shards in a directory. `clips` is a hash of the clips.
    ///
    /// # Errors
    /// When the manifest cannot be read.
    pub fn find<W: StoredWindow>(dir: &Utf8Path, clips: &str) -> Result<Self> {
        let entries = Manifest::load(dir)?.table(W::TABLE).to_vec();
        let ids: BTreeSet<&str> =
            entries.iter().filter_map(|entry| Some(number_of::<W>(entry)?.0)).collect();
        let of_id = |id: &str| -> (Vec<&Entry>, Vec<&Entry>) {
            entries.iter().partition(|entry| number_of::<W>(entry).is_some_and(|(of, _)| of == id))
        };
        for id in ids {
            let (ours, base) = of_id(id);
            if hash(clips, &base) == id {
                let done = ours.into_iter().filter_map(|entry| Some(number_of::<W>(entry)?.1));
                let (id, done) = (id.to_owned(), done.collect());
                let base = base.into_iter().cloned().collect();
                return Ok(Self { dir: dir.to_owned(), id, base, done });
            }
        }
        let id = hash(clips, &entries.iter().collect::<Vec<_>>());
        Ok(Self { dir: dir.to_owned(), id, base: entries, done: BTreeSet::new() })
    }

    /// Publishes the shard with this number, unless another process has done it.
    ///
    /// # Errors
    /// When the shard cannot be written, or a run that is not of this array has changed the
    /// published shards (exit code 75).
    pub fn publish<W: StoredWindow>(
        &self,
        model: &str,
        number: usize,
        windows: &[W],
    ) -> Result<()> {
        let name = format!("{}-{}-{number:06}", W::PLACE, self.id);
        let entry = W::write(&self.dir, model, &name, windows)?;
        let is_changed = Cell::new(false);
        Manifest::commit(&self.dir, |manifest| {
            let (mut is_there, mut base, mut others) = (false, 0, 0);
            manifest.retain(W::TABLE, |known| {
                match number_of::<W>(known) {
                    Some((id, known)) if id == self.id => is_there |= known == number,
                    _ if self.base.iter().any(|entry| entry.file == known.file) => base += 1,
                    _ => others += 1,
                }
                true
            });
            is_changed.set(base != self.base.len() || others > 0);
            if !is_there && !is_changed.get() {
                manifest.add(W::TABLE, entry.clone());
            }
        })?;
        if is_changed.get() {
            return Err(Conflict).with_context(|| {
                format!("{} was changed meanwhile", genie_store::shown(&self.dir))
            });
        }
        Ok(())
    }
}

/// The id of an array, from its clips and its base.
fn hash(clips: &str, base: &[&Entry]) -> String {
    let mut lines: Vec<String> =
        base.iter().map(|entry| format!("{} {}\n", entry.blake3, entry.rows)).collect();
    lines.sort();
    blake3::hash(format!("{clips}\n{}", lines.concat()).as_bytes()).to_hex()[..16].to_owned()
}

/// The id and the number in the name `<place>-<id>-<number>-<hash>.parquet` of an array's shard.
fn number_of<W: StoredWindow>(entry: &Entry) -> Option<(&str, usize)> {
    let mut words = entry.file.strip_prefix(W::PLACE)?.strip_prefix('-')?.split('-');
    let (id, number) = (words.next()?, words.next()?);
    words.next()?;
    Some((id, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use genie_shards::{TokenWindow, tables};

    use super::*;

    fn window(clip: &str) -> TokenWindow {
        TokenWindow {
            clip_id: clip.to_owned(),
            tokens: vec![0],
            t: 1,
            h: 1,
            w: 1,
            ..TokenWindow::default()
        }
    }

    /// Catches: a process that starts later takes shards of the array for older ones, and so
    /// divides the clips otherwise; a shard is published twice; other clips continue an old array.
    #[test]
    fn processes_agree_on_base_and_shards() {
        let guard = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(guard.path()).unwrap();
        let find = |clips: &str| ArrayShards::find::<TokenWindow>(dir, clips).unwrap();
        let shards = || Manifest::load(dir).unwrap().table(tables::TOKENS).len();
        let old = TokenWindow::write(dir, "k", "tokens", &[window("old")]).unwrap();
        Manifest::commit(dir, |manifest| manifest.add(tables::TOKENS, old.clone())).unwrap();

        let (first, second) = (find("clips"), find("clips"));
        first.publish("k", 3, &[window("a")]).unwrap();
        second.publish("k", 0, &[window("b")]).unwrap();
        second.publish("k", 3, &[window("a")]).unwrap();
        // A model may not be exact: the first result counts.
        second.publish("k", 3, &[window("other")]).unwrap();
        let late = find("clips");
        assert_eq!((&late.id, &late.base), (&first.id, &vec![old]));
        assert_eq!((late.done, shards()), ([0, 3].into(), 3));

        let next = find("more clips");
        assert_eq!((next.base.len(), next.done.len()), (3, 0));
        assert_ne!(next.id, first.id);
    }

    /// Catches: a process of an array publishes windows that a run without a share has published
    /// meanwhile.
    #[test]
    fn another_run_is_a_conflict() {
        let guard = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(guard.path()).unwrap();
        let array = ArrayShards::find::<TokenWindow>(dir, "clips").unwrap();
        let other = TokenWindow::write(dir, "k", "tokens", &[window("a")]).unwrap();
        Manifest::commit(dir, |manifest| manifest.add(tables::TOKENS, other.clone())).unwrap();
        let error = array.publish("k", 0, &[window("a")]).unwrap_err();
        assert!(error.downcast_ref::<Conflict>().is_some(), "{error:#}");
        assert_eq!(Manifest::load(dir).unwrap().table(tables::TOKENS), [other]);
    }
}
