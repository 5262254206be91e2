//! `genie-ingest run` with the built binary: the stream, orientation, crop and colours of clips.
//!
//! `ffmpeg` makes the inputs. Without it, nothing is tested.

#[path = "support/test_dir.rs"]
mod support;

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use camino::Utf8PathBuf;
use genie_shards::Clip;
use support::{TestDir, code, stderr};

/// Arguments of a lossless and fast encoder.
const X264: &str = "-c:v libx264 -qp 0 -preset ultrafast -threads 1";
const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const SIZE: usize = 32;

/// Makes a file from `ffmpeg` arguments separated by spaces. Returns whether that worked.
fn ffmpeg(path: &Utf8PathBuf, words: &str, input: &[u8]) -> bool {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y"]).args(words.split(' ')).arg(path);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait().unwrap().success()
}

/// A directory with videos that `ffmpeg` makes.
struct Videos {
    dir: TestDir,
}

impl Videos {
    /// Returns `None` if the `ffmpeg` program is not installed.
    fn new() -> Option<Self> {
        let version = Command::new("ffmpeg").arg("-version").output();
        if !version.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: the ffmpeg program is not installed");
            return None;
        }
        let dir = TestDir::new();
        fs::create_dir_all(dir.path("videos")).unwrap();
        Some(Self { dir })
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        self.dir.path("videos").join(name)
    }

    fn make(&self, name: &str, words: &str) -> Utf8PathBuf {
        let path = self.path(name);
        assert!(ffmpeg(&path, words, &[]), "ffmpeg {words}");
        path
    }

    /// Makes a lossless H.264 video of 20 equal pictures, from raw samples. `params` are x264's.
    fn make_raw(&self, name: &str, format: &str, size: &str, picture: &[u8], params: &str) {
        let words = format!(
            "-f rawvideo -pix_fmt {format} -s {size} -r 10 -i - {X264} -x264-params {params}"
        );
        assert!(ffmpeg(&self.path(name), &words, &picture.repeat(20)), "{words}");
    }

    fn run(&self, expected: i32, settings: &[&str]) {
        let fixed = ["ingest.min_frames=1", "ingest.keep=", "ingest.near_duplicates=false"];
        let output = self.dir.run(&[&fixed[..], settings].concat());
        assert_eq!(code(&output), expected, "{}", stderr(&output));
    }

    /// Returns the clips of a file in the order of time.
    fn clips(&self, name: &str) -> Vec<Clip> {
        let mut clips = self.dir.clips(None);
        clips.retain(|clip| clip.source_path.ends_with(name));
        clips.sort_by_key(|clip| clip.start_pts);
        clips
    }

    /// Returns a column of the table `sources` by file name, without its header.
    fn sources(&self, column: &str) -> String {
        let query = format!(
            "select split_part(source_path, 'videos/', 2), {column} from sources order by 1"
        );
        self.dir.sql(&query).split_once('\n').unwrap().1.to_owned()
    }
}

/// Returns the colour in the middle of the frame's left, right, upper and lower quarter.
fn sides(clip: &Clip, frame: usize) -> [[u8; 3]; 4] {
    let pixel = |x: usize, y: usize| {
        let at = ((frame * SIZE + y) * SIZE + x) * 3;
        [0, 1, 2].map(|channel| clip.frames.data[at + channel])
    };
    let (low, middle, high) = (SIZE / 8, SIZE / 2, SIZE - SIZE / 8);
    [pixel(low, middle), pixel(high, middle), pixel(middle, low), pixel(middle, high)]
}

fn is_near(found: [u8; 3], expected: [u8; 3]) -> bool {
    found.iter().zip(expected).all(|(&found, expected)| found.abs_diff(expected) <= 3)
}

