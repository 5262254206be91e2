//! Building clips and cut-out stretches from frames whose shots are known.
//!
//! Within a shot all clips have the same length, but the last one may be shorter. If that one is
//! too short, it gets a row but no frames in a shard. [`FrameTimes`] says where a clip of the
//! source's own rate ends. A clip also ends where the track changes, because the picture is then
//! turned or cropped in another way.
//!
//! Damaged stretches ([`DamageFinder`]), fades ([`FadeFinder`]) and still stretches
//! ([`StillFinder`]) are cut out, in this order. A stretch is one row without frames.

use super::clip_row::{ClipOrigin, ClipPictures, CutClip, FrameInfo, scored_clip};
use super::damaged::DamageFinder;
use super::fades::{FadeFinder, Sorted};
use super::frame_times::FrameTimes;
use super::growing_clip::GrowingClip;
use super::sampled_frame::SampledFrame;
use super::stills::StillFinder;
use super::stretch::Stretch;
use crate::config::{ClipFormat, SamplingRate, clip_frames};
use crate::decode::Track;
use crate::reject::Reason;

/// A stretch that is cut out: its reason and its frames, at least one.
struct CutOut {
    reason: Reason,
    infos: Vec<FrameInfo>,
}

/// Builds the clips of one source.
pub struct ClipBuilder<'a> {
    origin: ClipOrigin<'a>,
    format: ClipFormat,
    /// The track of the current clip.
    track: Option<Track>,
    damage: DamageFinder<SampledFrame>,
    /// The next whole frame follows a damaged one.
    follows_damage: bool,
    /// Presentation time of the last frame that `damage` took.
    latest: i64,
    fades: FadeFinder<SampledFrame>,
    stills: StillFinder<SampledFrame>,
    /// The stretch that is cut out now.
    out: Option<CutOut>,
    /// The current clip.
    clip: GrowingClip,
}

impl<'a> ClipBuilder<'a> {
    /// A builder for one source.
    pub fn new(origin: ClipOrigin<'a>, format: ClipFormat) -> Self {
        let size = (format.frame.width as usize, format.frame.height as usize);
        let whole = if format.cuts_damage { format.min_frames as usize } else { 0 };
        Self {
            origin,
            format,
            track: None,
            damage: DamageFinder::new(whole),
            follows_damage: false,
            latest: i64::MIN,
            fades: FadeFinder::new(format.fade_seconds, size),
            stills: StillFinder::new(format.still_seconds, size),
            out: None,
            clip: GrowingClip::default(),
        }
    }

    /// Returns whether the sidecar has no action for a source frame.
    pub fn lacks_action(&self, native: usize) -> bool {
        self.origin.sidecar.is_some_and(|sidecar| !sidecar.covers(native))
    }

    /// Takes the next frame. Returns what it finishes.
    pub fn add(&mut self, frame: SampledFrame) -> Vec<CutClip> {
        let (info, mut cuts) = (frame.info, Vec::new());
        // A stretch has one track, and its times ascend.
        if frame.track.is_some() || self.damage.in_stretch() && info.pts < self.latest {
            cuts.extend(self.end_damage(info.native));
        }
        self.latest = info.pts;
        match self.damage.add(frame, info.corrupt) {
            Stretch::Unknown => {}
            Stretch::Play(frames) => cuts.extend(self.resume(frames)),
            Stretch::CutOut(frames) => {
                cuts.extend(self.end_fade());
                if !self.is_out(Reason::Damaged) {
                    let first = frames.first().map_or(info, |first| first.info);
                    cuts.extend(self.end_play(first.native));
                }
                self.follows_damage = true;
                self.cut_out(Reason::Damaged, frames);
            }
        }
        cuts
    }

    /// Ends the source. Returns the last clips.
    pub fn finish(mut self, native_frames: usize) -> Vec<CutClip> {
        self.end_damage(native_frames)
    }

    /// Ends what is before a source frame: a damaged stretch, the whole frames after it, a clip.
    fn end_damage(&mut self, next_native: usize) -> Vec<CutClip> {
        let held = self.damage.end();
        let mut cuts = self.resume(held);
        cuts.extend(self.end_fade());
        cuts.extend(self.end_play(next_native));
        cuts
    }

    /// Adds the frames that may have belonged to a fade.
    fn end_fade(&mut self) -> Vec<CutClip> {
        self.fades.end().into_iter().flat_map(|sorted| self.place_sorted(sorted)).collect()
    }

    /// Adds whole frames. They begin a shot if they follow a damaged stretch.
    fn resume(&mut self, mut frames: Vec<SampledFrame>) -> Vec<CutClip> {
        if let Some(first) = frames.first_mut() {
            first.begins_shot |= std::mem::take(&mut self.follows_damage);
        }
        let mut cuts = Vec::new();
        for frame in frames {
            let (begins_shot, time) = (frame.begins_shot, frame.time);
            let sorted = self.fades.add(frame, begins_shot, time);
            cuts.extend(sorted.into_iter().flat_map(|sorted| self.place_sorted(sorted)));
        }
        cuts
    }

