//! The newest facts and labels of a dataset, and the clips for which a condition holds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use genie_catalog::{Catalog, ClipOrder};
use genie_shards::{ClipKey, Manifest};

use super::facts::WallFacts;
use crate::catalog::NewestLabels;

/// Time for which facts and labels count as the newest.
const FRESH: Duration = Duration::from_secs(2);
/// Facts count as the newest for at least this many times the time for reading them.
///
/// Otherwise, while ingest publishes clips of a large dataset, the page would do nothing else.
const SHARE: u32 = 10;
/// Time for finding the clips of a condition.
const PATIENCE: Duration = Duration::from_secs(20);
/// Answers to conditions that are remembered, of four bytes for each clip.
const ANSWERS: usize = 8;

/// The clips of an answer, as numbers in the facts.
pub type Chosen = (Arc<WallFacts>, Arc<Vec<u32>>);

/// A dataset that people look at, while others may change it.
pub struct BrowsedDataset {
    root: Utf8PathBuf,
    memory_mb: u64,
    facts: Mutex<ReadFacts>,
    labels: Mutex<(NewestLabels, Instant)>,
    answers: Mutex<Vec<ChosenAnswer>>,
}

/// Facts that were read.
struct ReadFacts {
    facts: Arc<WallFacts>,
    /// When they were the newest.
    at: Instant,
    /// How long it took to read them.
    took: Duration,
}

impl ReadFacts {
    fn read(root: &Utf8Path) -> Result<Self> {
        let begun = Instant::now();
        let facts = Arc::new(WallFacts::read(root)?);
        Ok(Self { facts, at: Instant::now(), took: begun.elapsed() })
    }
}

/// What is remembered of a condition.
struct ChosenAnswer {
    version: String,
    condition: String,
    order: ClipOrder,
    clips: Arc<Vec<u32>>,
}

impl BrowsedDataset {
    /// Reads the facts and the labels of a dataset root.
    ///
    /// # Errors
    /// If a file is damaged.
    pub fn open(root: &Utf8Path, memory_mb: u64) -> Result<Self> {
        let facts = Mutex::new(ReadFacts::read(root)?);
        let labels = Mutex::new((NewestLabels::read(root)?, Instant::now()));
        let answers = Mutex::new(Vec::new());
        Ok(Self { root: root.to_owned(), memory_mb, facts, labels, answers })
    }

    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The newest facts. Blocks while they are read again.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn facts(&self) -> Result<Arc<WallFacts>> {
        let mut newest = locked(&self.facts);
        if newest.at.elapsed() > FRESH.max(SHARE * newest.took) {
            if Manifest::load(&self.root)?.content_hash() == newest.facts.version {
                newest.at = Instant::now();
            } else {
                *newest = ReadFacts::read(&self.root)?;
            }
        }
        Ok(Arc::clone(&newest.facts))
    }

    /// Calls `read` with the newest labels. Blocks while they are read again.
    ///
    /// # Errors
    /// If a file of labels is damaged.
    pub fn with_labels<T>(&self, read: impl FnOnce(&mut NewestLabels) -> T) -> Result<T> {
        let mut newest = locked(&self.labels);
        if newest.1.elapsed() > FRESH {
            newest.0.refresh(&self.root)?;
            newest.1 = Instant::now();
        }
        Ok(read(&mut newest.0))
    }

    /// The clips for which a condition holds, in an order. Blocks.
    ///
    /// An earlier answer counts if the dataset is the same. With `refresh` it does not, because a
    /// condition may depend on labels.
    ///
    /// # Errors
    /// If the condition is wrong, or takes too long.
    pub fn choose(&self, condition: &str, order: &ClipOrder, refresh: bool) -> Result<Chosen> {
        let facts = self.facts()?;
        let is_same = |answer: &ChosenAnswer| {
            answer.version == facts.version
                && answer.condition == condition
                && answer.order == *order
        };
        let mut answers = locked(&self.answers);
        answers.retain(|answer| answer.version == facts.version && !(refresh && is_same(answer)));
        if let Some(place) = answers.iter().position(is_same) {
            let answer = answers.remove(place);
            let clips = Arc::clone(&answer.clips);
            answers.push(answer);
            return Ok((facts, clips));
        }
        drop(answers);
        // The tables of a catalog are those of its opening, and labels change.
        let catalog = Catalog::open(&self.root, self.memory_mb)?;
        let ids = catalog.chosen_clips(condition, order, PATIENCE)?;
        // A run may have published other clips since the facts were read.
        let clips = ids.iter().filter_map(|id| facts.position(ClipKey::from(id.as_str())));
        let clips = Arc::new(clips.collect::<Vec<_>>());
        let mut answers = locked(&self.answers);
        if answers.len() >= ANSWERS {
            answers.remove(0);
        }
        answers.push(ChosenAnswer {
            version: facts.version.clone(),
            condition: condition.to_owned(),
            order: order.clone(),
            clips: Arc::clone(&clips),
        });
        Ok((facts, clips))
    }
}

/// Locks what is consistent even if another thread has panicked.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
