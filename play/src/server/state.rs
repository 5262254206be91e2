//! What all requests share.

use std::sync::Arc;

use genie_serve::{Closing, Workers};
use tokio::sync::Semaphore;

use super::backend::Backend;
use super::limits::{DECODERS, ENCODE_QUEUE, ENCODERS, ServerLimits, UPLOADS, WORK_QUEUE, WORKERS};
use crate::engine::Engine;

/// What all requests share.
pub struct ServerState {
    pub engine: Engine,
    pub backend: Arc<dyn Backend>,
    pub limits: ServerLimits,
    /// Encode frames and read clips.
    pub workers: Workers,
    /// Encode animations and strips, so that nothing small waits for them.
    pub encoders: Workers,
    /// Decode players' pictures.
    pub decoders: Workers,
    pub uploads: Semaphore,
    pub closing: Closing,
}

impl ServerState {
    pub fn new(
        engine: Engine,
        backend: Arc<dyn Backend>,
        limits: ServerLimits,
        closing: Closing,
    ) -> Self {
        Self {
            engine,
            backend,
            limits,
            workers: Workers::new(WORKERS, WORK_QUEUE),
            encoders: Workers::new(ENCODERS, ENCODE_QUEUE),
            decoders: Workers::new(DECODERS, UPLOADS),
            uploads: Semaphore::new(UPLOADS),
            closing,
        }
    }
}
