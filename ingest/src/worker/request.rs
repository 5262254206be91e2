//! Requests to a decoder process: the open video and how to decode it, through a socket.
//!
//! A decoder may not open files, so the supervisor opens the video and sends the descriptor. A
//! request is one packet: JSON with one descriptor attached.

use std::fs::{self, File};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::{Deserialize, Serialize};

use crate::decode::{DecodeOptions, VideoFile};
use crate::reject::{Reason, Reject};

/// Largest size of a request's JSON, in bytes. A file name has at most 255 bytes.
const MAX_REQUEST: usize = 8192;

/// How to decode a file.
#[derive(Serialize, Deserialize)]
pub struct Request {
    /// The file's name without its directory. Bytes that are not UTF-8 are replaced.
    name: String,
    /// Size of the file, in bytes.
    bytes: u64,
    pub options: DecodeOptions,
}

/// Creates the two ends of a channel for requests: the supervisor's and the decoder's.
pub fn channel() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Opens a video for a decoder, and describes what to do with it.
pub fn open(path: &Path, options: DecodeOptions) -> Result<(Request, File), Reject> {
    let unreadable = |error| Reject::new(Reason::Unreadable, error);
    // A pipe may have replaced the file. Opening it must not wait for a writer.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file =
        fs::OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(unreadable)?;
    let found = file.metadata().map_err(unreadable)?;
    if !found.is_file() {
        return Err(Reject::new(Reason::Changed, "it is no longer a regular file"));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok((Request { name, bytes: found.len(), options }, file))
}

/// Sends a request with its file to a decoder.
pub fn send(to: impl AsFd, request: &Request, file: &File) -> io::Result<()> {
    let body = serde_json::to_vec(request)?;
    let descriptors = [file.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut attached = SendAncillaryBuffer::new(&mut space);
    attached.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg(to, &[IoSlice::new(&body)], &mut attached, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Waits for the next request. Returns `None` when the supervisor has closed the channel.
pub fn receive(from: impl AsFd) -> io::Result<Option<(Request, VideoFile)>> {
    let mut body = [0; MAX_REQUEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut attached = RecvAncillaryBuffer::new(&mut space);
    let packet = &mut [IoSliceMut::new(&mut body)];
    let received = rustix::io::retry_on_intr(|| {
        recvmsg(&from, packet, &mut attached, RecvFlags::CMSG_CLOEXEC)
    })?;
    if received.bytes == 0 {
        return Ok(None);
    }
    let file = attached.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    let file = file.ok_or_else(|| io::Error::other("a request without a file"))?;
    let request: Request = serde_json::from_slice(&body[..received.bytes])?;
    let video = VideoFile::new(File::from(file), request.name.clone(), request.bytes);
    Ok(Some((request, video)))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::config::{Aspect, FrameFormat, SamplingRate};

    const FORMAT: FrameFormat =
        FrameFormat { rate: SamplingRate::Own, width: 8, height: 8, aspect: Aspect::Crop };
    const OPTIONS: DecodeOptions =
        DecodeOptions { format: FORMAT, threads: 3, max_pixels: 100_000_000 };

    /// Catches: the decoder gets another file or name; it does not notice that its supervisor died.
    #[test]
    fn a_request_brings_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a b.mp4");
        fs::write(&path, "picture").unwrap();
        let (ours, theirs) = channel().unwrap();
        let (request, file) = open(&path, OPTIONS).unwrap();
        send(&ours, &request, &file).unwrap();
        fs::remove_file(&path).unwrap();
        let (request, video) = receive(&theirs).unwrap().unwrap();
        let mut content = String::new();
        video.reader().read_to_string(&mut content).unwrap();
        assert_eq!((video.name.as_str(), content.as_str()), ("a b.mp4", "picture"));
        assert_eq!(request.options, OPTIONS);
        drop(ours);
        assert!(receive(&theirs).unwrap().is_none());
    }

    /// Catches: a longest possible name does not fit into a request.
    #[test]
    fn a_long_name_fits() {
        let (ours, theirs) = channel().unwrap();
        let name = "\u{fffd}".repeat(255);
        let request = Request { name: name.clone(), bytes: 0, options: OPTIONS };
        send(&ours, &request, &tempfile::tempfile().unwrap()).unwrap();
        assert_eq!(receive(&theirs).unwrap().unwrap().1.name, name);
    }

    /// Catches: ingest waits forever for a pipe that has taken a video's place.
    #[test]
    fn a_pipe_is_not_opened_as_a_video() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe.mp4");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let reject = open(&path, OPTIONS).err().unwrap();
        assert_eq!(reject.reason, Reason::Changed);
        let reject = open(&directory.path().join("none.mp4"), OPTIONS).err().unwrap();
        assert_eq!(reject.reason, Reason::Unreadable);
    }
}
