//! A survey of the catalog: which units have new rows, dropped sources or other changes.

use std::collections::HashSet;

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::SourceRow;
use rayon::prelude::*;

use crate::catalog::partitions::{CatalogUnit, sort_sources};
use crate::catalog::row_kinds::is_decided;

/// The source rows of a unit after a change.
#[derive(Default)]
pub struct EditedSources {
    pub rows: Vec<SourceRow>,
    /// Ids of the sources whose clips go.
    pub dropped: HashSet<String>,
}

impl EditedSources {
    /// Unchanged rows.
    pub fn same(rows: Vec<SourceRow>) -> Self {
        Self { rows, dropped: HashSet::new() }
    }
}

/// A change of source rows, for the rows of one unit at a time.
///
/// All rows of a content are in one unit.
pub type SourceEdit<'a> = dyn Fn(Vec<SourceRow>) -> EditedSources + Sync + 'a;

/// The units of a catalog, and what changes in them.
pub struct Survey {
    pub units: Vec<CatalogUnit>,
    /// Whether the unit has new or changed source rows, new clips or dropped sources.
    pub is_changed: Vec<bool>,
    /// Numbers of the units with new clips or dropped sources.
    pub touched: Vec<usize>,
    /// Ids of all sources whose clips go.
    pub dropped: HashSet<String>,
    /// Numbers of the units with kept clips of sources that have no split yet.
    pub undecided: Vec<usize>,
}

impl Survey {
    /// Reads the source rows of all units and changes them.
    pub fn of(root: &Utf8Path, units: Vec<CatalogUnit>, edit: &SourceEdit<'_>) -> Result<Self> {
        let survey = |unit: &CatalogUnit| -> Result<(bool, HashSet<String>, bool)> {
            let before = unit.sources(root)?;
            let mut after = edit(before.clone());
            sort_sources(&mut after.rows);
            let undecided =
                |row: &SourceRow| is_decided(row) && row.split.is_none() && row.clips_kept > 0;
            let is_undecided = after.rows.iter().any(undecided);
            Ok((after.rows != before, after.dropped, is_undecided))
        };
        let surveyed: Vec<_> = units.par_iter().map(survey).collect::<Result<_>>()?;
        let mut survey = Self {
            units,
            is_changed: Vec::new(),
            touched: Vec::new(),
            dropped: HashSet::new(),
            undecided: Vec::new(),
        };
        for (number, (is_changed, dropped, is_undecided)) in surveyed.into_iter().enumerate() {
            let is_fresh = survey.units[number].is_fresh();
            if is_fresh || !dropped.is_empty() {
                survey.touched.push(number);
            }
            if is_undecided {
                survey.undecided.push(number);
            }
            survey.is_changed.push(is_changed || is_fresh || !dropped.is_empty());
            survey.dropped.extend(dropped);
        }
        Ok(survey)
    }
}
