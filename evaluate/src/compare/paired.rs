//! The interval of a difference between two reports, from pairs of equal windows.
//!
//! Both models saw the same windows, and a difficult recording is difficult for both. So the
//! difference of two means has a much smaller error than each mean. Whole recordings are resampled
//! (`bootstrap.rs`), each with its windows of both reports, and every draw gives a difference. Two
//! reports with different windows have no such interval.

use std::collections::BTreeMap;

use genie_shards::MeasuredWindow;

use crate::compare::metric::PerWindow;
use crate::compare::name::MetricName;
use crate::statistics::agreement::{ByGroup, Pairs};
use crate::statistics::bootstrap::{Bootstrap, GroupedMean, Interval, numbered};
use crate::statistics::information::perplexity;

/// Largest error of a number that is recomputed from windows.
const EXACT: f64 = 1e-6;

/// Rows of two reports of the same windows, in the same order.
pub struct Paired<'a> {
    rows: Vec<[&'a MeasuredWindow; 2]>,
    draws: usize,
}

/// A statistic as a function of the number of times that each group counts.
type Statistic = Box<dyn Fn(&[u32]) -> f64>;

impl<'a> Paired<'a> {
    /// Pairs the windows of two reports.
    ///
    /// # Errors
    /// Fails if the windows differ; the message says how many are equal.
    pub fn new<K: Ord>(
        a: &'a BTreeMap<K, MeasuredWindow>,
        b: &'a BTreeMap<K, MeasuredWindow>,
        draws: usize,
    ) -> Result<Paired<'a>, String> {
        let rows: Vec<_> = a.iter().filter_map(|(place, a)| Some([a, b.get(place)?])).collect();
        if rows.len() == a.len() && rows.len() == b.len() {
            return Ok(Paired { rows, draws });
        }
        Err(format!(
            "the windows differ: {} and {} windows, {} of them in both",
            a.len(),
            b.len(),
            rows.len()
        ))
    }

    /// Returns the 95 % interval of `difference`, the second report's number minus the first's.
    ///
    /// # Errors
    /// Fails with the reason if there is no interval.
    pub fn interval(&self, name: MetricName, difference: f64) -> Result<Interval, String> {
        let rows: Vec<_> = match name.metric.per_window {
            PerWindow::No => {
                return Err(
                    "intervals of differences are not implemented for such numbers".to_owned()
                );
            }
            PerWindow::Nmi(truth) | PerWindow::Accuracy(truth) => self
                .rows
                .iter()
                .filter(|pair| pair.iter().all(|row| truth(row).is_some()))
                .copied()
                .collect(),
            _ => self.rows.clone(),
        };
        let (groups, group) = grouped(&rows);
        let side = |side: usize| {
            let windows: Vec<_> =
                rows.iter().map(|pair| pair[side]).zip(group.iter().copied()).collect();
            statistic(name, &windows, groups).ok_or("a window lacks the number")
        };
        let (first, second) = (side(0)?, side(1)?);
        let all = vec![1; groups];
        let found = second(&all) - first(&all);
        if found.is_nan() || (found - difference).abs() > EXACT * difference.abs().max(1.0) {
            return Err(
                "the number computed from windows.parquet differs from that in report.json"
                    .to_owned(),
            );
        }
        let bootstrap = Bootstrap::new(groups, self.draws, 0);
        let interval = bootstrap.interval(difference, |draw| second(draw) - first(draw));
        interval.ok_or_else(|| "all windows are of one clip".to_owned())
    }
}

/// Groups windows by recording, or by clip if there is only one recording.
fn grouped(rows: &[[&MeasuredWindow; 2]]) -> (usize, Vec<usize>) {
    let (count, group) = numbered(rows.iter().map(|pair| &pair[0].source_id));
    if count > 1 { (count, group) } else { numbered(rows.iter().map(|pair| &pair[0].clip_id)) }
}

/// Returns the statistic of a name, from windows and their groups.
///
/// `None` if a window lacks the number, or if there are no windows.
fn statistic(
    name: MetricName,
    windows: &[(&MeasuredWindow, usize)],
    groups: usize,
) -> Option<Statistic> {
    match name.metric.per_window {
        PerWindow::No => None,
        PerWindow::Mean(value) => {
            let mean = GroupedMean::new(
                groups,
                windows.iter().map(|(row, group)| (*group, value(&row.scores))),
            );
            Some(Box::new(move |draw| mean.weighted(draw)))
        }
        PerWindow::MeanAt(value) => {
            let at = |row: &MeasuredWindow| name.t?.checked_sub(row.prompt_frames as usize);
            let values =
                windows.iter().map(|(row, group)| Some((*group, value(&row.scores, at(row)?)?)));
            let mean = GroupedMean::new(groups, values.collect::<Option<Vec<_>>>()?);
            Some(Box::new(move |draw| mean.weighted(draw)))
        }
        PerWindow::Perplexity(counts) => {
            let mut sums: Vec<Vec<u64>> = vec![Vec::new(); groups];
            for (row, group) in windows {
                add(&mut sums[*group], &counts(&row.scores), 1);
            }
            Some(Box::new(move |draw| {
                let mut total = Vec::new();
                sums.iter()
                    .zip(draw)
                    .for_each(|(counts, &times)| add(&mut total, counts, u64::from(times)));
                perplexity(&total)
            }))
        }
        PerWindow::Nmi(truth) => {
            let agreement = by_group(windows, truth)?;
            Some(Box::new(move |draw| agreement.nmi(draw)))
        }
        PerWindow::Accuracy(truth) => {
            let agreement = by_group(windows, truth)?;
            Some(Box::new(move |draw| agreement.accuracy(draw)))
        }
    }
}

fn by_group(
    windows: &[(&MeasuredWindow, usize)],
    truth: fn(&MeasuredWindow) -> Option<&Vec<u8>>,
) -> Option<ByGroup> {
    let pairs = windows.iter().map(|&(row, group)| {
        Some(Pairs { group, latent: row.scores.latent.clone(), truth: truth(row)?.clone() })
    });
    let pairs: Vec<Pairs> = pairs.collect::<Option<_>>()?;
    let codes = |lists: &dyn Fn(&Pairs) -> Option<u8>| {
        pairs.iter().filter_map(lists).max().map_or(0, usize::from) + 1
    };
    let latents = codes(&|pairs| pairs.latent.iter().max().copied());
    let truths = codes(&|pairs| pairs.truth.iter().max().copied());
    ByGroup::new(&pairs, latents, truths)
}

fn add(sums: &mut Vec<u64>, counts: &[u64], times: u64) {
    sums.resize(sums.len().max(counts.len()), 0);
    sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += times * count);
}

#[cfg(test)]
mod tests;
