//! The web server: the page, the API, and a WebSocket for each player.
//!
//! | file | content |
//! |---|---|
//! | `address` | where the server listens, the token, and the URL |
//! | `connections` | TCP: number of connections, slow clients, the end |
//! | `access` | `Host`, `Origin`, `Sec-Fetch-Site`, token: who may talk to the server |
//! | `routes` | pages and API |
//! | `socket` | the WebSocket |
//! | `backend` | what the server needs of the world besides the engine |
//!
//! Two threads run all async tasks. Models run on the engine's thread. Pictures are encoded and
//! decoded, and clips are read, on a few threads for work that blocks.

mod access;
mod address;
mod backend;
mod connections;
mod error;
mod limits;
mod routes;
mod socket;
mod state;
#[cfg(test)]
mod tests;
mod workers;

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use genie_stage::Exit;
use genie_stage::stop::Stop;
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

pub use address::ListenAddress;
pub use backend::Backend;
pub use limits::ServerLimits;

use crate::engine::Engine;
use access::AccessRules;
use state::{Closing, ServerState};

/// Time between two looks at the stop signal.
const LOOK: Duration = Duration::from_millis(50);
/// Time that blocking work has when the server stops.
const WORK_END: Duration = Duration::from_millis(500);

/// A server that has its port, and does not answer yet.
pub struct Listening {
    listener: TcpListener,
    address: SocketAddr,
    token: Option<String>,
    limits: ServerLimits,
}

impl Listening {
    /// Takes the port; an address that others can reach gets a random token if none is given.
    ///
    /// Call it before the models are loaded, so that a taken port is reported at once.
    pub fn bind(listen: ListenAddress, token: Option<String>) -> anyhow::Result<Self> {
        let token = listen.token(token)?;
        let listener = listen.bind()?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, token, limits: ServerLimits::default() })
    }

    /// Replaces the limits.
    #[cfg(test)]
    pub fn with_limits(mut self, limits: ServerLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Returns the URL that a person opens, with the token if there is one.
    pub fn url(&self) -> String {
        address::url(self.address, self.token.as_deref())
    }

    /// Prints the URL to stdout, and serves until somebody asks to stop.
    ///
    /// Then the connections are closed, and it returns within two seconds.
    pub fn serve(
        self,
        engine: Engine,
        backend: Arc<dyn Backend>,
        stop: &Stop,
    ) -> anyhow::Result<Exit> {
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{}", self.url())?;
        stdout.flush()?;
        let runtime = runtime()?;
        let served = runtime.block_on(self.run(engine, backend, stop));
        runtime.shutdown_timeout(WORK_END);
        served?;
        Ok(stop.exit())
    }

    async fn run(
        self,
        engine: Engine,
        backend: Arc<dyn Backend>,
        stop: &Stop,
    ) -> anyhow::Result<()> {
        let Self { listener, address, token, limits } = self;
        let (close, closing) = Closing::channel();
        let access = AccessRules::new(address, token);
        let state = ServerState::new(engine, backend, access, limits.clone(), closing.clone());
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let stopped = async {
            while !stop.requested() {
                sleep(LOOK).await;
            }
            close.send_replace(true);
        };
        let routes = routes::routes(Arc::new(state));
        tokio::join!(connections::accept(listener, routes, &limits, closing), stopped);
        Ok(())
    }
}

/// Returns a runtime with two threads, and a few more for work that blocks.
fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(limits::WORKERS + limits::DECODERS)
        .thread_name("server")
        .enable_all()
        .build()
}
