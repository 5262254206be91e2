//! The `genie-evaluate` binary; see the library.

// Burn's CPU backend allocates a new buffer for every tensor. This allocator saves a quarter of the
// time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

genie_stage::main!("genie-evaluate", genie_evaluate::run);
