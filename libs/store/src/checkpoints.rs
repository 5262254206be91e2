//! Checkpoints of a model in a store: each is there whole or not at all, and never mixed.
//!
//! Two machines may train one model, for example because a cluster believed that one of them was
//! dead. Their checkpoints of the same step differ. So an object has the hash of its content in its
//! name, and the object `complete` lists the files of the checkpoint. It is created last, and only
//! if there is none. The checkpoint of the machine that creates it first stays.
//!
//! | object | content |
//! |---|---|
//! | `step-300/<16 digits of the hash>/model.safetensors` | a file of some checkpoint of step 300 |
//! | `step-300/complete` | for each file of the checkpoint of step 300: hash, bytes, name |

use std::{
    collections::{BTreeMap, BTreeSet},
    io::ErrorKind,
};

use camino::{Utf8Path, Utf8PathBuf};
use genie_durable::DraftDir;

use crate::{
    copies::download,
    error::{Error, Result},
    mounts::Mount,
    remote::Remote,
};

/// The object that lists the files of a checkpoint.
const COMPLETE: &str = "complete";

/// The number of the training step to whose checkpoint a file of a step's directory belongs.
pub(crate) fn step_of(below: &Utf8Path) -> Option<u64> {
    let first = below.components().next()?.as_str();
    first.strip_prefix("step-")?.parse().ok()
}

/// A file of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CheckpointFile {
    blake3: String,
    bytes: u64,
    /// Relative to the folder of the checkpoint.
    name: String,
}

impl CheckpointFile {
    /// Its object, relative to the folder of the checkpoint.
    fn object(&self) -> String {
        format!("{}/{}", &self.blake3[..16], self.name)
    }

    fn line(&self) -> String {
        format!("{} {} {}\n", self.blake3, self.bytes, self.name)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.splitn(3, ' ');
        let blake3 = words.next().filter(|hash| hash.len() == 64 && hash.is_ascii())?.to_owned();
        let bytes = words.next()?.parse().ok()?;
        let name = words.next()?.to_owned();
        let is_inside = Utf8Path::new(&name)
            .components()
            .all(|part| matches!(part, camino::Utf8Component::Normal(_)));
        is_inside.then_some(Self { blake3, bytes, name })
    }
}

/// The checkpoints of a step's directory, here and in the store.
pub(crate) struct Checkpoints<'a> {
    remote: &'a Remote,
    dir: &'a Utf8Path,
    /// The name of the directory in the store.
    name: &'a str,
    /// The objects of each checkpoint with their sizes, relative to the directory.
    stored: BTreeMap<u64, BTreeMap<String, u64>>,
    /// The files of each checkpoint on this machine, relative to the directory.
    local: BTreeMap<u64, Vec<Utf8PathBuf>>,
}

impl<'a> Checkpoints<'a> {
    /// The checkpoints among the objects of a directory. Those of this machine are added later.
    pub(crate) fn new(
        remote: &'a Remote,
        dir: &'a Utf8Path,
        name: &'a str,
        objects: &[(String, u64)],
    ) -> Self {
        let mut stored: BTreeMap<u64, BTreeMap<String, u64>> = BTreeMap::new();
        for (below, bytes) in objects {
            if let Some(step) = step_of(below.as_str().into()) {
                stored.entry(step).or_default().insert(below.clone(), *bytes);
            }
        }
        Self { remote, dir, name, stored, local: BTreeMap::new() }
    }

    /// Adds a file of this machine.
    pub(crate) fn add_local(&mut self, step: u64, below: Utf8PathBuf) {
        self.local.entry(step).or_default().push(below);
    }

    /// Whether the store has a newer checkpoint than this machine.
    pub(crate) fn is_behind(&self) -> bool {
        self.complete().next_back() > self.local.keys().next_back().copied()
    }

    /// The steps of the complete checkpoints in the store.
    fn complete(&self) -> impl DoubleEndedIterator<Item = u64> {
        let has_list = |(step, objects): (&u64, &BTreeMap<String, u64>)| {
            objects.contains_key(&format!("step-{step}/{COMPLETE}")).then_some(*step)
        };
        self.stored.iter().filter_map(has_list)
    }

