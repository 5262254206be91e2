//! Checking published clip shards against everything that was noted when they were written.

use camino::Utf8Path;

use crate::{
    error::{Error, Result},
    manifest::Entry,
    shard::Shard,
    table::verify,
};

/// All that is wrong with a clip shard of a dataset root: the file against its manifest entry, and every payload against its own
/// hash, so that the clips that are lost are known by name. Nothing, if it is whole. Returns the ids of its clips, too, as far as they
/// can be read.
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

    // Bug: a damaged shard that is reported as a whole, so that nobody knows which clips are lost; or not at all.
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

        // Noise does not compress: the second clip's frames lie in the file as they are.
        let mut bytes = fs::read(&published.path).unwrap();
        let frame = &clips[1].frames.data[..64];
        let at = bytes.windows(64).position(|window| window == frame).unwrap();
        bytes[at] ^= 1;
        fs::write(&published.path, bytes).unwrap();
        let problems = check_shard(&root, &published.entry).1;
        assert_eq!(problems.len(), 2, "the file, and the clip: {problems:?}");
        assert!(
            matches!(&problems[1], Error::Hash { row: 1, clip_id, .. } if *clip_id == clips[1].clip_id)
        );

        fs::remove_file(&published.path).unwrap();
        assert!(!check_shard(&root, &published.entry).1.is_empty());
    }
}
