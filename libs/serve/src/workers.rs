//! Work that blocks: a few threads at a time, a short queue, and an answer if both are full.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::error::ApiError;

/// Threads for work that blocks, and the queue before them.
pub struct Workers {
    /// One permit for each thread.
    threads: Arc<Semaphore>,
    /// One permit for each request that runs or waits.
    places: Arc<Semaphore>,
}

impl Workers {
    pub fn new(threads: usize, queue: usize) -> Self {
        Self {
            threads: Arc::new(Semaphore::new(threads)),
            places: Arc::new(Semaphore::new(threads + queue)),
        }
    }

    /// Runs work as soon as a thread is free.
    ///
    /// # Errors
    /// 503 if the queue is full; 500 if the work panics.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        self.start(work).await?.await.map_err(|_| failed())
    }

    /// Like [`Workers::run`], but gives up after a time; then the thread ends its work alone.
    ///
    /// # Errors
    /// `late` if the work takes longer.
    pub async fn run_within<T: Send + 'static>(
        &self,
        limit: Duration,
        late: ApiError,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let running = self.start(work).await?;
        timeout(limit, running).await.map_err(|_| late)?.map_err(|_| failed())
    }

    async fn start<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<T>, ApiError> {
        let busy = |_| ApiError::busy("the server has too much to do; try again in a moment");
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(busy)?;
        let thread = Arc::clone(&self.threads).acquire_owned().await;
        let thread = thread.map_err(|_| failed())?;
        // The permits end with the work, not with the request that asked for it.
        Ok(spawn_blocking(move || {
            let _held = (place, thread);
            work()
        }))
    }
}

fn failed() -> ApiError {
    ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the server failed in this request; its messages on stderr say why",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::runtime::Builder;

    use super::*;

    /// Catches: requests wait without a limit; work that nobody waits for gives its thread away
    /// before it ends; a full queue stays full.
    #[test]
    fn a_full_queue_refuses_work() {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let workers = Arc::new(Workers::new(1, 1));
            let late = ApiError::wrong("late");
            let (release, wait) = mpsc::channel::<()>();
            let stuck = workers.run_within(Duration::from_millis(1), late.clone(), move || {
                let _ = wait.recv();
            });
            assert_eq!(stuck.await, Err(late));
            let waiting = tokio::spawn({
                let workers = Arc::clone(&workers);
                async move { workers.run(|| 1).await }
            });
            while workers.places.available_permits() > 0 {
                tokio::task::yield_now().await;
            }
            let refused = workers.run(|| 2).await.unwrap_err();
            assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(!waiting.is_finished());
            drop(release);
            assert_eq!(waiting.await.unwrap(), Ok(1));
            while workers.places.available_permits() < 2 {
                tokio::task::yield_now().await;
            }
            assert_eq!(workers.run(|| 3).await, Ok(3));
        });
    }
}
