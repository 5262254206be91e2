//! Passes over the packets and frames of a file: what each of them does is a visitor.

use std::collections::VecDeque;

use ffmpeg::{Discard, Packet, frame};
use ffmpeg_next as ffmpeg;

use super::borders::Borders;
use super::damage::{POINTS, PacketTimes, SilentLosses};
use super::event::{DecodeOptions, Event, EventSink, Failure};
use super::ffi::{layout, properties, row};
use super::input::{DecodeDamage, Received, VideoInput};
use super::lasting_borders::LastingBorders;
use super::video_file::VideoFile;

/// Packets that are read before they are decoded. They tell when the next frame starts.
const READ_AHEAD: usize = 8;

/// Checks borders against the key frames of the whole video. Returns them if they last.
///
/// If all frames so far were dark, it checks every frame: few key frames may be bright.
pub fn lasting(
    file: &VideoFile,
    options: &DecodeOptions,
    choice: usize,
    borders: Borders,
    sink: &mut EventSink<'_>,
) -> Result<Option<Borders>, Failure> {
    let discard = if borders.is_undecided() { Discard::Default } else { Discard::NonKey };
    let borders = borders_until_end(file, options, choice, (borders, discard, None), sink)?;
    Ok(Some(borders).filter(|borders| borders.crop().is_some()))
}

/// Returns whether borders last in the key frames of the file from a presentation time on.
pub fn remain(
    file: &VideoFile,
    options: &DecodeOptions,
    choice: usize,
    (borders, from): (&Borders, i64),
    sink: &mut EventSink<'_>,
) -> Result<bool, Failure> {
    let checked = (borders.clone(), Discard::NonKey, Some(from));
    let after = borders_until_end(file, options, choice, checked, sink)?;
    let crop = borders.crop();
    Ok(crop.is_some_and(|crop| after.remaining(crop) == Some(crop)))
}

/// Checks borders in the frames of a file that the decoder does not discard.
///
/// If a time is given, only the frames from there on count. Returns [`LastingBorders::finish`].
fn borders_until_end(
    file: &VideoFile,
    options: &DecodeOptions,
    choice: usize,
    (borders, discard, from): (Borders, Discard, Option<i64>),
    sink: &mut EventSink<'_>,
) -> Result<Borders, Failure> {
    let options = DecodeOptions { threads: 1, ..*options };
    let mut visitor = BorderVisitor { borders: LastingBorders::new(borders), discard, from, sink };
    if let Some(mut input) = VideoInput::open(file, &options, choice)? {
        every_frame(&mut input, &mut visitor)?;
    }
    Ok(visitor.borders.finish())
}

/// Returns the times after which frames of a file were lost without a trace, in ascending order.
///
/// `input` is at the start of the file, and is read. For most codecs the result is empty, and
/// nothing is read.
pub fn silent_losses(
    input: &mut VideoInput,
    file: &VideoFile,
    options: &DecodeOptions,
    choice: usize,
    sink: &mut EventSink<'_>,
) -> Result<Vec<i64>, Failure> {
    let (mut times, mut damage) = (PacketTimes::default(), DecodeDamage::default());
    while let Some(packet) = input.next_packet(&mut damage) {
        sink(Event::Packet)?;
        times.packet(packet.dts().or(packet.pts()));
    }
    let Some(clock) = times.with_holes() else { return Ok(Vec::new()) };
    let Some(mut input) = VideoInput::open(file, options, choice)? else { return Ok(Vec::new()) };
    let mut losses = SilentLosses::new(clock, input.units(1.0));
    every_frame(&mut input, &mut LossVisitor { losses: &mut losses, sink })?;
    Ok(losses.finish())
}

/// Receives the packets and frames of a video.
pub trait FrameVisitor {
    type Error;
    /// A packet was read. It is decoded later.
    ///
    /// `skipped` is true if the file has damaged data before it.
    fn read(&mut self, packet: &Packet, skipped: bool) -> Result<(), Self::Error>;
    /// A packet is about to be decoded. Returns which frames the decoder may skip.
    fn discard(&mut self, packet: &Packet) -> Discard;
    /// The decoder returned an error instead of a frame.
    fn failed(&mut self) {}
    /// A frame was decoded.
    fn frame(&mut self, frame: &mut frame::Video) -> Result<(), Self::Error>;
}

