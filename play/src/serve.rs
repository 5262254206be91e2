//! `genie-play serve`: the page, the API and the engine, until somebody asks to stop.

use std::sync::Arc;

use anyhow::Result;
use clap::{Args, value_parser};
use genie_serve::{ListenArgs, Listening};
use genie_stage::Exit;
use genie_stage::stop::Stop;
use serde_json::Value;

use crate::engine::{Engine, Limits, Refused};
use crate::info::WorldInfo;
use crate::server::{self, Backend, ServerLimits};
use crate::world::{ClipPage, Clips, PlayableWorld};

/// The flags of `serve`.
#[derive(Args, Debug)]
pub struct ServeArgs {
    #[command(flatten)]
    listen: ListenArgs,
    /// Largest number of worlds at a time.
    #[arg(long, default_value_t = 8, value_parser = value_parser!(u32).range(1..=1000))]
    sessions: u32,
    /// Largest number of frames that a world remembers for rewinding, at least 100.
    #[arg(long, default_value_t = 6000, value_parser = value_parser!(u32).range(100..=1_000_000))]
    frames: u32,
    /// Seconds after which a world without a page is closed, at least 10.
    #[arg(long, value_name = "SECONDS", default_value_t = 600,
        value_parser = value_parser!(u64).range(10..))]
    idle: u64,
}

/// A server that listens on its port.
pub struct Serving {
    listening: Listening,
    server: ServerLimits,
    limits: Limits,
}

impl Serving {
    /// Takes the port, before the models are loaded.
    ///
    /// # Errors
    /// When the port is taken, or the address or the token is not valid.
    pub fn bind(args: ServeArgs) -> Result<Self> {
        let server = ServerLimits::default();
        let listening = args.listen.bind(server.http.clone())?;
        let limits = Limits {
            sessions: args.sessions as usize,
            frames: args.frames as usize,
            idle_seconds: args.idle,
        };
        Ok(Self { listening, server, limits })
    }

    /// Serves until somebody asks to stop.
    ///
    /// # Errors
    /// When a clip cannot be read, or the system has no thread or socket left.
    pub fn run(self, world: PlayableWorld, clips: Clips) -> Result<Exit> {
        let stop = Stop::install();
        let info = WorldInfo::of(&world, &clips, &self.limits)?;
        if info.report.is_none() {
            tracing::warn!(
                "there is no report about these models, so actions have no names; run \
                 `genie-evaluate run`"
            );
        }
        let backend = PlayBackend {
            info: serde_json::to_value(&info)?,
            size: world.size(),
            clips: clips.clone(),
        };
        let (engine, thread) = Engine::spawn(world, clips, self.limits)?;
        let backend = Arc::new(backend);
        let routes = |closing| server::routes(engine, backend, self.server, closing);
        let exit = self.listening.serve(routes, &stop)?;
        // All handles of the engine are gone, so its thread ends after the current frame.
        thread.join().ok();
        Ok(exit)
    }
}

/// What the server needs besides the engine.
struct PlayBackend {
    info: Value,
    size: (usize, usize),
    clips: Clips,
}

impl Backend for PlayBackend {
    fn world(&self) -> Value {
        self.info.clone()
    }

    fn frame_size(&self) -> (usize, usize) {
        self.size
    }

    fn clips(&self, filter: Option<&str>, after: usize) -> Result<ClipPage, Refused> {
        let page = self.clips.list(filter.unwrap_or_default(), after);
        page.map_err(|error| Refused::Wrong(format!("{error:#}")))
    }

    fn thumbnail(&self, clip: &str, first: usize) -> Result<Vec<u8>, Refused> {
        let frames = self.clips.frames(clip, first, 1);
        Ok(frames.map_err(|error| Refused::NotFound(format!("{error:#}")))?.data)
    }
}
