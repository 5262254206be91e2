//! The binary `genie-train`; see the library.

// Burn's CPU backend allocates a new buffer for every tensor. With this allocator, that takes a
// quarter less time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

genie_stage::main!("genie-train", genie_train::run);