/// Catches: a phone's recording lies on its side, or stays turned after the phone was turned back.
#[test]
fn the_orientation_in_the_stream_counts_and_may_change() {
    let Some(videos) = Videos::new() else { return };
    // The left half is red.
    let picture = "-f lavfi -i color=blue:s=128x64:r=10:d=2 -vf drawbox=0:0:64:64:red:fill \
                   -pix_fmt yuv420p -c:v libx264 -bf 2 -g 5 -f h264";
    let turned = |degrees: u32| {
        format!("{picture} -bsf:v h264_metadata=display_orientation=insert:rotate={degrees}")
    };
    let part = |name: &str, words: &str| {
        let path = videos.dir.path(name);
        assert!(ffmpeg(&path, words, &[]));
        fs::read(path).unwrap()
    };
    let parts =
        [part("a", &turned(90)), part("b", picture), part("c", &turned(180)), part("d", picture)];
    fs::write(videos.path("turns.h264"), parts.concat()).unwrap();
    // A file with a global header, which contains the message.
    videos.make("header.mp4", &turned(90).replace("-f h264", "-f mp4"));
    // The container says 180 degrees.
    let header = fs::read(videos.path("header.mp4")).unwrap();
    let upright = [1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30].map(i32::to_be_bytes).concat();
    let half_turn = [-1 << 16, 0, 0, 0, -1 << 16, 0, 0, 0, 1 << 30].map(i32::to_be_bytes).concat();
    fs::write(videos.path("both.mp4"), replaced(header, (b"tkhd", &upright), &half_turn)).unwrap();
    videos.run(0, &[]);
    for name in ["header.mp4", "both.mp4"] {
        let turns = videos.clips(name);
        assert_eq!(turns.iter().map(|clip| clip.rotation).collect::<Vec<_>>(), [270], "{name}");
    }
    let clips = videos.clips("turns.h264");
    let turns: Vec<_> = clips.iter().map(|clip| (clip.rotation, clip.frame_count())).collect();
    assert_eq!(turns, [(270, 20), (0, 20), (180, 20), (0, 20)]);
    // The angle of H.264 is anticlockwise: after 90 degrees, the left side is below.
    let expected = [(RED, 3), (RED, 0), (RED, 1), (RED, 0)];
    for (clip, (colour, side)) in clips.iter().zip(expected) {
        for frame in [0, 10, 19] {
            let found = sides(clip, frame);
            assert!(is_near(found[side], colour), "{} {frame}: {found:?}", clip.rotation);
            assert!(is_near(found[side ^ 1], BLUE), "{} {frame}: {found:?}", clip.rotation);
        }
    }
}

/// Replaces the first `old` after a `mark` by `new`, which has the same length.
fn replaced(mut bytes: Vec<u8>, (mark, old): (&[u8], &[u8]), new: &[u8]) -> Vec<u8> {
    let find = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).position(|at| at == part);
    let from = find(&bytes, mark).unwrap();
    let at = from + find(&bytes[from..], old).unwrap();
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

/// Inserts an SEI message before the first slice of an HEVC stream.
fn with_message(stream: &[u8], message: &[u8]) -> Vec<u8> {
    const PREFIX_SEI: [u8; 5] = [0, 0, 1, 39 << 1, 1];
    // Slices have unit types below 32.
    let is_slice = |unit: &[u8]| unit[..3] == [0, 0, 1] && (unit[3] >> 1) & 63 < 32;
    let at = stream.windows(4).position(is_slice).unwrap();
    [&stream[..at], &PREFIX_SEI, message, &[128], &stream[at..]].concat()
}

