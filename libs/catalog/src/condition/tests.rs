//! Tests of conditions on clips.

use std::{
    iter,
    time::{Duration, Instant},
};

use genie_shards::{ClipMeta, Scores};

use super::*;

fn clip(motion: f32, static_share: f32) -> ClipRow {
    let scores = Scores { motion, static_share, ..Scores::default() };
    let meta =
        ClipMeta { clip_id: "a".into(), frame_pts: vec![0; 40], scores, ..ClipMeta::default() };
    ClipRow { meta, ..ClipRow::default() }
}

fn failures(sql: &str, rows: &[ClipRow]) -> Vec<Option<String>> {
    Condition::parse(sql).unwrap().failures(rows, |_| true).unwrap()
}

/// Catches: a reason contains the whole expression, the last failing part, or the user's own
/// spelling, so counts per reason are wrong.
#[test]
fn the_first_part_that_does_not_hold_is_named() {
    let rows = [clip(0.5, 0.1), clip(0.001, 0.95), clip(0.5, 0.95)];
    let sql = "motion>0.01 AND (static_share < 0.9 and frames >= 16)";
    let part = |text: &str| Some(text.to_owned());
    assert_eq!(failures(sql, &rows), [None, part("motion > 0.01"), part("static_share < 0.9")]);
}

/// Catches: an `or` is split, so that clips are rejected although one of its sides is true.
#[test]
fn an_or_is_one_part() {
    let rows = [clip(0.5, 0.95), clip(0.0, 0.95)];
    let sql = "motion > 0.01 or static_share < 0.9";
    assert_eq!(
        failures(sql, &rows),
        [None, Some("motion > 0.01 OR static_share < 0.9".to_owned())]
    );
    assert_eq!(failures("", &rows), [None, None], "no expression holds for everything");
}

/// Catches: a clip that no network has judged is dropped, or is kept although another part fails; a
/// selection of training clips takes clips without a quality; a query keeps other clips.
#[test]
fn the_verdict_keeps_clips_that_are_not_judged_yet() {
    let judged = |quality| ClipRow { quality, ..clip(0.5, 0.1) };
    let rows = [judged(None), judged(Some(0.2)), judged(Some(0.9))];
    let bad = Some("quality > 0.6".to_owned());
    assert_eq!(failures("motion > 0.01 and quality > 0.6", &rows), [None, bad, None]);
    let kept = |sql: &str| failures(sql, &rows).iter().map(Option::is_none).collect::<Vec<_>>();
    assert_eq!(kept("quality > 0.6 or motion < 0.1"), [true, false, true]);
    assert_eq!(kept("quality is not null"), [false, true, true], "a false part is no null");
    assert_eq!(kept("motion > 0.9 and quality > 0.6"), [false; 3]);
    assert_eq!(kept("mixed_actions > 0.1"), [false; 3], "another null is not true");
    let condition = Condition::parse("quality > 0.6 and frames > 1").unwrap();
    assert_eq!(condition.holds(&rows).unwrap(), [false, false, true]);
    assert!(condition.uses_quality());
    assert!(!Condition::parse("motion > 0.1").unwrap().uses_quality());
    let sql = condition.verdict_sql();
    assert_eq!(Condition::parse(&sql).unwrap().holds(&rows).unwrap(), [true, false, true], "{sql}");
}

/// Catches: a misspelt column silently keeps or rejects everything, and a number counts as
/// true.
#[test]
fn an_invalid_condition_is_an_error_that_helps() {
    for wrong in
        ["moton > 0.1", "motion >", "motion", "motion > 0.1; drop table clips", "max(motion) > 0.1"]
    {
        let error = Condition::parse(wrong)
            .err()
            .unwrap_or_else(|| panic!("`{wrong}` was taken"))
            .to_string();
        assert!(error.contains(wrong) && error.contains("static_share"), "{error}");
    }
}

