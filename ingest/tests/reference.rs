//! Compares frames of `genie-ingest run` with those of the `ffmpeg` program, pixel by pixel.
//!
//! `ffmpeg` also makes the inputs, except the colour bars. This file computes their YUV itself, so
//! that the test finds an error that both programs share. Without `ffmpeg`, nothing is compared.
//! The files of `shared/videos/odd` are compared if they are present.

#[path = "support/test_dir.rs"]
mod support;

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use camino::Utf8PathBuf;
use support::{TestDir, code, stderr};

const WIDTH: usize = 128;
const HEIGHT: usize = 72;
/// Arguments of a lossless and fast encoder.
const X264: &str = "-c:v libx264 -qp 0 -preset ultrafast -threads 1";

/// How `ffmpeg` makes the expected frames.
#[derive(Clone, Copy)]
struct Reference {
    /// Filters that choose frames.
    sampling: &'static str,
    /// Filters before the scaling.
    before: &'static str,
    /// Filters after the scaling.
    after: &'static str,
    /// Width and height of the scaled picture.
    size: (usize, usize),
    kernel: &'static str,
    matrix: &'static str,
    range: &'static str,
}

/// For an untagged standard-definition picture that is larger than the output.
const PLAIN: Reference = Reference {
    sampling: "setpts=PTS-STARTPTS,fps=10:round=up,",
    before: "",
    after: "",
    size: (WIDTH, HEIGHT),
    kernel: "area",
    matrix: "bt601",
    range: "tv",
};

fn ffmpeg_is_here() -> bool {
    let here =
        Command::new("ffmpeg").arg("-version").output().is_ok_and(|output| output.status.success());
    if !here {
        eprintln!("skipped: the ffmpeg program is not installed");
    }
    here
}

fn ffmpeg(words: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "quiet", "-y", "-threads", "1"]).args(words);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "ffmpeg {words:?}");
    output.stdout
}

