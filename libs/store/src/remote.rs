//! Requests to the store, each of which waits for its answer.
//!
//! `object_store` repeats requests that the store refuses for the moment (429, 5xx), and requests
//! that can be repeated without harm. The creation of an object is not among these, because its
//! repetition would meet the object of the first attempt. So it is repeated here, and then the
//! contents are compared.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use camino::Utf8Path;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::{
    Error as StoreError, MultipartUpload as _, ObjectMeta, ObjectStore, ObjectStoreExt as _,
    PutMode, PutOptions, path::Path,
};
use rand::RngExt as _;

use crate::{
    blocking::wait,
    error::{Error, Result},
    location::Location,
};

/// Number of bytes that are in memory while a file is copied.
const PART: u64 = 32 << 20;
/// Number of attempts of a request whose answer was lost.
const ATTEMPTS: u32 = 8;
/// A request that took longer than this before it failed was already repeated.
const QUICK: Duration = Duration::from_secs(5);

/// The objects of one dataset. Names are relative to its prefix.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    store: Arc<dyn ObjectStore>,
    location: Location,
}

/// What is directly below a prefix.
#[derive(Debug, Default)]
pub(crate) struct Below {
    pub(crate) objects: Vec<String>,
    pub(crate) prefixes: Vec<String>,
}

