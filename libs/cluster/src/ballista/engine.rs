//! What an executor does with a task: the unit of its message, on a thread of its own.
//!
//! Ballista's threads have a low priority, which threads and processes inherit that they start. So
//! a thread of normal priority starts those of the units.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fmt, io, thread};

use anyhow::anyhow;
use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::serde::protobuf::ShuffleWritePartition;
use ballista_executor::execution_engine::{ExecutionEngine, QueryStageExecutor};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::prelude::SessionConfig;
use genie_stage::stop::Stop;
use tokio::sync::oneshot;

use super::message_plan::message_of;
use crate::attempt::ExecutorLives;
use crate::run_unit::run_unit;
use crate::unit::UnitRunner;

/// Does the tasks of an executor.
pub(super) struct UnitEngine {
    pub runner: Arc<dyn UnitRunner>,
    /// The name of the executor.
    pub executor: String,
    pub running: Arc<RunningUnits>,
    pub threads: UnitThreads,
    pub lives: ExecutorLives,
}

/// Starts threads of normal priority. The starting thread ends with the last clone.
#[derive(Clone)]
pub(super) struct UnitThreads(Sender<Box<dyn FnOnce() + Send>>);

impl UnitThreads {
    /// Call it on a thread of normal priority.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn new() -> io::Result<Self> {
        let (sender, units) = channel::<Box<dyn FnOnce() + Send>>();
        thread::Builder::new().name("units".to_owned()).spawn(move || {
            for unit in units {
                // If there is no thread, the closure is dropped, and whoever waits for it notices.
                if let Err(error) = thread::Builder::new().name("unit".to_owned()).spawn(unit) {
                    tracing::error!("cannot start a thread: {error}");
                }
            }
        })?;
        Ok(Self(sender))
    }

    fn start(&self, unit: impl FnOnce() + Send + 'static) {
        // An error means that the starting thread has ended. Whoever waits notices.
        let _ = self.0.send(Box::new(unit));
    }
}

/// The units that an executor does now.
#[derive(Debug, Default)]
pub(super) struct RunningUnits(Mutex<Vec<RunningUnit>>);

#[derive(Debug, Clone)]
struct RunningUnit {
    number: u64,
    job: String,
    stop: Stop,
}

impl RunningUnits {
    /// The jobs of the units, without repetitions.
    pub fn jobs(&self) -> Vec<String> {
        let mut jobs: Vec<String> = self.units().iter().map(|unit| unit.job.clone()).collect();
        jobs.sort();
        jobs.dedup();
        jobs
    }

    /// Asks the units of a job to stop; of all jobs with `None`.
    pub fn stop(&self, job: Option<&str>) {
        let units = self.units();
        let chosen = units.iter().filter(|unit| job.is_none_or(|job| job == unit.job));
        for unit in chosen.filter(|unit| !unit.stop.requested()) {
            unit.stop.request();
        }
    }

    fn begin(&self, job: &str) -> RunningUnit {
        let mut units = self.units();
        let number = units.last().map_or(0, |unit| unit.number + 1);
        let unit = RunningUnit { number, job: job.to_owned(), stop: Stop::manual() };
        units.push(unit.clone());
        unit
    }

    fn end(&self, number: u64) {
        self.units().retain(|unit| unit.number != number);
    }

    fn units(&self) -> MutexGuard<'_, Vec<RunningUnit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ExecutionEngine for UnitEngine {
    fn create_query_stage_exec(
        &self,
        job_id: JobId,
        _stage_id: usize,
        _task_id: usize,
        _global_output_partition_ids: Vec<usize>,
        plan: Arc<dyn ExecutionPlan>,
        _work_dir: &str,
        _config: &SessionConfig,
    ) -> Result<Arc<dyn QueryStageExecutor>> {
        Ok(Arc::new(UnitTask {
            job: job_id.to_string(),
            message: message_of(&plan)?,
            runner: self.runner.clone(),
            executor: self.executor.clone(),
            running: self.running.clone(),
            threads: self.threads.clone(),
            lives: self.lives.clone(),
        }))
    }
}

/// A task: one unit of work.
struct UnitTask {
    job: String,
    message: String,
    runner: Arc<dyn UnitRunner>,
    executor: String,
    running: Arc<RunningUnits>,
    threads: UnitThreads,
    lives: ExecutorLives,
}

impl fmt::Debug for UnitTask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for UnitTask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "unit of job {}", self.job)
    }
}

/// Stops a unit when nobody waits for it any more.
struct StopsOnDrop(Stop);

impl Drop for StopsOnDrop {
    fn drop(&mut self) {
        self.0.request();
    }
}

#[async_trait]
impl QueryStageExecutor for UnitTask {
    /// Returns no partitions: the result of a unit is in its receipt.
    async fn execute_query_stage(
        &self,
        _task_id: usize,
        _context: Arc<TaskContext>,
    ) -> Result<Vec<ShuffleWritePartition>> {
        let unit = self.running.begin(&self.job);
        let _stop = StopsOnDrop(unit.stop.clone());
        let (sender, receiver) = oneshot::channel();
        let (runner, running) = (self.runner.clone(), self.running.clone());
        let (message, lives) = (self.message.clone(), self.lives.clone());
        let executor = self.executor.clone();
        self.threads.start(move || {
            let ended = run_unit(&*runner, &message, (&executor, &lives), &unit.stop);
            running.end(unit.number);
            // An error means that nobody waits any more.
            let _ = sender.send(ended);
        });
        let failed = |error| DataFusionError::Execution(format!("{}: {error:#}", self.executor));
        match receiver.await {
            Ok(ended) => ended.map(|()| Vec::new()).map_err(failed),
            Err(_) => Err(failed(anyhow!("the thread of a unit ended"))),
        }
    }

    fn collect_plan_metrics(&self) -> Vec<MetricsSet> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: the end of one of two equal jobs makes the other one unstoppable.
    #[test]
    fn a_job_can_run_twice() {
        let running = RunningUnits::default();
        let (first, second) = (running.begin("job"), running.begin("job"));
        running.end(first.number);
        assert_eq!(running.jobs(), ["job"]);
        running.stop(Some("other"));
        assert!(!second.stop.requested());
        running.stop(Some("job"));
        assert!(second.stop.requested() && !first.stop.requested());
    }
}
