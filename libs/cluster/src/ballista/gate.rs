//! Who may talk to the driver, and what it says at its end.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::{Code, Request, Status};

use crate::identity::BuildIdentity;
use crate::queue::Ending;

/// The header with the build of an executor.
const BUILD: &str = "genie-build";
/// The header with the name of an executor.
const NAME: &str = "genie-executor";
/// The header of questions. Polls lack it: nobody reads their errors.
const ASKS: &str = "genie-asks";
/// The header with the name of another executor, in the question whether it lives.
const LIVES: &str = "genie-lives";
/// The answer that an executor does not live.
const IS_LOST: &str = "lost";
/// An executor that was heard in this time lives. Executors ask every second.
///
/// It must be shorter than the time after which others get the units of an executor that died.
const LIVE: Duration = Duration::from_secs(5);

/// Rejects requests from programs of another build, and all requests at the end.
///
/// Executors of another program wait: the next driver may be theirs.
#[derive(Clone)]
pub(super) struct DriverGate {
    identity: BuildIdentity,
    opened: Instant,
    state: Arc<Mutex<GateState>>,
}

#[derive(Default)]
struct GateState {
    /// When each executor sent its last request.
    heard: HashMap<String, Instant>,
    ending: Option<Ending>,
    /// Executors that know of the end.
    told: BTreeSet<String>,
    rejected: BTreeSet<String>,
}

impl DriverGate {
    pub fn new(identity: &BuildIdentity) -> Self {
        Self { identity: identity.clone(), opened: Instant::now(), state: Arc::default() }
    }

    /// Tells every executor about the end from now on.
    pub fn close(&self, ending: Ending) {
        self.state().ending = Some(ending);
    }

    /// Whether an executor knows of the end.
    pub fn has_told(&self, executor: &str) -> bool {
        self.state().told.contains(executor)
    }

    /// Whether an executor was heard lately, or may live and did not have the time to be heard.
    fn lives(&self, executor: &str) -> bool {
        let heard = self.state().heard.get(executor).copied().unwrap_or(self.opened);
        heard.elapsed() < LIVE
    }

    fn state(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Interceptor for DriverGate {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let word = |name| request.metadata().get(name).and_then(|value| value.to_str().ok());
        let build = word(BUILD).unwrap_or("another program");
        let name = word(NAME).unwrap_or("unknown").to_owned();
        let program = self.identity.program();
        if build.split(' ').next() != Some(program) {
            // `genie run` starts the drivers of several programs at one address. Their executors
            // wait for them.
            return Err(Status::unavailable(format!("the driver is {program}")));
        }
        if let Some(rejection) = self.identity.rejection(build) {
            if self.state().rejected.insert(name.clone()) {
                tracing::warn!("executor {name} is rejected: {rejection}");
            }
            return Err(Status::failed_precondition(rejection));
        }
        if let Some(other) = word(LIVES) {
            let answer = if self.lives(other) { "lives" } else { IS_LOST };
            return Err(Status::aborted(answer));
        }
        let mut state = self.state();
        state.heard.insert(name.clone(), Instant::now());
        match state.ending {
            None => Ok(request),
            Some(ending) => {
                if request.metadata().contains_key(ASKS) {
                    state.told.insert(name);
                }
                Err(Status::aborted(word_of(ending)))
            }
        }
    }
}

/// Adds the headers of an executor to its requests.
#[derive(Clone)]
pub(super) struct Introduction {
    build: AsciiMetadataValue,
    name: AsciiMetadataValue,
    asks: bool,
}

impl Introduction {
    /// The headers of an executor with this name.
    ///
    /// # Errors
    /// If the name has other characters than ASCII.
    pub fn new(identity: &BuildIdentity, name: &str) -> anyhow::Result<Self> {
        Ok(Self { build: identity.as_str().parse()?, name: name.parse()?, asks: false })
    }

