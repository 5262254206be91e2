//! The page of `genie-play` in a real browser: Chromium without a window, driven over WebDriver.

#[path = "play_browser/keyboard.rs"]
mod keyboard;
#[path = "play_browser/looks.rs"]
mod looks;
#[path = "play_browser/players.rs"]
mod players;
#[path = "play_browser/starts.rs"]
mod starts;
#[path = "play_browser/time.rs"]
mod time;

use std::fs;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use genie_tests::{Browser, Dataset, Playing};
use serde_json::{Value, json};

/// What the report says about each action: its motion in pixels per frame, to the right and down.
///
/// The models are hardly trained, so the tests write these numbers into the report. The other
/// actions are not measured.
const MOTIONS: [(f64, f64); 7] =
    [(0.0, 0.0), (2.0, 0.0), (-2.0, 0.0), (0.0, -2.0), (0.0, 2.0), (1.5, 1.5), (0.0, -1.0)];

/// The action without motion in [`MOTIONS`].
const REST: u64 = 0;

/// Models and their server. Tests that run at the same time share them.
struct SharedWorld {
    server: Playing,
    dataset: Dataset,
}

impl SharedWorld {
    /// The world that a running test holds, or a new one.
    fn get() -> Arc<Self> {
        static SHARED: Mutex<Weak<SharedWorld>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let world = Arc::new(Self::new());
            *shared = Arc::downgrade(&world);
            world
        })
    }

    fn new() -> Self {
        let dataset = Dataset::new();
        dataset.pipeline(&[]).expect(0);
        let path = dataset.path(dataset.status(&[]).dir("evaluate run")).join("report.json");
        let mut report = dataset.report(&[]);
        let actions = MOTIONS.iter().enumerate().map(|(code, (x, y))| {
            let held = json!({ "figure_x": x, "figure_y": y, "scroll_x": 0.0, "scroll_y": 0.0 });
            json!({ "action": code, "share": 0.1, "held": held })
        });
        report["effects"]["actions"] = actions.collect();
        fs::write(path, report.to_string()).expect("a report");
        let server = dataset.serve(&["--sessions", "32"]);
        Self { server, dataset }
    }
}

/// The page in a browser of its own.
///
/// The browser is the first field: when it is dropped, the server still runs.
struct OpenPage {
    browser: Browser,
    shared: Arc<SharedWorld>,
}

impl OpenPage {
    /// Opens the page.
    fn new() -> Self {
        // A missing browser fails the test before the models are trained.
        let browser = Browser::start();
        let shared = SharedWorld::get();
        browser.open(&shared.server.url);
        says(&browser, "Choose how to start.");
        Self { browser, shared }
    }

    /// A page with a game from the first held-out clip.
    fn with_game() -> Self {
        let page = Self::new();
        start_clip(&page.browser);
        page
    }

    /// Waits until the page says this state.
    #[track_caller]
    fn says(&self, status: &str) {
        says(&self.browser, status);
    }

    /// Waits until the picture shows a frame.
    #[track_caller]
    fn frame(&self, number: usize) {
        let text = text_of("frame-number");
        self.browser.until(&format!("{text} === 'frame {number}' && {SETTLED}"));
    }

    /// Generates one frame with an action in a paused game; returns the frame's pixels.
    #[track_caller]
    fn step(&self, code: usize, frame: usize) -> Value {
        self.browser.press(&code.to_string());
        self.frame(frame);
        pixels(&self.browser)
    }

    /// The session, as the server describes it.
    fn session(&self) -> Value {
        self.shared.server.json(&format!("/api/sessions/{}", session_id(&self.browser)))
    }

    /// The actions of the generated frames, up to the current one.
    fn actions(&self) -> Vec<u64> {
        actions_of(&self.session())
    }
}

/// The canvas shows the frame that the timeline names: no picture is on its way.
const SETTLED: &str = "document.getElementById('frame-number').textContent.slice(6) === \
    document.getElementById('position').textContent.split(' ')[0]";

/// Starts a game from the first clip.
#[track_caller]
fn start_clip(browser: &Browser) {
    browser.until("document.getElementById('clip-0')");
    browser.click("clip-0");
    says(browser, "Ready.");
    browser.until(&format!("{} === 'frame 0'", text_of("frame-number")));
}

/// Waits until a page says this state.
#[track_caller]
fn says(browser: &Browser, status: &str) {
    browser.until(&format!("{} === {status:?}", text_of("status")));
}

/// A JavaScript expression: the text of an element.
fn text_of(id: &str) -> String {
    format!("document.getElementById('{id}').textContent")
}

/// A JavaScript expression: the current frame's number.
fn frame_number() -> String {
    format!("Number({}.slice(6))", text_of("frame-number"))
}

/// A JavaScript expression: whether an element is shown.
fn shown(id: &str) -> String {
    format!("document.getElementById('{id}').checkVisibility()")
}

/// The generated picture, pixel for pixel.
#[track_caller]
fn pixels(browser: &Browser) -> Value {
    pixels_of(browser, "screen")
}

/// The pixels of a canvas.
#[track_caller]
fn pixels_of(browser: &Browser, id: &str) -> Value {
    let pixels = browser.value(&format!(
        "(canvas => canvas.width + ' × ' + canvas.height + ': ' + [...new Uint32Array(canvas\
         .getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer)]\
         .map(pixel => pixel.toString(16)).join(' '))(document.getElementById('{id}'))"
    ));
    assert!(pixels.as_str().is_some_and(|text| text.len() > 5000), "pixels of {id}: {pixels}");
    pixels
}

/// The id of the page's session, which is in its address.
fn session_id(browser: &Browser) -> String {
    browser.value("location.hash.slice(1)").as_str().expect("an id").to_owned()
}

/// The actions of a session's generated frames, up to the current one.
fn actions_of(session: &Value) -> Vec<u64> {
    let path = session["path"].as_array().expect("a path");
    let current = path.iter().position(|one| one["node"] == session["node"]).expect("on the path");
    path[..=current].iter().filter_map(|one| one["action"].as_u64()).collect()
}
