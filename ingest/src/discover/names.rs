//! What the name of a file says: whether it is a video, and what yt-dlp made of the name.

use std::path::{Path, PathBuf};

/// Extensions of video files that FFmpeg can read.
///
/// `m4a` is one of them: it is an MP4 file, and its name does not say whether it contains video.
const VIDEO: [&str; 7] = [
    // MP4 and QuickTime.
    "mp4 m4v m4a mp4v mov qt mqv hdmov f4v 3gp 3gpp 3g2 3gp2 k3g mj2 mjp2 ismv cmfv insv lrv psp",
    // Matroska, Ogg, NUT.
    "mkv mk3d webm ogv ogg ogm ogx nut",
    // AVI, ASF, RealMedia, Flash.
    "avi divx xvid amv wmv wm asf dvr-ms wtv rm rmvb rv flv swf",
    // MPEG programs and transports, from cameras and television.
    "mpg mpeg mpeg1 mpeg2 mpe m2p vob vro evo ts m2t m2ts mts tp trp tod",
    // Studios.
    "mxf dv dif",
    // Streams without a container.
    "m1v m2v mpv mp2v h263 h264 264 avc h265 265 hevc ivf obu av1 y4m mjpg mjpeg",
    // Animated pictures.
    "gif apng",
];
/// Extensions of video files that other kinds of files also have.
const MAYBE_VIDEO: [&str; 1] = ["mod dat rec"];

/// What the extension of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    Video,
    /// It may be a video: it has no extension, or one that other kinds of files also have.
    MaybeVideo,
    Other,
}

/// What the extension of a file says.
pub fn kind(path: &Path) -> NameKind {
    let Some(extension) = path.extension() else { return NameKind::MaybeVideo };
    let extension = extension.to_ascii_lowercase();
    let is_in = |list: &[&str]| {
        list.iter().flat_map(|line| line.split(' ')).any(|known| extension == *known)
    };
    if is_in(&VIDEO) {
        NameKind::Video
    } else if is_in(&MAYBE_VIDEO) {
        NameKind::MaybeVideo
    } else {
        NameKind::Other
    }
}

/// Whether files with this extension usually contain sound, although they may contain video.
pub fn is_usually_sound(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    ["m4a", "ogg", "ogx"].iter().any(|known| extension == *known)
}

/// Whether the file is a leftover of yt-dlp: a stream before merging, or a temporary file.
///
/// yt-dlp downloads `NAME.f137.mp4` and `NAME.f140.m4a`, and merges them to `NAME.temp.mp4`, which
/// becomes `NAME.mp4`. A leftover may be a video, and it may be cut off or have only sound.
pub fn is_leftover(path: &Path) -> bool {
    merged_name(path).is_some()
}

/// The path of the merged video to which a leftover of yt-dlp belongs, without its extension.
fn merged_name(path: &Path) -> Option<PathBuf> {
    let stem = Path::new(path.file_stem()?);
    let part = stem.extension()?.to_str()?;
    (part == "temp" || is_format(part)).then(|| path.with_file_name(stem.with_extension("")))
}

/// Whether part of a name is yt-dlp's mark of a format, such as `f137` or `fhls-1080`.
fn is_format(part: &str) -> bool {
    const PROTOCOLS: [&str; 6] = ["hls", "dash", "http", "mss", "rtmp", "audio"];
    let Some(id) = part.strip_prefix('f') else { return false };
    let plain = id.chars().all(|c| c.is_ascii_alphanumeric() || "-_+".contains(c));
    let known = PROTOCOLS.iter().any(|protocol| id.starts_with(protocol));
    plain && (known || id.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a format's mark is not recognised; a part of an ordinary name is taken for one.
    #[test]
    fn the_names_of_yt_dlp() {
        let merged =
            |name: &str| merged_name(Path::new(name)).map(|path| path.display().to_string());
        for name in ["d/a [x].f137.mp4", "d/a [x].f140-drc.m4a", "d/a [x].temp.mkv"] {
            assert_eq!(merged(name).as_deref(), Some("d/a [x]"), "{name}");
        }
        assert_eq!(merged("a.fhls-audio-0.m4a").as_deref(), Some("a"));
        for name in ["a.mp4", "a.final.mp4", "v1.2.mp4", "temp.mp4", "f137.mp4", "a.f.mp4"] {
            assert_eq!(merged(name), None, "{name}");
        }
    }

    /// Catches: the sound of a download makes the exit code 2 every night.
    #[test]
    fn sound_files_are_known_by_their_extension() {
        let of = |name: &str| is_usually_sound(Path::new(name));
        assert!(of("a.m4a") && of("a.OGG") && !of("a.mp4") && !of("ogg"));
    }

    /// Catches: an extension counts only in lower case; a list names an extension twice.
    #[test]
    fn extensions_tell_kinds() {
        let of = |name: &str| kind(Path::new(name));
        assert_eq!([of("a.M2T"), of("a.mkv"), of("a.dvr-ms")], [NameKind::Video; 3]);
        assert_eq!([of("a"), of("MOV001.MOD")], [NameKind::MaybeVideo; 2]);
        assert_eq!([of("a.png"), of("a.part"), of("a.m4s")], [NameKind::Other; 3]);
        let all = VIDEO.iter().chain(&MAYBE_VIDEO).flat_map(|line| line.split(' '));
        let mut seen = std::collections::HashSet::new();
        assert!(all.into_iter().all(|extension| seen.insert(extension)));
    }
}
