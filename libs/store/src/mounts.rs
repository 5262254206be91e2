//! Which directories of this machine stand for datasets in a store.

use std::{
    env,
    sync::{Arc, PoisonError, RwLock, atomic::AtomicU32},
};

use camino::{Utf8Path, Utf8PathBuf};
use object_store::ObjectStore;

use crate::{
    error::{Error, Result},
    eviction::Eviction,
    location::Location,
    remote::Remote,
};

/// The file in a mounted directory that says what it is, for people.
const URL_FILE: &str = "url";

/// A dataset in a store, and its directory on this machine.
#[derive(Debug)]
pub(crate) struct Mount {
    pub(crate) local: Utf8PathBuf,
    pub(crate) location: Location,
    pub(crate) remote: Remote,
    pub(crate) eviction: Eviction,
    /// How often other writers were faster lately, see [`crate::WriterTurn`].
    pub(crate) lost: AtomicU32,
}

/// A file or folder of a mounted dataset.
pub(crate) struct Mounted {
    pub(crate) mount: Arc<Mount>,
    /// Its name relative to the root.
    pub(crate) name: String,
}

/// The datasets that this process has mounted. Usually this is one or none.
static MOUNTS: RwLock<Vec<Arc<Mount>>> = RwLock::new(Vec::new());

/// Mounts the dataset `url` on a directory below `cache`, and returns that directory.
///
/// The directory depends on the URL and on the endpoint in the environment. With an empty `cache`,
/// it is below `genie/roots` in the user's cache directory. The copies of published files that were
/// not used for the longest time are removed when they have more than `cache_bytes` together.
/// This sends no request.
///
/// # Errors
/// If the URL or the environment is wrong, or the directory cannot be created.
pub fn mount(url: &str, cache: &Utf8Path, cache_bytes: u64) -> Result<Utf8PathBuf> {
    let location = Location::parse(url)?;
    let endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"]
        .into_iter()
        .find_map(|name| env::var(name).ok())
        .unwrap_or_default();
    let identity = format!("{}\n{endpoint}\n", location.url(""));
    let name = blake3::hash(identity.as_bytes()).to_hex();
    let cache = if cache.as_str().is_empty() { default_cache() } else { cache.to_owned() };
    let local = cache.join(&name[..16]);
    genie_durable::create_dir(&local)?;
    let local = local.canonicalize_utf8().map_err(Error::io(&local, "find"))?;
    if find(&local).is_some() {
        return Ok(local);
    }
    let store = connect(&location)?;
    if !local.join(URL_FILE).is_file() {
        genie_durable::write(local.join(URL_FILE), identity)?;
    }
    add(store, location, &local, cache_bytes);
    Ok(local)
}

#[cfg(feature = "s3")]
use crate::connect::connect;

/// Without the feature `s3`, there is no client.
#[cfg(not(feature = "s3"))]
fn connect(location: &Location) -> Result<Arc<dyn ObjectStore>> {
    Err(Error::without_s3(&location.url("")))
}

/// Adds a dataset to the mounted ones.
pub(crate) fn add(
    store: Arc<dyn ObjectStore>,
    location: Location,
    local: &Utf8Path,
    cache_bytes: u64,
) {
    let mount = Mount {
        local: local.to_owned(),
        remote: Remote::new(store, location.clone()),
        location,
        eviction: Eviction::new(local, cache_bytes),
        lost: AtomicU32::new(0),
    };
    MOUNTS.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(mount));
}

/// The user's cache directory for copies of datasets.
fn default_cache() -> Utf8PathBuf {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let cache = set("XDG_CACHE_HOME").map(Utf8PathBuf::from);
    let cache = cache.or_else(|| Some(Utf8PathBuf::from(set("HOME")?).join(".cache")));
    cache.unwrap_or_else(|| "/var/tmp".into()).join("genie/roots")
}

/// The place in a store that a path stands for; `None` for a plain file.
pub(crate) fn find(path: &Utf8Path) -> Option<Mounted> {
    let mounts = MOUNTS.read().unwrap_or_else(PoisonError::into_inner);
    mounts.iter().find_map(|mount| {
        let name = path.strip_prefix(&mount.local).ok()?;
        Some(Mounted { mount: mount.clone(), name: name.to_string() })
    })
}

/// Whether a path is in a mounted dataset.
#[must_use]
pub fn is_mounted(path: &Utf8Path) -> bool {
    find(path).is_some()
}

/// The name of a file or directory for people: its URL if it is mounted, else its path.
#[must_use]
pub fn shown(path: &Utf8Path) -> String {
    find(path).map_or_else(|| path.to_string(), |place| place.mount.location.url(&place.name))
}

/// A client of the bucket of a dataset, for a program that reads it by itself.
pub struct DirectStore {
    /// `s3://` and the name of the bucket.
    pub bucket: String,
    pub store: Arc<dyn ObjectStore>,
}

/// A new client of the bucket of a mounted dataset; `None` for a directory.
///
/// Connections belong to the async runtime that opened them, so another runtime needs a client of
/// its own.
///
/// # Errors
/// If the environment is wrong.
pub fn direct(root: &Utf8Path) -> Result<Option<DirectStore>> {
    let Some(place) = find(root) else { return Ok(None) };
    let location = &place.mount.location;
    let store = connect(location)?;
    Ok(Some(DirectStore { bucket: format!("s3://{}", location.bucket), store }))
}
