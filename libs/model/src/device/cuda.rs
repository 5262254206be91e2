//! What is settled before the first kernel runs on an NVIDIA GPU: that the GPU is there, that kernels can be compiled for it, and where what autotune
//! measures is kept. Burn (0.21) panics where the first two are not so, and keeps the last in the working directory's `target`.

use std::env;
use std::ffi::OsString;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Once;

use burn::cubecl::config::cache::CacheConfig;
use burn::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use cudarc::driver::CudaContext;

use crate::ModelError;

/// What the kernel driver's presence shows by: its control device, or on Windows' Linux the paravirtual GPU.
const DRIVERS: [&str; 2] = ["/dev/nvidiactl", "/dev/dxg"];
/// Where CUDA is looked for, after `$CUDA_PATH`; as `cubecl` does.
const PLACES: [&str; 3] = ["/usr/local/cuda", "/opt/cuda", "/usr"];
/// What every kernel includes.
const HEADER: &str = "include/cuda_runtime.h";

/// The number of the GPU that `cuda[:n]` names, which is there and can be computed on.
///
/// # Errors
/// If it is not or cannot; the message says what to do.
pub fn find(index: &str, name: &str) -> Result<usize, ModelError> {
    let wrong = |what: String| Err(ModelError::Device(what));
    let Ok(index) = index.parse() else {
        return wrong(format!("`{name}`: the part after `cuda:` is the GPU's number, from 0"));
    };
    if !DRIVERS.iter().any(|device| Path::new(device).exists()) {
        return wrong(format!(
            "{name}: no NVIDIA driver is loaded on this machine (`nvidia-smi` should list a GPU): install it, or use cpu"
        ));
    }
    // Where the driver's library cannot be loaded, the call panics.
    let count = match catch_unwind(CudaContext::device_count) {
        Ok(Ok(count)) => usize::try_from(count).unwrap_or(0),
        Ok(Err(error)) => return wrong(format!("{name}: the NVIDIA driver answers {error}; does `nvidia-smi` work?")),
        Err(_) => {
            return wrong(format!(
                "{name}: the NVIDIA driver's library (libcuda.so.1) cannot be loaded; a container needs it, too"
            ));
        }
    };
    numbered(index, count, name)?;
    if !compiles(env::var_os("CUDA_PATH")) {
        return wrong(format!(
            "{name}: CUDA's headers are not in $CUDA_PATH/include nor in /usr/local/cuda/include, and kernels are compiled with them: install cuda-nvrtc and \
             cuda-cudart-dev of CUDA's packages (or all of the toolkit), or set CUDA_PATH"
        ));
    }
    Ok(index)
}

/// # Errors
/// If there is no GPU of that number among `count`.
fn numbered(index: usize, count: usize, name: &str) -> Result<(), ModelError> {
    match count {
        _ if index < count => Ok(()),
        0 => Err(ModelError::Device(format!("{name}: the driver shows no GPU (is CUDA_VISIBLE_DEVICES set?)"))),
        1 => Err(ModelError::Device(format!("{name}: there is one GPU here, cuda:0"))),
        _ => Err(ModelError::Device(format!("{name}: there are {count} GPUs here, cuda:0 to cuda:{}", count - 1))),
    }
}

/// Whether CUDA's headers are where they will be looked for: the first place that exists.
fn compiles(configured: Option<OsString>) -> bool {
    let place =
        configured.map(PathBuf::from).or_else(|| PLACES.map(PathBuf::from).into_iter().find(|place| place.exists()));
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
    let cache = cache.or_else(|| variable("HOME").and_then(absolute).map(|home| home.join(".cache")));
    Some(cache?.join("genie/cubecl"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a driver, a GPU or a number that is not there and is found out by a panic; a message without a way out.
    #[test]
    fn what_is_not_there_is_said() {
        let message = |name: &str| find(name, &format!("cuda:{name}")).map_err(|error| error.to_string());
        assert!(message("x").unwrap_err().contains("number, from 0"));
        if !DRIVERS.iter().any(|device| Path::new(device).exists()) {
            assert!(message("0").unwrap_err().contains("no NVIDIA driver is loaded"));
        }
        let numbered = |index, count| numbered(index, count, "cuda:n").map_err(|error| error.to_string());
        assert!(numbered(0, 1).is_ok() && numbered(1, 2).is_ok());
        assert!(numbered(7, 2).unwrap_err().contains("cuda:0 to cuda:1"));
        assert!(numbered(1, 1).unwrap_err().contains("one GPU here, cuda:0"));
        assert!(numbered(0, 0).unwrap_err().contains("no GPU"));
        assert!(!compiles(Some("/nowhere".into())), "what is configured is what is used");
    }

    /// Catches: measurements that are kept in the working directory of a cron job, or of a checkout.
    #[test]
    fn tuning_is_kept_below_the_users_cache() {
        let with = |set: &[(&str, &str)]| {
            tuning(|name| set.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).into()))
        };
        let home = ("HOME", "/home/a");
        assert_eq!(with(&[home]), Some("/home/a/.cache/genie/cubecl".into()));
        assert_eq!(with(&[home, ("XDG_CACHE_HOME", "/cache")]), Some("/cache/genie/cubecl".into()));
        assert_eq!(with(&[home, ("XDG_CACHE_HOME", "")]), Some("/home/a/.cache/genie/cubecl".into()));
        assert_eq!(with(&[]), None);
        keep_tuning();
        keep_tuning();
        let kept = CubeClRuntimeConfig::get().autotune.cache.root();
        assert_eq!(Some(kept), tuning(|variable| env::var_os(variable)));
    }
}
