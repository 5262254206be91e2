//! The pipeline: starts the stages' binaries in order, with one config file.
//!
//! It contains the order of the steps, not their work. Each step is a separate program in the same
//! directory. The step checks by its work key whether there is anything to do, takes its own lock,
//! and draws its own progress. So a step is the same whether a person, cron or this program starts
//! it, and killing the pipeline loses no finished work.
//!
//! | module | contents |
//! |---|---|
//! | `steps` | which steps there are, in which order |
//! | `tools` | where the stages' binaries are, and their answers to `config` and `status` |
//! | `child` | one step as a child process: its output, signals, exit code |
//! | `runner` | runs all steps, one after the other |
//! | `dry_run` | what training would cost |
//! | `explain` | what each config key means |
//! | `summary` | the report's main numbers |
//! | `retokenize` | the steps of a nightly run, with the models that exist |
//! | `status`, `history` | the table of what exists; the last nightly runs |

mod child;
mod dry_run;
mod explain;
mod history;
mod paint;
mod retokenize;
mod runner;
mod status;
mod steps;
mod summary;
mod tools;

use std::io::{self, Write};

use camino::Utf8PathBuf;
use clap::{Parser, Subcommand};
use genie_stage::config::{self, ConfigArgs};
use genie_stage::{Exit, cli, log};

use steps::Stage;
use tools::Tools;

const DEFAULT_CONFIG: &str = "pipelines/demo.toml";

/// Genie, from videos to a report: ingest, tokenize, train, evaluate.
#[derive(Parser, Debug)]
#[command(name = "genie", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    verbosity: log::Verbosity,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run every step that is not up to date, and print the report's main numbers.
    Run {
        #[command(flatten)]
        pipeline: Pipeline,
        /// Run only the steps of this stage; may be repeated.
        #[arg(long, value_name = "STAGE")]
        stage: Vec<Stage>,
        /// Print what training would cost (parameters, memory, operations, days), and run nothing.
        #[arg(long, conflicts_with = "stage")]
        dry_run: bool,
        #[command(flatten)]
        hardware: Hardware,
    },
    /// Ingest, encode and label new videos with the current models; train nothing (for cron).
    Retokenize {
        #[command(flatten)]
        pipeline: Pipeline,
    },
    /// Print the state of every step.
    Status {
        #[command(flatten)]
        pipeline: Pipeline,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check the config and print it with every key filled in, or explain the keys.
    Config {
        #[command(flatten)]
        pipeline: Pipeline,
        /// Print what each key means, with its type and default, for example `--explain lam.train`.
        #[arg(
            long, value_name = "SECTION", num_args = 0..=1, default_missing_value = "",
            conflicts_with_all = ["config", "set", "videos", "root"]
        )]
        explain: Option<String>,
        /// With --explain: print Markdown, as in docs/config.md.
        #[arg(long, requires = "explain")]
        markdown: bool,
    },
}

/// Flags of `--dry-run` about the hardware. `genie-train dry-run` has the defaults.
#[derive(clap::Args, Debug)]
struct Hardware {
    /// With --dry-run: peak speed of a device in TFLOP/s (default: 989, an H100's in bf16).
    #[arg(long, value_name = "TFLOP/S", requires = "dry_run")]
    tflops: Option<f64>,
    /// With --dry-run: fraction of the peak speed that is used (default: 0.4).
    #[arg(long, value_name = "SHARE", requires = "dry_run")]
    mfu: Option<f64>,
    /// With --dry-run: number of devices that share each training step (default: 1).
    #[arg(long, value_name = "COUNT", requires = "dry_run")]
    devices: Option<u64>,
}

impl Hardware {
    fn to_words(&self) -> Vec<String> {
        let flag = |name: &str, value: Option<f64>| value.map(|value| format!("--{name}={value}"));
        let devices = self.devices.map(|devices| format!("--devices={devices}"));
        let flags = [flag("tflops", self.tflops), flag("mfu", self.mfu), devices];
        flags.into_iter().flatten().collect()
    }
}

#[derive(clap::Args, Debug)]
struct Pipeline {
    /// The pipeline's TOML file.
    #[arg(value_name = "CONFIG", default_value = DEFAULT_CONFIG)]
    config: Utf8PathBuf,
    /// Override one key: a TOML value, or a bare word for a string; may be repeated.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
    /// Your own videos (file, directory, glob or @list.txt; may be repeated): sets data.videos.
    #[arg(long, value_name = "PATH")]
    videos: Vec<String>,
    /// Directory for all output: sets data.root.
    #[arg(long, value_name = "DIR")]
    root: Option<String>,
}

impl Pipeline {
    /// Converts the arguments to the flags that all stages have.
    fn args(self) -> ConfigArgs {
        let quoted = |text: String| toml::Value::String(text);
        let videos = self.videos.into_iter().map(quoted).collect::<Vec<_>>();
        let videos = (!videos.is_empty()).then(|| ("videos", toml::Value::Array(videos)));
        let root = self.root.map(|root| ("root", quoted(root)));
        let short = [videos, root].into_iter().flatten();
        let mut set = self.set;
        set.extend(short.map(|(key, value)| format!("data.{key}={value}")));
        ConfigArgs { config: Some(self.config), set }
    }
}

/// Runs the binary `genie`.
pub fn run() -> anyhow::Result<Exit> {
    let cli: Cli = cli::parse();
    log::init(cli.verbosity.level());
    match cli.command {
        Command::Run { pipeline, dry_run: true, hardware, .. } => {
            dry_run::run(&Tools::beside_this_one()?, &pipeline.args(), &hardware.to_words())
        }
        Command::Run { pipeline, stage, .. } => {
            runner::run(&Tools::beside_this_one()?, &pipeline.args(), |data| {
                steps::of_stages(data, &stage)
            })
        }
        Command::Retokenize { pipeline } => {
            retokenize::run(&Tools::beside_this_one()?, &pipeline.args())
        }
        Command::Status { pipeline, json } => {
            status::print(&Tools::beside_this_one()?, &pipeline.args(), json)
        }
        Command::Config { explain: Some(name), markdown, .. } => {
            explain::run(&Tools::beside_this_one()?, &name, markdown)
        }
        Command::Config { pipeline, .. } => {
            let args = pipeline.args();
            let loaded = config::load(&args)?;
            let resolved = Tools::beside_this_one()?.resolve(&loaded, &args)?;
            write!(io::stdout(), "{resolved}")?;
            Ok(Exit::Done)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genie_stage::config::DataConfig;

    /// Catches: the name of a directory changes in `--set` because of a space, a quote or a
    /// backslash; a clap definition panics.
    #[test]
    fn own_videos_keep_their_names() {
        let odd = r#"it's a "dir" \ 1"#;
        let words = ["genie", "status", "x.toml", "--videos", odd, "--videos=b", "--root", "2024"];
        let Command::Status { pipeline, .. } = Cli::try_parse_from(words).unwrap().command else {
            panic!("another command was parsed");
        };
        let args = ConfigArgs { config: None, ..pipeline.args() };
        let data: DataConfig = config::load(&args).unwrap().section().unwrap();
        assert_eq!(data.videos, [odd, "b"]);
        assert_eq!(data.root, "2024");
    }
}
