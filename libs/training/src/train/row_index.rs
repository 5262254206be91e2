//! The files of a table in which the rows of some clips are.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{Entry, clip_runs, tables, verify};
use rayon::prelude::*;

use crate::models::ClipSet;

/// The rows of the clips of a set, in twelve bytes for each clip.
///
/// The rows of a clip follow each other in one file.
pub struct RowIndex {
    dir: Utf8PathBuf,
    table: &'static str,
    files: Vec<Entry>,
    /// The rows of each clip, by the clip's number in the set.
    places: Vec<RowPlace>,
}

/// The number of files that are read before their rows are added to the index.
const FILES_AT_ONCE: usize = 64;

/// The rows of a clip.
#[derive(Clone, Copy, Default)]
struct RowPlace {
    /// Number of the file.
    file: u32,
    first: u32,
    /// Number of rows; 0 if the clip has none.
    rows: u32,
}

/// Ranges of rows, for each number of a file, in ascending order.
pub type FileRows = BTreeMap<usize, Vec<Range<usize>>>;

impl RowIndex {
    /// Finds the rows of `clips` in `files`, which are files of `table` in `dir`.
    ///
    /// It reads only the clip ids in the files.
    ///
    /// # Errors
    /// When a file cannot be read, or a clip has rows in two places.
    pub fn find(
        dir: &Utf8Path,
        table: &'static str,
        files: &[Entry],
        clips: &ClipSet,
    ) -> Result<Self> {
        let runs_of = |entry: &Entry| -> Result<Vec<(usize, Range<usize>)>> {
            let runs = clip_runs(dir, table, entry).with_context(|| cannot_read(table))?;
            let wanted = runs.into_iter().filter_map(|run| {
                let clip = clips.position(run.clip_id.as_str())?;
                Some((clip, run.rows))
            });
            Ok(wanted.collect())
        };
        let places = vec![RowPlace::default(); clips.len()];
        let mut index = Self { dir: dir.to_owned(), table, files: files.to_vec(), places };
        // Some files at a time, so that the rows are in memory twice only for a moment.
        for (number, some) in files.chunks(FILES_AT_ONCE).enumerate() {
            let found: Vec<_> = some.par_iter().map(runs_of).collect::<Result<_>>()?;
            for (place, runs) in found.into_iter().enumerate() {
                index.add(number * FILES_AT_ONCE + place, runs, clips)?;
            }
        }
        Ok(index)
    }

    /// Adds the rows in a file, each with its clip's number.
    fn add(
        &mut self,
        file: usize,
        rows: Vec<(usize, Range<usize>)>,
        clips: &ClipSet,
    ) -> Result<()> {
        for (clip, rows) in rows {
            if self.places[clip].rows > 0 {
                // The cause may be an id that was read from a damaged file.
                self.verify()?;
                bail!(
                    "{} has {} of clip {}, which has some already: run `{}`, which says what is \
                     published twice",
                    self.dir.join(&self.files[file].file),
                    name(self.table),
                    clips.key(clip),
                    verify_command(self.table)
                );
            }
            self.places[clip] = RowPlace {
                file: u32::try_from(file)?,
                first: u32::try_from(rows.start)?,
                rows: u32::try_from(rows.len())?,
            };
        }
        Ok(())
    }

    /// The directory of the files.
    #[must_use]
    pub fn dir(&self) -> &Utf8Path {
        &self.dir
    }

    /// The number of rows of a clip.
    #[must_use]
    pub fn rows(&self, clip: usize) -> usize {
        self.places[clip].rows as usize
    }

    /// A file, by its number.
    #[must_use]
    pub fn file(&self, number: usize) -> &Entry {
        &self.files[number]
    }

    /// A file that has rows of a clip; `None` if no file has.
    #[must_use]
    pub fn first_file(&self) -> Option<&Entry> {
        let place = self.places.iter().find(|place| place.rows > 0)?;
        Some(&self.files[place.file as usize])
    }

