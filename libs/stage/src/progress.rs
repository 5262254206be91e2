//! Progress of long work: a bar on a terminal, and occasional lines elsewhere.
//!
//! A terminal shows a bar with the remaining time. A log file gets at most one line every ten
//! seconds, and always a last line. So the log of a thousand steps stays readable and its end is
//! never missing.
//!
//! All bars of a process share one [`indicatif::MultiProgress`]. All other writes to stderr happen
//! inside [`suspend`], so they do not disturb the bars. [`Progress`] is `Sync`: any thread may
//! advance it.

mod pace;

use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use crate::duration::human;
use pace::{Pace, lock};

const BETWEEN_LINES: Duration = Duration::from_secs(10);
const REDRAW: Duration = Duration::from_millis(250);

static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Hides the bars while `write` runs.
pub(crate) fn suspend<R>(write: impl FnOnce() -> R) -> R {
    BARS.suspend(write)
}

/// Progress of one piece of work of known size (or 0: unknown).
#[derive(Debug)]
pub struct Progress {
    label: String,
    pace: Arc<Pace>,
    message: Mutex<String>,
    finished: AtomicBool,
    view: View,
}

#[derive(Debug)]
enum View {
    Bar(ProgressBar),
    /// Time of the last line.
    Lines(Mutex<Instant>),
    /// With `--quiet` there is no progress.
    Nothing,
}

impl Progress {
    /// Starts to show `label` with `total` units; 0 means an unknown total.
    #[must_use]
    pub fn new(label: impl Into<String>, total: u64) -> Self {
        let label = label.into();
        let pace = Arc::new(Pace::new(total));
        let view = match (tracing::enabled!(tracing::Level::INFO), on_terminal()) {
            (false, _) => View::Nothing,
            (true, true) => View::Bar(bar(&label, &pace)),
            (true, false) => View::Lines(Mutex::new(Instant::now())),
        };
        Self { label, pace, message: Mutex::default(), finished: AtomicBool::new(false), view }
    }

    /// Sets the text after the count, for example the loss or the file.
    pub fn set_message(&self, message: impl Into<String>) {
        let message = message.into();
        if let View::Bar(bar) = &self.view {
            bar.set_message(message.clone());
        }
        *lock(&self.message) = message;
    }

    /// Advances by `n` units.
    pub fn inc(&self, n: u64) {
        self.pace.inc(n);
        self.show();
    }

    /// Advances by `n` units that an earlier run did; they do not count for the remaining time.
    pub fn found(&self, n: u64) {
        self.pace.found(n);
        self.show();
    }

    /// Sets the count to `n`. The first call counts as work of an earlier run.
    pub fn set(&self, n: u64) {
        if self.pace.done() == 0 {
            self.pace.found(n);
        } else {
            self.pace.set(n);
        }
        self.show();
    }

    /// Ends the display and leaves its last state. Later calls do nothing.
    pub fn finish(&self) {
        if self.finished.swap(true, Ordering::Relaxed) {
            return;
        }
        match &self.view {
            View::Bar(bar) => {
                bar.set_style(style(&format!(
                    "{{prefix}} {} in {{elapsed}} {{wide_msg:.dim}}",
                    shape(self.pace.total)
                )));
                bar.abandon();
            }
            View::Lines(_) => suspend(|| eprintln!("{}", self.last_line())),
            View::Nothing => {}
        }
    }

    fn show(&self) {
        match &self.view {
            View::Bar(bar) => bar.set_position(self.pace.done()),
            View::Lines(last) => {
                // Another thread is already writing a line.
                let Ok(mut last) = last.try_lock() else {
                    return;
                };
                if last.elapsed() >= BETWEEN_LINES {
                    *last = Instant::now();
                    suspend(|| eprintln!("{}", self.line()));
                }
            }
            View::Nothing => {}
        }
    }

    /// For example "fit the tokenizer: 120/600, 2 min left, loss 0.12".
    fn line(&self) -> String {
        let mut line = format!("{}: {}", self.label, self.count());
        if let Some(left) = self.pace.left() {
            line += ", ";
            line += &human(left);
            line += " left";
        }
        self.with_message(line)
    }

    fn last_line(&self) -> String {
        let took = human(self.pace.started.elapsed());
        self.with_message(format!("{}: {} in {took}", self.label, self.count()))
    }

