//! Which build a program is. Executors of another build than the driver's are rejected.

use std::fs::File;
use std::io;

use anyhow::{Context as _, Result};
use genie_stage::lineage;

/// The build of a program, and the libraries that decide about its results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildIdentity(String);

impl BuildIdentity {
    /// The running program. `libraries` are the versions of libraries that it loaded.
    ///
    /// It contains a hash of the executable file, because two builds of one version may differ.
    ///
    /// # Errors
    /// If the executable file cannot be read.
    pub fn of_this_program(name: &str, libraries: &str) -> Result<Self> {
        let mut hasher = blake3::Hasher::new();
        let failed = "cannot read the executable file of this program";
        let mut file = File::open("/proc/self/exe").context(failed)?;
        io::copy(&mut file, &mut hasher).context(failed)?;
        let hash = hasher.finalize().to_hex();
        let (version, hash) = (lineage::VERSION, &hash[..12]);
        let libraries =
            if libraries.is_empty() { String::new() } else { format!(" with {libraries}") };
        Ok(Self(format!("{name} {version} (build {hash}){libraries}")))
    }

    /// The identity in words of ASCII characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the program.
    #[cfg(feature = "ballista")]
    pub(crate) fn program(&self) -> &str {
        self.0.split(' ').next().unwrap_or_default()
    }

    /// Why a driver of this build rejects an executor.
    #[cfg(any(feature = "ballista", test))]
    pub(crate) fn rejection(&self, executor: &str) -> Option<String> {
        (executor != self.0).then(|| {
            format!(
                "the driver is {}, and this executor is {executor}: start executors of the \
                 driver's build, with the same libraries",
                self.0
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: an executor of another build, or with another FFmpeg, writes clips that the others
    /// would not write.
    #[test]
    fn another_build_or_library_is_rejected() {
        let driver = BuildIdentity::of_this_program("genie-ingest", "FFmpeg 7.1").unwrap();
        assert_eq!(driver.rejection(driver.as_str()), None);
        let other = BuildIdentity::of_this_program("genie-ingest", "FFmpeg 8.0").unwrap();
        let message = driver.rejection(other.as_str()).unwrap();
        assert!(message.contains("7.1") && message.contains("8.0"), "{message}");
        assert!(driver.as_str().is_ascii());
    }
}
