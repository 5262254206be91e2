//! A headless Chromium, driven over WebDriver as a user drives it.
//!
//! The commands are those of <https://www.w3.org/TR/webdriver2/>, and a few of Chromium's own.

mod driver;
mod input;
pub mod keys;

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tools::PATIENCE;
use driver::{Driver, browser_program};

/// With these flags the browser contacts no other host, and cannot resolve its name.
const FLAGS: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--window-size=1280,1000",
];

/// A browser with one window and a profile of its own.
///
/// The browser ends when it is dropped. Errors in its console then fail the test, unless the test
/// has read them with [`Self::console_errors`].
pub struct Browser {
    driver: Driver,
    /// The path of the driver's session.
    session: String,
    _profile: TempDir,
}

impl Default for Browser {
    fn default() -> Self {
        Self::start()
    }
}

impl Browser {
    /// Starts the browser.
    pub fn start() -> Self {
        let program = browser_program();
        let driver = Driver::start();
        let profile = tempfile::tempdir().expect("a temporary directory");
        let mut flags: Vec<_> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let wanted = json!({
            "goog:chromeOptions": { "binary": program, "args": flags },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let body = json!({ "capabilities": { "alwaysMatch": wanted } });
        let session = driver.post("/session", &body).expect("a browser");
        let session = format!("/session/{}", session["sessionId"].as_str().expect("an id"));
        Self { driver, session, _profile: profile }
    }

    #[track_caller]
    fn command(&self, name: &str, body: &Value) -> Value {
        let answer = self.driver.post(&format!("{}/{name}", self.session), body);
        answer.unwrap_or_else(|error| panic!("{name} {body}: {error}"))
    }

    /// Opens an address.
    #[track_caller]
    pub fn open(&self, url: &str) {
        self.command("url", &json!({ "url": url }));
    }

    /// Loads the page again.
    #[track_caller]
    pub fn reload(&self) {
        self.command("refresh", &json!({}));
    }

    /// The value of a JavaScript expression; a promise is awaited.
    #[track_caller]
    pub fn value(&self, expression: &str) -> Value {
        self.command(
            "execute/sync",
            &json!({ "script": format!("return ({expression})"), "args": [] }),
        )
    }

    /// Waits until a JavaScript expression, or the value of its promise, is true.
    #[track_caller]
    pub fn until(&self, expression: &str) {
        let started = Instant::now();
        while self.value(&format!("(async () => !!(await ({expression})))()")) != true {
            let page = || self.value("document.body.innerText");
            assert!(started.elapsed() < PATIENCE, "never true: {expression}\n{}", page());
            sleep(Duration::from_millis(20));
        }
    }

    /// Runs a command of Chromium's DevTools protocol.
    #[track_caller]
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.command("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// The errors in the console since the last call.
    pub fn console_errors(&self) -> Vec<String> {
        let log = self.command("se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().expect("a list of messages").iter();
        let errors = entries.filter(|entry| entry["level"] == "SEVERE");
        errors.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Saves a picture of the window beside the temporary files; for people who look for a fault.
    fn show_failure(&self) {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::STANDARD;
        let Ok(picture) = self.driver.get(&format!("{}/screenshot", self.session)) else { return };
        let Ok(picture) = engine.decode(picture.as_str().unwrap_or_default()) else { return };
        let test = std::thread::current().name().unwrap_or_default().replace("::", "-");
        let name = format!("genie-{test}-{}.png", std::process::id());
        let path = std::env::temp_dir().join(name);
        if std::fs::write(&path, picture).is_ok() {
            eprintln!("the page as it was: {}", path.display());
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        let errors = if failed { Vec::new() } else { self.console_errors() };
        if failed {
            self.show_failure();
        }
        self.driver.delete(&self.session);
        assert!(errors.is_empty(), "errors in the console: {errors:#?}");
    }
}