    fn count(&self) -> String {
        let done = self.pace.done();
        match self.pace.total {
            0 => done.to_string(),
            total => format!("{done}/{total}"),
        }
    }

    fn with_message(&self, line: String) -> String {
        let message = lock(&self.message);
        if message.is_empty() { line } else { format!("{line}, {message}") }
    }
}

impl Drop for Progress {
    /// Leaves the bar of a stopped or failed run as it is, so that it shows how far the run got.
    fn drop(&mut self) {
        self.finish();
    }
}

/// Whether stderr is a terminal that can show bars.
#[must_use]
pub(crate) fn on_terminal() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

fn bar(label: &str, pace: &Arc<Pace>) -> ProgressBar {
    let (bar, time) = match pace.total {
        0 => (ProgressBar::new_spinner(), "{spinner} {elapsed}"),
        total => (ProgressBar::new(total), "{left}"),
    };
    let pace = pace.clone();
    let left = move |_: &ProgressState, text: &mut dyn fmt::Write| {
        // A bar that cannot be drawn must not stop the work.
        let _ = pace.left().map_or(Ok(()), |left| write!(text, "{} left", human(left)));
    };
    let template =
        format!("{{prefix}} {} {time} {{wide_msg:.dim}}", shape(bar.length().unwrap_or(0)));
    let bar = BARS
        .add(bar.with_style(style(&template).with_key("left", left)).with_prefix(label.to_owned()));
    bar.enable_steady_tick(REDRAW);
    bar
}

/// The part of a bar's template that shows the count.
fn shape(total: u64) -> &'static str {
    if total == 0 { "{pos}" } else { "{bar:24.cyan/blue} {pos}/{len}" }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates of this file are valid")
        .progress_chars("━╸─")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(total: u64) -> Progress {
        viewed_as(View::Lines(Mutex::new(Instant::now())), total)
    }

    fn viewed_as(view: View, total: u64) -> Progress {
        let pace = Arc::new(Pace::new(total));
        Progress {
            label: "fit".into(),
            pace,
            message: Mutex::default(),
            finished: AtomicBool::new(false),
            view,
        }
    }

    /// Catches: the remaining time is a division by zero before the first unit, or is shown after
    /// the last.
    #[test]
    fn lines_say_count_time_left_and_message() {
        let progress = lines(4);
        assert_eq!(progress.line(), "fit: 0/4");
        progress.inc(1);
        progress.set_message("loss 0.5");
        assert_eq!(progress.line(), "fit: 1/4, 0.0 s left, loss 0.5");
        progress.set(4);
        assert_eq!(progress.line(), "fit: 4/4, loss 0.5");
        assert_eq!(progress.last_line(), "fit: 4/4 in 0.0 s, loss 0.5");
    }

    /// Catches: a run resumes at 90 % and claims to be finished immediately.
    #[test]
    fn units_of_an_earlier_run_do_not_count_as_speed() {
        let mut progress = lines(100);
        Arc::get_mut(&mut progress.pace).unwrap().started =
            Instant::now().checked_sub(Duration::from_secs(20)).unwrap();
        progress.set(90);
        assert_eq!(progress.line(), "fit: 90/100");
        progress.inc(5);
        assert_eq!(progress.line(), "fit: 95/100, 20 s left");
    }

    /// Catches: an unknown total is shown as "3/0".
    #[test]
    fn unknown_size_is_not_shown_as_zero() {
        let progress = lines(0);
        progress.inc(3);
        assert_eq!(progress.line(), "fit: 3");
    }

    /// Catches: indicatif cannot parse a template, which only a terminal would show.
    #[test]
    fn templates_are_valid() {
        for total in [0, 3] {
            let progress = viewed_as(View::Bar(bar("fit", &Arc::new(Pace::new(total)))), total);
            progress.inc(1);
            progress.finish();
        }
    }

    /// Catches: an update is lost between threads, or a second `finish` (in drop) prints again.
    #[test]
    fn threads_share_one_count() {
        let progress = viewed_as(View::Bar(ProgressBar::hidden()), 400);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|_| progress.inc(1)));
            }
        });
        progress.finish();
        assert_eq!(progress.pace.done(), 400);
        assert!(progress.finished.load(Ordering::Relaxed));
    }
}
