//! A least-recently-used cache of payloads with a size limit in bytes.
//!
//! Training reads the windows of a clip many times. The cache keeps the compressed payload: it is
//! about ten times smaller than the frames, and decoding a window takes a fraction of a
//! millisecond.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

pub(crate) struct Cache {
    limit: usize,
    bytes: usize,
    clock: u64,
    /// Payload and time of last use; the key is the clip index.
    items: HashMap<usize, (Arc<[u8]>, u64)>,
    /// Clip indices by time of last use, oldest first.
    uses: BTreeMap<u64, usize>,
}

impl Cache {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, bytes: 0, clock: 0, items: HashMap::new(), uses: BTreeMap::new() }
    }

    pub(crate) fn get(&mut self, clip: usize) -> Option<Arc<[u8]>> {
        self.clock += 1;
        let (payload, used) = self.items.get_mut(&clip)?;
        self.uses.remove(used);
        *used = self.clock;
        self.uses.insert(self.clock, clip);
        Some(payload.clone())
    }

    pub(crate) fn put(&mut self, clip: usize, payload: Arc<[u8]>) {
        // Two readers may miss at the same time. The second payload is the same as the first.
        if payload.len() > self.limit || self.items.contains_key(&clip) {
            return;
        }
        self.clock += 1;
        self.bytes += payload.len();
        self.uses.insert(self.clock, clip);
        self.items.insert(clip, (payload, self.clock));
        while self.bytes > self.limit {
            let Some((_, oldest)) = self.uses.pop_first() else {
                break;
            };
            if let Some((payload, _)) = self.items.remove(&oldest) {
                self.bytes -= payload.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(bytes: usize) -> Arc<[u8]> {
        vec![0; bytes].into()
    }

    /// Catches: a cache limits the number of entries instead of bytes, so that clips in 4K fill the
    /// memory.
    #[test]
    fn bytes_bound_it_and_the_least_recently_used_goes() {
        let mut cache = Cache::new(100);
        cache.put(1, payload(40));
        cache.put(2, payload(40));
        assert!(cache.get(1).is_some());
        cache.put(3, payload(40));
        assert!(cache.get(2).is_none(), "2 was used least recently");
        assert!(cache.get(1).is_some() && cache.get(3).is_some());
        assert_eq!(cache.bytes, 80);
    }

    /// Catches: a payload larger than the cache evicts all others and then itself.
    #[test]
    fn payloads_that_cannot_fit_are_not_kept() {
        let mut cache = Cache::new(100);
        cache.put(1, payload(40));
        cache.put(2, payload(101));
        assert!(cache.get(1).is_some() && cache.get(2).is_none());
    }

    /// Catches: a payload that two readers missed at the same time counts twice, so that the cache
    /// shrinks.
    #[test]
    fn the_same_clip_counts_once() {
        let mut cache = Cache::new(100);
        cache.put(1, payload(40));
        cache.put(1, payload(40));
        assert_eq!(cache.bytes, 40);
    }
}