/// Catches: an HEVC recording lies on its side, or stays turned after the orientation is cancelled.
#[test]
fn the_orientation_in_an_hevc_stream_counts_and_may_change() {
    let Some(videos) = Videos::new() else { return };
    // The left half is red.
    let words = "-f lavfi -i color=blue:s=128x64:r=10:d=2 -vf drawbox=0:0:64:64:red:fill \
                 -pix_fmt yuv420p -c:v libx265 -x265-params log-level=none:keyint=10:bframes=0";
    let path = videos.dir.path("part.hevc");
    if !ffmpeg(&path, words, &[]) {
        eprintln!("skipped: this ffmpeg has no encoder for HEVC");
        return;
    }
    let part = fs::read(path).unwrap();
    // Message 47: its length, three flags, the anticlockwise angle, and the flag of persistence.
    let (quarter, half) = ([47, 3, 8, 0, 0x18], [47, 3, 16, 0, 0x18]);
    let (none, cancel) = ([47, 3, 0, 0, 0x18], [47, 1, 0xc0]);
    let messages: [&[u8]; 5] = [&quarter, &none, &half, &cancel, &quarter];
    let stream = messages.map(|message| with_message(&part, message)).concat();
    fs::write(videos.path("turns.hevc"), stream).unwrap();
    let raw = videos.path("turns.hevc");
    videos.make("turns.mp4", &format!("-r 10 -i {raw} -c copy"));
    videos.run(0, &["ingest.fps=10"]);
    for name in ["turns.hevc", "turns.mp4"] {
        let clips = videos.clips(name);
        let turns: Vec<_> = clips.iter().map(|clip| clip.rotation).collect();
        assert_eq!(turns, [270, 0, 180, 0, 270], "{name}");
        // The angle is anticlockwise: after 90 degrees, the left side is below.
        for (clip, side) in clips.iter().zip([3, 0, 1, 0, 3]) {
            let found = sides(clip, 1);
            assert!(is_near(found[side], RED), "{name} {}: {found:?}", clip.rotation);
            assert!(is_near(found[side ^ 1], BLUE), "{name} {}: {found:?}", clip.rotation);
        }
    }
}