/// The message about a condition that is refused, with its causes.
fn refusal(sql: &str) -> String {
    let error = Condition::parse(sql).err().unwrap_or_else(|| panic!("`{sql}` was taken"));
    let first: &dyn std::error::Error = &error;
    iter::successors(Some(first), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// Catches: a long or deep expression overflows the stack of the parser, the planner, the printer
/// or the destructor, which aborts the process.
#[test]
fn a_deep_condition_is_refused() {
    for (first, again, last) in [
        ("", "1=1 or ", "true"),
        ("motion>1", "+1", ""),
        ("motion>0", " is true", ""),
        ("", "not ", "true"),
        ("", "-1-", "1>0"),
        ("", "- ", "1>0"),
        ("", "(", "true"),
        ("", "case when ", "true"),
        ("", "interval ", "'1' second("),
        ("", "array<", ""),
        ("motion::", "array<", ""),
        ("", "[", ""),
        ("motion", "::int", ">0"),
        ("'a'", "||'a'", "=''"),
        ("motion", "[1]", ">0"),
        ("", "exists(", "select 1"),
        ("", "not(", "true"),
        ("", "cast(", "1 as"),
        ("", "lower(", "'a"),
        ("true", " between true and true", ""),
        ("true", " in (true)", ""),
    ] {
        let times = (1990 - first.len() - last.len()) / again.len();
        refusal(&format!("{first}{}{last}", again.repeat(times)));
    }
    // Short enough for the parser; the result does not matter.
    for sql in ["not ".repeat(30) + "true", "not ".repeat(60) + "true"] {
        let _ = Condition::parse(&sql);
    }
    let long = refusal(&"motion > 0 and ".repeat(1000));
    assert!(long.contains("15000 characters") && long.contains("2000"), "{long}");
}

/// Catches: evaluation or destruction of the deepest allowed expression overflows the stack of a
/// thread that serves a request.
#[test]
fn the_deepest_conditions_are_evaluated() {
    let rows = [clip(0.5, 0.1)];
    let deep = [
        format!("motion{} > 0", "+motion".repeat(60)),
        format!("motion > 1{}", " or motion > 0".repeat(60)),
        format!("(motion > 0){}", " is true".repeat(60)),
    ];
    for sql in deep {
        assert_eq!(failures(&sql, &rows), [None], "{sql}");
    }
    assert!(refusal(&format!("motion > 1{}", "+1".repeat(70))).contains("nested too deeply"));
}

/// Catches: a short condition takes much memory or time to read or to evaluate, because a function
/// makes a long value, or because the parser or the planner is exponential in the nesting.
#[test]
fn no_condition_is_expensive() {
    let start = Instant::now();
    for sql in [
        "length(repeat(source_path,50000000))>0",
        "array_length(array_repeat(1,1000000000))>0",
        "length(repeat('a',2000000000))>0",
        "levenshtein(repeat(source_path,3000),repeat(source_path,3000))>0",
        "length(lpad('a',2000000000))>0",
        "length(replace(source_path,'','aaaa'))>0",
        "REPEAT('a', 9) = ''",
        "coalesce(motion, 1) > 0",
    ] {
        let reason = refusal(sql);
        assert!(reason.contains("is not allowed") && reason.contains("starts_with"), "{reason}");
        assert!(reason.contains("the function `"), "{reason}");
    }
    for sql in [
        "motion > 0 and exists (select 1)",
        "source_path similar to '(((a{1000}){1000}){1000}){1000}'",
        "source_path similar to source_path",
        "source_path ~ 'a{1000}'",
        "cast(motion as int[100000000]) is null",
        "max(motion) over () > 0",
        "lower(distinct source_path) = ''",
        "array_length([1, 2]) > 0",
    ] {
        let reason = refusal(sql);
        assert!(reason.contains("not allowed") || reason.contains("expected"), "{sql}: {reason}");
    }
    let nested = |open: &str, middle: &str, close: &str, times: usize| {
        format!("{}{middle}{}", open.repeat(times), close.repeat(times))
    };
    let rows = vec![clip(0.5, 0.1); 100];
    for sql in [
        nested("not(", "1 1", ")", 8),
        nested("lower(", "1 1", ")", 8),
        nested("floor(", "1 1", ")", 8),
        nested("cast(", "1 1", " as int)", 8),
        nested("substring(", "1 1", " from 1)", 8),
        nested("trim(", "1 1", ")", 8),
        nested("position(", "1 1", ")", 8),
        nested("extract(", "1 1", ")", 8),
        nested("(", "motion > 0", " between false and true)", 4),
        nested("position(", "1", ", 2)", 8).repeat(30),
        vec![nested("position(", "'a'", ", 'b')", 8); 15].join(" + "),
        nested("(", "motion > 0", " in (true, false, has_actions))", 4),
        nested("case when motion > 0 then ", "motion > 0", " else has_actions end", 4),
        "motion > 0 and ".repeat(130) + "true",
        "motion > 0 or ".repeat(60) + "true",
        format!("source_path like '{}'", "%a_".repeat(600)),
        format!("length({}) > 0", vec!["upper(source_path)"; 60].join("||")),
    ] {
        if let Ok(condition) = Condition::parse(&sql) {
            let _ = condition.failures(&rows, |_| true);
        }
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

/// Catches: an ordinary condition is refused, or a message names a function that does not exist.
#[test]
fn ordinary_conditions_are_allowed() {
    let rows = [clip(0.5, 0.1)];
    for sql in [
        "motion between 0.1 and 0.9 and frames in (10, 20, 30, 40)",
        "source_path not like '%boss%' and source_path not ilike 'A%'",
        "clip_id similar to 'a' and not (source_path similar to 'x+')",
        "source_path is not null and (motion > 0) is not false",
        "case when frames >= 16 then motion > 0.01 else false end",
        "cast(frames as double) / 2 - 1 > -3 and frames::int % 3 = 1",
        "try_cast(source_path as bigint) is null",
        "lower(source_path) || 'x' = 'x' and length(trim(source_path)) < 9",
        "substring(clip_id from 1 for 1) = 'a' and substr(clip_id, 1, 1) = 'a'",
        "position('a' in clip_id) = 1 and strpos(clip_id, 'a') = 1",
        "starts_with(clip_id, 'a') and ends_with(clip_id, 'a') and contains(clip_id, 'a')",
        "nullif(motion, 0) > 0 and greatest(motion, static_share) > least(motion, 0)",
        "extract(year from cast('2020-01-01' as date)) = 2020",
        "date_part('year', cast('2020-01-01' as date)) = 2020",
        "(motion is distinct from static_share) and concat(clip_id, 'b') = 'ab'",
        "left(clip_id, 1) = 'a' and right(clip_id, 1) = 'a'",
    ] {
        assert_eq!(failures(sql, &rows), [None], "{sql}");
    }
    let state = SessionContext::new().state();
    for name in allowed::FUNCTIONS {
        assert!(state.scalar_functions().contains_key(name), "{name}");
    }
}

/// Catches: a message repeats a long expression, or has an empty list of columns.
#[test]
fn a_message_is_short_and_complete() {
    let long = format!("source_path = '{}' and moton > 0", "ä".repeat(1900));
    let error = Condition::parse(&long).err().unwrap().to_string();
    assert!(error.contains("ä…`") && error.len() < 1500, "{error}");
    let condition = Condition::parse("1 / (frames - 40) > 0").unwrap();
    let error = condition.failures(&[clip(0.5, 0.1)], |_| true).unwrap_err().with_cause();
    let start =
        "the condition `1 / (frames - 40) > 0` cannot be evaluated for the clip a of ; write";
    assert!(error.starts_with(start) && error.contains("zero"), "{error}");
}

/// Catches: a condition that is wrong for every clip is found after hours of decoding; one that is
/// right for ordinary clips, or expects other names of files, is refused.
#[test]
fn a_condition_that_never_works_is_refused() {
    for wrong in [
        "motion > 0 and frames / 0 > 1",
        "frames % 0 = 1",
        "cast('many' as int) > 3",
        "cast(motion as date) is null",
        "cast(motion * 1e12 as int) > 3",
        "source_path similar to '('",
        "case when quality is null then 1 / 0 > 1 else true end",
        "case when quality is null then true else 1 / 0 > 1 end",
    ] {
        let error = Condition::parse(wrong).err().unwrap_or_else(|| panic!("`{wrong}` was taken"));
        assert!(error.is_wrong_sql(), "{wrong}: {error}");
    }
    for right in [
        "frames / 160 > 0 and 1 / (frames - 160) >= 0 and 100 / frames >= 0",
        "cast(left(source_path, 4) as int) >= 2020",
        "substr(source_path, 1, length(source_path) - 40) = 'videos'",
        "cast(clip_id as bigint) > 0",
        "motion / static_share > 0.1 and motion / (contrast - 0.5) < 3",
    ] {
        Condition::parse(right).unwrap();
    }
}

/// Catches: a clip about which nothing is asked makes a condition fail; the error names another
/// clip than that for which the condition fails; clips beside it get another verdict.
#[test]
fn only_the_clips_that_are_asked_for_count() {
    let of = |id: &str, frames: usize| {
        let mut row = clip(0.5, 0.1);
        (row.meta.clip_id, row.meta.frame_pts) = (id.to_owned(), vec![0; frames]);
        row
    };
    let rows = [of("short", 10), of("zero", 40), of("long", 50)];
    let condition = Condition::parse("10 / (frames - 40) > 0").unwrap();
    let error = condition.failures(&rows, |row| row.meta.clip_id != "long").unwrap_err();
    assert!(error.to_string().contains("the clip zero of"), "{error}");
    assert!(condition.holds(&rows).is_err());
    let failures = condition.failures(&rows, |row| row.meta.clip_id != "zero").unwrap();
    assert_eq!((failures[0].is_none(), failures[2].is_none()), (false, true));
}
