//! Runs requests on threads of their own, so that any thread can wait for them.
//!
//! `Runtime::block_on` panics in a thread that belongs to an async runtime. A channel does not.

use std::sync::{OnceLock, mpsc};

use tokio::runtime::{Builder, Runtime};

/// Number of threads. They wait for the network, and hash nothing.
const THREADS: usize = 2;

/// Runs a future to its end and returns its result.
///
/// # Panics
/// If the future panics, or threads cannot be started.
pub(crate) fn wait<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let builder = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("store")
            .enable_all()
            .build();
        builder.expect("threads for requests to the store")
    });
    let (sender, receiver) = mpsc::channel();
    runtime.spawn(async move {
        // An error means that nobody waits any more.
        let _ = sender.send(future.await);
    });
    receiver.recv().expect("a request that ends")
}
