//! The interval of a difference between two reports, window against window.
//!
//! Both models saw the same windows, and a hard recording is hard for both: the difference of two means is far better known than either.
//! So whole recordings are resampled (`bootstrap.rs`), each with its windows of both reports, and the difference is taken in every
//! draw. Two reports of other windows have no such interval, and none is made up.

use std::collections::BTreeMap;

use genie_shards::MeasuredWindow;

use crate::compare::metric::PerWindow;
use crate::compare::name::MetricName;
use crate::statistics::agreement::{ByGroup, Pairs};
use crate::statistics::bootstrap::{Bootstrap, GroupedMean, Interval, numbered};
use crate::statistics::information::perplexity;

/// How far what is computed from the windows may be from what the report says.
const EXACT: f64 = 1e-6;

/// Rows of two reports of the same windows, in the same order.
pub struct Paired<'a> {
    rows: Vec<[&'a MeasuredWindow; 2]>,
    draws: usize,
}

/// A function of how often each group counts.
type Statistic = Box<dyn Fn(&[u32]) -> f64>;

impl<'a> Paired<'a> {
    /// Pairs the windows of two reports.
    ///
    /// # Errors
    /// When they are not the same; says how many are.
    pub fn new<K: Ord>(
        a: &'a BTreeMap<K, MeasuredWindow>,
        b: &'a BTreeMap<K, MeasuredWindow>,
        draws: usize,
    ) -> Result<Paired<'a>, String> {
        let rows: Vec<_> = a.iter().filter_map(|(place, a)| Some([a, b.get(place)?])).collect();
        if rows.len() == a.len() && rows.len() == b.len() {
            return Ok(Paired { rows, draws });
        }
        Err(format!("other windows: of {} and {}, {} are the same", a.len(), b.len(), rows.len()))
    }

    /// The 95 % interval of `difference`, by which the second report's number is above the first's.
    ///
    /// # Errors
    /// When it has none; says why.
    pub fn interval(&self, name: MetricName, difference: f64) -> Result<Interval, String> {
        let rows: Vec<_> = match name.metric.per_window {
            PerWindow::No => return Err("no interval is worked out for such numbers".to_owned()),
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
            statistic(name, &windows, groups).ok_or("a window lacks it")
        };
        let (first, second) = (side(0)?, side(1)?);
        let all = vec![1; groups];
        let found = second(&all) - first(&all);
        if found.is_nan() || (found - difference).abs() > EXACT * difference.abs().max(1.0) {
            return Err("the windows beside a report do not give its number".to_owned());
        }
        let bootstrap = Bootstrap::new(groups, self.draws, 0);
        let interval = bootstrap.interval(difference, |draw| second(draw) - first(draw));
        interval.ok_or_else(|| "all windows are of one clip".to_owned())
    }
}

/// The groups that stand or fall together: recordings, or clips where there is only one recording.
fn grouped(rows: &[[&MeasuredWindow; 2]]) -> (usize, Vec<usize>) {
    let (count, group) = numbered(rows.iter().map(|pair| &pair[0].source_id));
    if count > 1 { (count, group) } else { numbered(rows.iter().map(|pair| &pair[0].clip_id)) }
}

/// What a report says of the name, from windows and the group of each. `None` where a window lacks it, or there are none.
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
