//! The device a model runs on: `cpu`, or `cuda[:n,…]` in a binary built with the feature `cuda`.
//!
//! [`on_device!`] is the only place that chooses the type of the backend. Nothing outside this
//! crate sees that type.

#[cfg(feature = "cuda")]
pub(crate) mod cuda;

use std::fmt;
use std::str::FromStr;

use crate::ModelError;

/// A device that runs models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The CPU, with burn-flex.
    Cpu,
    /// NVIDIA GPUs, with burn-cuda.
    ///
    /// Training shares the micro-batches of a step among them. All else runs on the first.
    #[cfg(feature = "cuda")]
    Cuda(cuda::Gpus),
}

impl Device {
    /// Bytes of the first GPU's memory that Burn's allocator holds for this thread; none on a CPU.
    ///
    /// The bytes are in use or kept for reuse. The allocator does not return memory that every
    /// training step uses, so this is the peak need of the steps.
    pub fn reserved_bytes(self) -> Option<u64> {
        match self {
            Self::Cpu => None,
            #[cfg(feature = "cuda")]
            Self::Cuda(gpus) => gpus.reserved_bytes(),
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
                "there is no device `{name}`: use cpu or cuda[:n,…]"
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
        "{name}: this binary was built without CUDA; build it with `make build FEATURES=cuda`, \
         or use cpu"
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

/// Evaluates `$body` with `$B` as the backend without autodiff, and `$devices` as its Burn devices.
///
/// There is at least one device.
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
                $crate::device::cuda::set_autotune_dir();
                let $devices: Vec<_> = gpus.numbers().map(burn_cuda::CudaDevice::new).collect();
                $body
            }
        }
    };
}
pub(crate) use on_devices;

/// Evaluates `$body` as [`on_devices!`] does, with `$device` as the first device.
macro_rules! on_device {
    ($which:expr, |$B:ident, $device:ident| $body:expr) => {
        $crate::device::on_devices!($which, |$B, devices| {
            let $device = devices.into_iter().next().expect("a device names at least one");
            $body
        })
    };
}
pub(crate) use on_device;

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: an unknown device silently runs on the CPU.
    #[test]
    fn only_known_devices_parse() {
        assert_eq!("cpu".parse::<Device>().unwrap(), Device::Cpu);
        for wrong in ["gpu", "cpu:1", "cuda:x", ""] {
            assert!(wrong.parse::<Device>().is_err(), "{wrong}");
        }
    }
}
