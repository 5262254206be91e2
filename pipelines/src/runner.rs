//! Runs all steps, one after the other.
//!
//! This module does not skip steps: each step finds out by itself whether it is up to date. It
//! decides what follows from the end of a step (ARCHITECTURE.md, exit codes). After rejects (2) the
//! run continues, and ends with 2. If no video can be used, the run ends with 1 after ingest. After
//! any other failure the run ends with the step's exit code. The results of earlier steps are kept.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use camino::Utf8Path;
use genie_stage::config::{self, ConfigArgs, DataConfig};
use genie_stage::duration::human;
use genie_stage::status::StepState;
use genie_stage::stop::Stop;
use genie_stage::{Exit, exit};

use crate::child::{self, ChildEnd, Stdout};
use crate::paint::{bold, dim};
use crate::steps::{Stage, Step};
use crate::summary::ReportSummary;
use crate::tools::{self, Tools};

/// Runs the `steps` for the config's data and prints the result.
///
/// With `--quiet`, this process and the steps print only warnings and errors.
pub fn run(
    tools: &Tools,
    args: &ConfigArgs,
    steps: impl FnOnce(&DataConfig) -> Vec<Step>,
) -> anyhow::Result<Exit> {
    let config = config::load(args)?;
    if let Err(error) = tools.check_keys(&config) {
        return tools::explained(error);
    }
    let data: DataConfig = config.section()?;
    let steps = steps(&data);
    if let Err(error) = tools.sections(args, &steps) {
        return tools::explained(error);
    }
    print_plan(args, &data, &steps);
    PipelineRun {
        tools,
        args,
        stop: Stop::install_for_parent(),
        started: Instant::now(),
        rejects: false,
        worked: false,
    }
    .all(&steps)
}

/// One run of the pipeline, with its state between steps.
struct PipelineRun<'a> {
    tools: &'a Tools,
    args: &'a ConfigArgs,
    stop: Stop,
    started: Instant,
    /// A step ended with rejects.
    rejects: bool,
    /// A step had something to do.
    worked: bool,
}

