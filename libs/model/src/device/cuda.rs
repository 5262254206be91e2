//! Checks and settings before the first kernel runs on an NVIDIA GPU.
//!
//! They find out whether the GPU exists and whether kernels can be compiled for it, and they set
//! the directory where autotune keeps its measurements. Burn 0.21 panics if the GPU or the
//! compiler's headers are missing, and keeps the measurements in `target` of the working directory.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Once;

use burn::cubecl::Runtime as _;
use burn::cubecl::config::cache::CacheConfig;
use burn::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use burn::cubecl::cuda::CudaRuntime;
use burn_cuda::CudaDevice;
use cudarc::driver::CudaContext;

use crate::ModelError;

/// Device files that exist if a kernel driver is loaded; `dxg` is the GPU in WSL (Windows' Linux).
const DRIVERS: [&str; 2] = ["/dev/nvidiactl", "/dev/dxg"];
/// Directories that `cubecl` searches for CUDA, after `$CUDA_PATH`.
const CUDA_DIRS: [&str; 3] = ["/usr/local/cuda", "/opt/cuda", "/usr"];
/// The header that every kernel includes.
const HEADER: &str = "include/cuda_runtime.h";

/// A set of the machine's GPUs, at least one; bit n is GPU n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gpus(u64);

impl Gpus {
    /// Parses the `numbers` of a device `name` (`cuda:numbers`), and checks that they can be used.
    pub fn find(numbers: &str, name: &str) -> Result<Self, ModelError> {
        let gpus = Self::parse(numbers, name)?;
        let count = count(name)?;
        gpus.numbers().try_for_each(|number| check_exists(number, count, name))?;
        if has_headers(env::var_os("CUDA_PATH")) {
            return Ok(gpus);
        }
        Err(ModelError::Device(format!(
            "{name}: CUDA's headers, which every kernel needs, are neither in $CUDA_PATH/include \
             nor in /usr/local/cuda/include; install CUDA's packages cuda-nvrtc and \
             cuda-cudart-dev (or the whole toolkit), or set CUDA_PATH"
        )))
    }

    fn parse(numbers: &str, name: &str) -> Result<Self, ModelError> {
        let wrong = || {
            ModelError::Device(format!(
                "`{name}`: write the numbers of GPUs after `cuda:`, from 0, each once, as in \
                 cuda:0,1"
            ))
        };
        numbers.split(',').try_fold(Self(0), |Self(all), number| {
            let bit = number
                .parse()
                .ok()
                .and_then(|number| 1u64.checked_shl(number))
                .ok_or_else(wrong)?;
            if all & bit == 0 { Ok(Self(all | bit)) } else { Err(wrong()) }
        })
    }

    /// The GPUs' numbers in ascending order.
    pub fn numbers(self) -> impl Iterator<Item = usize> {
        (0..u64::BITS as usize).filter(move |number| self.0 >> number & 1 == 1)
    }

    /// Bytes of the first GPU's memory that the allocator holds.
    pub fn reserved_bytes(self) -> Option<u64> {
        let client = CudaRuntime::client(&CudaDevice::new(self.numbers().next()?));
        Some(client.memory_usage().ok()?.bytes_reserved)
    }
}

impl fmt::Display for Gpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.numbers().map(|number| number.to_string()).collect();
        f.write_str(&numbers.join(","))
    }
}

/// Number of GPUs that the driver shows.
fn count(name: &str) -> Result<usize, ModelError> {
    let wrong = |what: String| Err(ModelError::Device(format!("{name}: {what}")));
    if !DRIVERS.iter().any(|device| Path::new(device).exists()) {
        return wrong(
            "no NVIDIA driver is loaded on this machine (`nvidia-smi` should list a GPU); \
             install it, or use cpu"
                .into(),
        );
    }
    // The call panics if the driver's library cannot be loaded.
    match catch_unwind(CudaContext::device_count) {
        Ok(Ok(count)) => Ok(usize::try_from(count).unwrap_or(0)),
        Ok(Err(error)) => {
            wrong(format!("the NVIDIA driver reports {error}; does `nvidia-smi` work?"))
        }
        Err(_) => wrong(
            "the NVIDIA driver's library (libcuda.so.1) cannot be loaded; a container needs \
                 it, too"
                .into(),
        ),
    }
}

