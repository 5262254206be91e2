//! The driver's side: Ballista's scheduler, which listens for executors.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};
use ballista_core::JobId;
use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::extension::SessionConfigExt as _;
use ballista_core::serde::BallistaCodec;
use ballista_core::serde::protobuf::job_status::Status;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpcServer;
use ballista_core::serde::protobuf::{FailedJob, JobStatus};
use ballista_core::utils::{
    GrpcServerConfig, create_grpc_server, create_grpc_server_incoming, default_config_producer,
    default_session_builder,
};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::metrics::default_metrics_collector;
use ballista_scheduler::scheduler_server::SchedulerServer;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use genie_stage::exit::Usage;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;
use tonic::service::interceptor::InterceptedService;

use super::gate::DriverGate;
use super::message_plan::plan_of;
use crate::identity::BuildIdentity;
use crate::queue::{EndedJob, Ending, LiveExecutor, UnitQueue};

/// An executor that has not polled for so long is lost. Executors poll every 5 s at least.
const LOST: Duration = Duration::from_secs(15);
/// The longest wait until all executors know that the driver ends. They ask every second.
const FAREWELL: Duration = Duration::from_secs(4);
/// The largest message in bytes. A unit of 16 videos has some KB.
pub(super) const MESSAGE_BYTES: usize = 16 << 20;
/// The number of reports about jobs that may wait.
const REPORTS: usize = 4096;

/// Ballista's scheduler and its server.
struct Scheduler {
    server: SchedulerServer<LogicalPlanNode, PhysicalPlanNode>,
    session: Arc<SessionContext>,
    gate: DriverGate,
    reporter: Sender<JobStatus>,
    reports: Mutex<Receiver<JobStatus>>,
    runtime: Runtime,
}

/// Starts a scheduler that listens at an address.
///
/// # Errors
/// If the address is wrong or in use.
pub(crate) fn open(
    listen: &str,
    identity: &BuildIdentity,
) -> Result<Box<dyn UnitQueue + Send + Sync>> {
    let wrong =
        || Usage(format!("cluster.listen {listen:?}: write HOST:PORT, such as 0.0.0.0:7700"));
    let address = listen.to_socket_addrs().ok().and_then(|mut found| found.next());
    let address = address.ok_or_else(wrong)?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("scheduler")
        .enable_all()
        .build()?;
    let gate = DriverGate::new(identity);
    let server = runtime.block_on(start(address, gate.clone()))?;
    let session = Arc::new(SessionContext::new_with_config(SessionConfig::new_with_ballista()));
    let (reporter, reports) = channel(REPORTS);
    Ok(Box::new(Scheduler {
        server,
        session,
        gate,
        reporter,
        reports: Mutex::new(reports),
        runtime,
    }))
}

async fn start(
    address: SocketAddr,
    gate: DriverGate,
) -> Result<SchedulerServer<LogicalPlanNode, PhysicalPlanNode>> {
    let grpc = GrpcServerConfig::default();
    let incoming = create_grpc_server_incoming(address, &grpc).map_err(|error| anyhow!(error));
    let incoming = incoming.with_context(|| {
        format!("cannot listen at {address}: choose another address for --cluster")
    })?;
    let bound = incoming.local_addr()?;
    let config = Arc::new(SchedulerConfig {
        scheduling_policy: TaskSchedulingPolicy::PullStaged,
        executor_timeout_seconds: LOST.as_secs(),
        expire_dead_executor_interval_seconds: 1,
        // The driver decides when to give up.
        no_executors_grace_period_seconds: u64::from(u32::MAX),
        finished_job_state_clean_up_interval_seconds: 60,
        finished_job_data_clean_up_interval_seconds: 0,
        ..SchedulerConfig::default()
    });
    let endpoint = bound.to_string();
    let cluster = BallistaCluster::new_memory(
        endpoint.clone(),
        Arc::new(default_session_builder),
        Arc::new(default_config_producer),
    );
    let codec = BallistaCodec::default();
    let metrics = default_metrics_collector()?;
    let mut scheduler = SchedulerServer::new(endpoint, cluster, codec, config, metrics);
    scheduler.init().await?;
    let service = SchedulerGrpcServer::new(scheduler.clone())
        .max_decoding_message_size(MESSAGE_BYTES)
        .max_encoding_message_size(MESSAGE_BYTES);
    let service = InterceptedService::new(service, gate);
    tokio::spawn(create_grpc_server(&grpc).add_service(service).serve_with_incoming(incoming));
    tracing::info!("waiting for executors at {bound}: start them with `executor --connect`");
    Ok(scheduler)
}

impl UnitQueue for Scheduler {
    fn submit(&self, name: &str, message: &str) -> Result<String> {
        let (plan, session) = (plan_of(message)?, self.session.clone());
        let job =
            self.server.submit_physical_plan(name, session, plan, Some(self.reporter.clone()));
        Ok(self.runtime.block_on(job)?.to_string())
    }

    fn cancel(&self, id: &str) {
        // An error means that the scheduler has ended.
        let _ = self.runtime.block_on(self.server.cancel_job(JobId::from(id.to_owned())));
    }

    fn ended(&self, wait: Duration) -> Vec<EndedJob> {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        let first = self.runtime.block_on(async { timeout(wait, reports.recv()).await });
        let first = first.ok().flatten();
        first
            .into_iter()
            .chain(std::iter::from_fn(|| reports.try_recv().ok()))
            .filter_map(|report| {
                let error = match report.status {
                    Some(Status::Successful(_)) => None,
                    Some(Status::Failed(FailedJob { error, .. })) => Some(error),
                    _ => return None,
                };
                Some(EndedJob { id: report.job_id, error })
            })
            .collect()
    }

    fn executors(&self) -> Vec<LiveExecutor> {
        let executors = self.server.state.executor_manager.get_executors_state();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let found = self.runtime.block_on(executors).unwrap_or_default();
        let live = found.into_iter().filter_map(|(executor, polled, _)| {
            let slots = executor.specification.vcores as usize;
            let is_live = now.saturating_sub(polled?) <= LOST;
            is_live.then_some(LiveExecutor { name: executor.id, slots })
        });
        let mut live: Vec<LiveExecutor> = live.collect();
        live.sort_by(|a, b| a.name.cmp(&b.name));
        live
    }

    fn close(&self, ending: Ending) {
        let executors = self.executors();
        self.gate.close(ending);
        let begun = Instant::now();
        while begun.elapsed() < FAREWELL
            && executors.iter().any(|executor| !self.gate.has_told(&executor.name))
        {
            thread::sleep(Duration::from_millis(50));
        }
    }
}
