//! Synthetic sources and their clips. Each follows from its number alone.

use camino::Utf8Path;
use genie_shards::{Clip, ClipMeta, ClipRow, Frames, Scores, SourceRow, Split};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Clips of a source.
pub const CLIPS: usize = 10;
/// Frames of a clip: 16 s at 10 per second.
pub const FRAMES: usize = 160;
/// Width and height of a frame.
pub const SIDE: usize = 16;
/// Time between two frames, for a source with 30 frames per second.
const TICKS: i64 = 1536;
/// Moments of a fingerprint.
const MOMENTS: u32 = 26;
/// One source in this many has a copy of a clip of an earlier source.
const COPIES: usize = 10;
/// Share of the sources that are held out.
pub const HELD_OUT: f64 = 0.1;
/// Modification time of every source file, in seconds since 1970.
pub const MODIFIED: u64 = 1_700_000_000;

/// A source of a dataset with `of` sources.
#[derive(Clone, Copy)]
pub struct SyntheticSource {
    pub number: usize,
    pub of: usize,
}

impl SyntheticSource {
    /// The name of its file.
    pub fn file(self) -> String {
        format!("{:04}/video-{:07}.mp4", self.number / 1024, self.number)
    }

    /// The content hash. Hashes of a dataset are spread evenly, and are in the order of numbers.
    fn id(self) -> String {
        let place = (self.number as u128) << 64;
        let head = u64::try_from(place / self.of as u128).unwrap_or(u64::MAX);
        let tail = blake3::hash(format!("scale {}", self.number).as_bytes()).to_hex();
        format!("{head:016x}{}", &tail[..48])
    }

    fn split(self) -> Split {
        #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52 sources")]
        let place = self.number as f64 / self.of as f64;
        if place < HELD_OUT { Split::HeldOut } else { Split::Train }
    }

    fn random(self, what: &str) -> ChaCha8Rng {
        let name = format!("scale {what} {}", self.number);
        ChaCha8Rng::from_seed(*blake3::hash(name.as_bytes()).as_bytes())
    }

    /// The rows of the source and of its clips, as ingest finalizes them.
    ///
    /// `videos` is the directory of the source's file, and `ingest_key` the key of the config.
    pub fn rows(self, videos: &Utf8Path, ingest_key: &str) -> (SourceRow, Vec<ClipRow>) {
        let mut random = self.random("rows");
        let clips: Vec<ClipRow> =
            (0..CLIPS).map(|clip| self.clip(videos, clip, &mut random)).collect();
        let kept = clips.iter().filter(|clip| clip.kept).count();
        let source = SourceRow {
            source_id: self.id(),
            source_path: videos.join(self.file()).into_string(),
            bytes: 1,
            modified_ns: i64::try_from(MODIFIED * 1_000_000_000).unwrap_or_default(),
            duration_s: Some(160.0),
            clips_kept: u32::try_from(kept).unwrap_or_default(),
            split: Some(self.split()),
            codec: Some("h264".to_owned()),
            width: Some(1280),
            height: Some(720),
            fps: Some(30.0),
            ingest_key: ingest_key.to_owned(),
            ..SourceRow::default()
        };
        (source, clips)
    }