/// Catches: a letterboxed intro in a file with one key frame crops all later play; a black start
/// hides the borders of the play after it; borders after an intro that fills the picture, or after
/// other or thinner borders, stay; a flash or an outro that a key frame shows keeps all borders.
#[test]
fn borders_are_cut_until_a_frame_contradicts_them() {
    let Some(videos) = Videos::new() else { return };
    let play = |boxes: [&str; 2], condition: &str| {
        let boxes = boxes.map(|place| format!("drawbox={place}:black:fill:enable='{condition}'"));
        format!(
            "-f lavfi -i testsrc2=s=128x96:r=10:d=12 -vf {} -pix_fmt yuv420p {X264} -g 1000 \
             -sc_threshold 0",
            boxes.join(",")
        )
    };
    let (letterbox, pillarbox) = (["0:0:128:16", "0:80:128:16"], ["0:0:20:96", "108:0:20:96"]);
    videos.make("intro.mp4", &play(letterbox, "lt(t,8)"));
    videos.make("pillars.mp4", &play(pillarbox, "lt(t,8)"));
    videos.make("flash.mp4", &play(letterbox, "not(between(t,9,9.1))"));
    videos.make("whole.mp4", &play(letterbox, "1"));
    videos.make("later.mp4", &play(pillarbox, "gte(t,8)"));
    let keyed = |condition| play(letterbox, condition).replace("-g 1000", "-g 5");
    videos.make("flash_keys.mp4", &keyed("not(between(t,9,9.1))"));
    videos.make("outro_keys.mp4", &keyed("lt(t,10)"));
    videos.make("intro_keys.mp4", &keyed("lt(t,8)"));
    let thin = ["0:0:128:8", "0:88:128:8"].map(|place| format!("drawbox={place}:black:fill"));
    let thicker = play(letterbox, "gte(t,5)").replace("-vf ", &format!("-vf {},", thin.join(",")));
    videos.make("thicker.mp4", &thicker);
    videos.make("thicker_keys.mp4", &thicker.replace("-g 1000", "-g 10"));
    let again = play(letterbox, "lt(t,7)+gte(t,14)").replace("-g 1000", "-g 10");
    let again = again.replace("-vf ", &format!("-vf {},", thin.join(",")));
    let again = again.replace(":d=12", ":d=21");
    videos.make("thicker_again_keys.mp4", &again);
    let both = |keys: &str| {
        let place = |place: &str, when: &str| format!("drawbox={place}:black:fill:enable='{when}'");
        let first = letterbox.map(|bar| place(bar, "lt(t,7)"));
        let second = pillarbox.map(|bar| place(bar, "gte(t,7)"));
        let boxes = [first, second].concat().join(",");
        format!(
            "-f lavfi -i testsrc2=s=128x96:r=10:d=12 -vf {boxes} -pix_fmt yuv420p {X264} {keys}"
        )
    };
    videos.make("turns.mp4", &both("-g 1000 -sc_threshold 0"));
    videos.make("turns_keys.mp4", &both("-g 10"));
    let bars = pillarbox.map(|place| format!("drawbox={place}:black:fill")).join(",");
    videos.make(
        "black.mp4",
        &format!(
            "-f lavfi -i testsrc2=s=128x96:r=10:d=14 \
             -vf {bars},drawbox=0:0:128:96:black:fill:enable='lt(t,7)' -pix_fmt yuv420p {X264} \
             -g 1000 -sc_threshold 0"
        ),
    );
    videos.run(0, &[]);
    assert!(videos.clips("black.mp4").last().unwrap().scores.letterbox > 0.2, "bars after black");
    for (name, lengths, borders) in [
        ("intro.mp4", &[80, 40][..], &[true, false][..]),
        ("pillars.mp4", &[80, 40], &[true, false]),
        ("flash.mp4", &[90, 2, 28], &[true, false, true]),
        ("whole.mp4", &[120], &[true]),
        ("later.mp4", &[80, 40], &[false, true]),
        ("flash_keys.mp4", &[90, 2, 28], &[true, false, true]),
        ("outro_keys.mp4", &[100, 20], &[true, false]),
        ("intro_keys.mp4", &[80, 40], &[false, false]),
        ("thicker.mp4", &[50, 70], &[false, true]),
        ("thicker_keys.mp4", &[50, 70], &[false, true]),
        ("thicker_again_keys.mp4", &[70, 70, 70], &[false, false, true]),
        ("turns.mp4", &[70, 50], &[true, true]),
        ("turns_keys.mp4", &[70, 50], &[true, true]),
    ] {
        let clips = videos.clips(name);
        let found: Vec<_> = clips.iter().map(|clip| clip.frame_count()).collect();
        assert_eq!(found, lengths, "{name}");
        let found: Vec<_> = clips.iter().map(|clip| clip.scores.letterbox > 0.2).collect();
        assert_eq!(found, borders, "{name}");
    }
    let crops = "black.mp4,88x96+20+0\nflash.mp4,\nflash_keys.mp4,\nintro.mp4,\n\
                 intro_keys.mp4,\nlater.mp4,\noutro_keys.mp4,\npillars.mp4,\n\
                 thicker.mp4,\nthicker_again_keys.mp4,\nthicker_keys.mp4,\nturns.mp4,\n\
                 turns_keys.mp4,\nwhole.mp4,128x64+0+16\n";
    assert_eq!(videos.sources("crop"), crops);
    // The top of the whole picture is in the clip after the intro, and in no clip before.
    let [before, after] = ["intro.mp4", "whole.mp4"].map(|name| videos.clips(name).remove(0));
    let row = SIZE * 3;
    assert_eq!(before.frames.data[..row], after.frames.data[..row]);
}

