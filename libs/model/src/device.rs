//! Where a model runs: `cpu`, or `cuda[:n]` in a binary built with the `cuda` feature. The backend's type is chosen here, once, by
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
    /// The n-th NVIDIA GPU, by burn-cuda.
    #[cfg(feature = "cuda")]
    Cuda(usize),
}

impl FromStr for Device {
    type Err = ModelError;

    fn from_str(name: &str) -> Result<Self, ModelError> {
        match name.split_once(':').unwrap_or((name, "0")) {
            ("cpu", "0") => Ok(Self::Cpu),
            ("cuda", index) => cuda(index, name),
            _ => Err(ModelError::Device(format!("no device is named `{name}`: use cpu or cuda[:n]"))),
        }
    }
}

#[cfg(feature = "cuda")]
fn cuda(index: &str, name: &str) -> Result<Device, ModelError> {
    cuda::find(index, name).map(Device::Cuda)
}

#[cfg(not(feature = "cuda"))]
fn cuda(_index: &str, name: &str) -> Result<Device, ModelError> {
    Err(ModelError::Device(format!(
        "{name}: this binary was built without CUDA: build it with `make build FEATURES=cuda`, or use cpu"
    )))
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => write!(f, "cpu"),
            #[cfg(feature = "cuda")]
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

/// Evaluates `$body` with `$B` naming the device's backend (without autodiff) and `$device` its Burn device.
macro_rules! on_device {
    ($which:expr, |$B:ident, $device:ident| $body:expr) => {
        match $which {
            $crate::Device::Cpu => {
                type $B = burn::backend::Flex;
                let $device = burn::backend::flex::FlexDevice;
                $body
            }
            #[cfg(feature = "cuda")]
            $crate::Device::Cuda(index) => {
                type $B = burn::backend::Cuda<f32>;
                $crate::device::cuda::keep_tuning();
                let $device = burn::backend::cuda::CudaDevice::new(*index);
                $body
            }
        }
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
