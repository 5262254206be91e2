//! The `genie-play` binary; see the library.

// Burn's CPU backend allocates a new buffer for every tensor. This allocator saves a quarter of the
// time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

genie_stage::main!("genie-play", genie_play::run);
