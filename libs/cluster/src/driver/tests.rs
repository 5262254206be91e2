//! Tests of the driver with a queue that does the units itself, or loses them.

use std::cell::RefCell;

use camino::Utf8Path;
use serde_json::json;

use super::*;
use crate::work_folder::{Receipt, UnitFailure};

/// What becomes of each job, in the order of submission.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Done,
    /// The receipt is created, and nobody tells the driver.
    Unreported,
    Failed,
    /// The job ends without any file.
    Lost,
}

struct FakeQueue {
    folder: WorkFolder,
    fates: RefCell<VecDeque<Fate>>,
    ended: RefCell<Vec<EndedJob>>,
    submitted: RefCell<Vec<String>>,
}

impl FakeQueue {
    fn new(folder: &WorkFolder, fates: &[Fate]) -> Self {
        Self {
            folder: folder.clone(),
            fates: RefCell::new(fates.iter().copied().collect()),
            ended: RefCell::default(),
            submitted: RefCell::default(),
        }
    }
}

impl UnitQueue for FakeQueue {
    fn submit(&self, name: &str, _message: &str) -> Result<String> {
        let id = self.submitted.borrow().len().to_string();
        self.submitted.borrow_mut().push(name.to_owned());
        let fate = self.fates.borrow_mut().pop_front().unwrap_or(Fate::Done);
        match fate {
            Fate::Done | Fate::Unreported => {
                let receipt = Receipt { executor: "a".to_owned(), result: json!(name) };
                self.folder.create_receipt(name, &receipt)?;
            }
            Fate::Failed => {
                let message = "disk full".to_owned();
                let failure = UnitFailure { executor: "a".to_owned(), message };
                self.folder.write_failure(name, &failure)?;
            }
            Fate::Lost => {}
        }
        let error = (fate == Fate::Lost).then(|| "the executor was stopped".to_owned());
        if fate != Fate::Unreported {
            self.ended.borrow_mut().push(EndedJob { id: id.clone(), error });
        }
        Ok(id)
    }

    fn cancel(&self, _id: &str) {}

    fn ended(&self, _wait: Duration) -> Vec<EndedJob> {
        self.ended.take()
    }

    fn executors(&self) -> Vec<LiveExecutor> {
        vec![LiveExecutor { name: "a".to_owned(), slots: 1 }]
    }

    fn close(&self, _ending: Ending) {}
}

/// Runs the units `u0`, `u1`, …; returns the results, the names of the jobs, and the end.
fn run(root: &Utf8Path, count: usize, fates: &[Fate]) -> (Vec<Value>, Vec<String>, Result<()>) {
    let folder = WorkFolder::new(root, "ingest");
    let unit = |number| WorkUnit { name: format!("u{number}"), spec: json!({}) };
    let units: Vec<WorkUnit> = (0..count).map(unit).collect();
    let queue = FakeQueue::new(&folder, fates);
    let mut results = Vec::new();
    let mut done = |_: &WorkUnit, result| {
        results.push(result);
        Ok(())
    };
    let mut hand_out = HandOut::new((&queue, Duration::ZERO), &folder, &units, &mut done);
    let ended = hand_out.run(&Progress::new("test", 0), &Stop::manual());
    results.sort_by_key(Value::to_string);
    (results, queue.submitted.take(), ended)
}

/// Catches: a unit is lost with its executor, is reported twice, or is done again although it has a
/// receipt of an earlier run.
#[test]
fn every_unit_is_reported_once() {
    let guard = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(guard.path()).unwrap();
    let fates = [Fate::Lost, Fate::Done, Fate::Failed];
    let (results, jobs, ended) = run(root, 3, &fates);
    ended.unwrap();
    assert_eq!((results, jobs.len()), (vec![json!("u0"), json!("u1"), json!("u2")], 5));
    let (results, jobs, ended) = run(root, 4, &[]);
    ended.unwrap();
    assert_eq!((results.len(), jobs), (4, vec!["u3".to_owned()]));
}

/// Catches: a unit that fails on every machine is repeated for ever, or the reason is lost.
#[test]
fn a_unit_that_always_fails_ends_the_run() {
    let guard = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(guard.path()).unwrap();
    let (results, jobs, ended) = run(root, 1, &[Fate::Failed; 9]);
    let error = ended.unwrap_err().to_string();
    assert!(error.contains("3 times") && error.contains("a: disk full"), "{error}");
    assert_eq!((results.len(), jobs.len()), (0, 3));
}

/// Catches: the driver waits for ever for an executor whose message was lost.
#[test]
fn a_lost_message_is_noticed() {
    let guard = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(guard.path()).unwrap();
    let folder = WorkFolder::new(root, "ingest");
    let units = [WorkUnit { name: "u".to_owned(), spec: json!({}) }];
    let queue = FakeQueue::new(&folder, &[Fate::Unreported]);
    let mut count = 0;
    let mut done = |_: &WorkUnit, _| {
        count += 1;
        Ok(())
    };
    let mut hand_out = HandOut::new((&queue, Duration::ZERO), &folder, &units, &mut done);
    hand_out.submit(0).unwrap();
    let missed = hand_out.missed().unwrap();
    assert_eq!(missed.len(), 1);
    hand_out.ended(&missed[0]).unwrap();
    assert!(hand_out.running.is_empty());
    assert_eq!(count, 1);
}

/// Catches: the driver hangs when all executors are dead, or gives up before the first one came.
#[test]
fn the_driver_gives_up_only_after_the_last_executor() {
    let mut presence = Presence::new(Duration::ZERO);
    presence.check(&[]).unwrap();
    presence.check(&[LiveExecutor { name: "a".to_owned(), slots: 1 }]).unwrap();
    std::thread::sleep(Duration::from_millis(2));
    let error = presence.check(&[]).unwrap_err().to_string();
    assert!(error.contains("no executor is left"), "{error}");
}
