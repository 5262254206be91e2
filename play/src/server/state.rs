//! What all requests share.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use super::access::AccessRules;
use super::backend::Backend;
use super::limits::{DECODERS, ENCODE_QUEUE, ENCODERS, ServerLimits, UPLOADS, WORK_QUEUE, WORKERS};
use super::workers::Workers;
use crate::engine::Engine;

/// What all requests share.
pub struct ServerState {
    pub engine: Engine,
    pub backend: Arc<dyn Backend>,
    pub access: AccessRules,
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

/// Tells tasks that the server stops.
#[derive(Clone)]
pub struct Closing(watch::Receiver<bool>);

impl Closing {
    /// Returns the sender, which sends `true` when the server stops, and the receiver.
    pub fn channel() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Waits until the server stops.
    pub async fn wait(&mut self) {
        // The guard of the value must not live on; it is a lock.
        let _ = self.0.wait_for(|closing| *closing).await;
    }
}

impl ServerState {
    pub fn new(
        engine: Engine,
        backend: Arc<dyn Backend>,
        access: AccessRules,
        limits: ServerLimits,
        closing: Closing,
    ) -> Self {
        Self {
            engine,
            backend,
            access,
            limits,
            workers: Workers::new(WORKERS, WORK_QUEUE),
            encoders: Workers::new(ENCODERS, ENCODE_QUEUE),
            decoders: Workers::new(DECODERS, UPLOADS),
            uploads: Semaphore::new(UPLOADS),
            closing,
        }
    }
}
