//! The command line of `genie-ingest`.

use std::time::Duration;

use anyhow::Result;
use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueEnum};
use genie_catalog::Catalog;
use genie_cluster::{ClusterConfig, DriverArgs, ExecutorArgs};
use genie_stage::config::{self, Config, ConfigArgs, DataConfig, ExplainArgs, Resolved};
use genie_stage::exit::usage;
use genie_stage::log::Verbosity;
use genie_stage::share::ShareArgs;
use genie_stage::stop::Stop;
use genie_stage::{Exit, cli, log, status};

use crate::browse::BrowseArgs;
use crate::config::{IngestConfig, SampleConfig, SandboxMode};
use crate::export::ClipExport;
use crate::maintenance::labels::LabelsCommand;
use crate::maintenance::{gc, labels, stats, status as steps, verify};
use crate::reject::Reason;
use crate::{browse, decode, export, pipeline, sample, worker};

/// Turn videos into clip shards.
#[derive(Parser)]
#[command(name = "genie-ingest", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    verbosity: Verbosity,
}

#[derive(Subcommand)]
enum Command {
    /// Make sample videos of a small platform game, with the true action of every frame.
    Sample(SampleArgs),
    /// Ingest the videos in data.videos that are new.
    Run {
        /// Also decode sources again that were rejected for these reasons, such as timeout.
        #[arg(
            long,
            value_name = "REASON",
            value_delimiter = ',',
            value_enum,
            conflicts_with = "index"
        )]
        retry: Vec<Reason>,
        /// Replace the clips of another config, which are decoded again with this config.
        #[arg(long, conflicts_with = "index")]
        replace: bool,
        #[command(flatten)]
        share: ShareArgs,
        #[command(flatten)]
        cluster: DriverArgs,
    },
    /// Decode videos for a driver on another machine: for `run --cluster`.
    ///
    /// The driver sends the config. Of this machine's config, only its cache of data counts.
    Executor(ExecutorArgs),
    /// Query the tables sources, clips, labels, quality, tokens, actions, and windows (of reports).
    Sql {
        /// A query, such as "select reason, count(*) from sources group by reason".
        query: String,
        /// Format of the output.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Serve a page on which people look at clips and label them; its URL is printed to stdout.
    Browse(BrowseArgs),
    /// Export, import or count the labels of clips.
    Labels {
        #[command(subcommand)]
        command: LabelsCommand,
    },
    /// Write kept clips as H.264 videos, with JSON beside them, for other programs.
    Export(ClipExport),
    /// Read all published files and compare them with their checksums.
    Verify {
        /// Remove damaged files from the dataset; the next run rebuilds their clips.
        #[arg(long)]
        forget: bool,
        /// Check only this many files, which are others in each run.
        #[arg(long, value_name = "FILES")]
        sample: Option<usize>,
    },
    /// Delete files that no manifest names: from killed runs, or replaced.
    Gc {
        /// Only delete files that are at least this old.
        #[arg(long, value_name = "HOURS", default_value_t = 24)]
        older_than: u64,
        /// List the files, but do not delete them.
        #[arg(long)]
        dry_run: bool,
    },
    /// Show what the dataset contains, what was not used and why, and the speed of runs.
    Stats {
        /// Show a histogram of these scores (columns of clips, or SQL expressions of them).
        #[arg(long, value_name = "COLUMN", value_delimiter = ',', default_value = "frames,motion")]
        histogram: Vec<String>,
    },
    /// Decode videos for another process of this program.
    #[command(hide = true, name = worker::COMMAND)]
    Decoder {
        #[arg(long)]
        memory_mb: u64,
        #[arg(long, value_enum, default_value_t)]
        sandbox: SandboxMode,
    },
    /// Print the resolved config of this stage.
    Config(ExplainArgs),
    /// Show the state of each step of this stage.
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    #[default]
    Table,
    Csv,
    Json,
}