    /// Adds a frame to a fade, or to what the still pictures decide.
    fn place_sorted(
        &mut self,
        Sorted { mut frame, is_fade }: Sorted<SampledFrame>,
    ) -> Vec<CutClip> {
        if !is_fade {
            frame.begins_shot |= self.is_out(Reason::Fade);
            return self.place_whole(frame);
        }
        let ended = !self.is_out(Reason::Fade);
        let cuts = if ended { self.end_play(frame.info.native) } else { Vec::new() };
        self.cut_out(Reason::Fade, vec![frame]);
        cuts
    }

    /// Returns whether a stretch is cut out now for a reason.
    fn is_out(&self, reason: Reason) -> bool {
        self.out.as_ref().is_some_and(|out| out.reason == reason)
    }

    /// Adds a frame to a clip or a still stretch. Returns what it finishes.
    fn place_whole(&mut self, mut frame: SampledFrame) -> Vec<CutClip> {
        let mut cuts = Vec::new();
        if frame.begins_shot || frame.track.is_some() {
            cuts.extend(self.end_play(frame.info.native));
        }
        self.take_track(&mut frame);
        let time = frame.time;
        match self.stills.add(frame, time) {
            Stretch::Unknown => {}
            Stretch::Play(frames) => {
                cuts.extend(frames.first().and_then(|next| self.end_cut_out(next.info.native)));
                cuts.extend(frames.into_iter().filter_map(|frame| self.append(frame)));
            }
            Stretch::CutOut(frames) => {
                if self.out.is_none() && self.clip.frames().len() == 1 {
                    // The frame that the stretch repeats would be a clip of its own.
                    let infos = self.clip.drop_pictures();
                    self.out = Some(CutOut { reason: Reason::Still, infos });
                } else if self.out.is_none() {
                    cuts.extend(frames.first().and_then(|next| self.cut(next.info.native)));
                }
                self.cut_out(Reason::Still, frames);
            }
        }
        cuts
    }

    fn take_track(&mut self, frame: &mut SampledFrame) {
        if frame.track.is_some() {
            self.track = frame.track.take();
        }
    }

    /// Ends the current clip or still stretch. `next` is the number of the source frame after it.
    fn end_play(&mut self, next: usize) -> Vec<CutClip> {
        let held = self.stills.end();
        let mut cuts: Vec<CutClip> =
            held.into_iter().filter_map(|frame| self.append(frame)).collect();
        cuts.extend(self.end_cut_out(next));
        cuts.extend(self.cut(next));
        cuts
    }

    /// Adds frames to the stretch that is cut out now, or begins one.
    fn cut_out(&mut self, reason: Reason, frames: Vec<SampledFrame>) {
        for mut frame in frames {
            self.take_track(&mut frame);
            let out = self.out.get_or_insert_with(|| CutOut { reason, infos: Vec::new() });
            out.infos.push(frame.info);
        }
    }

    /// Ends the stretch that is cut out now, if there is one, and returns its row without frames.
    fn end_cut_out(&mut self, next_native: usize) -> Option<CutClip> {
        let CutOut { reason, infos } = self.out.take()?;
        let times = self.times_of(&infos)?;
        let pictures = ClipPictures { rgb: Vec::new(), planes: Vec::new(), infos, next_native };
        let track = self.track.as_ref()?;
        let mut stretch = scored_clip(&self.origin, &self.format, track, times, pictures);
        stretch.row.reason = Some(reason.code().to_owned());
        Some(stretch)
    }

    /// Adds a frame to the current clip. Returns the clip before it if that one is full.
    fn append(&mut self, frame: SampledFrame) -> Option<CutClip> {
        let full = match self.format.frame.rate {
            SamplingRate::Fixed(fps) => {
                self.clip.frames().len() >= clip_frames(self.format.clip_seconds, fps)
            }
            SamplingRate::Own => {
                let times = self.times_of(self.clip.frames());
                times.is_some_and(|times| times.is_full(frame.info.pts, &self.format))
            }
        };
        let cut = if full { self.cut(frame.info.native) } else { None };
        self.clip.push(frame, &self.format);
        cut
    }

    /// The times of frames; `None` if there are none.
    fn times_of(&self, frames: &[FrameInfo]) -> Option<FrameTimes> {
        Some(FrameTimes {
            first: frames.first()?.pts,
            last: frames.last()?.pts,
            frames: frames.len(),
            time_base: self.track.as_ref()?.time_base,
        })
    }

    /// Ends the current clip. `next_native` is the number of the source frame after it.
    fn cut(&mut self, next_native: usize) -> Option<CutClip> {
        let times = self.times_of(self.clip.frames())?;
        let pictures = self.clip.take(next_native);
        Some(scored_clip(&self.origin, &self.format, self.track.as_ref()?, times, pictures))
    }
}
