//! What is settled before the first kernel runs on an NVIDIA GPU: that the GPU is there, that kernels can be compiled for it, and where what autotune
//! measures is kept. Burn (0.21) panics where the first two are not so, and keeps the last in the working directory's `target`.

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

/// What the kernel driver's presence shows by: its control device, or on Windows' Linux the paravirtual GPU.
const DRIVERS: [&str; 2] = ["/dev/nvidiactl", "/dev/dxg"];
/// Where CUDA is looked for, after `$CUDA_PATH`; as `cubecl` does.
const PLACES: [&str; 3] = ["/usr/local/cuda", "/opt/cuda", "/usr"];
/// What every kernel includes.
const HEADER: &str = "include/cuda_runtime.h";

/// Some of the machine's GPUs, one at least. Bit n is GPU n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gpus(u64);

impl Gpus {
    /// Those that `numbers` of `name` (`cuda:numbers`) are: there, and fit to compute.
    ///
    /// # Errors
    /// If one is not; the message says what to do.
    pub fn find(numbers: &str, name: &str) -> Result<Self, ModelError> {
        let gpus = Self::parse(numbers, name)?;
        let count = count(name)?;
        gpus.numbers().try_for_each(|number| there(number, count, name))?;
        if compiles(env::var_os("CUDA_PATH")) {
            return Ok(gpus);
        }
        Err(ModelError::Device(format!(
            "{name}: CUDA's headers are not in $CUDA_PATH/include nor in /usr/local/cuda/include, and kernels are compiled with them: install cuda-nvrtc and \
             cuda-cudart-dev of CUDA's packages (or all of the toolkit), or set CUDA_PATH"
        )))
    }

    fn parse(numbers: &str, name: &str) -> Result<Self, ModelError> {
        let wrong = || {
            ModelError::Device(format!(
                "`{name}`: after `cuda:` come GPUs' numbers from 0, each once, as in cuda:0,1"
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

    /// Their numbers, rising.
    pub fn numbers(self) -> impl Iterator<Item = usize> {
        (0..u64::BITS as usize).filter(move |number| self.0 >> number & 1 == 1)
    }

    /// Bytes that the allocator holds of the first's memory.
    pub fn reserved(self) -> Option<u64> {
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

/// How many GPUs the driver shows.
fn count(name: &str) -> Result<usize, ModelError> {
    let wrong = |what: String| Err(ModelError::Device(format!("{name}: {what}")));
    if !DRIVERS.iter().any(|device| Path::new(device).exists()) {
        return wrong(
            "no NVIDIA driver is loaded on this machine (`nvidia-smi` should list a GPU): install it, or use cpu"
                .into(),
        );
    }
    // Where the driver's library cannot be loaded, the call panics.
    match catch_unwind(CudaContext::device_count) {
        Ok(Ok(count)) => Ok(usize::try_from(count).unwrap_or(0)),
        Ok(Err(error)) => wrong(format!("the NVIDIA driver answers {error}; does `nvidia-smi` work?")),
        Err(_) => {
            wrong("the NVIDIA driver's library (libcuda.so.1) cannot be loaded; a container needs it, too".into())
        }
    }
}

/// # Errors
/// If there is no GPU of that number among `count`.
fn there(number: usize, count: usize, name: &str) -> Result<(), ModelError> {
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

/// Whether CUDA's headers are where they will be looked for: the first place that exists.
fn compiles(configured: Option<OsString>) -> bool {
    let place = configured
        .map(PathBuf::from)
        .or_else(|| PLACES.map(PathBuf::from).into_iter().find(|place| place.exists()));
    place.is_some_and(|place| place.join(HEADER).exists())
}

/// Has autotune keep what it measures below the user's cache directory, whatever the working directory: measured once for a GPU, not in every run.
pub fn keep_tuning() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let mut config = CubeClRuntimeConfig::default().override_from_env();
        if let Some(directory) = tuning(|variable| env::var_os(variable)) {
            config.autotune.cache = CacheConfig::File(directory);
        }
        CubeClRuntimeConfig::set(config);
    });
}

/// Where it is kept, by the environment: `$XDG_CACHE_HOME` or `~/.cache`; nowhere in particular, where there is neither.
fn tuning(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let cache = variable("XDG_CACHE_HOME").and_then(absolute);
    let cache =
        cache.or_else(|| variable("HOME").and_then(absolute).map(|home| home.join(".cache")));
    Some(cache?.join("genie/cubecl"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a driver or a GPU that is not there and is found out by a panic; a message without a way out.
    #[test]
    fn what_is_not_there_is_said() {
        if !DRIVERS.iter().any(|device| Path::new(device).exists()) {
            let error = Gpus::find("0", "cuda").unwrap_err().to_string();
            assert!(
                error.contains("no NVIDIA driver is loaded") && error.contains("or use cpu"),
                "{error}"
            );
        }
        let there =
            |number, count| there(number, count, "cuda:n").map_err(|error| error.to_string());
        assert!(there(0, 1).is_ok() && there(1, 2).is_ok());
        assert!(there(7, 2).unwrap_err().contains("cuda:0 to cuda:1"));
        assert!(there(1, 1).unwrap_err().contains("one GPU here, cuda:0"));
        assert!(there(0, 0).unwrap_err().contains("no GPU"));
        assert!(!compiles(Some("/nowhere".into())), "what is configured is what is used");
    }

    /// Catches: a list that loses a GPU, or takes one twice; a number that is none.
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

    /// Catches: measurements that are kept in the working directory of a cron job, or of a checkout.
    #[test]
    fn tuning_is_kept_below_the_users_cache() {
        let with = |set: &[(&str, &str)]| {
            tuning(|name| {
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
        keep_tuning();
        keep_tuning();
        let kept = CubeClRuntimeConfig::get().autotune.cache.root();
        assert_eq!(Some(kept), tuning(|variable| env::var_os(variable)));
    }
}