/// Catches: a preview is used instead of the video, or a track with no or few frames is.
#[test]
fn the_largest_of_several_videos_is_used() {
    let Some(videos) = Videos::new() else { return };
    let source = |size: &str| format!("-f lavfi -i testsrc2=s={size}:r=10:d=2");
    let both = format!("{} {} -map 0 -map 1 {X264}", source("64x36"), source("128x72"));
    let equal = "-disposition:v:0 0 -disposition:v:1 0";
    videos.make("tracks.mkv", &format!("{both} {equal}"));
    let programs = "-program title=low:st=0 -program title=high:st=1";
    videos.make("programs.ts", &format!("{both} {programs}"));
    videos.make("default.mkv", &format!("{both} -disposition:v:0 default -disposition:v:1 0"));
    videos.make("empty.mkv", &format!("{both} {equal} -bsf:v:1 noise=drop=1"));
    let slides = format!("{} {}", source("64x36"), "-f lavfi -i testsrc2=s=128x72:r=1:d=8");
    videos.make("slides.mp4", &format!("{slides} -map 1 -map 0 -c:v:0 mjpeg -c:v:1 libx264"));
    let few = format!("{} {} -map 1 -map 0 {X264}", source("64x36"), source("128x72"));
    videos.make("few.mkv", &format!("{few} -filter:v:0 trim=end_frame=1"));
    videos.make("few.ts", &format!("{few} -filter:v:0 trim=end_frame=3"));
    videos.run(0, &[]);
    let widths = "default.mkv,64\nempty.mkv,64\nfew.mkv,64\nfew.ts,64\nprograms.ts,128\n\
                  slides.mp4,64\ntracks.mkv,128\n";
    assert_eq!(videos.sources("width"), widths);
    let details = videos.sources("detail");
    assert!(details.contains("tracks.mkv,\"stream 1 is used, of 2 video streams\""), "{details}");
}

/// Returns a raw picture of bars of 16 pixels, in YCgCo with limited range.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 240")]
fn ycgco(bars: &[[u8; 3]]) -> Vec<u8> {
    // H.273, 8.3: the matrix applies to red, green and blue in limited range.
    let planes = bars.iter().map(|bar| {
        let [r, g, b] = bar.map(|level| 16.0 + f64::from(level) / 255.0 * 219.0);
        let (average, half) = (0.25 * (r + b), 0.5 * g);
        [half + average, half - average + 128.0, 0.5 * (r - b) + 128.0]
    });
    let planes: Vec<[f64; 3]> = planes.collect();
    let line = |plane: usize| planes.iter().flat_map(move |bar| [bar[plane].round() as u8; 16]);
    (0..3).flat_map(|plane| (0..64).flat_map(move |_| line(plane))).collect()
}

/// Catches: violet or green pictures are kept, because their matrix was taken for another one.
#[test]
fn unusual_matrices_are_converted_or_rejected() {
    let Some(videos) = Videos::new() else { return };
    let bars = [[191, 0, 0], [0, 191, 0], [0, 0, 191], [255, 255, 255], [0, 0, 0], [200, 120, 60]];
    let picture = ycgco(&bars);
    let tagged = |matrix: &str| format!("colormatrix={matrix}:range=tv");
    videos.make_raw("ycgco.mkv", "yuv444p", "96x64", &picture, &tagged("YCgCo"));
    videos.make_raw("ictcp.mkv", "yuv444p", "96x64", &picture, &tagged("ICtCp"));
    videos.run(2, &["ingest.width=96", "ingest.height=32"]);
    assert_eq!(videos.sources("reason"), "ictcp.mkv,unsupported_color\nycgco.mkv,\n");
    let clip = videos.clips("ycgco.mkv").remove(0);
    for (index, bar) in bars.into_iter().enumerate() {
        let at = (10 * 96 + index * 16 + 8) * 3;
        let found = [0, 1, 2].map(|channel| clip.frames.data[at + channel]);
        assert!(is_near(found, bar), "{found:?} instead of {bar:?}");
    }
}

/// Replaces a box of an MP4 file by another one of 16 bytes.
fn replace_box(path: &Utf8PathBuf, old: [u8; 4], new: &[u8; 12]) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.windows(4).position(|window| *window == old).unwrap();
    bytes[at..at + 12].copy_from_slice(new);
    fs::write(path, bytes).unwrap();
}

