//! An open file: its packets, its decoder, and what is wrong with them.

use std::path::Path;

use ffmpeg::codec::threading::Type;
use ffmpeg::format::context::Input;
use ffmpeg::format::stream::Disposition;
use ffmpeg::{Packet, codec, decoder, frame, media};
use ffmpeg_next as ffmpeg;

use super::convert::Presentation;
use super::event::Failure;
use super::ffi::{container_matrix, open_input, sample_aspect};
use super::upright::Orientation;
use crate::reject::Reason;

/// Damaged packets in a row after which the rest of a file is given up.
const MAX_DAMAGED_IN_A_ROW: u32 = 10_000;

/// An open file and the decoder of its best video stream.
pub struct VideoInput {
    pub input: Input,
    pub decoder: decoder::Video,
    pub stream: usize,
    pub time_base: (i32, i32),
    pub codec: String,
    pub fps: f64,
    pub presentation: Presentation,
}

impl VideoInput {
    /// Opens a file, to be decoded by so many threads.
    pub fn open(path: &Path, threads: usize) -> Result<Self, Failure> {
        let input = open_input(path).map_err(|error| Failure::reject(Reason::Unreadable, error))?;
        let none = || Failure::reject(Reason::NoVideoStream, "no video stream but cover pictures");
        let stream = input.streams().best(media::Type::Video).ok_or_else(none)?;
        if stream.disposition().contains(Disposition::ATTACHED_PIC) {
            return Err(none());
        }
        let unsupported = |error| Failure::reject(Reason::UnsupportedCodec, error);
        let mut context =
            codec::Context::from_parameters(stream.parameters()).map_err(unsupported)?;
        let name = context.id().name();
        // A frame a thread: slices would do for fewer files, and each thread costs a frame of delay and of memory only.
        context.set_threading(codec::threading::Config {
            count: threads.max(1),
            ..codec::threading::Config::kind(Type::Frame)
        });
        // VP8 has one value for every file, which its decoder repeats; what somebody wrote beside it tells more.
        let matrix = Some(container_matrix(&stream)).filter(|&matrix| name == "vp8" && matrix != 2);
        let mut settings = context.decoder();
        settings.set_packet_time_base(stream.time_base());
        let orientation = Orientation::of(&stream);
        let container_aspect = sample_aspect(&stream);
        let rate = [stream.avg_frame_rate(), stream.rate()]
            .into_iter()
            .find(|rate| rate.0 > 0 && rate.1 > 0);
        let (index, time_base) = (stream.index(), stream.time_base());
        let fps = rate.map_or(0.0, f64::from);
        let decoder = settings.video().map_err(unsupported)?;
        let coded_aspect = decoder.aspect_ratio();
        let aspects = [container_aspect, (coded_aspect.0, coded_aspect.1)];
        let sample_aspect =
            aspects.into_iter().find(|aspect| aspect.0 > 0 && aspect.1 > 0).unwrap_or((1, 1));
        Ok(Self {
            decoder,
            stream: index,
            time_base: (time_base.0, time_base.1),
            codec: name.to_owned(),
            fps,
            presentation: Presentation { orientation, sample_aspect, matrix },
            input,
        })
    }

    /// The next packet of the stream; `None` at its end. (ffmpeg-next's iterator does not tell an error from the end.)
    ///
    /// A damaged packet is skipped. An error of the file system ends the stream as if it ended there, and is noted: what
    /// came before is good.
    pub fn next_packet(&mut self, damage: &mut Damage) -> Option<Packet> {
        while damage.in_a_row < MAX_DAMAGED_IN_A_ROW {
            let mut packet = Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() == self.stream => {
                    damage.count += u64::from(packet.is_corrupt());
                    return Some(packet);
                }
                Ok(()) => {}
                Err(ffmpeg::Error::Eof) => return None,
                Err(ffmpeg::Error::Other { errno }) if errno != ffmpeg::error::EAGAIN => {
                    damage.broke_off = Some(std::io::Error::from_raw_os_error(errno).to_string());
                    return None;
                }
                Err(_) => damage.packet(),
            }
        }
        damage.broke_off = Some(format!("{MAX_DAMAGED_IN_A_ROW} damaged packets in a row"));
        None
    }

    /// Takes the next decoded frame; `false` when the decoder needs another packet.
    pub fn receive(&mut self, frame: &mut frame::Video, damage: &mut Damage) -> bool {
        match self.decoder.receive_frame(frame) {
            Ok(()) => {
                damage.in_a_row = 0;
                true
            }
            Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => {
                false
            }
            Err(_) => {
                damage.packet();
                false
            }
        }
    }
}

/// Packets and frames that could not be decoded.
#[derive(Default)]
pub struct Damage {
    pub count: u64,
    in_a_row: u32,
    /// The error at which reading ended before the end of the file.
    pub broke_off: Option<String>,
}

impl Damage {
    pub fn packet(&mut self) {
        self.count += 1;
        self.in_a_row += 1;
    }

    /// In words, if there was any; `frames` came out, but damaged.
    pub fn describe(&self, frames: u64) -> Option<String> {
        let count = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
        let lost = count(self.count, "packets or frames could not be decoded");
        let damaged = count(frames, "frames are damaged");
        let broke_off = self.broke_off.as_ref().map(|error| format!("reading broke off: {error}"));
        [lost, damaged, broke_off]
            .into_iter()
            .flatten()
            .reduce(|one, other| format!("{one}; {other}"))
    }
}