impl Remote {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, location: Location) -> Self {
        Self { store, location }
    }

    /// The URL of an object.
    pub(crate) fn url(&self, name: &str) -> String {
        self.location.url(name)
    }

    fn path(&self, name: &str) -> Path {
        Path::from(self.location.prefix.as_str()).parts().chain(Path::from(name).parts()).collect()
    }

    fn error(&self, action: &'static str, name: &str) -> impl FnOnce(StoreError) -> Error {
        let (bucket, place) = (self.location.bucket.clone(), self.url(name));
        move |error| Error::store(action, &bucket, &place, error)
    }

    /// Runs a request, and repeats it if its answer was lost.
    fn request<T, F>(&self, run: impl Fn(Arc<dyn ObjectStore>) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let mut attempt = 0;
        loop {
            let began = Instant::now();
            match wait(run(self.store.clone())) {
                Err(StoreError::Generic { store, source })
                    if attempt < ATTEMPTS && began.elapsed() < QUICK =>
                {
                    tracing::debug!("a request to {store} is repeated: {source}");
                    back_off(attempt);
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    /// The content of an object; `None` if it does not exist.
    pub(crate) fn get(&self, name: &str) -> Result<Option<Bytes>> {
        let path = self.path(name);
        let found = self.request(|store| {
            let path = path.clone();
            async move { store.get(&path).await?.bytes().await }
        });
        missing_is_none(found).map_err(self.error("read", name))
    }

    /// Part of the content of an object.
    pub(crate) fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        let path = self.path(name);
        let found = self.request(|store| {
            let (path, range) = (path.clone(), range.clone());
            async move { store.get_range(&path, range).await }
        });
        found.map_err(self.error("read", name))
    }

    /// Calls `visit` with the content of an object of this size, in parts.
    pub(crate) fn visit(
        &self,
        name: &str,
        bytes: u64,
        mut visit: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut start = 0;
        while start < bytes {
            let end = bytes.min(start + PART);
            visit(&self.get_range(name, start..end)?)?;
            start = end;
        }
        Ok(())
    }

    /// Size and time of an object; `None` if it does not exist.
    pub(crate) fn head(&self, name: &str) -> Result<Option<ObjectMeta>> {
        let path = self.path(name);
        let found = self.request(|store| {
            let path = path.clone();
            async move { store.head(&path).await }
        });
        missing_is_none(found).map_err(self.error("find", name))
    }

    /// The size of an object that must exist.
    pub(crate) fn size(&self, name: &str) -> Result<u64> {
        let found = self.head(name)?.map(|object| object.size);
        found.ok_or_else(|| {
            let source = format!("there is no object `{name}`").into();
            self.error("find", name)(StoreError::NotFound { path: name.to_owned(), source })
        })
    }

    /// Writes an object, and replaces an old one.
    pub(crate) fn put(&self, name: &str, content: &Bytes) -> Result<()> {
        let path = self.path(name);
        let done = self.request(|store| {
            let (path, content) = (path.clone(), content.clone());
            async move { store.put(&path, content.into()).await }
        });
        done.map(drop).map_err(self.error("write", name))
    }

    /// Writes an object if there is none with this name; false if there is another one.
    ///
    /// An object with equal content is as good as the own one: this or another request wrote it.
    pub(crate) fn create(&self, name: &str, content: &Bytes) -> Result<bool> {
        let path = self.path(name);
        let done = self.request(|store| {
            let (path, content) = (path.clone(), content.clone());
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            async move { store.put_opts(&path, content.into(), options).await }
        });
        match done {
            Ok(_) => Ok(true),
            Err(StoreError::AlreadyExists { .. }) => Ok(self.get(name)?.as_ref() == Some(content)),
            Err(error) => Err(self.error("create", name)(error)),
        }
    }

    /// Uploads a file of any size, and replaces an old object.
    pub(crate) fn upload(&self, name: &str, file: &Utf8Path) -> Result<()> {
        let bytes = file.metadata().map_err(Error::io(file, "inspect"))?.len();
        if bytes <= 2 * PART {
            let content = std::fs::read(file).map_err(Error::io(file, "read"))?;
            return self.put(name, &content.into());
        }
        let (store, path) = (self.store.clone(), self.path(name));
        let mut source = std::fs::File::open(file).map_err(Error::io(file, "open"))?;
        let upload = async move {
            use std::io::Read as _;
            let mut upload = store.put_multipart(&path).await?;
            loop {
                let mut part = Vec::new();
                let read = (&mut source).take(PART).read_to_end(&mut part);
                let failed = |source| StoreError::Generic { store: "file", source };
                if read.map_err(|error| failed(error.into()))? == 0 {
                    break;
                }
                upload.put_part(part.into()).await?;
            }
            upload.complete().await
        };
        wait(upload).map(drop).map_err(self.error("upload", name))
    }

    /// The names directly below a prefix, relative to it.
    pub(crate) fn below(&self, name: &str) -> Result<Below> {
        let path = self.path(name);
        let prefix = path.clone();
        let found = self.request(|store| {
            let path = path.clone();
            async move { store.list_with_delimiter(Some(&path)).await }
        });
        let found = found.map_err(self.error("list", name))?;
        let last = |path: &Path| {
            path.prefix_match(&prefix)
                .and_then(|mut rest| rest.next().map(|part| part.as_ref().to_owned()))
        };
        Ok(Below {
            objects: found.objects.iter().filter_map(|object| last(&object.location)).collect(),
            prefixes: found.common_prefixes.iter().filter_map(last).collect(),
        })
    }

    /// The names and sizes of all objects below a prefix, relative to it.
    pub(crate) fn all_below(&self, name: &str) -> Result<Vec<(String, u64)>> {
        let path = self.path(name);
        let prefix = path.clone();
        let found = self.request(|store| {
            let path = path.clone();
            async move { store.list(Some(&path)).try_collect::<Vec<ObjectMeta>>().await }
        });
        let relative = |object: ObjectMeta| {
            let parts: Vec<String> = object
                .location
                .prefix_match(&prefix)?
                .map(|part| part.as_ref().to_owned())
                .collect();
            Some((parts.join("/"), object.size))
        };
        Ok(found.map_err(self.error("list", name))?.into_iter().filter_map(relative).collect())
    }

    /// Deletes objects; those that do not exist are skipped.
    pub(crate) fn delete(&self, names: &[String]) -> Result<()> {
        let Some(first) = names.first() else { return Ok(()) };
        let paths: Vec<Path> = names.iter().map(|name| self.path(name)).collect();
        let done = self.request(|store| {
            let paths = stream::iter(paths.clone().into_iter().map(Ok)).boxed();
            async move { store.delete_stream(paths).try_collect::<Vec<Path>>().await }
        });
        match done {
            Ok(_) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.error("delete", first)(error)),
        }
    }
}

/// Waits before another attempt, longer after each one, and for a random time.
///
/// Writers that failed together must not try again together.
pub(crate) fn back_off(attempt: u32) {
    let most = 20 << attempt.min(6);
    std::thread::sleep(Duration::from_millis(rand::rng().random_range(1..=most)));
}

fn missing_is_none<T>(found: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match found {
        Err(StoreError::NotFound { source, .. })
            if !source.to_string().contains("NoSuchBucket") =>
        {
            Ok(None)
        }
        found => found.map(Some),
    }
}