/// Catches: Dolby Vision that only Dolby's players can show is kept green and violet, also if the
/// container does not say so, or the stream is a bare one.
#[test]
fn dolby_vision_needs_a_base_layer() {
    let Some(videos) = Videos::new() else { return };
    let words = format!("-f lavfi -i testsrc2=s=64x36:r=10:d=2 -vf setsar=1 {X264}");
    // Version, profile (7 bits), level (6 bits), three flags, and the base layer's compatibility.
    for (name, record) in [
        ("five.mp4", b"dvcC\x01\x00\x0a\x0d\x00\x00\x00\x00"),
        ("eight.mp4", b"dvcC\x01\x00\x10\x0d\x10\x00\x00\x00"),
        ("nine.mp4", b"dvcC\x01\x00\x12\x0d\x20\x00\x00\x00"),
    ] {
        replace_box(&videos.make(name, &words), *b"pasp", record);
    }
    let named = videos.make("named.mp4", &words);
    let at = |bytes: &[u8]| bytes.windows(4).position(|window| window == b"avc1").unwrap();
    let mut bytes = fs::read(&named).unwrap();
    // The first one is in the list of compatible brands.
    let brand = at(&bytes);
    let format = brand + 4 + at(&bytes[brand + 4..]);
    bytes[format..format + 4].copy_from_slice(b"dva1");
    fs::write(&named, bytes).unwrap();
    videos.run(2, &[]);
    let reasons =
        "eight.mp4,\nfive.mp4,unsupported_color\nnamed.mp4,unsupported_color\nnine.mp4,\n";
    assert_eq!(videos.sources("reason"), reasons);
}

/// Catches: HDR that only the container signals is washed out.
#[test]
fn hdr_of_the_container_is_mapped() {
    let Some(videos) = Videos::new() else { return };
    let tagged = videos.dir.path("tagged.mp4");
    let params =
        "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:range=limited";
    let words = format!(
        "-f lavfi -i testsrc2=s=64x64:r=10:d=2 -pix_fmt yuv420p10le -c:v libx265 \
         -x265-params {params}"
    );
    if !ffmpeg(&tagged, &words, &[]) {
        eprintln!("skipped: this ffmpeg has no encoder for HEVC");
        return;
    }
    let removed = "colour_primaries=2:transfer_characteristics=2:matrix_coefficients=2";
    let copy = format!("-i {tagged} -c copy -bsf:v hevc_metadata={removed}");
    videos.make("container.mp4", &format!("{copy} -movflags write_colr"));
    videos.make("nowhere.ts", &copy);
    videos.run(0, &[]);
    let transfers = ["container.mp4", "nowhere.ts"]
        .map(|name| videos.clips(name).remove(0).color_transfer.clone());
    assert_eq!(transfers, ["smpte2084", "unspecified"]);
    let details = videos.sources("detail");
    assert!(details.contains("container.mp4,HDR (smpte2084) is mapped to SDR\n"), "{details}");
}

/// Catches: every GIF is said to lose its alpha channel, or a transparent video is not.
#[test]
fn alpha_is_noted_only_if_there_is_any() {
    let Some(videos) = Videos::new() else { return };
    let source = "-f lavfi -i testsrc2=s=64x36:r=10:d=2";
    videos.make("opaque.gif", source);
    videos.make("opaque.mov", &format!("{source} -c:v qtrle -pix_fmt argb"));
    videos.make("palette.avi", &format!("{source} -c:v rawvideo -pix_fmt pal8"));
    let through = "-vf format=argb,colorchannelmixer=aa=0.5 -c:v qtrle";
    videos.make("through.mov", &format!("{source} {through}"));
    videos.run(0, &[]);
    let note = "the alpha channel is dropped";
    let details = format!("opaque.gif,\nopaque.mov,\npalette.avi,\nthrough.mov,{note}\n");
    assert_eq!(videos.sources("detail"), details);
}
