//! Ballista as the queue: its scheduler in the driver, its loop of polls in the executors.
//!
//! Each unit is a job with one stage and one task. The plan of the task is a table in memory with
//! one text, the message. An executor does not execute the plan: its *engine* takes the message,
//! and does the unit on a thread of its own. So an executor that dies affects only the jobs that it
//! works on, nothing is shuffled, and executors need no functions that the scheduler knows.
//!
//! Executors poll. The scheduler cannot send them anything else, so each also asks about its jobs
//! every second, and stops those that ended without it.

mod driver_line;
mod engine;
mod executor;
mod gate;
mod message_plan;
mod scheduler;

pub use executor::serve;
pub(crate) use scheduler::open;
