//! A server from the moment that it has its port to its end.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use clap::Args;
use genie_stage::Exit;
use genie_stage::stop::Stop;
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use super::access::AccessRules;
use super::address::{self, ListenAddress};
use super::closing::Closing;
use super::connections;
use super::guard::guarded;
use super::limits::HttpLimits;

/// Time between two looks at the stop signal.
const LOOK: Duration = Duration::from_millis(50);
/// Time that blocking work has when the server stops.
const WORK_END: Duration = Duration::from_millis(500);

/// The flags that say where a server listens, and who may connect.
#[derive(Args, Debug)]
pub struct ListenArgs {
    /// Address and port; other machines can connect only if it is not a loopback address.
    ///
    /// The default is 127.0.0.1:7860, or the next free port.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<ListenAddress>,
    /// The secret in the URL; without it, an address that others can reach gets a random one.
    #[arg(long, value_name = "SECRET")]
    token: Option<String>,
}

impl ListenArgs {
    /// Takes the port: see [`Listening::bind`].
    ///
    /// # Errors
    /// As [`Listening::bind`].
    pub fn bind(self, limits: HttpLimits) -> anyhow::Result<Listening> {
        Listening::bind(self.listen.unwrap_or_default(), self.token, limits)
    }
}

/// A server that has its port, and does not answer yet.
pub struct Listening {
    listener: TcpListener,
    address: SocketAddr,
    token: Option<String>,
    limits: HttpLimits,
}

impl Listening {
    /// Takes the port; an address that others can reach gets a random token if none is given.
    ///
    /// Call it before slow work, so that a taken port is reported at once.
    ///
    /// # Errors
    /// If the port is taken, or the token is not valid.
    pub fn bind(
        listen: ListenAddress,
        token: Option<String>,
        limits: HttpLimits,
    ) -> anyhow::Result<Self> {
        let token = listen.token(token)?;
        let listener = listen.bind()?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, token, limits })
    }

    /// The address with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL that a person opens, with the token if there is one.
    pub fn url(&self) -> String {
        address::url(self.address, self.token.as_deref())
    }

    /// Prints the URL to stdout, and serves until somebody asks to stop.
    ///
    /// `routes` runs inside the server's runtime.
    ///
    /// # Errors
    /// As [`Self::run`], and if stdout is closed.
    pub fn serve(
        self,
        routes: impl FnOnce(Closing) -> Router,
        stop: &Stop,
    ) -> anyhow::Result<Exit> {
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{}", self.url())?;
        stdout.flush()?;
        self.run(routes, stop)?;
        Ok(stop.exit())
    }

    /// Serves until somebody asks to stop.
    ///
    /// Then the connections are closed, and it returns within two seconds.
    ///
    /// # Errors
    /// If the system has no threads or sockets left.
    pub fn run(self, routes: impl FnOnce(Closing) -> Router, stop: &Stop) -> anyhow::Result<()> {
        let runtime = runtime(self.limits.blocking_threads)?;
        let served = runtime.block_on(self.answer(routes, stop));
        runtime.shutdown_timeout(WORK_END);
        served
    }

    async fn answer(
        self,
        routes: impl FnOnce(Closing) -> Router,
        stop: &Stop,
    ) -> anyhow::Result<()> {
        let Self { listener, address, token, limits } = self;
        let (close, closing) = Closing::channel();
        let routes = guarded(routes(closing.clone()), AccessRules::new(address, token));
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let stopped = async {
            while !stop.requested() {
                sleep(LOOK).await;
            }
            close.send_replace(true);
        };
        tokio::join!(connections::accept(listener, routes, &limits, closing), stopped);
        Ok(())
    }
}

/// Returns a runtime with two threads, and some more for work that blocks.
fn runtime(blocking_threads: usize) -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(blocking_threads)
        .thread_name("server")
        .enable_all()
        .build()
}
