//! Where a model runs: `cpu`, or `cuda[:n,…]` in a binary built with the `cuda` feature. The backend's type is chosen here, once, by
//! [`on_device!`]; nothing outside this crate sees it.

#[cfg(feature = "cuda")]
pub(crate) mod cuda;

use std::fmt;
use std::str::FromStr;

use crate::ModelError;

/// A device to run models on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The CPU, by burn-flex.
    Cpu,
    /// NVIDIA GPUs, by burn-cuda: training shares a step's parts between them, all else is on the first.
    #[cfg(feature = "cuda")]
    Cuda(cuda::Gpus),
}

impl Device {
    /// Bytes that Burn's allocator holds of the first GPU's memory for the calling thread, in use or kept for what comes: it gives nothing back that is used
    /// in every step, so this is the most that steps need. None on the CPU.
    pub fn reserved(self) -> Option<u64> {
        match self {
            Self::Cpu => None,
            #[cfg(feature = "cuda")]
            Self::Cuda(gpus) => gpus.reserved(),
        }
    }
}

impl FromStr for Device {
    type Err = ModelError;

    fn from_str(name: &str) -> Result<Self, ModelError> {
        match name.split_once(':').unwrap_or((name, "0")) {
            ("cpu", "0") => Ok(Self::Cpu),
            ("cuda", numbers) => cuda(numbers, name),
            _ => Err(ModelError::Device(format!(
                "no device is named `{name}`: use cpu or cuda[:n,…]"
            ))),
        }
    }
}

#[cfg(feature = "cuda")]
fn cuda(numbers: &str, name: &str) -> Result<Device, ModelError> {
    cuda::Gpus::find(numbers, name).map(Device::Cuda)
}

#[cfg(not(feature = "cuda"))]
fn cuda(_numbers: &str, name: &str) -> Result<Device, ModelError> {
    Err(ModelError::Device(format!(
        "{name}: this binary was built without CUDA: build it with `make build FEATURES=cuda`, or use cpu"
    )))
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => write!(f, "cpu"),
            #[cfg(feature = "cuda")]
            Self::Cuda(gpus) => write!(f, "cuda:{gpus}"),
        }
    }
}

/// Evaluates `$body` with `$B` naming the devices' backend (without autodiff) and `$devices` its Burn devices, which are one at least.
macro_rules! on_devices {
    ($which:expr, |$B:ident, $devices:ident| $body:expr) => {
        match $which {
            $crate::Device::Cpu => {
                type $B = burn::backend::Flex;
                let $devices = [burn::backend::flex::FlexDevice];
                $body
            }
            #[cfg(feature = "cuda")]
            $crate::Device::Cuda(gpus) => {
                type $B = burn_cuda::Cuda<f32>;
                $crate::device::cuda::keep_tuning();
                let $devices: Vec<_> = gpus.numbers().map(burn_cuda::CudaDevice::new).collect();
                $body
            }
        }
    };
}
pub(crate) use on_devices;

/// The same with the first device alone.
macro_rules! on_device {
    ($which:expr, |$B:ident, $device:ident| $body:expr) => {
        $crate::device::on_devices!($which, |$B, devices| {
            let $device = devices.into_iter().next().expect("a device names one at least");
            $body
        })
    };
}
pub(crate) use on_device;

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: an unknown device that silently runs on the CPU.
    #[test]
    fn only_known_devices_parse() {
        assert_eq!("cpu".parse::<Device>().unwrap(), Device::Cpu);
        for wrong in ["gpu", "cpu:1", "cuda:x", ""] {
            assert!(wrong.parse::<Device>().is_err(), "{wrong}");
        }
    }
}
