//! A synthetic dataset on the disk, and the commands that run on it.

use std::fs::{self, File, FileTimes};
use std::process::Command;
use std::time::{Duration, Instant, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{
    Clip, ClipRow, ClipShardWriter, Entry, Manifest, SourceRow, tables, write_clip_rows,
    write_sources,
};
use genie_tests::binary;
use rayon::prelude::*;
use serde_json::Value;

use crate::measured::{self, Measured};
use crate::synthetic::{CLIPS, HELD_OUT, MODIFIED, SIDE, SyntheticSource, paint};

/// Sources of one catalog file and one commit.
const GROUP: usize = 1024;
/// Sources of one clip shard, as in ingest.
const SHARD: usize = 16;
/// The marker of a dataset that is complete and has no new videos yet.
const COMPLETE: &str = "complete";

/// A directory with a config `scale.toml`, source files in `videos`, and a dataset `root`.
pub struct SyntheticDataset {
    dir: Utf8PathBuf,
    sources: usize,
    /// The run that finalized the catalog; `None` if an earlier benchmark made the dataset.
    pub finalized: Option<Measured>,
}

impl SyntheticDataset {
    /// Makes a dataset of `clips` clips in `dir`, and finalizes its catalog.
    ///
    /// An existing one is used again.
    pub fn make(dir: &Utf8Path, clips: usize) -> Self {
        let mut dataset =
            Self { dir: dir.to_owned(), sources: clips.div_ceil(CLIPS), finalized: None };
        if dir.join(COMPLETE).exists() {
            return dataset;
        }
        if dir.exists() {
            let is_ours = dir.join("scale.toml").exists();
            assert!(is_ours, "{dir} has no scale.toml, so it is not a dataset of this benchmark");
            fs::remove_dir_all(dir).unwrap_or_else(|error| panic!("cannot empty {dir}: {error}"));
        }
        fs::create_dir_all(dir.join("videos")).expect("a directory");
        fs::write(dir.join("scale.toml"), config(dir)).expect("a config file");
        // Every row of a source contains the key of the config. Ingesting one recording shows this
        // key.
        dataset.record("first", 1, 1);
        dataset.ingest_alone("first");
        let key = dataset.key_of_first();
        let begun = Instant::now();
        let groups: Vec<_> = (0..dataset.sources).step_by(GROUP).collect();
        groups.into_par_iter().for_each(|first| dataset.write_group(first, &key));
        eprintln!("{clips} clips: written in {:.0} s", begun.elapsed().as_secs_f64());
        dataset.finalized = Some(dataset.run("genie-ingest", &["run"]));
        dataset.check_kept();
        File::create(dir.join(COMPLETE)).expect("a file that can be written");
        dataset
    }

    pub fn dir(&self) -> &Utf8Path {
        &self.dir
    }

    pub fn root(&self) -> Utf8PathBuf {
        self.dir.join("root")
    }

    pub fn clips(&self) -> usize {
        self.sources * CLIPS
    }

    /// The rows of the clips of some sources that are kept, by source, then time.
    pub fn kept(&self, sources: std::ops::Range<usize>) -> impl Iterator<Item = ClipRow> {
        let videos = self.dir.join("videos");
        let rows = move |number| SyntheticSource { number, of: self.sources }.rows(&videos, "").1;
        sources.take_while(|number| *number < self.sources).flat_map(rows).filter(|row| row.kept)
    }

    pub fn sources(&self) -> usize {
        self.sources
    }

    /// Writes the files of some sources, and publishes them with one commit.
    fn write_group(&self, first: usize, key: &str) {
        let (root, videos) = (self.root(), self.dir.join("videos"));
        let of = self.sources;
        let sources: Vec<_> =
            (first..of.min(first + GROUP)).map(|number| SyntheticSource { number, of }).collect();
        let (mut source_rows, mut clip_rows) = (Vec::new(), Vec::new());
        let mut shards: Vec<Entry> = Vec::new();
        let mut clip = Clip::default();
        for shard in sources.chunks(SHARD) {
            let name = format!("scale-{:07}", shard[0].number);
            let mut writer =
                ClipShardWriter::create(&root.join("clips"), &name).expect("a new shard");
            for source in shard {
                let (row, clips) = source.rows(&videos, key);
                touch(&row);
                for row in clips.iter().filter(|row| row.kept) {
                    paint(row, &mut clip);
                    writer.push(&clip).expect("a written clip");
                }
                source_rows.push(row);
                clip_rows.extend(clips);
            }
            shards.push(writer.publish().expect("a published shard").entry);
        }
        let name = format!("scale-{first:07}");
        let sources = write_sources(&root, &name, &source_rows).expect("published sources");
        let clips = write_clip_rows(&root, &name, &clip_rows).expect("published rows");
        Manifest::commit(&root, |manifest| {
            for shard in &shards {
                manifest.add(tables::CLIPS, shard.clone());
            }
            manifest.add(tables::SOURCES, sources.clone());
            manifest.add(tables::CLIP_ROWS, clips.clone());
        })
        .expect("a commit");
    }

    /// Checks that ingest keeps exactly the clips that are in the shards.
    fn check_kept(&self) {
        let rows = self.query("select kept, count(*) as n from clips group by kept");
        let found = rows.iter().find(|row| row["kept"] == true).map_or(0, |row| {
            usize::try_from(row["n"].as_u64().unwrap_or_default()).unwrap_or_default()
        });
        let expected = self.kept(0..self.sources).count();
        assert_eq!(found, expected, "ingest keeps other clips than the benchmark wrote");
    }

    fn query(&self, query: &str) -> Vec<Value> {
        self.json("genie-ingest", &["sql", "--format", "json", query])
    }

    /// The rows that a command prints as JSON.
    pub fn json(&self, program: &str, arguments: &[&str]) -> Vec<Value> {
        self.run(program, arguments);
        let text = fs::read_to_string(self.dir.join("stdout")).expect("the command's output");
        serde_json::from_str(&text).expect("rows as JSON")
    }

    /// Runs a command of a stage with the config of this dataset.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Measured {
        measured::run(&self.dir, &mut self.command(program, arguments), None)
    }

    /// Trains a model, and measures the time until its first step and the time after it.
    pub fn train(&self, program: &str, step: &str, arguments: &[&str]) -> (Measured, Measured) {
        let overrides = &arguments[1..];
        let steps = self.json(program, &[&["status", "--json"], overrides].concat());
        let of_step = steps.iter().find(|row| row["step"] == step).expect("the step's status");
        let metrics = Utf8Path::new(of_step["dir"].as_str().unwrap_or_default());
        let metrics = metrics.join("metrics.jsonl");
        assert!(!metrics.exists(), "{metrics} exists: the step was begun before, so remove it");
        let whole = measured::run(&self.dir, &mut self.command(program, arguments), Some(&metrics));
        let first = whole.first_line.expect("a training that logs its steps");
        (
            Measured { seconds: first, ..whole.clone() },
            Measured { seconds: whole.seconds - first, ..whole },
        )
    }

    /// Whether a subcommand of `genie-ingest` has a flag.
    pub fn offers(&self, subcommand: &str, flag: &str) -> bool {
        self.run("genie-ingest", &[subcommand, "--help"]);
        fs::read_to_string(self.dir.join("stdout")).is_ok_and(|help| help.contains(flag))
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary(program));
        command.args(arguments).args(["--config", "scale.toml"]).current_dir(&self.dir);
        command.env_remove("RUST_LOG");
        command
    }

    /// Records new videos, ingests them alone, and adds them to the videos of this dataset.
    ///
    /// The result is the measurement of ingesting them alone.
    pub fn new_videos(&self, count: usize) -> Measured {
        // With the new videos, the dataset is no longer the one that `make` makes.
        fs::remove_file(self.dir.join(COMPLETE)).expect("the marker of a new dataset");
        self.record("new", count, 2);
        let alone = self.ingest_alone("new");
        fs::rename(self.dir.join("new"), self.dir.join("videos/new")).expect("a moved directory");
        alone
    }

    /// Records videos of the sample game in the directory `name`.
    fn record(&self, name: &str, count: usize, seed: usize) {
        let (count, seed) = (count.to_string(), seed.to_string());
        let words = ["sample", "--out", name, "--episodes", &count, "--seed", &seed];
        self.run("genie-ingest", &words);
    }

    /// Ingests the videos of a directory into the dataset `alone`, which was empty.
    fn ingest_alone(&self, name: &str) -> Measured {
        let alone = self.dir.join("alone");
        if alone.exists() {
            fs::remove_dir_all(&alone).expect("a directory that can be removed");
        }
        let videos = format!("data.videos=[\"{name}\"]");
        self.run("genie-ingest", &["run", "--set", "data.root=alone", "--set", &videos])
    }

    fn key_of_first(&self) -> String {
        let rows = genie_shards::read_sources(&self.dir.join("alone")).expect("a catalog");
        let key = rows.first().expect("the row of the first recording").ingest_key.clone();
        // The rest of the column is the hash of the recording's action sidecar.
        key.split('-').next().unwrap_or_default().to_owned()
    }
}

