//! The driver: hands out units, collects receipts, and notices when nothing goes on.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;
use serde_json::Value;

#[cfg(feature = "ballista")]
use crate::ballista::open;
use crate::config::ClusterConfig;
use crate::executor_counts::ExecutorCounts;
use crate::identity::BuildIdentity;
use crate::queue::{EndedJob, Ending, LiveExecutor, UnitQueue};
use crate::unit::{UnitMessage, WorkUnit};
#[cfg(not(feature = "ballista"))]
use crate::without::open;
use crate::work_folder::WorkFolder;

/// How often a unit may fail before the run fails.
const ATTEMPTS: u32 = 3;
/// The longest wait for the end of a job.
const TICK: Duration = Duration::from_millis(250);
/// The time between two searches for receipts, in case that the end of a job was missed.
const SEARCH: Duration = Duration::from_secs(15);
/// How long a receipt may be invisible here after its executor has created it.
const INVISIBLE: Duration = Duration::from_mins(1);
/// Number of units that are handed out before any executor is there.
const AHEAD: usize = 16;

/// Hands units to executors. It listens until it is dropped.
pub struct ClusterDriver {
    queue: Box<dyn UnitQueue + Send + Sync>,
    /// How long it goes on without an executor, after the first one.
    patience: Duration,
}

impl ClusterDriver {
    /// Starts to listen for executors, if the config names an address.
    ///
    /// # Errors
    /// If the address cannot be used, or the program was built without the feature.
    pub fn start(
        config: &ClusterConfig,
        identity: impl FnOnce() -> Result<BuildIdentity>,
    ) -> Result<Option<Self>> {
        if config.listen.is_empty() {
            return Ok(None);
        }
        let queue = open(&config.listen, &identity()?)?;
        Ok(Some(Self { queue, patience: config.patience() }))
    }

    /// Has all units done, those first that come first. `done` gets the result of each, once.
    ///
    /// A unit whose receipt exists already is not done again. `progress` shows the executors.
    ///
    /// # Errors
    /// If a unit fails several times, no executor is left, somebody stops the run, or `done` fails.
    pub fn run(
        &self,
        folder: &WorkFolder,
        units: &[WorkUnit],
        (progress, stop): (&Progress, &Stop),
        done: &mut dyn FnMut(&WorkUnit, Value) -> Result<()>,
    ) -> Result<()> {
        let mut hand_out = HandOut::new((&*self.queue, self.patience), folder, units, done);
        let ended = hand_out.run(progress, stop);
        for id in hand_out.running.keys() {
            self.queue.cancel(id);
        }
        tracing::debug!("units of work: {}", hand_out.counts.totals());
        ended
    }

    /// Tells the executors how the run has ended. After an error they wait for another driver.
    pub fn close<T>(&self, result: &Result<T>, stop: &Stop) {
        if stop.requested() {
            self.queue.close(Ending::Stopped);
        } else if result.is_ok() {
            self.queue.close(Ending::Done);
        }
    }
}

/// The units of a run, by their position, and where they are.
struct HandOut<'a> {
    queue: &'a dyn UnitQueue,
    patience: Duration,
    folder: &'a WorkFolder,
    units: &'a [WorkUnit],
    waiting: VecDeque<usize>,
    /// Units by the id of their job.
    running: HashMap<String, usize>,
    /// Units whose receipt is not visible yet, and since when.
    invisible: Vec<(usize, Instant)>,
    failures: Vec<u32>,
    counts: ExecutorCounts,
    done: &'a mut dyn FnMut(&WorkUnit, Value) -> Result<()>,
}

