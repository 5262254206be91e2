//! `genie-tokenize`: see the library.

// Burn's CPU backend allocates a fresh buffer for every tensor: this allocator saves a quarter of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

genie_stage::main!("genie-tokenize", genie_tokenize::run);
