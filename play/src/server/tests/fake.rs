//! An engine that only counts: all bytes of frame n are n.

use std::collections::BTreeMap;
use std::sync::mpsc::{TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use genie_model::SamplerConfig;
use tokio::sync::mpsc;

use crate::engine::{
    Command, Engine, FrameEvent, FrameHeader, Future, Futures, Input, PageEvent, PathFrame,
    Refused, SamplerSettings, SessionView, Start, StartView, StoredPicture,
};

/// Most sessions of the engine.
pub const SESSIONS: usize = 4;

/// Starts the engine's thread, which ends with its handles.
pub fn engine(size: (usize, usize)) -> Engine {
    let (commands, waiting) = sync_channel(256);
    thread::spawn(move || {
        let mut fake = FakeEngine { pixels: size.0 * size.1 * 3, ..FakeEngine::default() };
        loop {
            match waiting.try_recv() {
                Ok(command) => fake.obey(command),
                Err(TryRecvError::Empty) => {
                    fake.tick();
                    thread::sleep(Duration::from_millis(1));
                }
                Err(TryRecvError::Disconnected) => return,
            }
        }
    });
    Engine::of_test(commands)
}

#[derive(Default)]
struct FakeEngine {
    pixels: usize,
    started: usize,
    players: BTreeMap<String, Playthrough>,
}

struct Playthrough {
    view: SessionView,
    pages: Vec<mpsc::Sender<PageEvent>>,
}

impl FakeEngine {
    fn obey(&mut self, command: Command) {
        match command {
            Command::Start { start, seed, reply } => drop(reply.send(self.start(start, seed))),
            Command::View { id, reply } => {
                drop(reply.send(self.player(&id).map(|player| player.view.clone())));
            }
            Command::Close { id, reply } => {
                let found = self.player(&id).map(drop);
                self.players.remove(&id);
                drop(reply.send(found));
            }
            Command::Attach { id, reply } => {
                let pixels = self.pixels;
                drop(reply.send(self.player(&id).map(|player| player.attach(pixels))));
            }
            Command::Input { id, input, reply } => {
                let pixels = self.pixels;
                let done = self.player(&id).and_then(|player| player.input(&input, pixels));
                drop(reply.send(done));
            }
            Command::Futures { id, frames, reply } => {
                let pixels = self.pixels;
                let future = |action: u8| {
                    let frames = (0..frames).map(|frame| vec![frame as u8 + action; pixels]);
                    Future { action, frames: frames.collect() }
                };
                let futures = [0, 100].map(future).into();
                drop(reply.send(
                    self.player(&id).map(|player| Futures { node: player.view.node, futures }),
                ));
            }
            Command::Frame { id, node, reply } => {
                let pixels = self.pixels;
                let picture = StoredPicture::new(&vec![node as u8; pixels]);
                drop(reply.send(self.player(&id).map(|_| picture)));
            }
            Command::Path { id, from, to, reply } => {
                let pixels = self.pixels;
                let frames = (from..=to)
                    .map(|frame| StoredPicture::new(&vec![frame as u8; pixels]))
                    .collect();
                drop(reply.send(self.player(&id).map(|_| frames)));
            }
            Command::Log { reply, .. } => {
                drop(reply.send(Err(Refused::Failed("a counter has no log".to_owned()))));
            }
        }
    }

    fn player(&mut self, id: &str) -> Result<&mut Playthrough, Refused> {
        let gone = || Refused::NotFound("this session has ended; start another one".to_owned());
        self.players.get_mut(id).ok_or_else(gone)
    }

    fn start(&mut self, start: Start, seed: Option<u64>) -> Result<SessionView, Refused> {
        if self.players.len() == SESSIONS {
            return Err(Refused::Full("all places are taken; wait".to_owned()));
        }
        self.started += 1;
        let (start, prompt) = match start {
            Start::Clip { clip, first, prompt } => {
                (StartView::Clip { name: "a.mp4".to_owned(), clip, first }, prompt)
            }
            Start::Image(frame) => {
                assert_eq!(frame.len(), self.pixels);
                (StartView::Image, 1)
            }
        };
        let view = SessionView {
            id: format!("s{}", self.started),
            start,
            prompt,
            seed: seed.unwrap_or(1),
            node: 0,
            frame: 0,
            path: vec![PathFrame { node: 0, action: None }],
            offset: 0,
            branches: Vec::new(),
            playing: false,
            autopilot: false,
            has_recording: false,
            recording_frames: 0,
            rate: 10.0,
            sampler: SamplerSettings::from(&SamplerConfig::default()),
            inspect: false,
            action: None,
        };
        self.players.insert(view.id.clone(), Playthrough { view: view.clone(), pages: Vec::new() });
        Ok(view)
    }

    fn tick(&mut self) {
        let pixels = self.pixels;
        let playing = self.players.values_mut().filter(|player| player.view.playing);
        playing.for_each(|player| player.step(pixels));
    }
}

impl Playthrough {
    fn attach(&mut self, pixels: usize) -> mpsc::Receiver<PageEvent> {
        // Large frames would take much memory.
        let (page, events) = mpsc::channel(if pixels > 1000 { 8 } else { 256 });
        self.pages.push(page);
        self.tell(&PageEvent::Session(self.view.clone().into()));
        self.tell(&self.frame(pixels));
        events
    }

    fn input(&mut self, input: &Input, pixels: usize) -> Result<(), Refused> {
        match input {
            Input::Hold { action: Some(action) } if *action > 7 => {
                return Err(Refused::Wrong(format!("there is no action {action}; use 0 to 7")));
            }
            Input::Play {} => self.view.playing = true,
            Input::Pause {} => self.view.playing = false,
            Input::Rate { fps } => self.view.rate = *fps,
            Input::Step { count, .. } => (0..*count).for_each(|_| self.step(pixels)),
            Input::Ping { id } => self.tell(&PageEvent::Pong(*id)),
            _ => self.tell(&PageEvent::Session(self.view.clone().into())),
        }
        Ok(())
    }

    fn step(&mut self, pixels: usize) {
        self.view.node += 1;
        self.view.frame += 1;
        self.view.path.push(PathFrame { node: self.view.node, action: Some(0) });
        self.tell(&self.frame(pixels));
    }

    fn frame(&self, pixels: usize) -> PageEvent {
        let SessionView { node, frame, .. } = self.view;
        let header = FrameHeader {
            node,
            parent: node.checked_sub(1),
            frame,
            action: None,
            ms: 0.0,
            recording: false,
            entropy: None,
            doubt: None,
            input: None,
            inspect: None,
        };
        let pixels = vec![frame as u8; pixels].into();
        PageEvent::Frame(FrameEvent { header, pixels, recorded: None }.into())
    }

    /// A page that does not read loses events.
    fn tell(&mut self, event: &PageEvent) {
        self.pages.retain(|page| !page.is_closed());
        for page in &self.pages {
            let _ = page.try_send(event.clone());
        }
    }
}
