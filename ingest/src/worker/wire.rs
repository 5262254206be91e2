//! What a decoder process and its supervisor say to each other, through pipes.
//!
//! To the decoder: one JSON line a file. Back: messages of one byte of kind, four bytes of length (little-endian) and a body,
//! which is JSON but for frames. The supervisor trusts nothing: a length over [`MAX_BODY`], a frame of another size than it asked for
//! or an unknown kind is a broken decoder.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::FrameFormat;
use crate::decode::{Sampled, Summary, Track};
use crate::reject::Reject;

/// The longest message: a frame of 8192×8192.
const MAX_BODY: usize = 256 << 20;
/// Bytes before a frame's pixels: time stamp, native number, flags.
const FRAME_HEAD: usize = 17;

const TRACK: u8 = b't';
const FRAME: u8 = b'f';
const ALIVE: u8 = b'a';
const DONE: u8 = b'd';
const REJECT: u8 = b'r';

/// A file to decode.
#[derive(Serialize, Deserialize)]
pub struct Request {
    /// A path's bytes: it need not be UTF-8.
    path: Vec<u8>,
    pub format: FrameFormat,
    /// Of FFmpeg's decoder.
    pub threads: usize,
}

impl Request {
    pub fn new(path: &Path, format: FrameFormat, threads: usize) -> Self {
        Self { path: path.as_os_str().as_bytes().to_vec(), format, threads }
    }

    pub fn path(&self) -> PathBuf {
        PathBuf::from(OsStr::from_bytes(&self.path))
    }
}

/// What a decoder has to say.
pub enum Message {
    /// The frames that follow are of this track.
    Track(Track),
    Frame(Frame),
    /// Still at work, with no frame to show for it.
    Alive,
    Done(Summary),
    Reject(Reject),
}

/// A sampled frame on its way.
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
            corrupt: self.body[16] != 0,
            rgb: &self.body[FRAME_HEAD..],
        }
    }
}

/// Sends the track that the next frames are of.
pub fn send_track(to: &mut impl Write, track: &Track) -> io::Result<()> {
    send_json(to, TRACK, track)
}

pub fn send_frame(to: &mut impl Write, frame: &Sampled<'_>) -> io::Result<()> {
    head(to, FRAME, FRAME_HEAD + frame.rgb.len())?;
    to.write_all(&frame.pts.to_le_bytes())?;
    to.write_all(&(frame.native as u64).to_le_bytes())?;
    to.write_all(&[u8::from(frame.corrupt)])?;
    to.write_all(frame.rgb)
}

pub fn send_alive(to: &mut impl Write) -> io::Result<()> {
    head(to, ALIVE, 0)?;
    to.flush()
}

/// Ends a file.
pub fn send_end(to: &mut impl Write, end: &Result<Summary, Reject>) -> io::Result<()> {
    match end {
        Ok(summary) => send_json(to, DONE, summary)?,
        Err(reject) => send_json(to, REJECT, reject)?,
    }
    to.flush()
}

/// The next message; frames must hold `frame_bytes` of pixels.
pub fn receive(from: &mut impl Read, frame_bytes: usize) -> io::Result<Message> {
    let mut start = [0; 5];
    from.read_exact(&mut start)?;
    let [kind, length @ ..] = start;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_BODY || (kind == FRAME && length != FRAME_HEAD + frame_bytes) {
        return Err(broken(format!("a message of kind {kind} and {length} bytes")));
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    match kind {
        TRACK => Ok(Message::Track(json(&body)?)),
        FRAME => Ok(Message::Frame(Frame { body })),
        ALIVE => Ok(Message::Alive),
        DONE => Ok(Message::Done(json(&body)?)),
        REJECT => Ok(Message::Reject(json(&body)?)),
        other => Err(broken(format!("a message of kind {other}"))),
    }
}

fn send_json(to: &mut impl Write, kind: u8, value: &impl Serialize) -> io::Result<()> {
    let body = serde_json::to_vec(value)?;
    head(to, kind, body.len())?;
    to.write_all(&body)
}

fn head(to: &mut impl Write, kind: u8, length: usize) -> io::Result<()> {
    let length =
        u32::try_from(length).map_err(|_| broken(format!("a message of {length} bytes")))?;
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

    /// Would catch a frame that arrives with its neighbour's time stamp, and a message that is not read to its end.
    #[test]
    fn messages_arrive_as_they_were_sent() {
        let mut pipe = Vec::new();
        let rgb = [7, 8, 9];
        send_frame(&mut pipe, &Sampled { rgb: &rgb, pts: -5, native: 70_000, corrupt: true })
            .unwrap();
        send_alive(&mut pipe).unwrap();
        send_end(&mut pipe, &Err(Reject::new(Reason::NoFrames, "none"))).unwrap();
        let mut from = pipe.as_slice();
        let Message::Frame(frame) = receive(&mut from, 3).unwrap() else { panic!("not a frame") };
        let frame = frame.sampled();
        assert_eq!(
            (frame.rgb, frame.pts, frame.native, frame.corrupt),
            (&rgb[..], -5, 70_000, true)
        );
        assert!(matches!(receive(&mut from, 3).unwrap(), Message::Alive));
        let Message::Reject(reject) = receive(&mut from, 3).unwrap() else {
            panic!("not a reject")
        };
        assert_eq!(reject, Reject::new(Reason::NoFrames, "none"));
        assert_eq!(receive(&mut from, 3).err().unwrap().kind(), io::ErrorKind::UnexpectedEof);
    }

    /// Would catch a taken-over decoder that makes its supervisor allocate without bound or misread a frame.
    #[test]
    fn nonsense_is_refused() {
        let mut frame = Vec::new();
        send_frame(&mut frame, &Sampled { rgb: &[1; 6], pts: 0, native: 0, corrupt: false })
            .unwrap();
        for nonsense in [frame.as_slice(), b"f\xff\xff\xff\xff", b"x\0\0\0\0", b"t\x02\0\0\0{}"] {
            assert_eq!(
                receive(&mut &nonsense[..], 3).err().unwrap().kind(),
                io::ErrorKind::InvalidData
            );
        }
    }
}
