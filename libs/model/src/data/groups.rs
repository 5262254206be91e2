//! Cuts clips into groups that are read together.

/// Number of groups of a buffer.
///
/// More groups mix the data better. Fewer groups touch fewer files if the clips of a group are
/// spread over many, because they were stored by many runs.
const OF_BUFFER: u64 = 8;

/// Cuts clips into groups of clips that follow each other, given the bytes of each clip in memory.
///
/// Returns the number of each clip's group, from 0 on and never falling. About sixteen groups fit
/// into `memory`; a larger clip is a group of its own. If the clips come in an order in which they
/// are usually stored, a group is read from few files. The result depends on the arguments alone.
/// So the order of training does not depend on how the clips are stored.
pub fn cut_groups(bytes: impl IntoIterator<Item = u64>, memory: u64) -> Vec<u32> {
    // Two buffers share the memory.
    let limit = memory / (2 * OF_BUFFER);
    let (mut group, mut filled) = (0, 0_u64);
    let number = |bytes: u64| {
        if filled > 0 && filled.saturating_add(bytes) > limit {
            group += 1;
            filled = 0;
        }
        filled = filled.saturating_add(bytes);
        group
    };
    bytes.into_iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a group is larger than its part of the memory; a large clip is lost, or takes a
    /// neighbour with it; clips without windows begin groups.
    #[test]
    fn groups_are_full_and_not_too_large() {
        assert_eq!(cut_groups([4, 4, 4, 2, 9, 0, 1, 30, 1], 160), [0, 0, 1, 1, 2, 2, 2, 3, 4]);
        assert_eq!(cut_groups([0, 0, 3, 3], 0), [0, 0, 0, 1]);
        assert_eq!(cut_groups([1, 2, 3], u64::MAX), [0, 0, 0]);
        assert!(cut_groups([], 7).is_empty());
    }
}
