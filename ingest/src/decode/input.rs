//! An open video file: its packets, its decoder and its damage.

use ffmpeg::codec::packet::side_data::{self, SideData};
use ffmpeg::codec::threading::Type;
use ffmpeg::format::context::{Input, StreamIo};
use ffmpeg::{Dictionary, Error, Packet, codec, decoder, frame};
use ffmpeg_next as ffmpeg;

use super::clock::edits;
use super::containers::ogg::lost_pages;
use super::containers::pictures::pictures;
use super::containers::streams::{are_unclear, rates, video_streams};
use super::containers::{appended, later_video};
use super::event::{DecodeOptions, Failure};
use super::ffi::{OpenedInput, extradata, limit_pixels, open_input, sample_aspect, stream_facts};
use super::picture::{
    ColourTags, ContainerColour, MatrixScope, Orientation, Presentation, container_matrix,
    dolby_vision_problem,
};
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

/// An open file and the decoder of one of its video streams.
pub struct VideoInput {
    pub input: Input,
    pub decoder: decoder::Video,
    pub stream: usize,
    /// Number of video streams in the file, without cover pictures.
    pub streams: usize,
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
    /// Places in the file: data are missing before the packets that begin there. In order.
    pub lost: Vec<u64>,
    /// Presentation times after which frames are lost without a trace. In order.
    pub lost_after: Vec<i64>,
    /// Place in the file at which a second file was appended, which FFmpeg does not read.
    pub second: Option<u64>,
    /// The container's display matrix.
    pub matrix: Option<Vec<u8>>,
    pub presentation: Presentation,
    pub matrix_scope: MatrixScope,
}

