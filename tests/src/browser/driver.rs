//! A running `chromedriver`, and the browser program that fits it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use ureq::Agent;

use crate::tools::PATIENCE;

const DRIVER: &str = "chromedriver";

/// Names of the browser. Debian has the first one.
const BROWSERS: [&str; 4] =
    ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"];

/// What to do if a program is missing.
const ADVICE: &str = "run `./setup.sh tests`, which installs chromium and chromium-driver";

/// The driver's process, which is killed when it is dropped.
pub struct Driver {
    child: Child,
    url: String,
    agent: Agent,
}

impl Driver {
    /// Starts the driver on a free port, and waits until it prints the port.
    pub fn start() -> Self {
        assert!(on_path(DRIVER).is_some(), "{DRIVER} is not on the PATH: {ADVICE}");
        let mut child = Command::new(DRIVER)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut lines = stdout.lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let port = port.expect("chromedriver prints its port");
        // The driver would end if nobody read its output.
        std::thread::spawn(move || lines.for_each(drop));
        let config = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .proxy(None);
        Self { child, url: format!("http://127.0.0.1:{port}"), agent: config.build().into() }
    }

    /// Posts a command; the value of the answer, or the driver's error.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let answer = self.agent.post(format!("{}{path}", self.url)).send_json(body);
        value_of(answer.and_then(|mut answer| answer.body_mut().read_json()))
    }

    /// Gets a value, or the driver's error.
    pub fn get(&self, path: &str) -> Result<Value, String> {
        let answer = self.agent.get(format!("{}{path}", self.url)).call();
        value_of(answer.and_then(|mut answer| answer.body_mut().read_json()))
    }

    /// Ends a session and its browser.
    pub fn delete(&self, path: &str) {
        // A browser that has crashed needs no end.
        let _ = self.agent.delete(format!("{}{path}", self.url)).call();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The `value` of an answer. Errors are values, too.
fn value_of(answer: Result<Value, ureq::Error>) -> Result<Value, String> {
    let mut answer = answer.map_err(|error| error.to_string())?;
    let value = answer["value"].take();
    match value["error"].as_str() {
        Some(error) if value["message"].is_string() => {
            Err(format!("{error}: {}", value["message"]))
        }
        _ => Ok(value),
    }
}

/// The browser whose version is the driver's.
pub fn browser_program() -> PathBuf {
    let wanted = major_version(DRIVER);
    let found: Vec<_> = BROWSERS.iter().filter_map(|name| on_path(name)).collect();
    assert!(!found.is_empty(), "none of {BROWSERS:?} is on the PATH: {ADVICE}");
    let versions: Vec<_> = found.iter().map(major_version).collect();
    let fits = found.iter().zip(&versions).find(|(_, version)| **version == wanted);
    let Some((program, _)) = fits else {
        panic!("no browser fits {DRIVER} {wanted:?}: {found:?} have versions {versions:?}")
    };
    program.clone()
}

/// Where the `PATH` has a program.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The first number of a program's version, such as 140 for "Chromium 140.0.7339.80".
fn major_version(program: impl AsRef<OsStr>) -> Option<u32> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_whitespace().find_map(|word| word.split('.').next()?.parse().ok())
}