/// Flags that override the section `[sample]`.
#[derive(Args)]
struct SampleArgs {
    /// Write the videos here (default: `<data.root>/videos`, where `run` finds them).
    #[arg(long, value_name = "DIR")]
    out: Option<Utf8PathBuf>,
    /// Make this many videos.
    #[arg(long, value_name = "N")]
    episodes: Option<u32>,
    /// Use this random seed; the same seed gives the same bytes.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Make wide levels and a camera that follows the player, instead of single screens.
    #[arg(long)]
    scrolling: bool,
}

/// Runs the command that the command line names.
pub fn run() -> Result<Exit> {
    let cli: Cli = cli::parse();
    log::init(cli.verbosity.level());
    decode::init(cli.verbosity.level() >= 2);
    let config = config::load(&cli.config)?;
    let data = config.section::<DataConfig>()?.mounted()?;
    let ingest: IngestConfig = config.section()?;
    match cli.command {
        Command::Sample(args) => {
            let sample = args.over(&config)?;
            let out = args.out.unwrap_or_else(|| data.root.join("videos"));
            sample::run(&out, &sample, &Stop::install())
        }
        Command::Run { retry, replace, share, cluster } => {
            let share = share.share()?;
            let cluster = cluster.over(config.section()?, share.is_some());
            let (again, helpers) = ((&*retry, replace), (share, &cluster));
            pipeline::run(&data, &ingest, again, helpers, &Stop::install())
        }
        Command::Executor(args) => pipeline::serve(&args, data, &Stop::install()),
        Command::Browse(args) => browse::run(&data, &ingest, args),
        Command::Labels { command } => labels::run(&data.root, &command),
        Command::Export(args) => export::run(&data.root, &args, &Stop::install()),
        Command::Verify { forget, sample } => {
            verify::run(&data.root, forget, sample, &Stop::install())
        }
        Command::Gc { older_than, dry_run } => {
            gc::run(&data.root, Duration::from_secs(older_than.saturating_mul(3600)), dry_run)
        }
        Command::Stats { histogram } => stats::run(&data, &histogram).map_err(marked),
        Command::Decoder { memory_mb, sandbox } => worker::serve(memory_mb, sandbox),
        Command::Sql { query, format } => {
            let catalog = Catalog::open(&data.root, data.memory_mb)?;
            let printed = catalog.stream(&query).map_err(anyhow::Error::from);
            let printed = printed.and_then(|rows| Ok(genie_catalog::print(rows, format.into())?));
            printed.map_err(marked)?;
            Ok(Exit::Done)
        }
        Command::Config(explain) => {
            let (sample, cluster) = (config.section::<SampleConfig>()?, config.section()?);
            let resolved = Resolved::new().with(&data).with(&sample).with(&ingest);
            explain.print(&resolved.with::<ClusterConfig>(&cluster))?;
            Ok(Exit::Done)
        }
        Command::Status { json } => {
            let steps = steps::steps(&data, &config.section()?, &ingest)?;
            status::print(&steps, json)?;
            Ok(Exit::Done)
        }
    }
}

/// Marks an error as wrong usage if it says that the user wrote wrong SQL.
fn marked(error: anyhow::Error) -> anyhow::Error {
    let is_wrong = |error: &genie_catalog::Error| error.is_wrong_sql();
    if error.downcast_ref().is_some_and(is_wrong) { usage(error) } else { error }
}

impl From<Format> for genie_catalog::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Table => Self::Table,
            Format::Csv => Self::Csv,
            Format::Json => Self::Json,
        }
    }
}

impl SampleArgs {
    /// The section `[sample]`, overridden by the flags.
    fn over(&self, config: &Config) -> Result<SampleConfig> {
        use genie_stage::config::Section as _;

        let mut sample: SampleConfig = config.section()?;
        sample.episodes = self.episodes.unwrap_or(sample.episodes);
        sample.seed = self.seed.unwrap_or(sample.seed);
        sample.scrolling |= self.scrolling;
        sample.check().map_err(genie_stage::exit::Usage)?;
        Ok(sample)
    }
}