/// Makes the file of a source.
fn touch(row: &SourceRow) {
    let path = Utf8Path::new(&row.source_path);
    fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    fs::write(path, "v").expect("a file that can be written");
    let modified = UNIX_EPOCH + Duration::from_secs(MODIFIED);
    let file = File::options().write(true).open(path).expect("a file");
    file.set_times(FileTimes::new().set_modified(modified)).expect("a time that can be set");
}

/// The config: small frames and small models.
fn config(dir: &Utf8Path) -> String {
    let model = |name: &str| format!("[{name}]\nlayers = 1\nd = 16\nheads = 2\n");
    let train = |name: &str, steps: usize| {
        format!("[{name}.train]\nsteps = {steps}\nbatch = 8\nwarmup = 1\nlog_every = 1\n")
    };
    [
        format!("[data]\nroot = \"{dir}/root\"\nvideos = [\"{dir}/videos\"]\nshuffle_mb = 64\n"),
        format!("held_out = {HELD_OUT:?}\n[sample]\nseconds = 16\n"),
        format!("[ingest]\nwidth = {SIDE}\nheight = {SIDE}\n[tokenizer]\npatch = 4\n"),
        model("tokenizer.encoder"),
        model("tokenizer.decoder"),
        "[tokenizer.quantizer]\nkind = \"fsq\"\nlevels = [4, 4]\n".to_owned(),
        train("tokenizer", 1),
        "[lam]\npatch = 4\n".to_owned(),
        model("lam.encoder"),
        model("lam.decoder"),
        train("lam", 1),
        model("dynamics.stack"),
        train("dynamics", crate::STEPS),
    ]
    .concat()
}
