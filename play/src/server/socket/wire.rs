//! Messages as they are on the WebSocket: text is JSON, binary is a frame.

use axum::extract::ws::Message;
use serde_json::{Value, json};

use crate::engine::{FrameEvent, PageEvent};

/// Returns the message of an event.
pub fn message(event: &PageEvent) -> Message {
    match event {
        PageEvent::Session(session) => text(&json!({ "type": "session", "session": **session })),
        PageEvent::Notice(words) => text(&json!({ "type": "notice", "text": words })),
        PageEvent::Error(words) => error(words),
        PageEvent::Pong(id) => text(&json!({ "type": "pong", "id": id })),
        PageEvent::Frame(event) => Message::binary(frame(event)),
    }
}

/// Returns the message of a refused input.
pub fn error(words: &str) -> Message {
    text(&json!({ "type": "error", "error": words }))
}

fn text(value: &Value) -> Message {
    Message::text(value.to_string())
}

/// Returns the length of the header (u32, little-endian), the header (JSON), and the pixels.
///
/// The recording's pixels follow if there are any. The header says so.
fn frame(event: &FrameEvent) -> Vec<u8> {
    let mut header = serde_json::to_value(&event.header).expect("a header is JSON");
    header["recording"] = event.recorded.is_some().into();
    let header = header.to_string();
    let recorded = event.recorded.as_deref().unwrap_or_default();
    let length = u32::try_from(header.len()).expect("a header is short");
    [&length.to_le_bytes(), header.as_bytes(), &event.pixels, recorded].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::FrameHeader;

    fn header() -> FrameHeader {
        FrameHeader {
            node: 7,
            parent: Some(6),
            frame: 5,
            action: None,
            ms: 12.5,
            recording: false,
            entropy: Some(f32::NAN),
            doubt: None,
            input: Some(u64::MAX),
            inspect: None,
        }
    }

    /// Catches: pixels are shifted by a byte; the header promises a recording that is not there.
    #[test]
    fn a_frame_has_its_header_and_its_pixels() {
        for recorded in [None, Some([4, 5, 6].into())] {
            let event = FrameEvent { header: header(), pixels: [1, 2, 3].into(), recorded };
            let bytes = frame(&event);
            let length = u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
            let header: Value = serde_json::from_slice(&bytes[4..4 + length]).unwrap();
            let expected = json!({
                "node": 7, "parent": 6, "frame": 5, "action": null, "ms": 12.5,
                "recording": event.recorded.is_some(), "entropy": null, "doubt": null,
                "input": u64::MAX, "inspect": null,
            });
            assert_eq!(header, expected);
            let expected: &[u8] = match event.recorded {
                None => &[1, 2, 3],
                Some(_) => &[1, 2, 3, 4, 5, 6],
            };
            assert_eq!(&bytes[4 + length..], expected);
        }
    }

    /// Catches: a page does not understand a message, because its type has another name.
    #[test]
    fn texts_have_the_names_of_the_protocol() {
        let texts = [
            (PageEvent::Notice("a".into()), r#"{"type":"notice","text":"a"}"#),
            (PageEvent::Error("b".into()), r#"{"type":"error","error":"b"}"#),
            (PageEvent::Pong(3), r#"{"type":"pong","id":3}"#),
        ];
        for (event, expected) in texts {
            assert_eq!(message(&event), Message::text(expected));
        }
    }
}
