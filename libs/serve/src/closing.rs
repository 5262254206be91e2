//! The end of the server, for tasks that wait for it.

use tokio::sync::watch;

/// Tells tasks that the server stops.
#[derive(Clone)]
pub struct Closing(watch::Receiver<bool>);

impl Closing {
    /// Returns the sender, which sends `true` when the server stops, and the receiver.
    pub(crate) fn channel() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Waits until the server stops.
    pub async fn wait(&mut self) {
        // The guard of the value must not live on; it is a lock.
        let _ = self.0.wait_for(|closing| *closing).await;
    }
}