    /// The rows of some clips.
    #[must_use]
    pub fn file_rows(&self, clips: impl IntoIterator<Item = usize>) -> FileRows {
        let mut found = FileRows::new();
        for clip in clips {
            let RowPlace { file, first, rows } = self.places[clip];
            if rows > 0 {
                let rows = first as usize..first as usize + rows as usize;
                found.entry(file as usize).or_default().push(rows);
            }
        }
        for rows in found.values_mut() {
            rows.sort_unstable_by_key(|rows| rows.start);
            rows.dedup_by(|after, before| {
                let follows = before.end == after.start;
                if follows {
                    before.end = after.end;
                }
                follows
            });
        }
        found
    }

    /// Finds the first clip with a wrong number of rows; returns it with the number that it needs.
    ///
    /// `needed` has the right number of rows for each clip. `None` allows any number.
    ///
    /// # Errors
    /// When a file is damaged: then an id in it may be wrong.
    pub fn incomplete(
        &self,
        needed: impl Iterator<Item = Option<usize>>,
    ) -> Result<Option<(usize, usize)>> {
        let wrong = |(clip, needed): (usize, Option<usize>)| {
            needed.filter(|needed| self.rows(clip) != *needed).map(|needed| (clip, needed))
        };
        let found = needed.enumerate().find_map(wrong);
        if found.is_some() {
            self.verify()?;
        }
        Ok(found)
    }

    /// Compares all files with their hashes.
    fn verify(&self) -> Result<()> {
        let checked = self.files.iter().try_for_each(|file| verify(&self.dir, file));
        checked.with_context(|| cannot_read(self.table))
    }
}

/// The name of the rows of a table in messages.
fn name(table: &str) -> &'static str {
    match table {
        tables::TOKENS => "tokens",
        tables::ACTIONS => "labels",
        _ => "clip rows",
    }
}

fn cannot_read(table: &str) -> String {
    format!("cannot read the {}", name(table))
}

/// The command that checks the files of a table.
fn verify_command(table: &str) -> &'static str {
    match table {
        tables::TOKENS => "genie-tokenize verify",
        tables::ACTIONS => "genie-train verify",
        _ => "genie-ingest verify",
    }
}

#[cfg(test)]
mod tests {
    use std::iter;

    use genie_shards::{TokenWindow, write_tokens};

    use super::*;
    use crate::models::SetClip;

    /// Catches: rows of other clips are read; rows that follow each other are read one by one; a
    /// clip in two places is not noticed.
    #[test]
    fn rows_are_found_and_joined() {
        let guard = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(guard.path()).unwrap();
        let id = |name: char| format!("{name}").repeat(32);
        let write = |clips: &str| {
            let window = |name: char| TokenWindow {
                clip_id: id(name),
                tokens: vec![0],
                t: 1,
                h: 1,
                w: 1,
                ..TokenWindow::default()
            };
            let windows: Vec<_> = clips.chars().map(window).collect();
            write_tokens(dir, "k", clips, &windows).unwrap()
        };
        let set: ClipSet =
            ["a", "b", "c", "e"].iter().map(|name| SetClip::new(&name.repeat(32), "", 2)).collect();
        let files = [write("bbdda"), write("cc")];
        let index = RowIndex::find(dir, tables::TOKENS, &files, &set).unwrap();
        assert_eq!([0, 1, 2, 3].map(|clip| index.rows(clip)), [1, 2, 2, 0]);
        let rows = |clips: &[usize]| index.file_rows(clips.iter().copied());
        assert_eq!(rows(&[3]), FileRows::new());
        let (all, c) = (vec![0..2, 4..5], iter::once(0..2).collect());
        assert_eq!(rows(&[2, 0, 1]), FileRows::from([(0, all), (1, c)]));
        let joined = RowIndex::find(dir, tables::TOKENS, &[write("abc")], &set).unwrap();
        let all = iter::once(0..3).collect();
        assert_eq!(joined.file_rows([2, 0, 1]), FileRows::from([(0, all)]));
        for twice in [write("aca"), write("a")] {
            let files = [files[0].clone(), twice];
            let error = RowIndex::find(dir, tables::TOKENS, &files, &set).err().unwrap();
            assert!(error.to_string().contains("genie-tokenize verify"), "{error}");
        }
    }
}
