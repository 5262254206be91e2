//! The binary `genie`: runs the pipeline's steps in order, and prints their state.

genie_stage::main!("genie", genie::run);
