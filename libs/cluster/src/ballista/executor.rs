//! An executor: it asks the driver for units, does them, and ends with the driver.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use ballista_core::BALLISTA_PROTOCOL_VERSION;
use ballista_core::serde::BallistaCodec;
use ballista_core::serde::protobuf::ExecutorRegistration;
use ballista_core::serde::scheduler::{
    ExecutorOperatingSystemSpecification, ExecutorSpecification,
};
use ballista_core::utils::default_config_producer;
use ballista_executor::execution_loop::poll_loop;
use ballista_executor::executor::Executor;
use ballista_executor::health::ExecutorHealth;
use ballista_executor::metrics::LoggingMetricsCollector;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use genie_stage::Exit;
use genie_stage::stop::Stop;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::driver_line::{DriverAnswer, DriverClient, DriverLine, executor_lives};
use super::engine::{RunningUnits, UnitEngine, UnitThreads};
use super::gate::Introduction;
use crate::attempt::ExecutorLives;
use crate::config::ExecutorArgs;
use crate::identity::BuildIdentity;
use crate::queue::Ending;
use crate::unit::UnitRunner;

/// The time between two questions to the driver.
const ASK: Duration = Duration::from_secs(1);
/// The longest wait for units that were asked to stop.
const STOPPING: Duration = Duration::from_secs(20);

/// Serves a driver as an executor, until the driver or somebody else ends it.
///
/// It does `slots` units at a time, if the flags do not say how many.
///
/// # Errors
/// If the driver rejects this build, or is not there for too long.
pub fn serve(
    args: &ExecutorArgs,
    identity: &BuildIdentity,
    (runner, slots): (&Arc<dyn UnitRunner>, usize),
    stop: &Stop,
) -> Result<Exit> {
    let slots = if args.slots == 0 { slots } else { args.slots };
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("executor")
        .enable_all()
        .build()?;
    let (name, running) = (executor_name(), Arc::new(RunningUnits::default()));
    let threads = UnitThreads::new()?;
    let engine = |lives: ExecutorLives| UnitEngine {
        runner: runner.clone(),
        executor: name.clone(),
        running: running.clone(),
        threads,
        lives,
    };
    let introduction = Introduction::new(identity, &name)?;
    let ended = runtime.block_on(talk(args, &introduction, (engine, slots), &running, stop));
    // The threads of units are no part of the runtime.
    running.stop(None);
    runtime.block_on(all_ended(&running));
    runtime.shutdown_background();
    ended
}

async fn talk(
    args: &ExecutorArgs,
    introduction: &Introduction,
    (engine, slots): (impl FnOnce(ExecutorLives) -> UnitEngine, usize),
    running: &RunningUnits,
    stop: &Stop,
) -> Result<Exit> {
    let (mut driver, polling) = DriverLine::open(args, introduction)?;
    let engine = engine(executor_lives(polling.clone(), Handle::current()));
    let name = engine.executor.clone();
    let executor = executor(engine, slots);
    tracing::info!("executor {name}: looking for a driver at {}", args.connect);
    // The first answer comes before the first poll, so that a rejected executor gets no work.
    let mut polls: Option<JoinHandle<()>> = None;
    loop {
        if stop.requested() {
            if let Some(polls) = &polls {
                polls.abort();
            }
            running.stop(None);
            all_ended(running).await;
            driver.leave(&name).await;
            return Ok(stop.exit());
        }
        let jobs = running.jobs();
        match driver.ask(jobs.first().map_or("", String::as_str)).await? {
            DriverAnswer::None => {}
            DriverAnswer::Ending(Ending::Done) => {
                tracing::info!("executor {name}: the driver has done all work");
                return Ok(Exit::Done);
            }
            DriverAnswer::Ending(Ending::Stopped) => {
                tracing::info!("executor {name}: the driver was stopped");
                return Ok(Exit::Stopped(130));
            }
            DriverAnswer::Job { has_ended } => {
                if polls.is_none() {
                    tracing::info!("executor {name}: connected");
                    polls = Some(tokio::spawn(poll(polling.clone(), executor.clone())));
                }
                let mut ended = has_ended.then(|| jobs[0].clone()).into_iter().collect::<Vec<_>>();
                for job in jobs.iter().skip(1) {
                    if let DriverAnswer::Job { has_ended: true } = driver.ask(job).await? {
                        ended.push(job.clone());
                    }
                }
                for job in &ended {
                    running.stop(Some(job));
                }
            }
        }
        sleep(ASK).await;
    }
}

/// Ballista's executor, whose engine does units.
fn executor(engine: UnitEngine, slots: usize) -> Arc<Executor> {
    let vcores = u32::try_from(slots).unwrap_or(u32::MAX);
    let registration = ExecutorRegistration {
        id: engine.executor.clone(),
        // The scheduler never connects to an executor that polls.
        host: Some("127.0.0.1".to_owned()),
        port: 0,
        grpc_port: 0,
        specification: Some(ExecutorSpecification::default().with_vcores(vcores).into()),
        os_info: Some(ExecutorOperatingSystemSpecification::default().into()),
        ballista_protocol_version: BALLISTA_PROTOCOL_VERSION,
    };
    let environment = Arc::new(RuntimeEnv::default());
    Arc::new(Executor::new(
        registration,
        // Nothing is written there, because a unit has no partitions.
        &std::env::temp_dir().to_string_lossy(),
        Arc::new(move |_| Ok(environment.clone())),
        Arc::new(default_config_producer),
        Arc::default(),
        Arc::new(LoggingMetricsCollector::default()),
        slots,
        Arc::new(engine),
    ))
}

async fn poll(client: DriverClient, executor: Arc<Executor>) {
    let codec = BallistaCodec::<LogicalPlanNode, PhysicalPlanNode>::default();
    let ended = poll_loop(client, executor, codec, None, None, ExecutorHealth::new()).await;
    if let Err(error) = ended {
        tracing::error!("the executor asks for no more work: {error}");
    }
}

/// Waits until no unit runs, but not too long.
async fn all_ended(running: &RunningUnits) {
    let begun = Instant::now();
    while !running.jobs().is_empty() && begun.elapsed() < STOPPING {
        sleep(Duration::from_millis(20)).await;
    }
}

/// The name of this executor: the host's name, the number of the process, and four digits.
///
/// A container that is started again has the same host and number. With the same name, the
/// scheduler would not notice that the units of the first one are lost.
fn executor_name() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || "-_.".contains(*letter);
    let host: String = host.trim().chars().filter(is_plain).collect();
    let host = if host.is_empty() { "host" } else { &host };
    let (process, started) = (std::process::id(), SystemTime::now());
    let digits = blake3::hash(format!("{process} {started:?}").as_bytes()).to_hex();
    format!("{host}-{process}-{}", &digits[..4])
}
