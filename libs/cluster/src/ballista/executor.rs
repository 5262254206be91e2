//! An executor: it asks the driver for units, does them, and ends with the driver.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, anyhow, bail};
use ballista_core::BALLISTA_PROTOCOL_VERSION;
use ballista_core::serde::BallistaCodec;
use ballista_core::serde::protobuf::job_status::Status as JobState;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    ExecutorRegistration, ExecutorStoppedParams, GetJobStatusParams,
};
use ballista_core::serde::scheduler::{
    ExecutorOperatingSystemSpecification, ExecutorSpecification,
};
use ballista_core::utils::{
    GrpcClientConfig, create_grpc_client_endpoint, default_config_producer,
};
use ballista_executor::execution_loop::poll_loop;
use ballista_executor::executor::Executor;
use ballista_executor::health::ExecutorHealth;
use ballista_executor::metrics::LoggingMetricsCollector;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use genie_stage::Exit;
use genie_stage::exit::Usage;
use genie_stage::stop::Stop;
use tokio::runtime::Builder;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use super::engine::{RunningUnits, UnitEngine, UnitThreads};
use super::gate::{Introduction, ending_of};
use super::scheduler::MESSAGE_BYTES;
use crate::config::ExecutorArgs;
use crate::identity::BuildIdentity;
use crate::queue::Ending;
use crate::unit::UnitRunner;

/// The time between two questions to the driver.
const ASK: Duration = Duration::from_secs(1);
/// The longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(10);
/// The longest wait for units that were asked to stop.
const STOPPING: Duration = Duration::from_secs(20);

type Client = SchedulerGrpcClient<InterceptedService<Channel, Introduction>>;

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
    let running = Arc::new(RunningUnits::default());
    let engine = UnitEngine {
        runner: runner.clone(),
        executor: executor_name(),
        running: running.clone(),
        threads: UnitThreads::new()?,
    };
    let ended = runtime.block_on(talk(args, identity, (engine, slots), stop));
    // The threads of units are no part of the runtime.
    running.stop(None);
    runtime.block_on(all_ended(&running));
    runtime.shutdown_background();
    ended
}

async fn talk(
    args: &ExecutorArgs,
    identity: &BuildIdentity,
    (engine, slots): (UnitEngine, usize),
    stop: &Stop,
) -> Result<Exit> {
    let (name, running) = (engine.executor.clone(), engine.running.clone());
    let executor = executor(engine, slots);
    let endpoint = endpoint(&args.connect)?;
    let channel = endpoint.connect_lazy();
    let introduction = Introduction::new(identity, &name)?;
    let client = |introduction| {
        SchedulerGrpcClient::new(InterceptedService::new(channel.clone(), introduction))
            .max_decoding_message_size(MESSAGE_BYTES)
            .max_encoding_message_size(MESSAGE_BYTES)
    };
    let polling = client(introduction.clone());
    let mut driver = DriverLine {
        client: client(introduction.asking()),
        address: args.connect.clone(),
        patience: args.patience(),
        heard: Instant::now(),
    };
    tracing::info!("executor {name}: looking for a driver at {}", args.connect);
    // The first answer comes before the first poll, so that a rejected executor gets no work.
    let mut polls: Option<JoinHandle<()>> = None;
    loop {
        if stop.requested() {
            if let Some(polls) = &polls {
                polls.abort();
            }
            running.stop(None);
            all_ended(&running).await;
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

/// The connection to the driver.
struct DriverLine {
    client: Client,
    address: String,
    patience: Duration,
    /// When it answered last.
    heard: Instant,
}

enum DriverAnswer {
    /// The driver did not answer.
    None,
    /// It answered. `has_ended`: the job is done or cancelled.
    Job {
        has_ended: bool,
    },
    Ending(Ending),
}

impl DriverLine {
    /// Says that this executor ends, so that the driver gives its units to others at once.
    async fn leave(&mut self, name: &str) {
        let (executor_id, reason) = (name.to_owned(), "stopped".to_owned());
        let left = self.client.executor_stopped(ExecutorStoppedParams { executor_id, reason });
        // Without an answer, the driver notices it later.
        let _ = timeout(ANSWER, left).await;
    }

    /// Asks about a job; an empty one does not exist.
    async fn ask(&mut self, job: &str) -> Result<DriverAnswer> {
        let question = GetJobStatusParams { job_id: job.to_owned() };
        let answer = timeout(ANSWER, self.client.get_job_status(question)).await;
        let answer = answer.unwrap_or_else(|_| Err(Status::unavailable("no answer")));
        let status = match answer {
            Ok(answer) => {
                self.heard = Instant::now();
                let state = answer.into_inner().status.and_then(|status| status.status);
                let has_ended =
                    matches!(state, Some(JobState::Successful(_) | JobState::Failed(_)));
                return Ok(DriverAnswer::Job { has_ended });
            }
            Err(status) => status,
        };
        if let Some(ending) = ending_of(&status) {
            return Ok(DriverAnswer::Ending(ending));
        }
        if status.code() == Code::FailedPrecondition {
            bail!("{}", status.message());
        }
        if self.heard.elapsed() > self.patience {
            bail!(
                "there was no driver at {} for {} s ({}): start it, or name its address with \
                 --connect",
                self.address,
                self.patience.as_secs(),
                status.message()
            );
        }
        Ok(DriverAnswer::None)
    }
}

fn endpoint(address: &str) -> Result<Endpoint> {
    let wrong = || Usage(format!("--connect {address}: write HOST:PORT, such as driver:7700"));
    let is_address = address.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if !is_address {
        return Err(wrong().into());
    }
    let url = format!("http://{address}");
    let endpoint = create_grpc_client_endpoint(url, Some(&GrpcClientConfig::default()));
    endpoint.map_err(|error| anyhow!(error)).context(wrong())
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

async fn poll(client: Client, executor: Arc<Executor>) {
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
