//! Decoding new sources in groups, one group at a time on each thread.
//!
//! The sources are sorted by content hash, and consecutive ones form a group. For each group a
//! thread uses one decoder process ([`crate::worker`]), writes the shard, and commits it. So each
//! thread holds one clip in memory. The bytes do not depend on the number of threads or on their
//! speed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_shards::SourceRow;
use genie_stage::progress::Progress;
use rayon::prelude::*;

use super::ingest_source::SourceIngester;
use super::report::log_source;
use crate::catalog::{GroupWriter, NewFiles, split_of};
use crate::discover::SourceFile;
use crate::reject::Reject;
use crate::worker::Worker;

/// Maximum number of sources in a group.
const GROUP_SOURCES: usize = 16;
/// Maximum size of a group's files in bytes. A larger source is a group of its own.
const GROUP_BYTES: u64 = 64 << 20;

/// Ingests groups of sources into a dataset root.
pub struct GroupIngester<'a> {
    pub root: &'a Utf8Path,
    pub held_out: f64,
    pub ingester: SourceIngester<'a>,
}

impl GroupIngester<'_> {
    /// Decodes and publishes all sources, which must be sorted by content hash.
    pub fn ingest_all(&self, new: &[SourceFile]) -> Result<()> {
        self.ingest_groups(groups(new), &|files, _| files.commit(self.root))
    }

    /// Decodes groups; `commit` publishes the files of each.
    ///
    /// While fewer groups are left than threads, each decoder gets several threads.
    pub fn ingest_groups(
        &self,
        groups: Vec<&[SourceFile]>,
        commit: &(dyn Fn(NewFiles, &[SourceFile]) -> Result<()> + Sync),
    ) -> Result<()> {
        if groups.is_empty() {
            return Ok(());
        }
        let sources: usize = groups.iter().map(|group| group.len()).sum();
        let progress = Progress::new("ingest", sources as u64);
        let clips = AtomicUsize::new(0);
        let idle: Mutex<Vec<Worker>> = Mutex::default();
        let idle = || idle.lock().unwrap_or_else(PoisonError::into_inner);
        let unfinished = AtomicUsize::new(groups.len());
        // One more than the share, because the decoder's threads wait for each other.
        let share = || match rayon::current_num_threads() / unfinished.load(Ordering::Relaxed) {
            0 | 1 => 1,
            several => several + 1,
        };
        groups.into_par_iter().with_max_len(1).try_for_each(|group| {
            let mut worker = idle().pop().unwrap_or_default();
            let mut counted = 0;
            let mut count = |number: usize, row: &SourceRow| {
                // The first attempt has already counted this source.
                if number < counted {
                    return;
                }
                counted = number + 1;
                let so_far = clips.fetch_add(row.clips_kept as usize, Ordering::Relaxed)
                    + row.clips_kept as usize;
                progress.set_message(format!("{so_far} clips"));
                progress.inc(1);
                log_source(row);
            };
            let mut threads: &dyn Fn() -> usize = &share;
            let writer = loop {
                match self.ingest(group, (threads, &mut worker), &|_| Ok(None), &mut count)? {
                    Some(writer) => break writer,
                    None => threads = &|| 1,
                }
            };
            commit(writer.publish()?, group)?;
            unfinished.fetch_sub(1, Ordering::Relaxed);
            idle().push(worker);
            anyhow::Ok(())
        })?;
        progress.finish();
        Ok(())
    }

    /// Decodes a group with one thread, and writes its files.
    ///
    /// `before` is called before each source, and may reject it. `count` is called after each.
    pub fn ingest_group(
        &self,
        group: &[SourceFile],
        worker: &mut Worker,
        before: &dyn Fn(&SourceFile) -> Result<Option<Reject>>,
        count: &mut dyn FnMut(&SourceRow),
    ) -> Result<NewFiles> {
        let mut count = |_: usize, row: &SourceRow| count(row);
        let written = self.ingest(group, (&|| 1, worker), before, &mut count)?;
        written.context("one thread decodes a group at once")?.publish()
    }

    /// Decodes a group. `threads` gives the number of decoder threads of the next file.
    ///
    /// FFmpeg's picture for damaged data may depend on the number of threads, but the shards must
    /// not. So a damaged file is decoded again with 1 thread. If it has clips in the shard already,
    /// the result is `None`, and the caller repeats the whole group with 1 thread. `count` is
    /// called after each source with its number in the group, also in a repetition.
    fn ingest(
        &self,
        group: &[SourceFile],
        (threads, worker): (&dyn Fn() -> usize, &mut Worker),
        before: &dyn Fn(&SourceFile) -> Result<Option<Reject>>,
        count: &mut dyn FnMut(usize, &SourceRow),
    ) -> Result<Option<GroupWriter>> {
        let mut writer = GroupWriter::new(self.root, &group_name(group));
        for (number, source) in group.iter().enumerate() {
            self.ingester.stop.check()?;
            if let Some(reject) = before(source)? {
                let row = source.rejected(source.row(), &reject);
                count(number, &row);
                writer.source(row);
                continue;
            }
            let threads = threads();
            worker.set_decoder_threads(threads);
            let split = source.split.unwrap_or_else(|| split_of(&source.id, self.held_out));
            let (mut row, damaged) = self.ingester.ingest(source, split, worker, &mut writer)?;
            if threads > 1 && damaged {
                if writer.has_clips(&source.id) {
                    return Ok(None);
                }
                worker.set_decoder_threads(1);
                (row, _) = self.ingester.ingest(source, split, worker, &mut writer)?;
            }
            count(number, &row);
            writer.source(row);
        }
        Ok(Some(writer))
    }
}

/// Divides sources into groups of consecutive ones. The result depends only on the sources.
pub fn groups(mut sources: &[SourceFile]) -> Vec<&[SourceFile]> {
    let mut groups = Vec::new();
    while !sources.is_empty() {
        let mut bytes = 0;
        let fits = |source: &&SourceFile| {
            bytes += source.stamp.bytes;
            bytes <= GROUP_BYTES
        };
        let count = sources.iter().take(GROUP_SOURCES).take_while(fits).count().max(1);
        let (group, rest) = sources.split_at(count);
        groups.push(group);
        sources = rest;
    }
    groups
}

/// The name of a group: a hash of its sources and their work keys.
pub fn group_name(group: &[SourceFile]) -> String {
    let mut hasher = blake3::Hasher::new();
    for source in group {
        hasher.update(source.id.as_bytes());
        hasher.update(source.key.as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}