impl VideoInput {
    /// Opens a file for decoding its video stream number `choice`, where 0 is the best one.
    ///
    /// Returns `None` if the file has fewer video streams. Rejects a file that FFmpeg cannot read,
    /// that has no video stream or no known codec, or whose frames are too large or cannot be shown
    /// in their colours.
    pub fn open(
        file: &VideoFile,
        options: &DecodeOptions,
        choice: usize,
    ) -> Result<Option<Self>, Failure> {
        let max_pixels = i64::try_from(options.max_pixels).unwrap_or(i64::MAX);
        let unreadable = |error| Failure::reject(Reason::Unreadable, error);
        let mut opened = open_video(file, max_pixels).map_err(unreadable)?;
        let mut streams = ranked(&opened, file, max_pixels);
        if streams.is_empty()
            && opened.input.format().name() == "mpegts"
            && let Some(rest) = file.later(later_video::start)
            && let Ok(later) = open_video(&rest, max_pixels)
        {
            streams = ranked(&later, &rest, max_pixels);
            opened = later;
        }
        let input = opened.input;
        if streams.is_empty() {
            let detail = "the file has no video stream, or only a cover picture";
            return Err(Failure::reject(Reason::NoVideoStream, detail));
        }
        let Some(stream) = streams.get(choice).and_then(|&index| input.stream(index)) else {
            return Ok(None);
        };
        let header = opened.headers.get(stream.index());
        let facts = stream_facts(&stream);
        let sizes = [(facts.width, facts.height)];
        let sizes = sizes.into_iter().chain(header.map(|header| (header.width, header.height)));
        check_size(sizes, max_pixels)?;
        let record = stream.side_data().find(|data| data.kind() == side_data::Type::DOVI_CONF);
        let record = record.as_ref().map(SideData::data);
        if let Some(detail) = dolby_vision_problem(record, facts.format, facts.tags) {
            return Err(Failure::reject(Reason::UnsupportedColor, detail));
        }
        let unsupported = |error| Failure::reject(Reason::UnsupportedCodec, error);
        let mut context =
            codec::Context::from_parameters(stream.parameters()).map_err(unsupported)?;
        limit_pixels(&mut context, max_pixels);
        let name = context.id().name();
        // Frame threads work for all files; slice threads work for fewer. Each frame thread costs
        // one frame of delay and memory.
        context.set_threading(codec::threading::Config {
            count: options.threads.max(1),
            ..codec::threading::Config::kind(Type::Frame)
        });
        let mut settings = context.decoder();
        settings.set_packet_time_base(stream.time_base());
        let tags = header.map_or(ColourTags::NONE, |header| header.tags);
        let matrix = container_matrix(&stream);
        let orientation = Orientation::from_matrix(matrix.as_deref().unwrap_or_default());
        let colour = ContainerColour::new(tags, name);
        let container_aspect = sample_aspect(&stream);
        let mut rates = rates(&stream);
        let is_raw = RAW.contains(&input.format().name());
        let is_assumed = |rate: &f64| is_raw && (rate - ASSUMED_FPS).abs() < 1e-9;
        if !rates.iter().all(is_assumed) {
            // FFmpeg 7 states the assumed rate beside the one in the coded stream.
            rates.retain(|rate| !is_assumed(rate));
        }
        let rate_is_guess = rates.first().is_some_and(is_assumed);
        let is_mp4 = input.format().name().contains("mp4");
        let track = u32::try_from(stream.id()).ok().filter(|_| is_mp4);
        let joins = track.map_or(Vec::new(), |track| edits::joins(file.reader(), track));
        let is_ogg = input.format().name() == "ogg";
        let lost = if is_ogg { lost_pages(file.reader(), stream.index()) } else { Vec::new() };
        let second = appended::second(file.reader(), input.format().name());
        let extradata = extradata(&stream);
        let (index, time_base) = (stream.index(), stream.time_base());
        let decoder = settings.video().map_err(unsupported)?;
        let coded_aspect = decoder.aspect_ratio();
        let aspects = [container_aspect, (coded_aspect.0, coded_aspect.1)];
        let sample_aspect =
            aspects.into_iter().find(|aspect| aspect.0 > 0 && aspect.1 > 0).unwrap_or((1, 1));
        Ok(Some(Self {
            decoder,
            stream: index,
            streams: streams.len(),
            time_base: (time_base.0, time_base.1),
            codec: name.to_owned(),
            extradata,
            rates,
            rate_is_guess,
            joins,
            lost,
            lost_after: Vec::new(),
            second,
            matrix,
            presentation: Presentation { orientation, sample_aspect, colour },
            matrix_scope: MatrixScope::of(name, input.format().name()),
            input,
        }))
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
fn open_video(file: &VideoFile, max_pixels: i64) -> Result<OpenedInput, ffmpeg::Error> {
    let mut options = Dictionary::new();
    options.set("format_whitelist", CONTAINERS);
    // FFmpeg has no protocol of this name. So a container cannot name a further file or address.
    options.set("protocol_whitelist", "none");
    // In joined recordings, the packets of MPEG-TS may get other identifiers.
    options.set("merge_pmt_versions", "1");
    open_input(StreamIo::from_read_seek(file.reader())?, &file.name, options, max_pixels)
}

/// Returns the indices of the video streams of a file, which is open. The best one comes first.
fn ranked(opened: &OpenedInput, file: &VideoFile, max_pixels: i64) -> Vec<usize> {
    if !are_unclear(&opened.input) {
        return video_streams(&opened.input, &[]);
    }
    let find = || open_video(file, max_pixels).map_or(Vec::new(), |again| pictures(again.input));
    video_streams(&opened.input, file.pictures(find))
}

/// Rejects a stream whose frames are too large. `sizes` are its sizes in different headers.
fn check_size(sizes: impl Iterator<Item = (i32, i32)>, max_pixels: i64) -> Result<(), Failure> {
    for (width, height) in sizes {
        let pixels = i64::from(width.max(0)) * i64::from(height.max(0));
        if pixels > max_pixels {
            let detail = format!(
                "frames of {width}x{height} are larger than {} megapixels: to use the file, raise \
                 ingest.decoder.max_megapixels",
                max_pixels / 1_000_000
            );
            return Err(Failure::reject(Reason::FrameTooLarge, detail));
        }
    }
    Ok(())
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
