//! Checks published clip shards against the hashes that were recorded when they were written.

use camino::Utf8Path;

use super::shard::Shard;
use crate::{
    error::{Error, Result},
    files::open::verify,
    manifest::Entry,
};

/// Checks a clip shard of a dataset root; returns its clip ids and all problems found.
///
/// The check compares the file with its manifest entry, and every payload with its own hash. So the
/// result names each damaged clip. An intact shard has no problems. The list of ids may be
/// incomplete if the shard cannot be read.
pub fn check_shard(root: &Utf8Path, entry: &Entry) -> (Vec<String>, Vec<Error>) {
    let mut problems: Vec<Error> = verify(root, entry).err().into_iter().collect();
    let (shard, clips) = match Shard::open(root, entry) {
        Ok(opened) => opened,
        Err(error) => {
            problems.push(error);
            return (Vec::new(), problems);
        }
    };
    for (row, (clip, hash)) in clips.iter().enumerate() {
        problems.extend(check_payload(&shard, row, &clip.clip_id, hash).err());
    }
    (clips.into_iter().map(|(clip, _)| clip.clip_id).collect(), problems)
}

fn check_payload(shard: &Shard, row: usize, clip_id: &str, hash: &str) -> Result<()> {
    let payload = shard.payload(row)?;
    if blake3::hash(&payload).to_hex().as_str() == hash {
        return Ok(());
    }
    Err(Error::Hash { path: shard.path.clone(), row, clip_id: clip_id.to_owned(), what: "payload" })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing;

    /// Catches: a damaged shard is not reported, or reported without naming the damaged clips.
    #[test]
    fn a_flipped_bit_names_its_clip() {
        let (_dir, root) = testing::root();
        let clips = ["a", "b", "c"].map(|source| testing::clip(source, 0, 5));
        let published = testing::publish(&root, "one", &clips);
        let (ids, problems) = check_shard(&root, &published.entry);
        assert_eq!(
            (ids, problems.len()),
            (clips.iter().map(|clip| clip.clip_id.clone()).collect(), 0)
        );

        // Noise does not compress: the frames of the second clip are in the file unchanged.
        let mut bytes = fs::read(&published.path).unwrap();
        let frame = &clips[1].frames.data[..64];
        let at = bytes.windows(64).position(|window| window == frame).unwrap();
        bytes[at] ^= 1;
        fs::write(&published.path, bytes).unwrap();
        let problems = check_shard(&root, &published.entry).1;
        assert_eq!(problems.len(), 2, "the file, and the clip: {problems:?}");
        assert!(matches!(&problems[1], Error::Hash { row: 1, clip_id, .. }
                if *clip_id == clips[1].clip_id));

        fs::remove_file(&published.path).unwrap();
        assert!(!check_shard(&root, &published.entry).1.is_empty());
    }
}