    /// For requests whose errors are read.
    pub fn asking(self) -> Self {
        Self { asks: true, ..self }
    }
}

impl Interceptor for Introduction {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert(BUILD, self.build.clone());
        request.metadata_mut().insert(NAME, self.name.clone());
        if self.asks {
            request.metadata_mut().insert(ASKS, AsciiMetadataValue::from_static("yes"));
        }
        Ok(request)
    }
}

/// Makes a request the question whether an executor lives; false if the name is none.
pub(super) fn asks_about<T>(question: &mut Request<T>, executor: &str) -> bool {
    let name = executor.parse::<AsciiMetadataValue>();
    name.is_ok_and(|name| question.metadata_mut().insert(LIVES, name).is_none())
}

/// Whether a message of the driver says that an executor does not live.
pub(super) fn is_lost(status: &Status) -> bool {
    status.code() == Code::Aborted && status.message() == IS_LOST
}

/// The end that a message of the driver means; `None` for another message.
pub(super) fn ending_of(status: &Status) -> Option<Ending> {
    let known = [Ending::Done, Ending::Stopped];
    let is_end = status.code() == Code::Aborted;
    known.into_iter().find(|ending| is_end && status.message() == word_of(*ending))
}

fn word_of(ending: Ending) -> &'static str {
    match ending {
        Ending::Done => "done",
        Ending::Stopped => "stopped",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: an executor of another build gets work, or the right one does not; an executor
    /// does not learn of the end.
    #[test]
    fn only_the_same_build_passes() {
        let identity = |libraries| BuildIdentity::of_this_program("test", libraries).unwrap();
        let mut gate = DriverGate::new(&identity("FFmpeg 7.1"));
        let introduction = |libraries| Introduction::new(&identity(libraries), "a").unwrap();
        let request = |libraries| introduction(libraries).call(Request::new(())).unwrap();
        gate.call(request("FFmpeg 7.1")).unwrap();
        let rejected = gate.call(request("FFmpeg 8.0")).unwrap_err();
        assert!(rejected.message().contains("8.0"), "{rejected}");
        assert_eq!(ending_of(&rejected), None);
        let other = BuildIdentity::of_this_program("another", "FFmpeg 7.1").unwrap();
        let mut other = Introduction::new(&other, "a").unwrap();
        let waits = gate.call(other.call(Request::new(())).unwrap()).unwrap_err();
        assert_eq!((waits.code(), waits.message()), (Code::Unavailable, "the driver is test"));
        gate.call(Request::new(())).unwrap_err();
        gate.close(Ending::Done);
        let ended = gate.call(request("FFmpeg 7.1")).unwrap_err();
        assert_eq!((ending_of(&ended), gate.has_told("a")), (Some(Ending::Done), false));
        let asked = introduction("FFmpeg 7.1").asking().call(Request::new(())).unwrap();
        gate.call(asked).unwrap_err();
        assert!(gate.has_told("a"));
        assert!(!gate.has_told("b"));
    }

    /// Catches: an executor that came back counts as lost, or a dead one does not.
    #[test]
    fn executors_that_ask_live() {
        let identity = BuildIdentity::of_this_program("test", "").unwrap();
        let mut gate = DriverGate::new(&identity);
        let introduction = |name| Introduction::new(&identity, name).unwrap();
        let is_lost_now = |gate: &mut DriverGate, name: &str| {
            let mut question = Request::new(());
            assert!(asks_about(&mut question, name));
            let question = introduction("curious").call(question).unwrap();
            is_lost(&gate.call(question).unwrap_err())
        };
        assert!(!is_lost_now(&mut gate, "a"), "the driver may have begun a moment ago");
        gate.opened -= LIVE;
        assert!(is_lost_now(&mut gate, "a"));
        gate.call(Introduction::new(&identity, "a").unwrap().call(Request::new(())).unwrap())
            .unwrap();
        assert!(!is_lost_now(&mut gate, "a"));
        *gate.state().heard.get_mut("a").unwrap() -= LIVE;
        assert!(is_lost_now(&mut gate, "a"));
        gate.close(Ending::Done);
        assert!(is_lost_now(&mut gate, "a"), "the question is no end of the asking executor");
        assert!(!gate.has_told("curious"));
    }
}
