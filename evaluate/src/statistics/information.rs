//! How much one label says about another: contingency tables, entropy, normalised mutual information, perplexity.
//!
//! NMI here is 2·I(A; B) / (H(A) + H(B)), the arithmetic normalisation. It does not care how labels are numbered, which
//! is the point: latent action 5 may be "jump". If a side has only one label there is nothing to agree about and NMI is
//! 0. The plug-in estimate from few pairs is above 0 even for independent labels; it is therefore always shown beside
//! the value that shuffled truth reaches (`agreement.rs`).

/// Counts of pairs (row label, column label).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairCounts {
    columns: usize,
    counts: Vec<u64>,
}

impl PairCounts {
    /// An empty table.
    #[must_use]
    pub fn new(rows: usize, columns: usize) -> PairCounts {
        PairCounts { columns, counts: vec![0; rows * columns] }
    }

    /// A table of the same shape, empty.
    #[must_use]
    pub fn zeroed(&self) -> PairCounts {
        PairCounts { columns: self.columns, counts: vec![0; self.counts.len()] }
    }

    /// Counts the pairs of two lists of equal length.
    pub fn count(&mut self, rows: &[u8], columns: &[u8]) {
        debug_assert_eq!(rows.len(), columns.len());
        for (&row, &column) in rows.iter().zip(columns) {
            self.counts[usize::from(row) * self.columns + usize::from(column)] += 1;
        }
    }

    /// Adds `weight` times another table of the same shape.
    pub fn add(&mut self, other: &PairCounts, weight: u32) {
        self.counts
            .iter_mut()
            .zip(&other.counts)
            .for_each(|(sum, count)| *sum += u64::from(weight) * count);
    }

    /// The rows, each a list of counts.
    pub fn rows(&self) -> Vec<Vec<u64>> {
        self.counts.chunks(self.columns).map(<[u64]>::to_vec).collect()
    }

    /// How often each column label occurs.
    #[must_use]
    pub fn column_sums(&self) -> Vec<u64> {
        (0..self.columns)
            .map(|column| self.counts.iter().skip(column).step_by(self.columns).sum())
            .collect()
    }

    /// Number of pairs.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Normalised mutual information in 0..=1; NaN of an empty table.
    #[must_use]
    pub fn nmi(&self) -> f64 {
        if self.total() == 0 {
            return f64::NAN;
        }
        let row_sums: Vec<u64> =
            self.counts.chunks(self.columns).map(|row| row.iter().sum()).collect();
        let (h_rows, h_columns) = (entropy(&row_sums), entropy(&self.column_sums()));
        if h_rows == 0.0 || h_columns == 0.0 {
            return 0.0;
        }
        let mutual = h_rows + h_columns - entropy(&self.counts);
        (2.0 * mutual / (h_rows + h_columns)).clamp(0.0, 1.0)
    }

    /// For each row the most frequent column; of a row never seen, the most frequent column of all.
    #[must_use]
    pub fn majority(&self) -> Vec<usize> {
        let overall = argmax(&self.column_sums());
        self.counts
            .chunks(self.columns)
            .map(|row| if row.iter().sum::<u64>() == 0 { overall } else { argmax(row) })
            .collect()
    }
}

/// Entropy in nats of the distribution that the counts describe.
#[must_use]
pub fn entropy(counts: &[u64]) -> f64 {
    let total = counts.iter().sum::<u64>() as f64;
    counts
        .iter()
        .filter(|&&count| count > 0)
        .map(|&count| count as f64 / total)
        .map(|p| -p * p.ln())
        .sum()
}

/// How many labels are in effective use: e to the entropy. All used equally: their number; only one: 1; nothing
/// counted: 0.
#[must_use]
pub fn perplexity(counts: &[u64]) -> f64 {
    if used(counts) == 0 { 0.0 } else { entropy(counts).exp() }
}

/// How many labels occur at all.
#[must_use]
pub fn used(counts: &[u64]) -> usize {
    counts.iter().filter(|&&count| count > 0).count()
}

/// The index of the largest count; of equals the first, so that ties do not depend on anything.
fn argmax(counts: &[u64]) -> usize {
    let mut best = 0;
    for (index, &count) in counts.iter().enumerate() {
        if count > counts[best] {
            best = index;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[u8], columns: &[u8]) -> PairCounts {
        let mut table = PairCounts::new(4, 4);
        table.count(rows, columns);
        table
    }

    #[test]
    fn a_renumbering_is_full_agreement() {
        // Comparing label numbers instead of information would give 0 here.
        let truth = [0, 1, 2, 3, 0, 1, 1];
        let latent: Vec<u8> = truth.iter().map(|&a| 3 - a).collect();
        assert!((table(&latent, &truth).nmi() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn labels_that_say_nothing_agree_by_zero() {
        // Every combination equally often: exactly independent.
        assert!(table(&[0, 0, 1, 1], &[0, 1, 0, 1]).nmi().abs() < 1e-12);
        // A collapsed latent must not score as perfect (0/0 taken as 1).
        assert!(table(&[2, 2, 2, 2], &[0, 1, 0, 1]).nmi().abs() < 1e-12);
        assert!(table(&[2, 2, 2, 2], &[1, 1, 1, 1]).nmi().abs() < 1e-12);
    }

    #[test]
    fn half_the_information_is_two_thirds() {
        // Truth has 2 bits, the latent the first of them: 2·1 / (1 + 2).
        assert!((table(&[0, 0, 1, 1], &[0, 1, 2, 3]).nmi() - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn perplexity_counts_effective_codes() {
        assert!((perplexity(&[5, 5, 5, 5, 0]) - 4.0).abs() < 1e-12);
        assert!((perplexity(&[0, 9]) - 1.0).abs() < 1e-12);
        assert!(perplexity(&[0, 0]).abs() < 1e-12, "no NaN from an empty histogram");
    }

    #[test]
    fn an_unseen_code_maps_to_the_commonest_action() {
        // Mapping it to action 0 would credit or blame whichever action happens to be first.
        assert_eq!(table(&[0, 1, 1, 2], &[3, 1, 1, 3]).majority(), [3, 1, 3, 1]);
    }
}
