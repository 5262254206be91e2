//! Contingency tables, entropy, normalised mutual information (NMI) and perplexity.
//!
//! NMI is 2·I(A; B) / (H(A) + H(B)), with arithmetic normalisation. The numbering of labels has no
//! influence: latent action 5 may be "jump". If one side has only one label, NMI is 0. The plug-in
//! estimate from few pairs is above 0 even for independent labels. So reports always show it beside
//! its value for shuffled true actions (`agreement.rs`).

/// Counts of pairs (row label, column label).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairCounts {
    columns: usize,
    counts: Vec<u64>,
}

impl PairCounts {
    /// Returns an empty table.
    #[must_use]
    pub fn new(rows: usize, columns: usize) -> PairCounts {
        PairCounts { columns, counts: vec![0; rows * columns] }
    }

    /// Returns an empty table of the same shape.
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

    /// Returns the counts of each row.
    pub fn rows(&self) -> Vec<Vec<u64>> {
        self.counts.chunks(self.columns).map(<[u64]>::to_vec).collect()
    }

    /// Returns how often each column label occurs.
    #[must_use]
    pub fn column_sums(&self) -> Vec<u64> {
        (0..self.columns)
            .map(|column| self.counts.iter().skip(column).step_by(self.columns).sum())
            .collect()
    }

    /// Returns the number of pairs.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns the normalised mutual information, from 0 to 1; NaN if the table is empty.
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

    /// Returns the most frequent column of each row; for an empty row, of the whole table.
    #[must_use]
    pub fn majority(&self) -> Vec<usize> {
        let overall = argmax(&self.column_sums());
        self.counts
            .chunks(self.columns)
            .map(|row| if row.iter().sum::<u64>() == 0 { overall } else { argmax(row) })
            .collect()
    }
}

/// Returns the entropy, in nats, of the distribution of the counts.
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

/// Returns the number of labels in effective use: e to the power of the entropy.
///
/// It is the number of labels if all occur equally often, 1 if only one occurs, and 0 if none
/// occurs.
#[must_use]
pub fn perplexity(counts: &[u64]) -> f64 {
    if used(counts) == 0 { 0.0 } else { entropy(counts).exp() }
}

/// Returns how many labels occur at all.
#[must_use]
pub fn used(counts: &[u64]) -> usize {
    counts.iter().filter(|&&count| count > 0).count()
}

/// Returns the index of the largest count, and the first one of equal counts.
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

    /// Catches: the numbers of labels are compared instead of their information, which gives 0
    /// here.
    #[test]
    fn a_renumbering_is_full_agreement() {
        let truth = [0, 1, 2, 3, 0, 1, 1];
        let latent: Vec<u8> = truth.iter().map(|&a| 3 - a).collect();
        assert!((table(&latent, &truth).nmi() - 1.0).abs() < 1e-12);
    }

    /// Catches: independent labels have an agreement above 0; a collapsed latent action has a
    /// perfect score because 0/0 counts as 1.
    #[test]
    fn labels_that_say_nothing_agree_by_zero() {
        // Every combination occurs equally often, so the labels are exactly independent.
        assert!(table(&[0, 0, 1, 1], &[0, 1, 0, 1]).nmi().abs() < 1e-12);
        assert!(table(&[2, 2, 2, 2], &[0, 1, 0, 1]).nmi().abs() < 1e-12);
        assert!(table(&[2, 2, 2, 2], &[1, 1, 1, 1]).nmi().abs() < 1e-12);
    }

    /// Catches: the normalisation is wrong. The true action has 2 bits, the latent action is the
    /// first of them, so NMI is 2·1 / (1 + 2).
    #[test]
    fn half_the_information_is_two_thirds() {
        assert!((table(&[0, 0, 1, 1], &[0, 1, 2, 3]).nmi() - 2.0 / 3.0).abs() < 1e-12);
    }

    /// Catches: perplexity counts unused labels, or is NaN.
    #[test]
    fn perplexity_counts_effective_codes() {
        assert!((perplexity(&[5, 5, 5, 5, 0]) - 4.0).abs() < 1e-12);
        assert!((perplexity(&[0, 9]) - 1.0).abs() < 1e-12);
        assert!(perplexity(&[0, 0]).abs() < 1e-12, "an empty histogram must not give NaN");
    }

    /// Catches: a code that never occurs is mapped to action 0, not to the most common action.
    #[test]
    fn an_unseen_code_maps_to_the_commonest_action() {
        assert_eq!(table(&[0, 1, 1, 2], &[3, 1, 1, 3]).majority(), [3, 1, 3, 1]);
    }
}
