//! `genie`: runs the pipeline's stages in order, and says where they stand.

genie_stage::main!("genie", genie::run);
