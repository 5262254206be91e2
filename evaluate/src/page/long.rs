//! The part of the page about long rollouts.

use anyhow::Result;

use crate::held_out::LongClip;
use crate::long::{LongStrip, marks};
use crate::page::canvas::{Zoom, data_uri, grid};
use crate::page::chart::{Series, curves};
use crate::page::numbers::{percent, three_digits};
use crate::report::schema::{
    LongDistance, LongRollouts, ObjectPresence, Point, Way, WindowDistance,
};

/// Width of a frame in a strip, in pixels.
const CELL: usize = 128;

/// A few frames of a long rollout: recorded frames above generated ones.
#[derive(Debug, Clone)]
pub struct StripPicture {
    /// File name without extension.
    pub name: String,
    pub caption: String,
    /// Names of the columns.
    pub labels: Vec<String>,
    pub film: Vec<u8>,
}

/// Draws the strips of long rollouts.
///
/// # Errors
/// Fails if a picture cannot be written as PNG.
pub fn draw_strips(strips: &[LongStrip], clips: &[LongClip]) -> Result<Vec<StripPicture>> {
    strips.iter().enumerate().map(|(number, strip)| draw_strip(number + 1, strip, clips)).collect()
}

fn draw_strip(number: usize, strip: &LongStrip, clips: &[LongClip]) -> Result<StripPicture> {
    let LongStrip { real, generated, height, width, .. } = strip;
    let rows: Vec<Vec<&[u8]>> =
        [real, generated].map(|row| row.iter().map(Vec::as_slice).collect()).to_vec();
    let film = grid(&rows, *height, *width, Zoom::to_width(*width, CELL), 1).to_png()?;
    let window = &clips[strip.clip].window;
    Ok(StripPicture {
        name: format!("long-{number:02}"),
        caption: format!(
            "{}, clip {}",
            window.name,
            window.clip_id.get(..8).unwrap_or(&window.clip_id)
        ),
        labels: strip.times.iter().map(|t| format!("frame {} (t = {t})", t + 1)).collect(),
        film,
    })
}

/// The numbers of long rollouts in the form that the template shows.
pub struct LongView<'a> {
    pub of: &'a LongRollouts,
    pub half_life: String,
    pub psnr_chart: String,
    pub has_mean_frame: bool,
    pub distances: Vec<LongDistanceView<'a>>,
    pub objects: Vec<ObjectView<'a>>,
    pub ways: Vec<WayRow>,
    pub strips: Vec<StripView<'a>>,
}

pub struct LongDistanceView<'a> {
    pub of: &'a LongDistance,
    pub chart: String,
    /// For each time: t, `half_generated` / `half_floor`, and the kernel distance.
    pub rows: Vec<[String; 3]>,
}

pub struct ObjectView<'a> {
    pub of: &'a ObjectPresence,
    pub chart: String,
    /// Column heads of the table of held actions: frames t.
    pub times: Vec<usize>,
    /// For each latent action: its name, and its share at each time.
    pub held: Vec<(String, Vec<String>)>,
}

pub struct WayRow {
    pub actions: String,
    pub frames: usize,
    pub there: String,
    pub back: String,
    pub gain: String,
}

pub struct StripView<'a> {
    pub of: &'a StripPicture,
    pub film: String,
}

/// Formats all numbers; `names` are the names of the latent actions.
pub fn long_view<'a>(
    of: &'a LongRollouts,
    names: &[String],
    strips: &'a [StripPicture],
) -> LongView<'a> {
    let rollout = &of.rollout;
    let series = |name, points| Series { name, points };
    LongView {
        of,
        half_life: half_life(of),
        psnr_chart: curves(
            "PSNR of long rollouts",
            "dB",
            &[
                series("generated", &rollout.psnr_db),
                series("copy of the last prompt frame", &rollout.psnr_copy_last_db),
                series("reconstruction", &rollout.psnr_reconstruction_db),
                series("mean frame", &rollout.psnr_mean_frame_db),
            ],
            false,
        ),
        has_mean_frame: !rollout.psnr_mean_frame_db.is_empty(),
        distances: of
            .distances
            .iter()
            .filter(|distance| !distance.windows.is_empty())
            .map(distance_view)
            .collect(),
        objects: of
            .objects
            .iter()
            .filter(|object| object.clips > 0)
            .map(|object| object_view(object, names))
            .collect(),
        ways: ways(of, names),
        strips: strips.iter().map(|of| StripView { of, film: data_uri(&of.film) }).collect(),
    }
}