impl PipelineRun<'_> {
    fn all(mut self, steps: &[Step]) -> anyhow::Result<Exit> {
        let mut report = None;
        for (index, step) in steps.iter().enumerate() {
            if self.stop.requested() {
                return Ok(self.stop.exit());
            }
            let place = format!("[{}/{}] {}:", index + 1, steps.len(), step.name());
            let (ended, took) = self.step(step, &place)?;
            match child::code_of(ended.status) {
                0 | exit::REJECTS if self.waits(step) => {
                    eprintln!(
                        "{} no output: the messages above say why, and what to do",
                        bold(&place)
                    );
                    return Ok(Exit::Failed(exit::FAILED));
                }
                0 => {}
                exit::REJECTS => self.rejects = true,
                code => {
                    eprintln!("{}", failure(&place, code, took));
                    return Ok(Exit::Failed(code));
                }
            }
            if step.stage == Stage::Evaluate {
                report = ended.last_line;
            }
        }
        self.conclude(report.as_deref())
    }

    /// Runs one step, and prints how it ended unless it failed.
    fn step(&mut self, step: &Step, place: &str) -> anyhow::Result<(ChildEnd, Duration)> {
        let up_to_date = self.state(step) == Some(StepState::Done);
        self.worked |= !up_to_date;
        if !up_to_date {
            say(&format!("{} {}", bold(place), dim(step.purpose)));
        }
        let started = Instant::now();
        let mut command = self.tools.command(step.stage);
        command.arg(step.subcommand).args(self.args.to_words());
        if (up_to_date || is_quiet()) && std::env::var_os("RUST_LOG").is_none() {
            // This process prints that the step is up to date; the step need not.
            command.env("RUST_LOG", "warn");
        }
        let stdout = match step.stage {
            Stage::Evaluate => Stdout::Keep,
            _ => Stdout::Show,
        };
        let ended = child::run(&mut command, &self.stop, stdout)
            .with_context(|| format!("cannot run {}", step.stage.binary()))?;
        let took = started.elapsed();
        let state = match (child::code_of(ended.status), up_to_date) {
            (0, true) => "up to date".to_owned(),
            (0, false) => format!("done in {}", human(took)),
            (exit::REJECTS, true) => "up to date, with rejects".to_owned(),
            (exit::REJECTS, false) => format!("done in {}, with rejects", human(took)),
            _ => return Ok((ended, took)),
        };
        say(&format!("{} {state}", bold(place)));
        Ok((ended, took))
    }

    /// Whether ingest has run and still waits for inputs, because no video can be used.
    fn waits(&self, step: &Step) -> bool {
        step.name() == "ingest run" && self.state(step) == Some(StepState::Waiting)
    }

    /// The state of the step at this moment; `None` if the stage's `status` fails.
    fn state(&self, step: &Step) -> Option<StepState> {
        let statuses = self.tools.status(step.stage, self.args, Stdio::null()).ok()?;
        step.find(&statuses).map(|status| status.state)
    }

    /// Prints the end of a run in which no step failed.
    fn conclude(&self, report: Option<&str>) -> anyhow::Result<Exit> {
        if self.worked {
            say(&bold(&format!("all done in {}", human(self.started.elapsed()))));
        } else {
            say(&bold("nothing to do: everything is up to date"));
        }
        if let Some(report) = report {
            ReportSummary::read(Utf8Path::new(report))?.print()?;
        }
        if self.rejects {
            say(&format!(
                "some videos were rejected; list them with:\n  {}",
                self.how_to_list_rejects()
            ));
            return Ok(Exit::Rejects);
        }
        Ok(Exit::Done)
    }

    /// The shell command that lists rejects, with the path of the binary.
    fn how_to_list_rejects(&self) -> String {
        let binary = self.tools.dir().join(Stage::Ingest.binary());
        let query = "SELECT source_path, reason, detail FROM sources WHERE reason IS NOT NULL";
        let words = [binary.into_string(), "sql".to_owned(), query.to_owned()];
        let words: Vec<_> =
            words.iter().chain(&self.args.to_words()).map(|word| quoted(word)).collect();
        words.join(" ")
    }
}

/// Quotes `word` for a shell, if necessary.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn print_plan(args: &ConfigArgs, data: &DataConfig, steps: &[Step]) {
    let config = args.config.as_deref().map_or("defaults", Utf8Path::as_str);
    let videos = match data.videos.as_slice() {
        [] => "the built-in game".to_owned(),
        some => some.join(", "),
    };
    say(&bold(&format!("{config}: {videos} → {}", data.root)));
    for (index, step) in steps.iter().enumerate() {
        let line = format!("  {}. {:<16} {}", index + 1, step.name(), step.purpose);
        say(&dim(&line));
    }
    say("");
}

/// Prints a progress line on stderr, unless `--quiet` is given.
fn say(line: &str) {
    if !is_quiet() {
        eprintln!("{line}");
    }
}

fn is_quiet() -> bool {
    !tracing::enabled!(tracing::Level::INFO)
}

/// The message about a step that ended the run.
fn failure(place: &str, code: u8, took: Duration) -> String {
    let took = human(took);
    match code {
        130 | 143 => {
            format!(
                "{} stopped after {took}; its work is saved: run the same command to resume",
                bold(place)
            )
        }
        exit::LOCKED => format!("{} locked by another run: wait for it to end", bold(place)),
        137 => format!(
            "{} killed after {took}, probably because memory ran out; earlier work is saved: \
             use smaller batches, and run the same command to resume",
            bold(place)
        ),
        exit::USAGE => format!(
            "{} did not start: the message above says what is wrong; correct it, then run the \
             command again",
            bold(place)
        ),
        code => format!(
            "{} failed after {took} with exit code {code}: the message above says why; earlier \
             work is saved: remove the cause, then run the same command to resume",
            bold(place)
        ),
    }
}

#[cfg(test)]
mod tests;
