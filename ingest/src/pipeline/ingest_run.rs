//! What stays the same in a run of ingest.

use std::time::Instant;

use anyhow::Result;
use genie_cluster::ClusterDriver;
use genie_stage::config::{DataConfig, Resolved};
use genie_stage::key::Key;
use genie_stage::stop::Stop;

use super::ingest_source::SourceIngester;
use super::probe::VideoProbe;
use crate::catalog::{Finalizer, KeepRules};
use crate::config::IngestConfig;

/// What stays the same in a run.
pub struct IngestRun<'a> {
    pub data: &'a DataConfig,
    pub config: &'a IngestConfig,
    pub rules: &'a KeepRules,
    pub key: Key,
    pub finalizer: Finalizer<'a>,
    pub stop: &'a Stop,
    /// The driver of executors that decode; without it, threads decode.
    pub driver: Option<&'a ClusterDriver>,
    pub begun: Instant,
}

impl IngestRun<'_> {
    /// Writes the resolved config of the run that adds clips.
    pub fn write_config(&self) -> Result<()> {
        let resolved = Resolved::new().with(self.data).with(self.config).to_string();
        Ok(genie_store::write(&self.data.root.join("clips/config.toml"), resolved)?)
    }

    /// What finds out in this run whether large files are videos.
    pub fn probe(&self) -> VideoProbe<'_> {
        let Self { config, stop, .. } = *self;
        VideoProbe { format: config.frame_format(), limits: &config.decoder, stop }
    }

    /// What ingests single sources in this run.
    pub fn ingester(&self) -> SourceIngester<'_> {
        let Self { config, rules, stop, .. } = *self;
        SourceIngester { format: config.clip_format(), limits: &config.decoder, rules, stop }
    }
}