/// Checks that the GPU `number` is among the `count` GPUs of the machine.
fn check_exists(number: usize, count: usize, name: &str) -> Result<(), ModelError> {
    match count {
        _ if number < count => Ok(()),
        0 => Err(ModelError::Device(format!(
            "{name}: the driver shows no GPU (is CUDA_VISIBLE_DEVICES set?)"
        ))),
        1 => Err(ModelError::Device(format!("{name}: there is one GPU here, cuda:0"))),
        _ => Err(ModelError::Device(format!(
            "{name}: there are {count} GPUs here, cuda:0 to cuda:{}",
            count - 1
        ))),
    }
}

/// Whether CUDA's headers are in the directory that `cubecl` uses: the first one that exists.
fn has_headers(configured: Option<OsString>) -> bool {
    let dir = configured
        .map(PathBuf::from)
        .or_else(|| CUDA_DIRS.map(PathBuf::from).into_iter().find(|dir| dir.exists()));
    dir.is_some_and(|dir| dir.join(HEADER).exists())
}

/// Makes autotune keep its measurements below the user's cache directory.
///
/// They are then measured once for a GPU, and not once for each working directory.
pub fn set_autotune_dir() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let mut config = CubeClRuntimeConfig::default().override_from_env();
        if let Some(directory) = autotune_dir(|variable| env::var_os(variable)) {
            config.autotune.cache = CacheConfig::File(directory);
        }
        CubeClRuntimeConfig::set(config);
    });
}

/// The directory below `$XDG_CACHE_HOME` or `~/.cache`; none if neither variable is set.
fn autotune_dir(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let cache = variable("XDG_CACHE_HOME").and_then(absolute);
    let cache =
        cache.or_else(|| variable("HOME").and_then(absolute).map(|home| home.join(".cache")));
    Some(cache?.join("genie/cubecl"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a missing driver or GPU causes a panic; a message does not say what to do.
    #[test]
    fn a_missing_driver_or_gpu_is_an_error() {
        if !DRIVERS.iter().any(|device| Path::new(device).exists()) {
            let error = Gpus::find("0", "cuda").unwrap_err().to_string();
            assert!(
                error.contains("no NVIDIA driver is loaded") && error.contains("or use cpu"),
                "{error}"
            );
        }
        let check = |number, count| {
            check_exists(number, count, "cuda:n").map_err(|error| error.to_string())
        };
        assert!(check(0, 1).is_ok() && check(1, 2).is_ok());
        assert!(check(7, 2).unwrap_err().contains("cuda:0 to cuda:1"));
        assert!(check(1, 1).unwrap_err().contains("one GPU here, cuda:0"));
        assert!(check(0, 0).unwrap_err().contains("no GPU"));
        assert!(!has_headers(Some("/nowhere".into())), "the configured directory is used");
    }

    /// Catches: a list loses a GPU or has one twice; text is read as a number.
    #[test]
    fn gpus_are_named_by_number() {
        let parse = |numbers| Gpus::parse(numbers, "cuda").map_err(|error| error.to_string());
        assert_eq!(parse("0").unwrap().numbers().collect::<Vec<_>>(), [0]);
        let two = parse("3,1").unwrap();
        assert_eq!(
            (two.numbers().collect::<Vec<_>>(), two.to_string()),
            (vec![1, 3], "1,3".to_owned())
        );
        for wrong in ["x", "", "0,", "0,0", "-1", "64", "70000"] {
            assert!(parse(wrong).unwrap_err().contains("as in cuda:0,1"), "{wrong}");
        }
    }

    /// Catches: autotune keeps its measurements in the working directory.
    #[test]
    fn autotune_keeps_its_measurements_below_the_users_cache() {
        let with = |set: &[(&str, &str)]| {
            autotune_dir(|name| {
                set.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).into())
            })
        };
        let home = ("HOME", "/home/a");
        assert_eq!(with(&[home]), Some("/home/a/.cache/genie/cubecl".into()));
        assert_eq!(with(&[home, ("XDG_CACHE_HOME", "/cache")]), Some("/cache/genie/cubecl".into()));
        assert_eq!(
            with(&[home, ("XDG_CACHE_HOME", "")]),
            Some("/home/a/.cache/genie/cubecl".into())
        );
        assert_eq!(with(&[]), None);
        set_autotune_dir();
        set_autotune_dir();
        let kept = CubeClRuntimeConfig::get().autotune.cache.root();
        assert_eq!(Some(kept), autotune_dir(|variable| env::var_os(variable)));
    }
}
