//! Published files: they never change, and a manifest says their size and hash.

use std::{
    fs::{self, File},
    io::Write as _,
    time::{Duration, SystemTime},
};

use camino::Utf8Path;
use genie_durable::DraftFile;

use crate::{
    error::{Error, Result},
    eviction::Eviction,
    files::unless_missing,
    mounts::{Mount, Mounted, find},
};

/// A use of a copy is noted if the last one that was noted is older than this.
const USE_NOTED: Duration = Duration::from_mins(1);
/// An object that exists already gets a new time if it is older than this, so that `gc` keeps it.
const RENEWED: Duration = Duration::from_hours(1);
/// How often a copy is fetched again that another process evicts before it is opened.
const FETCHES: u32 = 8;

/// Opens a published file; fetches it if it is in a store and this machine has no copy.
///
/// # Errors
/// If it cannot be read, or the object in the store is not what was published.
pub fn open(path: &Utf8Path, bytes: u64, blake3: &str) -> Result<File> {
    for _ in 0..FETCHES {
        fetch(path, bytes, blake3)?;
        match unless_missing(File::open(path))
            .map_err(Error::io(path, "open the published file"))?
        {
            Some(file) => return Ok(file),
            None if find(path).is_some() => {}
            None => break,
        }
    }
    File::open(path).map_err(Error::io(path, "open the published file"))
}

/// Makes sure that this machine has a copy of a published file, if the file is in a store.
///
/// # Errors
/// If it cannot be fetched, or the object in the store is not what was published.
pub fn fetch(path: &Utf8Path, bytes: u64, blake3: &str) -> Result<()> {
    let Some(Mounted { mount, name }) = find(path) else { return Ok(()) };
    if let Ok(found) = fs::metadata(path)
        && found.len() == bytes
    {
        note_use(path, &found);
        return Ok(());
    }
    mount.eviction.reserve(bytes);
    download(&mount, &name, path, bytes, Some(blake3))?;
    Eviction::mark_copy(path);
    Ok(())
}

/// Copies an object to a file, and checks it if its hash is known.
pub(crate) fn download(
    mount: &Mount,
    name: &str,
    path: &Utf8Path,
    bytes: u64,
    blake3: Option<&str>,
) -> Result<()> {
    let file_name = path.file_name().unwrap_or("file");
    let mut draft = DraftFile::create(path.parent().unwrap_or(Utf8Path::new("")), file_name)?;
    mount.remote.visit(name, bytes, |part| {
        let written = draft.write_all(part);
        written.map_err(Error::io(path, "write"))
    })?;
    let draft = draft.finish()?;
    if draft.bytes() != bytes || blake3.is_some_and(|blake3| draft.hash() != blake3) {
        let problem = "the object differs from what was published, so it is damaged; restore it \
                       from a backup, or remove it from the dataset with `verify --forget` of \
                       genie-ingest (clips), genie-tokenize (tokens) or genie-train (actions), and \
                       run the step again"
            .to_owned();
        return Err(Error::Damaged { place: mount.remote.url(name), problem });
    }
    draft.rename_to(file_name)?;
    Ok(())
}

/// Makes sure that a file that a manifest is about to name exists, and uploads it to its store.
///
/// A name that contains the file's hash is created and never replaced. Another name is replaced. A
/// commit that is repeated may find that its file was uploaded, and that the copy was evicted.
///
/// # Errors
/// If it does not exist, does not have this number of bytes, or cannot be uploaded.
pub fn publish(path: &Utf8Path, bytes: u64, blake3: &str) -> Result<()> {
    let found = fs::metadata(path);
    let Some(Mounted { mount, name }) = find(path) else {
        let found = found.map_err(Error::io(path, "find the file to publish"))?;
        return check_size(path.to_string(), found.len(), bytes);
    };
    let found = unless_missing(found).map_err(Error::io(path, "find the file to publish"))?;
    if let Some(found) = &found {
        check_size(path.to_string(), found.len(), bytes)?;
        if Eviction::is_copy(found) {
            return Ok(());
        }
    }
    let is_hashed = blake3.len() >= 16 && name.contains(&blake3[..16]);
    let stored = if is_hashed { mount.remote.head(&name)? } else { None };
    if found.is_none() {
        if stored.is_some_and(|object| object.size == bytes) {
            return Ok(());
        }
        let missing = std::io::ErrorKind::NotFound.into();
        return Err(Error::io(path, "find the file to publish")(missing));
    }
    let is_young = |time: SystemTime| time.elapsed().is_ok_and(|age| age < RENEWED);
    let is_stored =
        stored.is_some_and(|object| object.size == bytes && is_young(object.last_modified.into()));
    if !is_stored {
        // If another writer uploads it at the same time, it uploads the same bytes.
        mount.remote.upload(&name, path)?;
    }
    mount.eviction.reserve(bytes);
    Eviction::mark_copy(path);
    Ok(())
}

/// The BLAKE3 hash of a published file where it is stored, in hex: a store is read, not a copy.
///
/// # Errors
/// If it cannot be read.
pub fn stored_hash(path: &Utf8Path) -> Result<String> {
    let Some(Mounted { mount, name }) = find(path) else {
        return Ok(genie_durable::hash_file(path)?);
    };
    let bytes = mount.remote.size(&name)?;
    let mut hasher = blake3::Hasher::new();
    mount.remote.visit(&name, bytes, |part| {
        hasher.update(part);
        Ok(())
    })?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Checks that a file has the size that its entry says.
fn check_size(place: String, found: u64, bytes: u64) -> Result<()> {
    if found == bytes {
        return Ok(());
    }
    let problem = format!("has {found} bytes, but its entry says {bytes}");
    Err(Error::Damaged { place, problem })
}

/// Notes that a copy is used.
fn note_use(path: &Utf8Path, found: &fs::Metadata) {
    let is_noted = found
        .modified()
        .is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age < USE_NOTED));
    if !is_noted {
        // The time decides only what is evicted first.
        drop(File::open(path).and_then(|file| file.set_modified(SystemTime::now())));
    }
}