/// Says in words when half of the lead over the mean frame is gone.
pub fn half_life(of: &LongRollouts) -> String {
    match (of.half_life, of.half_life_at_least) {
        (Some(t), _) => format!("half of the lead over the mean frame is gone at t = {t}"),
        (None, Some(frames)) => {
            format!("more than half of the lead over the mean frame is left after {frames} frames")
        }
        (None, None) => "no training clips, so no half-life".to_owned(),
    }
}

fn distance_view(of: &LongDistance) -> LongDistanceView<'_> {
    let points = |value: fn(&WindowDistance) -> f64| -> Vec<Point> {
        let point =
            |window: &WindowDistance| Point { t: window.t, mean: value(window), ci95: None };
        of.windows.iter().map(point).collect()
    };
    let (generated, floor) = (points(|w| w.half_generated), points(|w| w.half_floor));
    let series = |name, points| Series { name, points };
    let quotient = |t: usize| of.over_floor.iter().find(|point| point.t == t);
    LongDistanceView {
        of,
        chart: curves(
            "Distance of windows over time",
            "distance",
            &[series("a real and a generated half", &generated), series("two real halves", &floor)],
            true,
        ),
        rows: of
            .windows
            .iter()
            .map(|window| {
                let quotient = quotient(window.t).map(|point| three_digits(point.mean));
                [window.t.to_string(), quotient.unwrap_or_default(), three_digits(window.kernel)]
            })
            .collect(),
    }
}

fn object_view<'a>(of: &'a ObjectPresence, names: &[String]) -> ObjectView<'a> {
    let series = |name, points| Series { name, points };
    let last = of.held.last().map_or(0, |point| point.t);
    let times: Vec<usize> = marks(0, last + 1);
    let cells = |points: &[Point]| {
        let at = |t: &usize| points.iter().find(|point| point.t == *t);
        times.iter().map(|t| at(t).map_or_else(String::new, |point| percent(point.mean))).collect()
    };
    let mut held: Vec<(String, Vec<String>)> = of
        .held_by_action
        .iter()
        .enumerate()
        .map(|(code, points)| (name(names, code), cells(points)))
        .collect();
    if !held.is_empty() {
        held.push(("all".to_owned(), cells(&of.held)));
    }
    ObjectView {
        of,
        chart: curves(
            "Objects that stay",
            "share",
            &[
                series("as many as in the prompt", &of.as_many),
                series("each in the right place", &of.near),
                series("none", &of.none),
                series("as many in the recording", &of.recorded),
            ],
            true,
        ),
        times,
        held,
    }
}

fn ways(of: &LongRollouts, names: &[String]) -> Vec<WayRow> {
    let row = |way: &Way| WayRow {
        actions: format!(
            "{} → {}",
            name(names, usize::from(way.there)),
            name(names, usize::from(way.back))
        ),
        frames: way.frames,
        there: format!("{:.1}", way.psnr_there_db),
        back: format!("{:.1}", way.psnr_back_db),
        gain: match way.gain_db_ci95 {
            Some([low, high]) => {
                format!("{:+.1} [{low:+.1}, {high:+.1}]", way.gain_db).replace('-', "−")
            }
            None => format!("{:+.1}", way.gain_db).replace('-', "−"),
        },
    };
    of.there_and_back.ways.iter().map(row).collect()
}

fn name(names: &[String], code: usize) -> String {
    names.get(code).cloned().unwrap_or_else(|| code.to_string())
}