/// Checks borders in the frames that it does not discard.
struct BorderVisitor<'a, 'c> {
    borders: LastingBorders,
    discard: Discard,
    /// Presentation time from which on frames count.
    from: Option<i64>,
    sink: &'a mut EventSink<'c>,
}

impl FrameVisitor for BorderVisitor<'_, '_> {
    type Error = Failure;

    fn read(&mut self, _: &Packet, _: bool) -> Result<(), Failure> {
        Ok((self.sink)(Event::Packet)?)
    }

    fn discard(&mut self, _: &Packet) -> Discard {
        self.discard
    }

    fn frame(&mut self, frame: &mut frame::Video) -> Result<(), Failure> {
        let pts = frame.timestamp().or(frame.pts());
        if self.from.zip(pts).is_some_and(|(from, pts)| pts < from) {
            return Ok(());
        }
        self.borders.look(frame);
        Ok(())
    }
}

/// Looks for lost frames in the pictures of all frames.
struct LossVisitor<'a, 'c> {
    losses: &'a mut SilentLosses,
    sink: &'a mut EventSink<'c>,
}

impl FrameVisitor for LossVisitor<'_, '_> {
    type Error = Failure;

    fn read(&mut self, _: &Packet, _: bool) -> Result<(), Failure> {
        Ok((self.sink)(Event::Packet)?)
    }

    fn discard(&mut self, _: &Packet) -> Discard {
        Discard::Default
    }

    fn frame(&mut self, frame: &mut frame::Video) -> Result<(), Failure> {
        if let (Some(pts), Some(picture)) = (frame.timestamp().or(frame.pts()), brightness(frame)) {
            self.losses.frame(pts, frame.is_key(), picture);
        }
        Ok(())
    }
}

/// Returns the brightness of a frame at [`POINTS`], row by row.
///
/// Returns `None` for a pixel format that this code cannot read.
fn brightness(frame: &frame::Video) -> Option<Vec<u8>> {
    let found = properties(frame);
    let layout = layout(found.pixel_format)?;
    // Of RGB, green is nearest to it.
    let component = layout.components.get(usize::from(layout.rgb))?;
    let (width, height) = (usize::try_from(found.width).ok()?, u32::try_from(found.height).ok()?);
    let mut levels = Vec::with_capacity(POINTS.0 * POINTS.1);
    for y in 0..POINTS.1 {
        let line = u32::try_from(y * height as usize / POINTS.1).ok()?;
        let line = row(frame, &layout, component.plane, line)?;
        levels.extend((0..POINTS.0).map(|x| component.level(line, x * width / POINTS.0)));
    }
    Some(levels)
}

/// Passes every frame that the decoder does not skip to a visitor, in presentation order.
pub fn every_frame<V: FrameVisitor>(
    input: &mut VideoInput,
    visitor: &mut V,
) -> Result<DecodeDamage, V::Error> {
    let mut damage = DecodeDamage::default();
    let mut ahead = VecDeque::new();
    loop {
        while ahead.len() <= READ_AHEAD
            && let Some(packet) = input.next_packet(&mut damage)
        {
            visitor.read(&packet, std::mem::take(&mut damage.skipped))?;
            ahead.push_back(packet);
        }
        let Some(packet) = ahead.pop_front() else { break };
        input.decoder.skip_frame(visitor.discard(&packet));
        if input.decoder.send_packet(&packet).is_err() {
            damage.packet();
            visitor.failed();
            continue;
        }
        receive_all(input, visitor, &mut damage)?;
    }
    // An error here means that the decoder has no frames left.
    let _ = input.decoder.send_eof();
    receive_all(input, visitor, &mut damage)?;
    Ok(damage)
}

/// Passes the frames that the decoder has to a visitor.
fn receive_all<V: FrameVisitor>(
    input: &mut VideoInput,
    visitor: &mut V,
    damage: &mut DecodeDamage,
) -> Result<(), V::Error> {
    let mut frame = frame::Video::empty();
    loop {
        match input.receive(&mut frame, damage) {
            Received::Frame => visitor.frame(&mut frame)?,
            Received::Nothing => return Ok(()),
            Received::Error => {
                visitor.failed();
                return Ok(());
            }
        }
    }
}
