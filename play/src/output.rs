//! The files that `roll` and `replay` write: checked before the work, and named on stdout after it.

use std::io::{self, Write as _};

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use genie_stage::exit::Usage;

use crate::engine::{Game, StoredPicture};
use crate::pictures::{gif, scale_for, strip};

/// A file that frames are written to.
#[derive(Clone, Debug)]
pub struct Output {
    path: Utf8PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Gif,
    Strip,
}

impl Output {
    /// The file of `--out`; its extension decides the format.
    ///
    /// # Errors
    /// When the extension is neither .gif nor .png, or the path cannot be a file.
    pub fn of(path: &Utf8Path) -> Result<Self> {
        let kind = match path.extension().map(str::to_ascii_lowercase).as_deref() {
            Some("gif") => Kind::Gif,
            Some("png") => Kind::Strip,
            _ => bail!(Usage(format!("--out {path}: the name must end with .gif or .png"))),
        };
        check_place("--out", path)?;
        Ok(Self { path: path.to_owned(), kind })
    }

    /// Checks that the action log and this output are different files.
    ///
    /// # Errors
    /// When they are the same file.
    pub fn check_apart(&self, log: &Utf8Path) -> Result<()> {
        if place(&self.path) == place(log) {
            bail!(Usage(format!("--out {}: the action log is the same file", self.path)));
        }
        Ok(())
    }

    /// Writes all frames of a session.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, game: &Game, size: (usize, usize)) -> Result<()> {
        let pictures = game.pictures(0, usize::MAX)?;
        let frames: Vec<Vec<u8>> = pictures.iter().map(StoredPicture::rgb).collect();
        let bytes = match self.kind {
            Kind::Gif => gif(&frames, size, game.rate, scale_for(size)),
            Kind::Strip => strip(&frames, size, 1),
        };
        Ok(genie_durable::write(&self.path, bytes)?)
    }

    /// Prints the path to stdout.
    ///
    /// # Errors
    /// When stdout is full or closed. A closed pipe ends the program with exit code 0.
    pub fn print(&self) -> Result<()> {
        let mut stdout = io::stdout().lock();
        let printed = writeln!(stdout, "{}", self.path).and_then(|()| stdout.flush());
        printed.with_context(|| format!("{} is written, but stdout cannot be", self.path))
    }
}

/// Checks that a path can be written as a file; missing directories are created later.
///
/// # Errors
/// When the path is a directory, or a file is in the place of a directory.
pub fn check_place(flag: &str, path: &Utf8Path) -> Result<()> {
    if path.is_dir() {
        bail!(Usage(format!("{flag} {path}: this is a directory; name a file")));
    }
    let mut above = path.ancestors().skip(1).filter(|dir| !dir.as_str().is_empty());
    match above.find(|dir| dir.exists()) {
        Some(file) if !file.is_dir() => {
            bail!(Usage(format!("{flag} {path}: {file} is no directory")))
        }
        _ => Ok(()),
    }
}

/// The path with the absolute path of its directory, if the directory exists.
fn place(path: &Utf8Path) -> Utf8PathBuf {
    let dir = match path.parent() {
        Some(dir) if !dir.as_str().is_empty() => dir,
        _ => Utf8Path::new("."),
    };
    let dir = dir.canonicalize_utf8().unwrap_or_else(|_| dir.to_owned());
    dir.join(path.file_name().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: `--log` under another name of the same file overwrites the frames.
    #[test]
    fn one_file_has_many_names() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let out = Output::of(&dir.join("a.gif")).unwrap();
        let name = dir.file_name().unwrap();
        for log in ["a.gif".to_owned(), "./a.gif".to_owned(), format!("../{name}/a.gif")] {
            assert!(out.check_apart(&dir.join(&log)).is_err(), "{log}");
        }
        out.check_apart(&dir.join("b.gif")).unwrap();
        out.check_apart(&dir.join("new/a.gif")).unwrap();
        assert!(Output::of("a.gif".into()).unwrap().check_apart("./a.gif".into()).is_err());
    }

    /// Catches: a directory in the place of a file is found only after all frames are generated.
    #[test]
    fn a_place_must_be_free_for_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        std::fs::create_dir(dir.join("dir.gif")).unwrap();
        std::fs::write(dir.join("file"), "").unwrap();
        for path in ["dir.gif", "file/a.gif", "file/new/a.gif"] {
            assert!(Output::of(&dir.join(path)).is_err(), "{path}");
        }
        for path in ["file", "new/a.gif", "dir.gif/a.gif"] {
            check_place("--log", &dir.join(path)).unwrap();
        }
    }
}