    /// Uploads what the store lacks, and removes what is old.
    pub(crate) fn push(&self) -> Result<()> {
        let complete: BTreeSet<u64> = self.complete().collect();
        for step in self.local.keys().filter(|step| !complete.contains(step)) {
            match self.upload(*step) {
                // The training has removed it meanwhile, because it has newer ones.
                Err(error) if error.is_missing() && !self.folder(*step).is_dir() => {}
                done => done?,
            }
        }
        let Some(newest) = self.local.keys().next_back() else { return Ok(()) };
        for (step, objects) in self.stored.range(..newest) {
            if !self.local.contains_key(step) {
                // Without its list, the checkpoint is not there.
                self.remote.delete(&[self.list_of(*step)])?;
                let objects = objects.keys().map(|below| format!("{}/{below}", self.name));
                self.remote.delete(&objects.collect::<Vec<_>>())?;
            }
        }
        Ok(())
    }

    /// Fetches the complete checkpoints that this machine lacks.
    ///
    /// If the step `is_done`, other checkpoints of this machine are replaced by those of the store:
    /// another machine was faster.
    pub(crate) fn pull(&self, mount: &Mount, is_done: bool) -> Result<()> {
        for step in self.complete() {
            // Another machine may have removed it since the listing.
            let Some(files) = self.list(step)? else { continue };
            if self.folder(step).is_dir() && !(is_done && self.is_other(step, &files)?) {
                continue;
            }
            match self.download(mount, step, &files) {
                Err(error) if error.is_missing() && self.list(step)?.is_none() => {}
                done => done?,
            }
        }
        Ok(())
    }

    fn folder(&self, step: u64) -> Utf8PathBuf {
        self.dir.join(format!("step-{step}"))
    }

    fn list_of(&self, step: u64) -> String {
        format!("{}/step-{step}/{COMPLETE}", self.name)
    }

    /// The files of a complete checkpoint in the store; `None` if there is none.
    fn list(&self, step: u64) -> Result<Option<Vec<CheckpointFile>>> {
        let name = self.list_of(step);
        let Some(text) = self.remote.get(&name)? else { return Ok(None) };
        let text = String::from_utf8_lossy(&text);
        let files: Option<Vec<_>> = text.lines().map(CheckpointFile::parse).collect();
        files.map(Some).ok_or_else(|| Error::Damaged {
            place: self.remote.url(&name),
            problem: "is not a list of files; delete the folder that it is in, and run the \
                      training again"
                .to_owned(),
        })
    }

    /// Whether this machine has another checkpoint of a step than the store.
    ///
    /// It compares the smallest file, which contains the hashes of the others.
    fn is_other(&self, step: u64, files: &[CheckpointFile]) -> Result<bool> {
        let Some(smallest) = files.iter().min_by_key(|file| file.bytes) else { return Ok(false) };
        match genie_durable::hash_file(self.folder(step).join(&smallest.name)) {
            Ok(hash) => Ok(hash != smallest.blake3),
            Err(error) if error.source.kind() == ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    fn upload(&self, step: u64) -> Result<()> {
        let prefix = format!("step-{step}/");
        let mut files = Vec::new();
        for below in &self.local[&step] {
            let path = self.dir.join(below);
            let bytes = path.metadata().map_err(Error::io(&path, "inspect"))?.len();
            let name = below.as_str().trim_start_matches(&prefix).to_owned();
            let file = CheckpointFile { blake3: genie_durable::hash_file(&path)?, bytes, name };
            let object = format!("{prefix}{}", file.object());
            let is_stored =
                self.stored.get(&step).and_then(|objects| objects.get(&object)) == Some(&bytes);
            if !is_stored {
                self.remote.upload(&format!("{}/{object}", self.name), &path)?;
            }
            files.push(file);
        }
        let text: String = files.iter().map(CheckpointFile::line).collect();
        if self.remote.create(&self.list_of(step), &text.into())? {
            return Ok(());
        }
        tracing::warn!(
            "another machine trains this model, too, and its checkpoint of step {step} was stored \
             first: {} keeps that one",
            self.remote.url(self.name)
        );
        let kept: BTreeSet<String> =
            self.list(step)?.unwrap_or_default().iter().map(CheckpointFile::object).collect();
        let ours = files.iter().map(CheckpointFile::object).filter(|own| !kept.contains(own));
        let ours = ours.map(|object| format!("{}/{prefix}{object}", self.name));
        self.remote.delete(&ours.collect::<Vec<_>>())
    }

    fn download(&self, mount: &Mount, step: u64, files: &[CheckpointFile]) -> Result<()> {
        let draft = DraftDir::create(self.folder(step))?;
        for file in files {
            let object = format!("{}/step-{step}/{}", self.name, file.object());
            let path = draft.path().join(&file.name);
            download(mount, &object, &path, file.bytes, Some(&file.blake3))?;
        }
        Ok(draft.publish()?)
    }
}
