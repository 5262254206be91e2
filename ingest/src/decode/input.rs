//! An open video file: its packets, its decoder and its damage.

use ffmpeg::codec::threading::Type;
use ffmpeg::format::context::{Input, StreamIo};
use ffmpeg::format::input_from_stream;
use ffmpeg::format::stream::Disposition;
use ffmpeg::{Dictionary, Error, Packet, codec, decoder, frame, media};
use ffmpeg_next as ffmpeg;

use super::clock::edits;
use super::convert::Presentation;
use super::event::Failure;
use super::ffi::{container_matrix, extradata, sample_aspect};
use super::upright::Orientation;
use super::video_file::VideoFile;
use crate::reject::Reason;

/// Containers that store pictures themselves.
///
/// The list has no text formats, no devices, and no playlists or scripts that name other files
/// (HLS, DASH, concat, and so on).
const CONTAINERS: &str = "mov,mp4,matroska,webm,avi,flv,mpegts,mpeg,mpegvideo,h264,hevc,m4v,h263,\
    obu,ivf,gif,asf,ogg,3gp,mxf,nut,rm,swf,dv,y4m,yuv4mpegpipe,mjpeg,vob,wtv,av1,apng";

/// FFmpeg's names of formats that have no time stamps, and the rate that FFmpeg then assumes.
const RAW: [&str; 7] = ["h264", "hevc", "m4v", "mpegvideo", "mjpeg", "obu", "av1"];
const ASSUMED_FPS: f64 = 25.0;

/// Number of consecutive damaged packets after which the rest of a file is not read.
const MAX_DAMAGED_IN_A_ROW: u32 = 10_000;

/// An open file and the decoder of its best video stream.
pub struct VideoInput {
    pub input: Input,
    pub decoder: decoder::Video,
    pub stream: usize,
    pub time_base: (i32, i32),
    pub codec: String,
    /// The codec's global header.
    pub extradata: Vec<u8>,
    /// The rates that the container states, in frames per second; the first one counts.
    pub rates: Vec<f64>,
    /// The container has no time stamps, and FFmpeg may have assumed the rate.
    pub rate_is_guess: bool,
    /// Presentation times in seconds at which an edit list joins two parts of a recording.
    pub joins: Vec<f64>,
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
        let rates = [stream.avg_frame_rate(), stream.rate()].into_iter();
        let rates: Vec<f64> =
            rates.filter(|rate| rate.0 > 0 && rate.1 > 0).map(f64::from).collect();
        let rate_is_guess =
            RAW.contains(&input.format().name()) && rates.first() == Some(&ASSUMED_FPS);
        let is_mp4 = input.format().name().contains("mp4");
        let track = u32::try_from(stream.id()).ok().filter(|_| is_mp4);
        let joins = track.map_or(Vec::new(), |track| edits::joins(file.reader(), track));
        let extradata = extradata(&stream);
        let (index, time_base) = (stream.index(), stream.time_base());
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
            extradata,
            rates,
            rate_is_guess,
            joins,
            presentation: Presentation { orientation, sample_aspect, matrix },
            input,
        })
    }

    /// Returns seconds in time-base units.
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    pub fn units(&self, seconds: f64) -> i64 {
        let (unit, per) = self.time_base;
        (seconds * f64::from(per.max(1)) / f64::from(unit.max(1))).round() as i64
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
                Err(_) => {
                    damage.packet();
                    damage.skipped = true;
                }
            }
        }
        damage.ended_early = Some(format!("{MAX_DAMAGED_IN_A_ROW} damaged packets in a row"));
        None
    }

    /// Takes the next decoded frame.
    pub fn receive(&mut self, frame: &mut frame::Video, damage: &mut DecodeDamage) -> Received {
        match self.decoder.receive_frame(frame) {
            Ok(()) => {
                damage.in_a_row = 0;
                Received::Frame
            }
            Err(Error::Eof | Error::Other { errno: ffmpeg::error::EAGAIN }) => Received::Nothing,
            Err(_) => {
                damage.packet();
                Received::Error
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

/// What the decoder returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    Frame,
    /// The decoder needs another packet.
    Nothing,
    Error,
}

/// Counts packets and frames that could not be decoded.
#[derive(Default)]
pub struct DecodeDamage {
    pub count: u64,
    in_a_row: u32,
    /// Damaged data were skipped before the next packet.
    pub skipped: bool,
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
    /// `frames` is the number of decoded frames that are damaged or depend on lost data.
    pub fn describe(&self, frames: u64) -> Option<String> {
        let count = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
        let lost = count(self.count, "packets or frames could not be decoded");
        let damaged = count(frames, "frames are damaged or depend on lost data");
        let ended_early =
            self.ended_early.as_ref().map(|error| format!("reading ended early: {error}"));
        [lost, damaged, ended_early]
            .into_iter()
            .flatten()
            .reduce(|one, other| format!("{one}; {other}"))
    }
}
