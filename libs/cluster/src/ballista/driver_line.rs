//! The connection of an executor to its driver.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use ballista_core::serde::protobuf::job_status::Status as JobState;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{ExecutorStoppedParams, GetJobStatusParams};
use ballista_core::utils::{GrpcClientConfig, create_grpc_client_endpoint};
use genie_stage::exit::Usage;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::gate::{Introduction, asks_about, ending_of, is_lost};
use super::scheduler::MESSAGE_BYTES;
use crate::attempt::ExecutorLives;
use crate::config::ExecutorArgs;
use crate::queue::Ending;

/// The longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(10);

pub(super) type DriverClient = SchedulerGrpcClient<InterceptedService<Channel, Introduction>>;

/// The connection on which an executor asks.
pub(super) struct DriverLine {
    client: DriverClient,
    address: String,
    patience: Duration,
    /// When it answered last.
    heard: Instant,
}

pub(super) enum DriverAnswer {
    /// The driver did not answer.
    None,
    /// It answered. `has_ended`: the job is done or cancelled.
    Job {
        has_ended: bool,
    },
    Ending(Ending),
}

impl DriverLine {
    /// A connection for questions, and another one for polls. It connects when it is used.
    ///
    /// # Errors
    /// If the address is wrong.
    pub fn open(args: &ExecutorArgs, introduction: &Introduction) -> Result<(Self, DriverClient)> {
        let channel = endpoint(&args.connect)?.connect_lazy();
        let client = |introduction| {
            SchedulerGrpcClient::new(InterceptedService::new(channel.clone(), introduction))
                .max_decoding_message_size(MESSAGE_BYTES)
                .max_encoding_message_size(MESSAGE_BYTES)
        };
        let line = Self {
            client: client(introduction.clone().asking()),
            address: args.connect.clone(),
            patience: args.patience(),
            heard: Instant::now(),
        };
        Ok((line, client(introduction.clone())))
    }

    /// Says that this executor ends, so that the driver gives its units to others at once.
    pub async fn leave(&mut self, name: &str) {
        let (executor_id, reason) = (name.to_owned(), "stopped".to_owned());
        let left = self.client.executor_stopped(ExecutorStoppedParams { executor_id, reason });
        // Without an answer, the driver notices it later.
        let _ = timeout(ANSWER, left).await;
    }

    /// Asks about a job; an empty one does not exist.
    pub async fn ask(&mut self, job: &str) -> Result<DriverAnswer> {
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

/// Asks the driver whether it has heard another executor lately.
///
/// Call the result on a thread that is not one of the runtime's.
pub(super) fn executor_lives(client: DriverClient, runtime: Handle) -> ExecutorLives {
    Arc::new(move |executor| {
        let mut client = client.clone();
        let mut question = Request::new(GetJobStatusParams::default());
        if !asks_about(&mut question, executor) {
            return false;
        }
        let answer = async { timeout(ANSWER, client.get_job_status(question)).await };
        // Without an answer, nobody knows, and nothing is blamed.
        !matches!(runtime.block_on(answer), Ok(Err(status)) if is_lost(&status))
    })
}
