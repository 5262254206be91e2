//! A dataset's videos, a port, and the processes of a cluster on this machine.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::thread::sleep;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use genie_tests::{BUCKET, Background, Dataset, Ended, S3Server, Signal, content_hashes};
use serde_json::Value;

/// The folder of the videos.
pub const VIDEOS: &str = "videos";
/// Flags for the videos, of which ingest makes three groups.
const SETS: [&str; 6] = [
    "--set",
    "data.videos=[\"videos\"]",
    "--set",
    "sample.episodes=40",
    "--set",
    "sample.seconds=6",
];
/// The longest wait for an executor to begin a unit.
const PATIENCE: Duration = Duration::from_mins(2);

/// Videos, and the address of a driver.
pub struct Lab {
    pub dataset: Dataset,
    /// More flags of every run, with or without a cluster.
    pub flags: &'static [&'static str],
    port: u16,
}

impl Lab {
    /// Whether the binaries can be drivers and executors.
    pub fn is_built() -> bool {
        let ended = Dataset::new().stage("ingest", "executor", &["--connect", "nonsense"]);
        !ended.stderr.contains("built without the feature `cluster`")
    }

    /// Videos in a new directory; `None` if the binaries are built without the feature.
    pub fn new() -> Option<Self> {
        if !Self::is_built() {
            eprintln!(
                "skipped: the binaries are built without the feature; run `make test-cluster`"
            );
            return None;
        }
        let dataset = Dataset::new();
        dataset.stage("ingest", "sample", &[&SETS[..], &["--out", VIDEOS]].concat()).expect(0);
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        Some(Self { dataset, flags: &[], port })
    }

    pub fn path(&self, name: &str) -> Utf8PathBuf {
        self.dataset.path(name)
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Ingests the videos without a cluster, into `alone`; returns the hashes.
    pub fn alone(&self) -> BTreeMap<String, String> {
        self.run_without_cluster("alone");
        self.hashes("alone")
    }

    pub fn run_without_cluster(&self, root: &str) -> Ended {
        let set = format!("data.root={root}");
        let flags = [&SETS[..], self.flags, &["--set", &set]].concat();
        self.dataset.stage("ingest", "run", &flags).expect(0)
    }

    pub fn hashes(&self, root: &str) -> BTreeMap<String, String> {
        content_hashes(&self.path(root))
    }

    /// An S3 server; `None` if the binaries are built without S3, or there is no Python for it.
    pub fn server(&self) -> Option<S3Server> {
        let set = format!("data.root=s3://{BUCKET}/x");
        let ended = self.dataset.stage("ingest", "config", &["--set", &set]);
        if ended.stderr.contains("built without S3") {
            eprintln!("skipped: the binaries are built without S3");
            return None;
        }
        S3Server::start()
    }

    /// Starts a driver.
    pub fn driver(&self, root: &str, flags: &[&str]) -> Background {
        let (set, address) = (format!("data.root={root}"), self.address());
        let own = ["--set", set.as_str(), "--cluster", address.as_str()];
        self.dataset.start_stage("ingest", "run", &[&SETS[..], self.flags, &own, flags].concat())
    }

    /// Starts an executor that does one unit at a time.
    pub fn executor(&self, flags: &[&str]) -> Background {
        let address = self.address();
        let own = ["--connect", address.as_str(), "--slots", "1"];
        self.dataset.start_stage("ingest", "executor", &[&own, flags].concat())
    }

    /// Stops an executor with SIGSTOP while it works on a unit; on the source `item`, if given.
    pub fn stopped_at_work(&self, executor: &Background, root: &str, item: Option<&str>) {
        let attempts = self.path(root).join("work/ingest/attempts");
        let process = format!("-{}-", executor.id());
        let works = || {
            notes(&attempts).iter().any(|note| {
                let is_own = note["executor"].as_str().is_some_and(|name| name.contains(&process));
                let at_work = note["item"].as_str().filter(|item| !item.is_empty());
                is_own && at_work.is_some_and(|at| item.is_none_or(|item| item == at))
            })
        };
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "the executor does not work on {item:?}");
            if works() {
                executor.signal(Signal::STOP);
                if works() {
                    return;
                }
                executor.signal(Signal::CONT);
            }
            sleep(Duration::from_millis(1));
        }
    }

    /// Adds copies of this number of videos, with other bytes and the same pictures.
    pub fn plant_copies(&self, count: usize) {
        let videos = self.path(VIDEOS);
        let mut paths: Vec<_> = videos
            .read_dir_utf8()
            .expect("a folder")
            .flatten()
            .map(|entry| entry.path().to_owned())
            .filter(|path| path.extension() == Some("mp4"))
            .collect();
        paths.sort();
        for (number, path) in paths.iter().take(count).enumerate() {
            let mut bytes = fs::read(path).expect("a video");
            // An empty box at the end, which players skip.
            bytes.extend([0, 0, 0, 8]);
            bytes.extend(b"free");
            fs::write(videos.join(format!("copy-{number}.mp4")), bytes).expect("a copy");
        }
    }

    /// Makes a video of the sample game that is longer than the others.
    pub fn long_video(&self, path: &Utf8Path) {
        let flags = ["--episodes", "1", "--seed", "77", "--out", "long"];
        let flags = [&flags[..], &["--set", "sample.seconds=60"]].concat();
        self.dataset.stage("ingest", "sample", &flags).expect(0);
        let made = self.path("long").read_dir_utf8().expect("a folder").flatten();
        let video = made.map(|entry| entry.path().to_owned());
        let video = video.into_iter().find(|path| path.extension() == Some("mp4"));
        fs::rename(video.expect("a video"), path).expect("a video can be moved");
    }
}

/// The content of the files of all attempts.
fn notes(attempts: &Utf8Path) -> Vec<Value> {
    let below = |dir: &Utf8Path| dir.read_dir_utf8().into_iter().flatten().flatten();
    below(attempts)
        .flat_map(|unit| below(unit.path()).collect::<Vec<_>>())
        .filter_map(|file| serde_json::from_slice(&fs::read(file.path()).ok()?).ok())
        .collect()
}