    fn clip(self, videos: &Utf8Path, clip: usize, random: &mut ChaCha8Rng) -> ClipRow {
        let frame = |frame: usize| i64::try_from(clip * FRAMES + frame).unwrap_or_default() * TICKS;
        // A quarter of the sources has irregular times, as phones record them.
        let irregular = self.number.is_multiple_of(4);
        let mut jitter = || if irregular { random.random_range(-8..8) } else { 0 };
        let frame_pts: Vec<i64> = (0..FRAMES).map(|at| frame(at) + jitter()).collect();
        let filtered = clip == 7;
        let copied = (clip == 3 && self.number % COPIES == COPIES - 1)
            .then(|| Self { number: self.number - COPIES / 2, ..self });
        let fingerprint = copied.unwrap_or(self).fingerprint(clip, copied.is_some());
        let meta = ClipMeta {
            clip_id: self.clip_id(clip),
            source_id: self.id(),
            source_path: videos.join(self.file()).into_string(),
            split: self.split(),
            start_pts: frame_pts[0],
            end_pts: frame_pts[FRAMES - 1],
            time_base: (1, 15_360),
            frame_pts,
            fps: 10.0,
            source_fps: 30.0,
            width: u32::try_from(SIDE).unwrap_or_default(),
            height: u32::try_from(SIDE).unwrap_or_default(),
            color_matrix: "bt709".to_owned(),
            color_range: "tv".to_owned(),
            color_transfer: "bt709".to_owned(),
            scores: Scores {
                motion: random.random_range(0.01..0.2),
                motion_block: random.random_range(0.1..0.5),
                static_share: if filtered { 0.95 } else { random.random_range(0.0..0.5) },
                distinct_share: 1.0,
                black_share: random.random_range(0.0..0.3),
                white_share: random.random_range(0.0..0.3),
                contrast: random.random_range(0.1..0.6),
                saturation: random.random_range(0.1..0.6),
                sharpness: random.random_range(0.02..0.2),
                scroll: random.random_range(0.0..0.9),
                overlay_share: random.random_range(0.0..0.2),
                noise: random.random_range(0.0..0.2),
                zoom: random.random_range(0.0..0.1),
                letterbox: 0.0,
                fingerprint,
            },
            ..ClipMeta::default()
        };
        let reason = filtered.then(|| "static_share < 0.9".to_owned());
        let duplicate_of = copied.map(|source| source.clip_id(clip));
        ClipRow {
            meta,
            kept: reason.is_none() && duplicate_of.is_none(),
            reason: reason.or(duplicate_of.is_some().then(|| "near_duplicate".to_owned())),
            duplicate_of,
            quality: None,
        }
    }

    fn clip_id(self, clip: usize) -> String {
        let name = format!("scale {} {clip}", self.number);
        blake3::hash(name.as_bytes()).to_hex()[..32].to_owned()
    }

    /// Moments of motion in the format of ingest: time, edges, changes.
    ///
    /// The clips of 16 sources show one level of a game: their edges are alike, and their changes
    /// are not. A copy begins a second later than its original, and some of its bits differ.
    fn fingerprint(self, clip: usize, copy: bool) -> Vec<u8> {
        let level = self.number / 16;
        let mut random = self.random(&format!("moments {clip}"));
        let mut noise = self.random(&format!("copy {clip}"));
        let mut bytes = Vec::new();
        for moment in 0..MOMENTS {
            let time = 300 + moment * 550 + random.random_range(0..200) + u32::from(copy) * 1000;
            let screen = Self { number: level * 64 + moment as usize / 7, ..self };
            let mut screen = screen.random("screen");
            let mut sparse = |random: &mut ChaCha8Rng| {
                random.random::<u64>() & random.random::<u64>() & screen.random::<u64>()
                    | screen.random::<u64>() & screen.random::<u64>()
            };
            let edges = [sparse(&mut random), sparse(&mut random)];
            let changes = random.random::<u64>() & random.random::<u64>();
            let flipped = if copy { 1 << noise.random_range(0..64_u32) } else { 0 };
            bytes.extend(time.to_le_bytes());
            for word in [edges[0] ^ flipped, edges[1], changes ^ flipped] {
                bytes.extend(word.to_le_bytes());
            }
        }
        bytes
    }
}

/// Fills a clip's frames: a picture of 4×4 tiles, and a block that moves over it.
pub fn paint(row: &ClipRow, clip: &mut Clip) {
    clip.meta.clone_from(&row.meta);
    let mut seed = [0; 32];
    seed.copy_from_slice(row.meta.clip_id.as_bytes());
    let mut random = ChaCha8Rng::from_seed(seed);
    let tiles: [[u8; 3]; 16] = std::array::from_fn(|_| random.random());
    let speed = random.random_range(1..4_usize);
    let pixels = SIDE * SIDE;
    clip.frames.data.resize(FRAMES * pixels * 3, 0);
    clip.frames =
        Frames { t: FRAMES, height: SIDE, width: SIDE, ..std::mem::take(&mut clip.frames) };
    for (at, pixel) in clip.frames.data.chunks_exact_mut(3).enumerate() {
        let (frame, y, x) = (at / pixels, at / SIDE % SIDE, at % SIDE);
        let left = frame * speed / 2 % SIDE;
        let moves = (8..12).contains(&y) && (left..left + 4).contains(&x);
        pixel.copy_from_slice(if moves { &[235, 35, 55] } else { &tiles[y / 4 * 4 + x / 4] });
    }
}
