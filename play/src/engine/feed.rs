//! The pages of a session: where its events go.
//!
//! Each page has a bounded channel. A page that reads slowly loses frames. If even the other events
//! do not fit any more, the page is dropped; it can connect again and gets the whole state.

use tokio::sync::mpsc;

use super::messages::PageEvent;

/// Largest number of events that wait for a page.
const EVENTS: usize = 64;
/// Number of free places below which a frame is not sent: they are for other events.
const RESERVED: usize = 48;

/// The pages of a session.
#[derive(Default)]
pub struct Feeds(Vec<mpsc::Sender<PageEvent>>);

impl Feeds {
    /// Adds a page, which first gets `events`.
    pub fn attach(
        &mut self,
        events: impl IntoIterator<Item = PageEvent>,
    ) -> mpsc::Receiver<PageEvent> {
        let (sender, receiver) = mpsc::channel(EVENTS);
        for event in events {
            let _ = sender.try_send(event);
        }
        self.0.push(sender);
        receiver
    }

    /// Sends an event to all pages.
    pub fn send(&mut self, event: &PageEvent) {
        self.0.retain(|page| match event {
            PageEvent::Frame(_) if page.capacity() <= RESERVED => !page.is_closed(),
            _ => page.try_send(event.clone()).is_ok(),
        });
    }

    /// Whether a page is there.
    pub fn is_watched(&mut self) -> bool {
        self.0.retain(|page| !page.is_closed());
        !self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::messages::{FrameEvent, FrameHeader};
    use super::*;

    /// Catches: a page that does not read costs memory for every frame; it loses a state or an
    /// error, so that it shows something wrong; it delays other pages.
    #[test]
    fn a_slow_page_loses_frames_and_nothing_else() {
        let mut feeds = Feeds::default();
        let mut slow = feeds.attach([]);
        let mut fast = feeds.attach([]);
        let mut read = 0;
        for number in 0..1000 {
            feeds.send(&PageEvent::Frame(frame(number)));
            while fast.try_recv().is_ok() {
                read += 1;
            }
        }
        assert_eq!(read, 1000, "the other page gets all frames");
        assert_eq!(slow.len(), EVENTS - RESERVED);
        for _ in 0..RESERVED {
            feeds.send(&PageEvent::Notice("here".to_owned()));
        }
        assert_eq!(slow.len(), EVENTS, "all notices are there");
        feeds.send(&PageEvent::Notice("too much".to_owned()));
        drop(fast);
        assert!(!feeds.is_watched(), "a page that reads nothing at all is dropped");
        while slow.try_recv().is_ok() {}
        assert!(slow.is_closed());
    }

    fn frame(frame: usize) -> std::sync::Arc<FrameEvent> {
        let header = FrameHeader {
            node: 0,
            parent: None,
            frame,
            action: None,
            ms: 0.0,
            recording: false,
            entropy: None,
            doubt: None,
            input: None,
            inspect: None,
        };
        let pixels = std::sync::Arc::from([]);
        std::sync::Arc::new(FrameEvent { header, pixels, recorded: None })
    }
}
