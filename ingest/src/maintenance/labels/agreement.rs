//! Numbers of labels: by person, by tag, and how often two people agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use genie_shards::{Judgement, LabelRow};
use jiff::Timestamp;

/// How two people's labels of the same clips agree.
#[derive(Debug, PartialEq)]
pub struct PairAgreement {
    /// Clips that both labelled.
    pub clips: usize,
    /// Share of these with the same label.
    pub same: f64,
    /// Cohen's kappa: 0 is chance, 1 is perfect; `None` if both always said the same one thing.
    pub kappa: Option<f64>,
}

impl PairAgreement {
    /// Compares labels of the same clips.
    pub fn of(pairs: &[(Judgement, Judgement)]) -> Self {
        let count = pairs.len() as f64;
        let share = |holds: &dyn Fn(&(Judgement, Judgement)) -> bool| {
            pairs.iter().filter(|pair| holds(pair)).count() as f64 / count.max(1.0)
        };
        let same = share(&|(one, other)| one == other);
        let by_chance: f64 = Judgement::ALL
            .into_iter()
            .map(|label| share(&|(one, _)| *one == label) * share(&|(_, other)| *other == label))
            .sum();
        let kappa = (by_chance < 1.0).then(|| (same - by_chance) / (1.0 - by_chance));
        Self { clips: pairs.len(), same, kappa }
    }
}

/// Returns the page of `labels stats`; empty without labels.
pub fn page(labels: &[&LabelRow]) -> String {
    let mut page = String::new();
    if labels.is_empty() {
        return page;
    }
    let clips: BTreeSet<&str> = labels.iter().map(|row| row.clip_id.as_str()).collect();
    let people: BTreeSet<&str> = labels.iter().map(|row| row.who.as_str()).collect();
    let _ = writeln!(page, "{} labels of {} clips\n", labels.len(), clips.len());
    let wide = people.iter().map(|who| who.chars().count()).max().unwrap_or(0).max(3);
    let _ = writeln!(page, "{:wide$}     good      bad   unsure   last", "who");
    for who in &people {
        let of = || labels.iter().filter(|row| row.who == **who);
        let counts = Judgement::ALL.map(|label| of().filter(|r| r.label == Some(label)).count());
        let last = of().map(|row| row.at).max().unwrap_or_default();
        let last = Timestamp::from_millisecond(last).unwrap_or_default();
        let [good, bad, unsure] = counts;
        let last = last.strftime("%Y-%m-%d %H:%M UTC");
        let _ = writeln!(page, "{who:wide$} {good:>8} {bad:>8} {unsure:>8}   {last}");
    }
    agreements(&mut page, labels, &people);
    tags(&mut page, labels);
    page
}

fn agreements(page: &mut String, labels: &[&LabelRow], people: &BTreeSet<&str>) {
    let of = |who: &str| -> BTreeMap<&str, Judgement> {
        let rows = labels.iter().filter(|row| row.who == who);
        rows.filter_map(|row| Some((row.clip_id.as_str(), row.label?))).collect()
    };
    let people: Vec<_> = people.iter().map(|who| (*who, of(who))).collect();
    let mut has_title = false;
    for (number, (one, theirs)) in people.iter().enumerate() {
        for (other, others) in &people[number + 1..] {
            let pairs: Vec<_> = theirs
                .iter()
                .filter_map(|(clip, label)| Some((*label, *others.get(clip)?)))
                .collect();
            if pairs.is_empty() {
                continue;
            }
            if !std::mem::replace(&mut has_title, true) {
                let _ = writeln!(page, "\nagreement on clips that both labelled");
            }
            let PairAgreement { clips, same, kappa } = PairAgreement::of(&pairs);
            let kappa = kappa.map_or("undefined".to_owned(), |kappa| format!("{kappa:.2}"));
            let _ = writeln!(
                page,
                "{one}, {other}: {clips} clips, {:.0} % the same, Cohen's kappa {kappa}",
                100.0 * same
            );
        }
    }
}

fn tags(page: &mut String, labels: &[&LabelRow]) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for tag in labels.iter().flat_map(|row| &row.tags) {
        *counts.entry(tag).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(tag, count)| (std::cmp::Reverse(*count), *tag));
    if !counts.is_empty() {
        let _ = writeln!(page, "\ntags");
    }
    for (tag, count) in counts {
        let _ = writeln!(page, "{count:>8}  {tag}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Judgement::{Bad, Good, Unsure};

    fn row(who: &str, clip: &str, label: Judgement, tags: &[&str]) -> LabelRow {
        LabelRow {
            at: 0,
            clip_id: clip.to_owned(),
            who: who.to_owned(),
            label: Some(label),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        }
    }

    /// Catches: kappa is the share of equal labels; labels of one thing divide by zero.
    #[test]
    fn kappa_is_agreement_beyond_chance() {
        let known = [(Good, Good); 20].into_iter().chain([(Bad, Bad); 15]);
        let known: Vec<_> = known.chain([(Good, Bad); 5]).chain([(Bad, Good); 10]).collect();
        let PairAgreement { clips, same, kappa } = PairAgreement::of(&known);
        assert_eq!((clips, same), (50, 0.7));
        assert!((kappa.unwrap() - 0.4).abs() < 1e-12, "{kappa:?}");
        assert_eq!(PairAgreement::of(&[(Good, Good); 3]).kappa, None);
        let never = PairAgreement::of(&[(Good, Bad), (Bad, Good)]);
        assert_eq!((never.same, never.kappa), (0.0, Some(-1.0)));
    }

    /// Catches: clips of one person count in an agreement; a tag is counted once a clip.
    #[test]
    fn the_page_counts_people_pairs_and_tags() {
        let rows = [
            row("ana", "a", Good, &["hud"]),
            row("ana", "b", Bad, &["menu", "hud"]),
            row("ben", "b", Bad, &["hud"]),
            row("cy", "z", Unsure, &[]),
        ];
        let page = page(&rows.iter().collect::<Vec<_>>());
        assert!(page.starts_with("4 labels of 3 clips\n"), "{page}");
        assert!(page.contains("ana        1        1        0   1970-01-01"), "{page}");
        assert!(page.contains("ana, ben: 1 clips, 100 % the same, Cohen's kappa undefined"));
        assert!(!page.contains("ana, cy"));
        assert!(page.ends_with("\ntags\n       3  hud\n       1  menu\n"), "{page}");
        assert_eq!(super::page(&[]), "");
    }
}