/// Returns `ffmpeg`'s frames of a file at the configured rate, as RGB.
fn reference(path: &str, with: Reference) -> Vec<u8> {
    let Reference { sampling, before, after, size: (width, height), kernel, matrix, range } = with;
    let scale = format!("scale={width}:{height}:flags={kernel}+accurate_rnd+full_chroma_int");
    let colour = format!("in_color_matrix={matrix}:in_range={range}");
    let filter = format!("{sampling}{before}{scale}:{colour},format=rgb24{after}");
    let words =
        ["-noautorotate", "-i", path, "-map", "0:V:0", "-vf", &filter, "-fps_mode", "passthrough"];
    ffmpeg(&[&words[..], &["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]].concat(), &[])
}

/// Videos that are generated, ingested in one run, and compared.
struct Comparison {
    dir: TestDir,
    expected: Vec<(String, Vec<u8>)>,
}

impl Comparison {
    fn new() -> Self {
        let dir = TestDir::new();
        fs::create_dir_all(dir.path("videos")).unwrap();
        Self { dir, expected: Vec::new() }
    }

    /// Makes a video with `ffmpeg`, from arguments separated by spaces.
    fn make(&self, name: &str, words: &str) -> Utf8PathBuf {
        let path = self.dir.path("videos").join(name);
        ffmpeg(&words.split(' ').chain([path.as_str()]).collect::<Vec<_>>(), &[]);
        path
    }

    /// Adds a video whose frames must equal the reference.
    fn add(&mut self, name: &str, words: &str, with: Reference) {
        let path = self.make(name, words);
        self.expected.push((name.to_owned(), reference(path.as_str(), with)));
    }

    /// Returns the frames of every video by file name.
    fn frames(&self, settings: &[&str]) -> HashMap<String, Vec<u8>> {
        let (width, height) = (format!("ingest.width={WIDTH}"), format!("ingest.height={HEIGHT}"));
        let fixed = [
            width.as_str(),
            &height,
            "ingest.min_frames=1",
            "ingest.clip_seconds=60",
            "ingest.keep=",
            "ingest.cut.damage=false",
            "ingest.near_duplicates=false",
        ];
        let output = self.dir.run(&[&fixed[..], settings].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        // Clips come in time order. The frames after a cut are in the next clip.
        let mut frames: HashMap<String, Vec<u8>> = HashMap::new();
        for clip in self.dir.clips(None) {
            let name = clip.source_path.rsplit('/').next().unwrap().to_owned();
            frames.entry(name).or_default().extend(clip.frames.data);
        }
        frames
    }

    fn assert_equal(&self, settings: &[&str]) {
        let ours = self.frames(settings);
        let problems: Vec<String> = self
            .expected
            .iter()
            .filter_map(|(name, expected)| {
                let found = ours.get(name).map_or(&[][..], Vec::as_slice);
                difference(found, expected).map(|difference| format!("{name}: {difference}"))
            })
            .collect();
        assert!(problems.is_empty(), "{problems:#?}");
    }
}

/// Describes the difference in words.
fn difference(ours: &[u8], theirs: &[u8]) -> Option<String> {
    let size = WIDTH * HEIGHT * 3;
    if ours.len() != theirs.len() || ours.is_empty() {
        return Some(format!("{} frames instead of {}", ours.len() / size, theirs.len() / size));
    }
    let frame =
        ours.chunks(size).zip(theirs.chunks(size)).position(|(ours, theirs)| ours != theirs)?;
    let most = ours.iter().zip(theirs).map(|(ours, theirs)| ours.abs_diff(*theirs)).max();
    Some(format!(
        "frame {frame} is the first that differs; the largest difference is {most:?} levels"
    ))
}

fn source(rate: &str, seconds: &str) -> String {
    format!("-f lavfi -i testsrc2=256x144:r={rate}:d={seconds}")
}

/// Catches: frames are sampled by index instead of time.
///
/// Also a clock that starts elsewhere, visible preroll frames, frames in decoding order, and a
/// wrong rate in files without one.
#[test]
fn frames_are_those_on_the_screen() {
    if !ffmpeg_is_here() {
        return;
    }
    let mut all = Comparison::new();
    let thirty = source("30", "2.3");
    all.add("plain.mp4", &format!("{thirty} {X264}"), PLAIN);
    all.add(
        "reordered.mp4",
        &format!("{thirty} -c:v libx264 -preset ultrafast -bf 8 -b_strategy 0 -g 90"),
        PLAIN,
    );
    // The gap is shorter than one that ends a shot.
    let dropped = "-vf select='gt(mod(n,7),1)*not(between(t,0.55,0.9))' -fps_mode vfr";
    all.add("gap.mkv", &format!("{thirty} {dropped} {X264}"), PLAIN);
    all.add("gap.mp4", &format!("{thirty} {dropped} {X264}"), PLAIN);
    all.add("late.ts", &format!("{thirty} -output_ts_offset 7.77 {X264}"), PLAIN);
    all.add(
        "early.ts",
        &format!("{thirty} -output_ts_offset -3.3 -avoid_negative_ts disabled {X264}"),
        PLAIN,
    );
    all.add("ntsc.mkv", &format!("{} -c:v ffv1", source("30000/1001", "2")), PLAIN);
    all.add("film.mp4", &format!("{} {X264}", source("24000/1001", "2.1")), PLAIN);
    all.add("slow.mp4", &format!("{} {X264}", source("4", "2")), PLAIN);
    all.add("fast.mp4", &format!("{} {X264}", source("60", "1.5")), PLAIN);
    all.add("film.mpg", &format!("{} -c:v mpeg2video -b:v 2M -bf 2", source("25", "2")), PLAIN);
    all.add("packed.avi", &format!("{} -c:v mpeg4 -b:v 2M -bf 2", source("25", "2")), PLAIN);
    all.add("picture.gif", &format!("{} -c:v gif", source("12.5", "2")), PLAIN);
    // Two recordings in one file: the clock starts again.
    let path = all.dir.path("videos/joined.ts");
    let late = fs::read(all.dir.path("videos/late.ts")).unwrap();
    fs::write(&path, [late.as_slice(), &late].concat()).unwrap();
    all.expected.push(("joined.ts".to_owned(), reference(path.as_str(), PLAIN)));
    // No time stamps, only the rate in the stream. (The `ffmpeg` program estimates them to the
    // microsecond, and is one frame off at some ticks.)
    let film = format!("{} -c:v libx264 -preset ultrafast -bf 3 -threads 1", source("24", "2"));
    all.add("boxed.mp4", &film, PLAIN);
    all.make("raw.h264", &film);
    let boxed = all.expected.last().unwrap().1.clone();
    all.expected.push(("raw.h264".to_owned(), boxed));
    // Cut in the middle of a group of pictures: an edit list hides frames that only others refer
    // to.
    let whole =
        all.make("whole.mp4", &format!("{thirty} -c:v libx264 -preset ultrafast -bf 2 -g 90"));
    all.add("edited.mp4", &format!("-ss 1.13 -i {whole} -c copy"), PLAIN);
    all.assert_equal(&[]);
}

/// Catches: at the source's own rate a frame is missing, doubled, or in another place.
///
/// The reasons may be time stamps: uneven, rounded, repeated, absent, or starting again. They may
/// be frames that the decoder skips or reorders, or that an edit list hides.
#[test]
fn every_frame_comes_once_at_the_own_rate() {
    if !ffmpeg_is_here() {
        return;
    }
    let own = Reference { sampling: "", ..PLAIN };
    let mut all = Comparison::new();
    let thirty = source("30", "2.3");
    let reordered = "-c:v libx264 -preset ultrafast -bf 8 -b_strategy 0 -g 90";
    all.add("reordered.mp4", &format!("{thirty} {reordered}"), own);
    let dropped = "-vf select='gt(mod(n,7),1)*not(between(t,0.5,1.5))' -fps_mode vfr";
    all.add("gap.mkv", &format!("{thirty} {dropped} {X264}"), own);
    all.add("gap.mp4", &format!("{thirty} {dropped} {X264}"), own);
    all.add("late.ts", &format!("{thirty} -output_ts_offset 7.77 {X264}"), own);
    all.add("ntsc.mkv", &format!("{} -c:v ffv1", source("60000/1001", "2")), own);
    all.add("slow.mp4", &format!("{} {X264}", source("4", "2")), own);
    all.add("fast.mp4", &format!("{} {X264}", source("240", "1")), own);
    all.add("packed.avi", &format!("{} -c:v mpeg4 -b:v 2M -bf 2", source("25", "2")), own);
    all.add("picture.gif", &format!("{} -c:v gif", source("12.5", "2")), own);
    // Two recordings in one file: the clock starts again.
    let path = all.dir.path("videos/joined.ts");
    let late = fs::read(all.dir.path("videos/late.ts")).unwrap();
    fs::write(&path, [late.as_slice(), &late].concat()).unwrap();
    all.expected.push(("joined.ts".to_owned(), reference(path.as_str(), own)));
    let film = format!("{} -c:v libx264 -preset ultrafast -bf 3 -threads 1", source("24", "2"));
    all.add("raw.h264", &film, own);
    // All frames at the same time.
    let still = format!("{thirty} -vf settb=1,setpts=0 -fps_mode passthrough {X264}");
    all.add("still.mkv", &still, own);
    let whole =
        all.make("whole.mp4", &format!("{thirty} -c:v libx264 -preset ultrafast -bf 2 -g 90"));
    all.add("edited.mp4", &format!("-ss 1.13 -i {whole} -c copy"), own);
    all.assert_equal(&["ingest.fps=0"]);
}

/// Writes a display matrix `a b c d` (in whole units) to the track header of an MP4 file.
fn set_matrix(path: &Utf8PathBuf, [a, b, c, d]: [i32; 4]) {
    let mut bytes = fs::read(path).unwrap();
    let header = bytes.windows(4).position(|window| window == b"tkhd").unwrap();
    for (index, number) in [(0, a), (1, b), (3, c), (4, d)] {
        let at = header + 44 + 4 * index;
        bytes[at..at + 4].copy_from_slice(&(number << 16).to_be_bytes());
    }
    fs::write(path, bytes).unwrap();
}

/// Catches: pictures are turned or mirrored, show combs, are sheared at odd sizes, or keep their
/// borders.
///
/// A change of size must not end or distort a video.
#[test]
fn pictures_are_upright_whole_and_without_borders() {
    if !ffmpeg_is_here() {
        return;
    }
    let mut all = Comparison::new();
    let plain = format!("{} {X264}", source("10", "1"));
    let lying = Reference { size: (HEIGHT, WIDTH), ..PLAIN };
    let turns: [(&str, [i32; 4], Reference); 7] = [
        ("clock.mp4", [0, 1, -1, 0], Reference { after: ",transpose=clock", ..lying }),
        ("half.mp4", [-1, 0, 0, -1], Reference { after: ",hflip,vflip", ..PLAIN }),
        ("counter.mp4", [0, -1, 1, 0], Reference { after: ",transpose=cclock", ..lying }),
        ("mirror.mp4", [-1, 0, 0, 1], Reference { after: ",hflip", ..PLAIN }),
        ("flip.mp4", [1, 0, 0, -1], Reference { after: ",vflip", ..PLAIN }),
        ("diagonal.mp4", [0, 1, 1, 0], Reference { after: ",transpose=cclock_flip", ..lying }),
        ("across.mp4", [0, -1, -1, 0], Reference { after: ",transpose=clock_flip", ..lying }),
    ];
    for (name, matrix, with) in turns {
        let path = all.make(name, &plain);
        set_matrix(&path, matrix);
        all.expected.push((name.to_owned(), reference(path.as_str(), with)));
    }
    let small = |size: &str, format: &str| {
        format!("-f lavfi -i testsrc2={size}:r=10:d=1 -pix_fmt {format} {X264}")
    };
    all.add("odd.mkv", &small("197x101", "yuv444p"), PLAIN);
    all.add(
        "odd.mp4",
        "-f lavfi -i testsrc2=197x101:r=10:d=1 -pix_fmt yuv420p -c:v mpeg4 -q:v 2",
        PLAIN,
    );
    all.add("small.mp4", &small("64x64", "yuv420p"), Reference { kernel: "bicubic", ..PLAIN });
    all.add("narrow.mp4", &small("64x200", "yuv420p"), Reference { kernel: "bicubic", ..PLAIN });

    let woven = "-vf interlace=lowpass=0:scan=";
    let fast = source("50", "2");
    let mpeg2 = "-c:v mpeg2video -q:v 2 -flags +ildct+ilme -r 25";
    let (top, bottom) = (
        Reference { before: "field=top,", ..PLAIN },
        Reference { before: "field=bottom,", ..PLAIN },
    );
    all.add("top.ts", &format!("{fast} {woven}tff {mpeg2} -top 1"), top);
    all.add("bottom.ts", &format!("{fast} {woven}bff {mpeg2} -top 0"), bottom);
    all.add("top.mp4", &format!("{fast} {woven}tff {X264} -x264-params tff=1"), top);
    all.add("bottom.mp4", &format!("{fast} {woven}bff {X264} -x264-params bff=1"), bottom);

    let barred = |bars: &str, format: &str| {
        format!(
            "-f lavfi -i mandelbrot=s=256x144:r=10 -t 1.5 -vf format=gbrp,{bars} {X264} \
             -pix_fmt {format}"
        )
    };
    let cropped = |before| Reference { before, ..PLAIN };
    all.add("letterbox.mp4", &barred("pad=256:192:0:24", "yuv420p"), cropped("crop=256:144:0:24,"));
    all.add("pillarbox.mp4", &barred("pad=320:144:33:0", "yuv444p"), cropped("crop=256:144:33:0,"));
    // A border that is in five of eight key frames is not a border.
    let leaving = "drawbox=0:0:256:24:black:fill:enable='lt(t,5)',\
        drawbox=0:120:256:24:black:fill:enable='lt(t,5)'";
    let leaving = format!(
        "-f lavfi -i mandelbrot=s=256x144:r=10 -t 8 -vf {leaving} {X264} -g 10 -pix_fmt yuv420p"
    );
    all.add("leaving.mp4", &leaving, PLAIN);

    let parts = ["256x144", "320x200"].map(|size| {
        let words = format!("-f lavfi -i testsrc2={size}:r=10:d=1 -pix_fmt yuv420p {X264} -f h264");
        let path = all.dir.path(size);
        ffmpeg(&words.split(' ').chain([path.as_str()]).collect::<Vec<_>>(), &[]);
        path
    });
    fs::write(
        all.dir.path("videos/grows.h264"),
        parts.each_ref().map(|part| fs::read(part).unwrap()).concat(),
    )
    .unwrap();
    let expected = parts.each_ref().map(|part| reference(part.as_str(), PLAIN)).concat();
    all.expected.push(("grows.h264".to_owned(), expected));
    all.assert_equal(&[]);
}

/// Catches: one aspect setting behaves like another.
#[test]
fn pictures_are_padded_or_stretched_as_configured() {
    if !ffmpeg_is_here() {
        return;
    }
    let words = |size: &str, filter: &str| {
        format!("-f lavfi -i mandelbrot=s={size}:r=10 -t 1.5 -vf {filter} {X264} -pix_fmt yuv420p")
    };
    let mut padded = Comparison::new();
    let fit = |width, height, after| Reference { size: (width, height), after, ..PLAIN };
    let middle = ",pad=128:72:(ow-iw)/2:(oh-ih)/2";
    padded.add("four-by-three.mp4", &words("320x240", "null"), fit(96, 72, middle));
    padded.add("wide.mp4", &words("384x144", "null"), fit(128, 48, middle));
    padded.add("samples.mp4", &words("192x144", "setsar=4/3"), fit(128, 72, ""));
    padded.add("letterbox.mp4", &words("256x144", "pad=256:192:0:24"), fit(96, 72, middle));
    let path = padded.make("lying.mp4", &words("144x192", "setsar=3/4"));
    set_matrix(&path, [0, 1, -1, 0]);
    let with = Reference { size: (72, 128), after: ",transpose=clock", ..PLAIN };
    padded.expected.push(("lying.mp4".to_owned(), reference(path.as_str(), with)));
    padded.assert_equal(&["ingest.aspect=pad"]);

    let mut stretched = Comparison::new();
    stretched.add("four-by-three.mp4", &words("320x240", "null"), PLAIN);
    stretched.add("letterbox.mp4", &words("256x144", "pad=256:192:0:24"), PLAIN);
    stretched.assert_equal(&["ingest.aspect=stretch"]);
}

/// Bars of 75 % and 100 %, and one more colour.
const BARS: [[f64; 3]; 16] = [
    [191., 191., 191.],
    [191., 191., 0.],
    [0., 191., 191.],
    [0., 191., 0.],
    [191., 0., 191.],
    [191., 0., 0.],
    [0., 0., 191.],
    [0., 0., 0.],
    [255., 255., 255.],
    [255., 255., 0.],
    [0., 255., 255.],
    [0., 255., 0.],
    [255., 0., 255.],
    [255., 0., 0.],
    [0., 0., 255.],
    [200., 120., 60.],
];

/// Returns a sample as two bytes, as raw video stores it.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 10 bits")]
fn sample(value: f64) -> [u8; 2] {
    (value.round() as u16).to_le_bytes()
}

/// Makes a picture of bars of 16 pixels, as planar YUV, from the definitions of H.273, 8.3.
fn bars(red: f64, blue: f64, full: bool, depth: u32, shares: (usize, usize)) -> Vec<u8> {
    let (width, height) = (16 * BARS.len(), 144);
    let unit = f64::from(1 << (depth - 8));
    let planes = BARS.map(|[r, g, b]| {
        let luma = red * r + (1.0 - red - blue) * g + blue * b;
        let chroma = [(b - luma) / (2.0 - 2.0 * blue), (r - luma) / (2.0 - 2.0 * red)];
        let most = 256.0 * unit - 1.0;
        let (luma, chroma) = if full {
            (luma / 255.0 * most, chroma.map(|chroma| chroma / 255.0 * most))
        } else {
            (
                (luma * 219.0 / 255.0 + 16.0) * unit,
                chroma.map(|chroma| chroma * 224.0 / 255.0 * unit),
            )
        };
        [luma, chroma[0] + 128.0 * unit, chroma[1] + 128.0 * unit]
            .map(|value| value.clamp(0.0, most))
    });
    let mut raw = Vec::new();
    for (plane, (across, down)) in [(1, 1), shares, shares].into_iter().enumerate() {
        for _ in 0..height / down {
            for x in 0..width / across {
                raw.extend_from_slice(
                    &sample(planes[x * across / 16][plane])[..if depth > 8 { 2 } else { 1 }],
                );
            }
        }
    }
    raw
}

/// Catches: the matrix or the range is wrong, also for untagged files, or 10 bits are read as 8.
#[test]
fn colour_bars_keep_their_colours() {
    if !ffmpeg_is_here() {
        return;
    }
    let mut all = Comparison::new();
    // Coefficients of H.273, table 4.
    let matrices =
        [("bt709", 0.2126, 0.0722), ("smpte170m", 0.299, 0.114), ("bt2020nc", 0.2627, 0.0593)];
    let formats = [("yuv420p", 8, (2, 2)), ("yuv444p", 8, (1, 1)), ("yuv422p10le", 10, (2, 1))];
    for (matrix, red, blue) in matrices {
        for range in ["tv", "pc"] {
            for (format, depth, shares) in formats {
                let name = format!("{matrix}-{range}-{format}.mkv");
                let path = all.dir.path("videos").join(&name);
                let tags = format!("-colorspace {matrix} -color_range {range}");
                let words = format!(
                    "-f rawvideo -pix_fmt {format} {tags} -s 256x144 -r 10 -i - {X264} {tags} \
                     {path}"
                );
                let picture = bars(red, blue, range == "pc", depth, shares);
                ffmpeg(
                    &words.split(' ').collect::<Vec<_>>(),
                    &[picture.as_slice(), &picture].concat(),
                );
                let theirs = match matrix {
                    "smpte170m" => "bt601",
                    "bt2020nc" => "bt2020",
                    other => other,
                };
                let with = Reference { matrix: theirs, range, ..PLAIN };
                all.expected.push((name, reference(path.as_str(), with)));
            }
        }
    }
    // Untagged: BT.601 below 720 lines.
    let path = all.dir.path("videos/untagged.mkv");
    let words = format!("-f rawvideo -pix_fmt yuv444p -s 256x144 -r 10 -i - {X264} {path}");
    let picture = bars(0.299, 0.114, false, 8, (1, 1));
    ffmpeg(&words.split(' ').collect::<Vec<_>>(), &[picture.as_slice(), &picture].concat());
    all.expected.push(("untagged.mkv".to_owned(), reference(path.as_str(), PLAIN)));
    all.assert_equal(&[]);

    let mut worst = (0.0, String::new());
    for (name, frames) in all.frames(&[]) {
        for (bar, nominal) in BARS.iter().enumerate() {
            let at = (HEIGHT / 2 * WIDTH + bar * 8 + 4) * 3;
            for (found, nominal) in frames[at..at + 3].iter().zip(nominal) {
                let off = (f64::from(*found) - nominal).abs();
                if off > worst.0 {
                    worst = (
                        off,
                        format!(
                            "{name}, bar {bar}: {:?} instead of {:?}",
                            &frames[at..at + 3],
                            BARS[bar]
                        ),
                    );
                }
            }
        }
    }
    eprintln!("largest difference: {worst:?}");
    assert!(worst.0 <= 2.0, "{worst:?}");
}

/// Catches: HDR looks grey and washed out.
///
/// The input is a ramp of SDR greys in PQ, with white at 203 cd/m².
#[test]
fn hdr_looks_like_the_sdr_it_was_made_of() {
    if !ffmpeg_is_here() {
        return;
    }
    // BT.2100-2, table 4: from light to code value.
    let pq = |light: f64| {
        let (m1, m2) = (2610.0 / 16384.0, 2523.0 / 32.0);
        let power = (light / 10_000.0).powf(m1);
        ((3424.0 / 4096.0 + 2413.0 / 128.0 * power) / (1.0 + 2392.0 / 128.0 * power)).powf(m2)
    };
    let greys = [0.0, 32.0, 64.0, 96.0, 128.0, 160.0, 192.0, 224.0_f64];
    let mut picture = Vec::new();
    for plane in 0..3 {
        for x in (0..144).flat_map(|_| 0..256) {
            let light = 203.0 * (greys[x / 32] / 255.0).powf(2.4);
            let code = if plane == 0 { 64.0 + 876.0 * pq(light) } else { 512.0 };
            picture.extend_from_slice(&sample(code));
        }
    }
    let all = Comparison::new();
    let path = all.dir.path("videos/pq.mkv");
    // x264 writes the tags itself: FFmpeg 7 replaces the encoder's transfer by that of its frames.
    let tags = "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:range=tv";
    let raw = "-f rawvideo -pix_fmt yuv444p10le -s 256x144 -r 10 -i -";
    let words = format!("{raw} {X264} -x264-params {tags} {path}");
    ffmpeg(&words.split(' ').collect::<Vec<_>>(), &[picture.as_slice(), &picture].concat());
    let frames = &all.frames(&[])["pq.mkv"];
    for (bar, grey) in greys.iter().enumerate() {
        let at = (HEIGHT / 2 * WIDTH + bar * 16 + 8) * 3;
        for found in &frames[at..at + 3] {
            assert!((f64::from(*found) - grey).abs() <= 2.0, "{found} instead of {grey}");
        }
    }
}

/// Catches: errors that occur only with real files.
///
/// It uses a selection, to save time. HDR files have no reference, because they are mapped.
#[test]
fn odd_files_are_as_ffmpeg_shows_them() {
    let odd = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/videos/odd"));
    if !odd.is_dir() || !ffmpeg_is_here() {
        return;
    }
    let tagged = Reference { matrix: "bt709", ..PLAIN };
    let lying = Reference { size: (HEIGHT, WIDTH), after: ",transpose=clock", ..tagged };
    let files = [
        ("bframes16.mp4", tagged),
        ("vfr.mp4", tagged),
        ("editlist_skip_preroll.mp4", tagged),
        ("ntsc_23976.mp4", tagged),
        ("rotated90_displaymatrix.mp4", lying),
        ("letterboxed.mp4", Reference { before: "crop=640:360:0:60,", ..tagged }),
        ("pillarboxed.mp4", Reference { before: "crop=480:360:80:0,", ..tagged }),
        ("matrix_bt601.mp4", PLAIN),
        ("hevc_10bit_sdr.mp4", tagged),
        ("alpha_qtrle.mov", PLAIN),
        // The container's tag BT.709 counts. The stream can only say BT.601.
        ("vp8.webm", tagged),
        ("animated.gif", PLAIN),
        ("mjpeg.avi", Reference { range: "pc", ..PLAIN }),
        ("raw_annexb.h264", tagged),
        ("lossless_rgb.mp4", PLAIN),
        ("interlaced_mpeg2.ts", Reference { before: "field=top,", ..tagged }),
        ("interlaced_mpeg2_corrupt.ts", Reference { before: "field=top,", ..tagged }),
    ];
    for (sampling, rate) in [(PLAIN.sampling, "ingest.fps=10"), ("", "ingest.fps=0")] {
        let mut all = Comparison::new();
        for (name, with) in files {
            let path = all.dir.path("videos").join(name);
            fs::copy(odd.join(name), &path).unwrap();
            let with = Reference { sampling, ..with };
            all.expected.push((name.to_owned(), reference(path.as_str(), with)));
        }
        all.assert_equal(&[rate]);
    }
}