impl<'a> HandOut<'a> {
    /// A hand-out of units, none of which was submitted. `patience` is that without an executor.
    fn new(
        (queue, patience): (&'a dyn UnitQueue, Duration),
        folder: &'a WorkFolder,
        units: &'a [WorkUnit],
        done: &'a mut dyn FnMut(&WorkUnit, Value) -> Result<()>,
    ) -> Self {
        Self {
            queue,
            patience,
            folder,
            units,
            waiting: VecDeque::new(),
            running: HashMap::new(),
            invisible: Vec::new(),
            failures: vec![0; units.len()],
            counts: ExecutorCounts::new(),
            done,
        }
    }

    fn run(&mut self, progress: &Progress, stop: &Stop) -> Result<()> {
        let ended = self.folder.ended_units()?;
        for unit in 0..self.units.len() {
            let has_ended = ended.contains(&self.units[unit].name);
            if !(has_ended && self.take_receipt(unit)?) {
                self.waiting.push_back(unit);
            }
        }
        let mut presence = Presence::new(self.patience);
        let mut searched = Instant::now();
        while self.waiting.len() + self.running.len() + self.invisible.len() > 0 {
            stop.check()?;
            let executors = self.queue.executors();
            presence.check(&executors)?;
            let names: Vec<&str> = executors.iter().map(|live| live.name.as_str()).collect();
            progress.set_message(self.counts.in_words(&names));
            progress.inc(0);
            // Each executor finds its next units at once.
            let slots: usize = executors.iter().map(|live| live.slots).sum();
            while self.running.len() < (2 * slots).max(AHEAD)
                && let Some(unit) = self.waiting.pop_front()
            {
                self.submit(unit)?;
            }
            let mut ended = self.queue.ended(TICK);
            if searched.elapsed() >= SEARCH {
                ended.extend(self.missed()?);
                searched = Instant::now();
            }
            for job in ended {
                self.ended(&job)?;
            }
            self.look_again()?;
        }
        Ok(())
    }

    fn submit(&mut self, unit: usize) -> Result<()> {
        let WorkUnit { name, spec } = &self.units[unit];
        let step = self.folder.step().to_owned();
        let message = UnitMessage { step, unit: name.clone(), spec: spec.clone() };
        let id = self.queue.submit(name, &message.to_text()?)?;
        self.running.insert(id, unit);
        Ok(())
    }

    /// Jobs that have ended in the dataset, but not here: the executor's message was lost.
    fn missed(&self) -> Result<Vec<EndedJob>> {
        let ended = self.folder.ended_units()?;
        let missed =
            self.running.iter().filter(|(_, unit)| ended.contains(&self.units[**unit].name));
        Ok(missed.map(|(id, _)| EndedJob { id: id.clone(), error: None }).collect())
    }

    fn ended(&mut self, job: &EndedJob) -> Result<()> {
        // A job that was cancelled ends, too.
        let Some(unit) = self.running.remove(&job.id) else { return Ok(()) };
        self.queue.cancel(&job.id);
        if self.take_receipt(unit)? {
            return Ok(());
        }
        let name = &self.units[unit].name;
        let problem = match (self.folder.take_failure(name)?, &job.error) {
            (Some(failure), _) => format!("{}: {}", failure.executor, failure.message),
            (None, Some(error)) => error.clone(),
            (None, None) => {
                self.invisible.push((unit, Instant::now()));
                return Ok(());
            }
        };
        self.failures[unit] += 1;
        if self.failures[unit] == ATTEMPTS {
            bail!("a unit of work failed {ATTEMPTS} times, the last time at {problem}");
        }
        tracing::warn!("a unit of work failed and is repeated: {problem}");
        self.waiting.push_front(unit);
        Ok(())
    }

    /// Looks for receipts that were not visible before.
    fn look_again(&mut self) -> Result<()> {
        for (unit, since) in std::mem::take(&mut self.invisible) {
            if self.take_receipt(unit)? {
                continue;
            }
            if since.elapsed() > INVISIBLE {
                bail!(
                    "an executor has written {}, but the driver does not see it: all machines must \
                     see the same dataset root",
                    self.folder.shown_receipt(&self.units[unit].name)
                );
            }
            self.invisible.push((unit, since));
        }
        Ok(())
    }

    /// Passes on the result of a unit. Returns whether it has a receipt.
    fn take_receipt(&mut self, unit: usize) -> Result<bool> {
        let unit = &self.units[unit];
        let Some(receipt) = self.folder.receipt(&unit.name)? else { return Ok(false) };
        self.counts.add(&receipt.executor);
        (self.done)(unit, receipt.result)?;
        Ok(true)
    }
}

/// Whether executors are there.
struct Presence {
    patience: Duration,
    /// When there was an executor last; `None` before the first.
    last: Option<Instant>,
    waited: Instant,
}

impl Presence {
    fn new(patience: Duration) -> Self {
        Self { patience, last: None, waited: Instant::now() }
    }

    /// Fails when no executor was there for too long, after the first one.
    fn check(&mut self, executors: &[LiveExecutor]) -> Result<()> {
        let now = Instant::now();
        if !executors.is_empty() {
            self.last = Some(now);
            return Ok(());
        }
        match self.last {
            Some(last) if now - last > self.patience => bail!(
                "no executor is left, and none came back within {} s; what they did is kept: start \
                 executors and run the same command again",
                self.patience.as_secs()
            ),
            None if self.waited.elapsed() > Duration::from_mins(1) => {
                tracing::info!("waiting for executors");
                self.waited = now;
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
