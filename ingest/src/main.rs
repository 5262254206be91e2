//! `genie-ingest`: see the library.

// Clips are buffers of some MB that come and go on several threads: with glibc the heap of a long run grows by a tenth and more.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

genie_stage::main!("genie-ingest", genie_ingest::run);
