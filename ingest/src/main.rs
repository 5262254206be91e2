//! The program `genie-ingest`. The code is in the library.

// Several threads allocate and free clip buffers of some MB. With glibc's allocator the heap of a
// long run grows by a tenth and more.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

genie_stage::main!("genie-ingest", genie_ingest::run);
