//! Pauses of writers that create files with the same names, on several machines.
//!
//! A writer that was too late has sent its requests for nothing. With sixteen of them in a row,
//! most requests would be of this kind. So a writer waits before it tries again. If it was late in
//! its last turn, it also waits before the next one. Then few try at the same time.

use std::sync::{Arc, atomic::Ordering};

use camino::Utf8Path;

use crate::{
    mounts::{Mount, find},
    remote::back_off,
};

/// The number of lost attempts after which the pauses do not get longer.
const MOST: u32 = 7;

/// The attempts of a writer to create the next file of a series; see [`crate::create`].
#[derive(Debug)]
pub struct WriterTurn {
    /// Writers of a plain directory wait for its lock instead, and never here.
    mount: Option<Arc<Mount>>,
    lost: u32,
}

impl WriterTurn {
    /// Begins a turn; waits if other writers of the dataset were faster a moment ago.
    #[must_use]
    pub fn begin(path: &Utf8Path) -> Self {
        let mount = find(path).map(|found| found.mount);
        let lost = mount.as_ref().map_or(0, |mount| mount.lost.load(Ordering::Relaxed));
        if lost > 0 {
            back_off(lost - 1);
        }
        Self { mount, lost }
    }

    /// Waits after an attempt in which another writer was faster.
    pub fn lost(&mut self) {
        if self.mount.is_some() {
            back_off(self.lost);
            self.lost = MOST.min(self.lost + 1);
        }
    }
}

impl Drop for WriterTurn {
    fn drop(&mut self) {
        if let Some(mount) = &self.mount {
            mount.lost.store(self.lost.saturating_sub(1), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::machines;

    /// Catches: a writer forgets at once that others were faster, or waits for ever after they have
    /// ended; writers of another dataset wait, too.
    #[test]
    fn a_turn_remembers_the_one_before() {
        let machines = machines(1 << 20);
        let [ours, theirs] = &machines.roots;
        let lost = |root| find(root).unwrap().mount.lost.load(Ordering::Relaxed);
        let mut turn = WriterTurn::begin(ours);
        for _ in 0..3 {
            turn.lost();
        }
        drop(turn);
        assert_eq!([lost(ours), lost(theirs)], [2, 0]);
        for expected in [1, 0, 0] {
            drop(WriterTurn::begin(ours));
            assert_eq!(lost(ours), expected);
        }
        let plain = Utf8Path::new("/nowhere");
        let mut turn = WriterTurn::begin(plain);
        turn.lost();
        assert_eq!(turn.lost, 0);
    }
}
