//! `genie-ingest`: videos to clip shards.
genie_stage::main!("genie-ingest", genie_ingest::run);
