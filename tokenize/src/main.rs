//! The binary `genie-tokenize`; see the library.

// Burn's CPU backend allocates a new buffer for every tensor. With this allocator, that takes a
// quarter less time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

genie_stage::main!("genie-tokenize", genie_tokenize::run);
