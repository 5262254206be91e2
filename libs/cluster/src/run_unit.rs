//! Doing one unit on an executor: the files of the dataset that say how it went.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context as _, Result, anyhow};
use genie_stage::stop::Stop;

use crate::attempt::{Attempt, ExecutorLives};
use crate::unit::{UnitMessage, UnitRunner};
use crate::work_folder::{Receipt, UnitFailure, WorkFolder};

/// Does the unit of a message, unless it is done already, and creates its receipt.
///
/// `lives` says whether the driver has heard another executor lately.
/// If it cannot be done, the failure is written for the driver. That is no error here.
///
/// # Errors
/// If the dataset cannot be read or written, or the unit was stopped.
pub(crate) fn run_unit(
    runner: &dyn UnitRunner,
    message: &str,
    (executor, lives): (&str, &ExecutorLives),
    stop: &Stop,
) -> Result<()> {
    let UnitMessage { step, unit, spec } = UnitMessage::parse(message)?;
    let folder = WorkFolder::new(&runner.root(&spec)?, &step);
    if folder.receipt(&unit)?.is_some() {
        return Ok(());
    }
    let attempt = Attempt::begin(&folder.attempts(&unit), executor, lives)?;
    let done = catch_unwind(AssertUnwindSafe(|| runner.run(&spec, &attempt, stop)));
    let done = done.unwrap_or_else(|panic| Err(anyhow!("panic: {}", words_of(&*panic))));
    let written = match done {
        Ok(result) => {
            let receipt = Receipt { executor: executor.to_owned(), result };
            folder.create_receipt(&unit, &receipt)
        }
        Err(error) if stop.requested() => Err(error.context("the executor was stopped")),
        Err(error) => {
            let failure =
                UnitFailure { executor: executor.to_owned(), message: format!("{error:#}") };
            folder.write_failure(&unit, &failure)
        }
    };
    // After the receipt. An executor that dies between the two has done its work.
    attempt.end()?;
    written.with_context(|| format!("unit {unit} of {step}"))
}

/// The message of a panic.
fn words_of(panic: &(dyn Any + Send)) -> &str {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use anyhow::bail;
    use camino::{Utf8Path, Utf8PathBuf};
    use serde_json::{Value, json};

    use super::*;

    struct TestRunner {
        root: Utf8PathBuf,
        runs: AtomicUsize,
    }

    impl UnitRunner for TestRunner {
        fn root(&self, _spec: &Value) -> Result<Utf8PathBuf> {
            Ok(self.root.clone())
        }

        fn run(&self, spec: &Value, attempt: &Attempt, stop: &Stop) -> Result<Value> {
            self.runs.fetch_add(1, Ordering::Relaxed);
            attempt.works_on("item")?;
            stop.check()?;
            match spec.as_str() {
                Some("panic") => panic!("out of range"),
                Some("fail") => bail!("disk full"),
                _ => Ok(json!({ "clips": 3 })),
            }
        }
    }

    /// Catches: a unit is done again although it has a receipt; a failure or a panic is not
    /// reported; an executor that reported, or was stopped, counts as lost.
    #[test]
    fn every_end_leaves_its_own_file() {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(guard.path()).unwrap().to_owned();
        let folder = WorkFolder::new(&root, "ingest");
        let runner = TestRunner { root, runs: AtomicUsize::new(0) };
        let nobody: ExecutorLives = Arc::new(|_| false);
        let run = |spec: &str, stop: &Stop| {
            let message =
                UnitMessage { step: "ingest".into(), unit: spec.into(), spec: spec.into() };
            let ended = run_unit(&runner, &message.to_text().unwrap(), ("a", &nobody), stop);
            let next = Attempt::begin(&folder.attempts(spec), "b", &nobody).unwrap();
            assert_eq!(next.lost("item").unwrap(), 0, "{spec}");
            next.end().unwrap();
            ended
        };
        let go = Stop::manual();
        run("good", &go).unwrap();
        run("good", &go).unwrap();
        assert_eq!(runner.runs.load(Ordering::Relaxed), 1);
        assert_eq!(folder.receipt("good").unwrap().unwrap().result, json!({ "clips": 3 }));
        for (spec, words) in [("fail", "disk full"), ("panic", "out of range")] {
            run(spec, &go).unwrap();
            assert!(folder.receipt(spec).unwrap().is_none());
            let failure = folder.take_failure(spec).unwrap().unwrap();
            assert!(failure.message.contains(words), "{failure:?}");
        }
        let stopped = Stop::manual();
        stopped.request();
        run("stopped", &stopped).unwrap_err();
        assert!(!folder.ended_units().unwrap().contains("stopped"));
    }
}
