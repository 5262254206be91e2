//! Messages from a decoder process to its supervisor, through a pipe.
//!
//! A message has one byte of kind, four bytes of length (little-endian) and a body. The body is
//! JSON, except for frames. The supervisor does not trust the decoder: a length over [`MAX_BODY`],
//! a frame of the wrong size or an unknown kind means that the decoder is broken.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::sandbox::Confinement;
use crate::decode::{Break, Sampled, Summary, Track};
use crate::reject::Reject;

/// Largest size of a message: a frame of 8192×8192.
const MAX_BODY: usize = 256 << 20;
/// Bytes before a frame's pixels: time stamp, native number, flags.
const FRAME_HEAD: usize = 17;
/// Flags of a frame.
const CORRUPT: u8 = 1;
const GAP: u8 = 2;
const CUT: u8 = 4;

const READY: u8 = b'c';
const TRACK: u8 = b't';
const FRAME: u8 = b'f';
const ALIVE: u8 = b'a';
const DONE: u8 = b'd';
const REJECT: u8 = b'r';

/// A message from the decoder.
pub enum Message {
    /// The decoder waits for requests, and is confined in this way.
    Ready(Confinement),
    /// The track of the frames that follow, until the next track.
    Track(Track),
    Frame(Frame),
    /// The decoder is running but has no frame yet.
    Alive,
    Done(Summary),
    Reject(Reject),
}

/// A sampled frame in a message.
pub struct Frame {
    body: Vec<u8>,
}

impl Frame {
    pub fn sampled(&self) -> Sampled<'_> {
        let number = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&self.body[at..at + 8]);
            bytes
        };
        Sampled {
            pts: i64::from_le_bytes(number(0)),
            native: usize::try_from(u64::from_le_bytes(number(8))).unwrap_or(usize::MAX),
            corrupt: self.body[16] & CORRUPT != 0,
            before: match self.body[16] & (GAP | CUT) {
                0 => Break::None,
                GAP => Break::Gap,
                _ => Break::Cut,
            },
            rgb: &self.body[FRAME_HEAD..],
        }
    }
}

/// Sends how the decoder is confined.
pub fn send_ready(to: &mut impl Write, confinement: &Confinement) -> io::Result<()> {
    send_json(to, READY, confinement)?;
    to.flush()
}

/// Sends the track of the next frames.
pub fn send_track(to: &mut impl Write, track: &Track) -> io::Result<()> {
    send_json(to, TRACK, track)
}

pub fn send_frame(to: &mut impl Write, frame: &Sampled<'_>) -> io::Result<()> {
    head(to, FRAME, FRAME_HEAD + frame.rgb.len())?;
    to.write_all(&frame.pts.to_le_bytes())?;
    to.write_all(&(frame.native as u64).to_le_bytes())?;
    let before = match frame.before {
        Break::None => 0,
        Break::Gap => GAP,
        Break::Cut => CUT,
    };
    to.write_all(&[before | if frame.corrupt { CORRUPT } else { 0 }])?;
    to.write_all(frame.rgb)
}

pub fn send_alive(to: &mut impl Write) -> io::Result<()> {
    head(to, ALIVE, 0)?;
    to.flush()
}

/// Sends the result of a file.
pub fn send_end(to: &mut impl Write, end: &Result<Summary, Reject>) -> io::Result<()> {
    match end {
        Ok(summary) => send_json(to, DONE, summary)?,
        Err(reject) => send_json(to, REJECT, reject)?,
    }
    to.flush()
}

/// Receives the next message. A frame must have `frame_bytes` of pixels.
pub fn receive(from: &mut impl Read, frame_bytes: usize) -> io::Result<Message> {
    let mut start = [0; 5];
    from.read_exact(&mut start)?;
    let [kind, length @ ..] = start;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_BODY || (kind == FRAME && length != FRAME_HEAD + frame_bytes) {
        return Err(broken(format!("invalid message of kind {kind} and {length} bytes")));
    }
    let mut body = Vec::with_capacity(length);
    if from.take(length as u64).read_to_end(&mut body)? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    match kind {
        READY => Ok(Message::Ready(json(&body)?)),
        TRACK => Ok(Message::Track(json(&body)?)),
        FRAME => Ok(Message::Frame(Frame { body })),
        ALIVE => Ok(Message::Alive),
        DONE => Ok(Message::Done(json(&body)?)),
        REJECT => Ok(Message::Reject(json(&body)?)),
        other => Err(broken(format!("invalid message of kind {other}"))),
    }
}

fn send_json(to: &mut impl Write, kind: u8, value: &impl Serialize) -> io::Result<()> {
    let body = serde_json::to_vec(value)?;
    head(to, kind, body.len())?;
    to.write_all(&body)
}

fn head(to: &mut impl Write, kind: u8, length: usize) -> io::Result<()> {
    let length =
        u32::try_from(length).map_err(|_| broken(format!("message too long: {length} bytes")))?;
    to.write_all(&[kind])?;
    to.write_all(&length.to_le_bytes())
}

fn json<T: DeserializeOwned>(body: &[u8]) -> io::Result<T> {
    serde_json::from_slice(body).map_err(|error| broken(error.to_string()))
}

fn broken(problem: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reject::Reason;

    /// Catches: a frame has another frame's time stamp, or a message is not read to its end.
    #[test]
    fn messages_arrive_as_they_were_sent() {
        let mut pipe = Vec::new();
        let rgb = [7, 8, 9];
        let sent = [Break::None, Break::Gap, Break::Cut].map(|before| Sampled {
            rgb: &rgb,
            pts: -5,
            native: 70_000,
            corrupt: before != Break::Gap,
            before,
        });
        for frame in &sent {
            send_frame(&mut pipe, frame).unwrap();
        }
        send_alive(&mut pipe).unwrap();
        send_end(&mut pipe, &Err(Reject::new(Reason::NoFrames, "none"))).unwrap();
        let mut from = pipe.as_slice();
        let parts = |frame: &Sampled<'_>| {
            (frame.rgb.to_vec(), frame.pts, frame.native, frame.corrupt, frame.before)
        };
        for sent in &sent {
            let Message::Frame(frame) = receive(&mut from, 3).unwrap() else { panic!("no frame") };
            assert_eq!(parts(&frame.sampled()), parts(sent));
        }
        assert!(matches!(receive(&mut from, 3).unwrap(), Message::Alive));
        let Message::Reject(reject) = receive(&mut from, 3).unwrap() else {
            panic!("not a reject")
        };
        assert_eq!(reject, Reject::new(Reason::NoFrames, "none"));
        assert_eq!(receive(&mut from, 3).err().unwrap().kind(), io::ErrorKind::UnexpectedEof);
    }

    /// Catches: a compromised decoder makes the supervisor allocate without limit.
    ///
    /// It must not make the supervisor misread a frame either.
    #[test]
    fn invalid_messages_are_rejected() {
        let mut frame = Vec::new();
        let before = Break::None;
        let sampled = Sampled { rgb: &[1; 6], pts: 0, native: 0, corrupt: false, before };
        send_frame(&mut frame, &sampled).unwrap();
        for invalid in [frame.as_slice(), b"f\xff\xff\xff\xff", b"x\0\0\0\0", b"t\x02\0\0\0{}"] {
            assert_eq!(
                receive(&mut &invalid[..], 3).err().unwrap().kind(),
                io::ErrorKind::InvalidData
            );
        }
    }
}
