//! The devices in the config: their names, and whether this binary can use them.

use anyhow::Result;
use genie_model::Device;
use genie_stage::exit::Usage;

/// Checks the name of a device: `cpu` or `cuda[:n,…]`.
///
/// It accepts a GPU that this machine does not have, because a config can be read on one machine
/// and used on another.
///
/// # Errors
/// When no device has this name. The error is the message for the user.
pub fn check_device_name(name: &str) -> Result<(), String> {
    let (kind, numbers) = name.split_once(':').unwrap_or((name, "0"));
    let is_device = match kind {
        "cpu" => numbers == "0",
        "cuda" => numbers.split(',').all(|number| number.parse::<u8>().is_ok()),
        _ => false,
    };
    if is_device {
        Ok(())
    } else {
        Err(format!("device is {name:?}: use cpu, cuda, or cuda with the GPUs' numbers (cuda:0,1)"))
    }
}

/// The device `name` of the config's `section`.
///
/// # Errors
/// When this binary or this machine cannot use the device; the exit code is 64.
pub fn open_device(section: &str, name: &str) -> Result<Device> {
    let device = name.parse::<Device>();
    Ok(device.map_err(|error| Usage(format!("[{section}] device: {error}")))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a misspelt device is found only when its step starts; a config for GPUs cannot be
    /// read on a machine without them.
    #[test]
    fn names_of_devices_are_checked_without_the_device() {
        for name in ["cpu", "cuda", "cuda:0", "cuda:0,7"] {
            assert_eq!(check_device_name(name), Ok(()), "{name}");
        }
        for name in ["cuad", "gpu", "", "cpu:1", "cuda:", "cuda:x", "cuda:0,", "cuda:-1"] {
            assert!(check_device_name(name).is_err(), "{name}");
        }
        let error = open_device("lam", "cuda:255").unwrap_err();
        assert_eq!(genie_stage::exit::code_of(&error), genie_stage::exit::USAGE);
        assert!(error.to_string().contains("[lam] device"), "{error}");
    }
}
