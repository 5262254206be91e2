//! An open video file: its packets, its decoder and its damage.

use ffmpeg::codec::threading::Type;
use ffmpeg::format::context::{Input, StreamIo};
use ffmpeg::format::input_from_stream;
use ffmpeg::format::stream::Disposition;
use ffmpeg::{Dictionary, Error, Packet, codec, decoder, frame, media};
use ffmpeg_next as ffmpeg;

use super::convert::Presentation;
use super::event::Failure;
use super::ffi::{container_matrix, sample_aspect};
use super::upright::Orientation;
use super::video_file::VideoFile;
use crate::reject::Reason;

/// Containers that store pictures themselves.
///
/// The list has no text formats, no devices, and no playlists or scripts that name other files
/// (HLS, DASH, concat, and so on).
const CONTAINERS: &str = "mov,mp4,matroska,webm,avi,flv,mpegts,mpeg,mpegvideo,h264,hevc,m4v,h263,\
    obu,ivf,gif,asf,ogg,3gp,mxf,nut,rm,swf,dv,y4m,yuv4mpegpipe,mjpeg,vob,wtv,av1,apng";

/// Number of consecutive damaged packets after which the rest of a file is not read.
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
    /// Opens a file for decoding with `threads` threads.
    ///
    /// Rejects a file that FFmpeg cannot read, that has no video stream, or that has no known
    /// codec.
    pub fn open(file: &VideoFile, threads: usize) -> Result<Self, Failure> {
        let input = open_input(file).map_err(|error| Failure::reject(Reason::Unreadable, error))?;
        let none = || {
            Failure::reject(
                Reason::NoVideoStream,
                "the file has no video stream, or only a cover picture",
            )
        };
        let stream = input.streams().best(media::Type::Video).ok_or_else(none)?;
        if stream.disposition().contains(Disposition::ATTACHED_PIC) {
            return Err(none());
        }
        let unsupported = |error| Failure::reject(Reason::UnsupportedCodec, error);
        let mut context =
            codec::Context::from_parameters(stream.parameters()).map_err(unsupported)?;
        let name = context.id().name();
        // Frame threads work for all files; slice threads work for fewer. Each frame thread costs
        // one frame of delay and memory.
        context.set_threading(codec::threading::Config {
            count: threads.max(1),
            ..codec::threading::Config::kind(Type::Frame)
        });
        // The VP8 decoder reports the same matrix for every file. The container's value is better.
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

    /// Returns the next packet of the stream, or `None` at its end.
    ///
    /// A damaged packet is skipped. A file system error ends the stream early and is recorded,
    /// because the frames before it are good. (ffmpeg-next's iterator does not distinguish an error
    /// from the end.)
    pub fn next_packet(&mut self, damage: &mut DecodeDamage) -> Option<Packet> {
        while damage.in_a_row < MAX_DAMAGED_IN_A_ROW {
            let mut packet = Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() == self.stream => {
                    damage.count += u64::from(packet.is_corrupt());
                    return Some(packet);
                }
                Ok(()) => {}
                Err(Error::Eof) => return None,
                Err(Error::Other { errno }) if errno != ffmpeg::error::EAGAIN => {
                    damage.ended_early = Some(std::io::Error::from_raw_os_error(errno).to_string());
                    return None;
                }
                Err(_) => damage.packet(),
            }
        }
        damage.ended_early = Some(format!("{MAX_DAMAGED_IN_A_ROW} damaged packets in a row"));
        None
    }

    /// Takes the next decoded frame. Returns `false` if the decoder needs another packet.
    pub fn receive(&mut self, frame: &mut frame::Video, damage: &mut DecodeDamage) -> bool {
        match self.decoder.receive_frame(frame) {
            Ok(()) => {
                damage.in_a_row = 0;
                true
            }
            Err(Error::Eof | Error::Other { errno: ffmpeg::error::EAGAIN }) => false,
            Err(_) => {
                damage.packet();
                false
            }
        }
    }
}

/// Opens a container of a known kind and reads its list of streams.
fn open_input(file: &VideoFile) -> Result<Input, Error> {
    let mut options = Dictionary::new();
    options.set("format_whitelist", CONTAINERS);
    // FFmpeg has no protocol of this name. So a container cannot name a further file or address.
    options.set("protocol_whitelist", "none");
    input_from_stream(StreamIo::from_read_seek(file.reader())?, Some(&file.name), Some(options))
}

/// Counts packets and frames that could not be decoded.
#[derive(Default)]
pub struct DecodeDamage {
    pub count: u64,
    in_a_row: u32,
    /// The error that ended reading before the end of the file.
    pub ended_early: Option<String>,
}

impl DecodeDamage {
    pub fn packet(&mut self) {
        self.count += 1;
        self.in_a_row += 1;
    }

    /// Describes the damage in words, if there is any.
    ///
    /// `frames` is the number of frames that were decoded but are marked as damaged.
    pub fn describe(&self, frames: u64) -> Option<String> {
        let count = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
        let lost = count(self.count, "packets or frames could not be decoded");
        let damaged = count(frames, "frames are damaged");
        let ended_early =
            self.ended_early.as_ref().map(|error| format!("reading ended early: {error}"));
        [lost, damaged, ended_early]
            .into_iter()
            .flatten()
            .reduce(|one, other| format!("{one}; {other}"))
    }
}
