//! The config section `[cluster]`, and the flags that override it.

use std::time::Duration;

use genie_stage::config::Section;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Executors on other machines, to which ingest, encode and label give their work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterConfig {
    /// Address at which these steps wait for executors, such as `0.0.0.0:7700`. Empty: no cluster.
    ///
    /// It needs a program that was built with the feature `cluster`. Everybody who reaches the port
    /// can give work to the executors: use a private network.
    pub listen: String,
    /// Seconds without any executor after which a step fails, after the first one, at least 1.
    pub wait_s: u64,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self { listen: String::new(), wait_s: 300 }
    }
}

impl Section for ClusterConfig {
    const NAME: &'static str = "cluster";

    fn check(&self) -> Result<(), String> {
        if self.wait_s == 0 {
            return Err("wait_s is 0; it must be at least 1".into());
        }
        Ok(())
    }
}

impl ClusterConfig {
    /// How long a driver goes on without an executor, after the first one.
    #[must_use]
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.wait_s)
    }
}

/// The flags of a command that can be the driver of executors.
#[derive(clap::Args, Debug, Clone)]
pub struct DriverArgs {
    /// Do the work on executors, which connect to this address: sets `cluster.listen`.
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "index")]
    cluster: Option<String>,
    /// Fail when no executor was there for this many seconds: sets `cluster.wait_s`.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    wait: Option<u64>,
}

impl DriverArgs {
    /// The section, overridden by the flags. A share of an array job has no cluster.
    #[must_use]
    pub fn over(&self, config: ClusterConfig, is_share: bool) -> ClusterConfig {
        let listen = self.cluster.clone().unwrap_or(config.listen);
        let listen = if is_share { String::new() } else { listen };
        ClusterConfig { listen, wait_s: self.wait.unwrap_or(config.wait_s) }
    }
}

/// The flags of an executor.
#[derive(clap::Args, Debug, Clone)]
pub struct ExecutorArgs {
    /// The address of the driver.
    #[arg(long, value_name = "HOST:PORT")]
    pub connect: String,
    /// Do this many units of work at a time; 0: one for each processor to decode, one for a model.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub slots: usize,
    /// Fail when the driver was not there for this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub wait: u64,
}

impl ExecutorArgs {
    /// How long the executor waits for a driver.
    #[must_use]
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: an array job becomes a driver because of its config, or a flag does not count.
    #[test]
    fn flags_override_the_section() {
        let section = || ClusterConfig { listen: "a:1".to_owned(), wait_s: 7 };
        let flags =
            |cluster: Option<&str>, wait| DriverArgs { cluster: cluster.map(Into::into), wait };
        assert_eq!(flags(None, None).over(section(), false), section());
        let over = flags(Some("b:2"), Some(9)).over(section(), false);
        assert_eq!(over, ClusterConfig { listen: "b:2".to_owned(), wait_s: 9 });
        assert_eq!(flags(None, None).over(section(), true).listen, "");
    }
}
