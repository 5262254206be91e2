//! What a build without the feature `ballista` does: it says what is missing.

use std::sync::Arc;

use anyhow::Result;
use genie_stage::Exit;
use genie_stage::exit::Usage;
use genie_stage::stop::Stop;

use crate::config::ExecutorArgs;
use crate::identity::BuildIdentity;
use crate::queue::UnitQueue;
use crate::unit::UnitRunner;

/// Serves a driver as an executor, in builds with the feature `ballista`.
///
/// # Errors
/// Always: exit code 64.
pub fn serve(
    _args: &ExecutorArgs,
    _identity: &BuildIdentity,
    (_runner, _slots): (&Arc<dyn UnitRunner>, usize),
    _stop: &Stop,
) -> Result<Exit> {
    Err(missing().into())
}

/// Opens the scheduler of a driver, in builds with the feature `ballista`.
pub(crate) fn open(
    _listen: &str,
    _identity: &BuildIdentity,
) -> Result<Box<dyn UnitQueue + Send + Sync>> {
    Err(missing().into())
}

fn missing() -> Usage {
    Usage(
        "this program was built without the feature `cluster`: build it with \
         `make build FEATURES=cluster`, or use --index and --of"
            .to_owned(),
    )
}
