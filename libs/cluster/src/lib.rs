//! Units of work on several machines: one driver, and executors that ask it for work.
//!
//! A stage divides its work into units, and says how to do one ([`UnitRunner`]). The driver hands
//! the units to executors and collects what they did. The scheduler is that of Ballista, which is
//! built only with the feature `ballista`. It serves as a queue: it knows which executors live, and
//! gives the units of a lost one to others. What is right never depends on it:
//!
//! - **A unit may be done twice.** Its output has the same content each time, and is not published
//!   by the executor.
//! - **The first receipt counts.** An executor that has done a unit creates its *receipt* in the
//!   dataset, and the driver believes the receipt alone. So a lost message costs time only, and a
//!   driver that was killed finds what was done.
//! - **Attempts are recorded.** An executor that dies leaves a file that names what it was working
//!   on. So a stage can give up an input that killed several executors.
//! - **Executors open no port.** They ask the driver, several times in a minute.
//!
//! | need | use |
//! |---|---|
//! | hand out units, collect receipts | [`ClusterDriver`], [`WorkUnit`], [`WorkFolder`] |
//! | do units | [`serve`], [`UnitRunner`], [`Attempt`] |
//! | config and flags | [`ClusterConfig`], [`DriverArgs`], [`ExecutorArgs`] |
//! | reject executors of another build | [`BuildIdentity`] |

mod attempt;
#[cfg(feature = "ballista")]
mod ballista;
mod config;
mod driver;
mod executor_counts;
mod identity;
mod queue;
#[cfg(any(feature = "ballista", test))]
mod run_unit;
mod unit;
#[cfg(not(feature = "ballista"))]
mod without;
mod work_folder;

pub use attempt::Attempt;
#[cfg(feature = "ballista")]
pub use ballista::serve;
pub use config::{ClusterConfig, DriverArgs, ExecutorArgs};
pub use driver::ClusterDriver;
pub use identity::BuildIdentity;
pub use queue::Ending;
pub use unit::{UnitRunner, WorkUnit};
#[cfg(not(feature = "ballista"))]
pub use without::serve;
pub use work_folder::WorkFolder;
