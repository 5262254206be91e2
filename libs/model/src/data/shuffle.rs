//! A shuffled order of a range of numbers, computed without a list.
//!
//! The order is a permutation by a Feistel network [Luby and Rackoff 1988] on the pairs of numbers
//! below √n. A result outside 0..n goes through the network again [Black and Rogaway 2002]. So a
//! billion numbers need no more memory than one.

/// Rounds of the network. Four mix well; eight still cost little compared with reading a window.
const ROUNDS: u64 = 8;

/// A permutation of the numbers below `items`. Each key gives another one.
#[derive(Clone, Copy, Debug)]
pub struct Shuffle {
    items: u64,
    /// The smallest number whose square is at least `items`.
    side: u64,
    key: u64,
}

impl Shuffle {
    /// A permutation of the numbers below `items`.
    pub fn new(items: u64, key: u64) -> Self {
        let root = items.isqrt();
        Self { items, side: root + u64::from(root * root < items), key }
    }

    /// The number at `place`, which is below `items`.
    pub fn at(self, place: u64) -> u64 {
        let mut item = self.permuted(place);
        // Cycle walking: the permutation of 0..side², repeated, always returns below `items`. Two
        // different items never reach the same item.
        while item >= self.items {
            item = self.permuted(item);
        }
        item
    }

    /// A permutation of the numbers below `side`².
    ///
    /// Each round can be inverted, because it only adds a number modulo `side`.
    fn permuted(self, item: u64) -> u64 {
        let (mut left, mut right) = (item / self.side, item % self.side);
        for round in 0..ROUNDS {
            let added = mix(mix(self.key.wrapping_add(round)) ^ right) % self.side;
            (left, right) = (right, (left + added) % self.side);
        }
        left * self.side + right
    }
}

/// Mixes a number so that every bit of the result depends on every bit of `x`.
///
/// This is `SplitMix64` [Steele et al. 2014].
pub fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The order of `items` items in one epoch of a training run.
    fn epoch(items: usize, seed: u64, epoch: usize) -> Vec<usize> {
        let order = Shuffle::new(items as u64, mix(mix(seed).wrapping_add(epoch as u64)));
        (0..items as u64).map(|place| order.at(place) as usize).collect()
    }

    /// Catches: an epoch skips items or sees them twice, above all when the number of items is next
    /// to a square or a power of two.
    #[test]
    fn an_epoch_has_every_item_once() {
        let near = |n: usize| [n - 1, n, n + 1];
        let powers = (1..=12).flat_map(|bits| near(1 << bits));
        let squares = (2..=40).flat_map(|root: usize| near(root * root));
        for items in (1..=100).chain(powers).chain(squares).chain([99_999]) {
            for number in 0..3 {
                let mut order = epoch(items, 7, number);
                order.sort_unstable();
                assert!(order.into_iter().eq(0..items), "{items} items, epoch {number}");
            }
        }
    }

    /// Catches: the order is the same in every epoch or for every seed; items keep their neighbours
    /// or stay near their places, so that a batch comes from one clip.
    #[test]
    fn orders_differ_and_neighbours_part() {
        let items = 10_000;
        let orders =
            [epoch(items, 0, 0), epoch(items, 0, 1), epoch(items, 1, 0), epoch(items, 1, 1)];
        for (i, a) in orders.iter().enumerate() {
            let near = |a: usize, b: usize| a.abs_diff(b) <= 100;
            let stay = a.iter().enumerate().filter(|(place, item)| near(*place, **item)).count();
            let beside = a.windows(2).filter(|pair| near(pair[0], pair[1])).count();
            for b in &orders[..i] {
                let alike = a.iter().zip(b).filter(|(a, b)| near(**a, **b)).count();
                assert!(
                    (100..300).contains(&alike),
                    "{alike} of {items} are near each other in two orders; chance is 200"
                );
            }
            assert!(
                (100..300).contains(&stay),
                "{stay} of {items} stay near their places; chance is 200"
            );
            assert!(
                (100..300).contains(&beside),
                "{beside} of {items} neighbours stay together; chance is 200"
            );
        }
    }

    /// Catches: a short list has only a few of its possible orders.
    #[test]
    fn over_many_epochs_every_item_is_everywhere() {
        for items in [2, 3, 4, 5, 9] {
            let mut counts = vec![vec![0; items]; items];
            let mut orders = BTreeSet::new();
            for number in 0..1000 * items {
                let order = epoch(items, 5, number);
                order.iter().enumerate().for_each(|(place, item)| counts[place][*item] += 1);
                orders.insert(order);
            }
            assert!(
                counts.iter().flatten().all(|count| (850..1150).contains(count)),
                "{items}: {counts:?}"
            );
            let all: usize = (1..=items.min(5)).product();
            assert!(orders.len() >= all, "{} orders of {items} items", orders.len());
        }
    }

    /// Catches: a very long list, which a test cannot visit, causes an overflow or an endless loop.
    #[test]
    fn large_sets_are_no_harder() {
        let items = 3_000_000_000;
        let order = Shuffle::new(items, 1);
        let some: BTreeSet<u64> = (0..1000).map(|place| order.at(place * 1_000_003)).collect();
        assert!(some.len() == 1000 && some.iter().all(|item| *item < items));
        let upper = some.iter().filter(|item| **item >= items / 2).count();
        assert!((400..600).contains(&upper), "{upper} of 1000 in the upper half");
    }
}
