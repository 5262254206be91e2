//! Array mode: identifies and decodes a share of the videos, beside the other shares.
//!
//! Every process finds the same files, and divides them into the same groups. So the shards have
//! the same content for any number of shares.
//!
//! - **Identify.** A process hashes its share of the files, and publishes what it found in pending
//!   rows. Then it goes through the others' shares, and hashes only what nobody has published yet.
//!   So it waits for no one.
//! - **Decode.** The groups contain the sources that the finalized catalog does not have. A process
//!   decodes the groups of its share that are not published yet. A group whose sources another
//!   process has published meanwhile is dropped ([`GroupCommits`]).
//!
//! A share changes no rows of earlier runs, and does not finalize the catalog. Files that changed,
//! rejects that need no decoding, and duplicates are left to the run without a share.

use std::collections::HashSet;
use std::ops::Range;

use anyhow::Result;
use genie_shards::SourceRow;
use genie_stage::Exit;
use genie_stage::share::Share;

use super::groups::{GroupIngester, group_name, groups};
use super::identify::{identify, identify_known};
use super::ingest_run::IngestRun;
use super::plan::plan;
use crate::catalog::{
    FormerSplits, GroupCommits, NewFiles, SourceIndex, SourceUpdate, identified, run_history,
};
use crate::discover::{SourceFile, SourceFiles};

/// Number of files that are identified before their rows are published.
const CHUNK: usize = 256;

impl IngestRun<'_> {
    /// Ingests a share of the found files.
    pub(super) fn share(&self, files: Vec<SourceFile>, share: Share) -> Result<Exit> {
        let Self { data, config, key, begun, .. } = self;
        let root = data.root.as_path();
        let files = self.identify_together(files, share)?;
        let found = SourceUpdate::new(&files, key, &config.metadata, &[]).look(root)?;
        let finalized = SourceIndex::read_partitions(root, &files)?;
        if found.is_outdated {
            tracing::info!(
                "ingest: files of earlier runs have changed; this is left to the run without \
                 --index and --of"
            );
        }
        let former = FormerSplits::read(root, key)?;
        let sources = plan(&files, &finalized, (&found.changes, &former), &config.metadata).new;
        let all = groups(&sources);
        let published = GroupCommits::published(root)?;
        let ours: Vec<&[SourceFile]> = (all.iter().enumerate())
            .filter(|(number, group)| share.has(*number) && !published.contains(&group_name(group)))
            .map(|(_, group)| *group)
            .collect();
        if !ours.is_empty() {
            self.write_config()?;
        }
        let decoded: Vec<&SourceFile> = ours.iter().copied().flatten().collect();
        let ids: HashSet<String> = decoded.iter().map(|source| source.id.to_string()).collect();
        let count = ours.len();
        let commits = GroupCommits::new(root, ids);
        let groups = GroupIngester { root, held_out: data.held_out, ingester: self.ingester() };
        let ended = groups.ingest_groups(ours, &|files, group| commits.add(files, group));
        // If the run is stopped, it still publishes the decoded sources.
        let dropped = commits.finish()?;
        ended?;
        if count > 0 {
            run_history::record(root, &decoded, begun.elapsed())?;
        }
        if dropped > 0 {
            tracing::warn!(
                "{dropped} groups were dropped, because another process has published some of \
                 their videos: all shares must see the same files"
            );
        }
        tracing::info!(
            "ingest: {share} is done: {} videos in {count} of {} groups; when all shares are done, \
             run `genie-ingest run` without --index and --of",
            decoded.len(),
            all.len()
        );
        Ok(Exit::Done)
    }

    /// Identifies all files.
    ///
    /// Of those that the catalog does not know, this process begins with its share.
    fn identify_together(&self, mut files: Vec<SourceFile>, share: Share) -> Result<SourceFiles> {
        let Self { data, config, key, .. } = self;
        let root = data.root.as_path();
        identify_known(root, &mut files)?;
        for Chunk { files: range, is_ours } in chunks(files.len(), share) {
            let files = &mut files[range.clone()];
            if !is_ours && files.iter().any(SourceFile::is_unidentified) {
                // The process whose share it is may have published it meanwhile.
                identify_known(root, files)?;
            }
            let was_new: Vec<bool> = files.iter().map(SourceFile::is_unidentified).collect();
            identify(files, key, &config.metadata, &self.probe())?;
            let new = files.iter().zip(was_new).filter(|(_, was_new)| *was_new);
            let rows: Vec<SourceRow> = new.filter_map(|(file, _)| identified(file.row())).collect();
            if !rows.is_empty() {
                let name = format!("{key}-files-{}", range.start);
                NewFiles::write(root, &name, Vec::new(), &rows, &[])?.commit(root)?;
            }
        }
        Ok(SourceFiles::new(files))
    }
}

/// Consecutive files that are identified together.
#[derive(Debug, PartialEq, Eq)]
struct Chunk {
    files: Range<usize>,
    /// Whether the chunk belongs to the share of this process.
    is_ours: bool,
}

/// All chunks of `files` files, those of `share` first.
///
/// The others come share by share, from their ends. So this process and the one whose share it is
/// meet in the middle.
fn chunks(files: usize, share: Share) -> Vec<Chunk> {
    let all: Vec<Range<usize>> =
        (0..files).step_by(CHUNK).map(|first| first..files.min(first + CHUNK)).collect();
    let of = |index: usize| all.iter().skip(index).step_by(share.of()).cloned();
    let ours = of(share.index()).map(|files| Chunk { files, is_ours: true });
    let others = (1..share.of()).flat_map(|next| {
        let chunks: Vec<_> = of((share.index() + next) % share.of()).collect();
        chunks.into_iter().rev().map(|files| Chunk { files, is_ours: false })
    });
    ours.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a process leaves files out, or does not begin with its own share.
    #[test]
    fn every_process_goes_through_all_files() {
        let count = 5 * CHUNK + 1;
        for index in 0..3 {
            let chunks = chunks(count, Share::new(index, 3));
            let ours = chunks.iter().take_while(|chunk| chunk.is_ours).count();
            assert_eq!((chunks.len(), ours), (6, 2));
            assert!(chunks[ours..].iter().all(|chunk| !chunk.is_ours));
            let mut files: Vec<usize> = chunks.into_iter().flat_map(|chunk| chunk.files).collect();
            files.sort_unstable();
            assert_eq!(files, (0..count).collect::<Vec<_>>());
        }
        assert_eq!(chunks(1, Share::new(2, 3)).len(), 1);
    }
}
