//! Parsing a sidecar of true actions.
//!
//! `NAME.actions.csv` beside `NAME.mp4` has one row per source frame, in presentation order. The
//! column `frame` numbers the rows from 0. The effect of the action in row `t` is first visible in
//! frame `t+1`. There are two kinds:
//! - Numbered actions: a column `action` (0 to 255) and optionally `action_name`. CoinRun's files
//!   have this kind.
//! - Keys: one column of 0 or 1 per key. SuperTux's files have this kind. The action is the set of
//!   pressed keys, and its name is for example `Left+space`. The keys in alphabetical order are the
//!   bits of the action's number, so files with the same keys agree. There are at most eight keys.
//!   In a file with more columns, keys that are never pressed do not count.
//!
//! Both kinds may have the columns `dx` and `dy`: the player's true displacement from frame `t` to
//! `t+1` in pixels, to the right and down. They give effect classes ([`super::effect`]). Known
//! columns with another meaning are skipped. An empty action cell, as in a last row, repeats the
//! action above it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::sidecar::Sidecar;

/// Names of columns that are neither actions nor keys.
const OTHER_COLUMNS: [&str; 11] = [
    "frame",
    "time_s",
    "time",
    "reward",
    "done",
    "level_seed",
    "dx",
    "dy",
    "effect",
    "effect_name",
    "action_name",
];
/// Maximum number of keys, so that an action number fits into a byte.
const MAX_KEYS: usize = 8;
/// Name of the action without a pressed key.
const NO_KEYS: &str = "noop";

/// A sidecar that cannot be read. Ingest then uses the video without actions.
#[derive(Debug, thiserror::Error)]
#[error("{path}, line {line}: {problem}")]
pub struct SidecarError {
    path: PathBuf,
    line: u64,
    problem: String,
}

impl SidecarError {
    /// The problem and its line, without the path of the file.
    pub fn without_path(&self) -> String {
        format!("line {}: {}", self.line, self.problem)
    }
}

/// The path of a video's sidecar.
pub fn sidecar_path(video: &Path) -> PathBuf {
    video.with_extension("actions.csv")
}

/// Parses the content of a sidecar. `path` appears in errors.
///
/// Leaves out a last row that is not readable and has no line break: a recorder was killed while it
/// wrote the row.
pub fn parse_sidecar(path: &Path, content: &[u8]) -> Result<Sidecar, SidecarError> {
    let parse = |content| SidecarTable::read(path, content)?.sidecar();
    parse(content).or_else(|error| whole_rows(content).map_or(Err(error), parse))
}

/// The cells of a sidecar.
struct SidecarTable<'a> {
    path: &'a Path,
    header: Vec<String>,
    /// Line number in the file, and the cells of the line.
    rows: Vec<(u64, csv::StringRecord)>,
}

impl<'a> SidecarTable<'a> {
    fn read(path: &'a Path, source: &[u8]) -> Result<Self, SidecarError> {
        let broken = |error: csv::Error| SidecarError {
            path: path.to_owned(),
            line: error.position().map_or(1, csv::Position::line),
            problem: format!("not readable as CSV ({error})"),
        };
        let mut reader =
            csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(source);
        let header = reader.headers().map_err(broken)?.iter().map(str::to_owned).collect();
        let mut table = Self { path, header, rows: Vec::new() };
        for record in reader.records() {
            let record = record.map_err(broken)?;
            let line = record.position().map_or(0, csv::Position::line);
            table.rows.push((line, record));
        }
        table.check_cells()?;
        table.check_columns()?;
        table.check_frames()?;
        Ok(table)
    }

    /// Checks that each row has a cell for each column.
    ///
    /// Zero bytes are an error. A file system puts them where data were lost.
    fn check_cells(&self) -> Result<(), SidecarError> {
        let cells = self.header.len();
        for (line, row) in &self.rows {
            if row.len() != cells {
                let found = row.len();
                let problem = format!("{found} cells, but the header has {cells}");
                return Err(self.error(*line, problem));
            }
            if row.as_slice().contains('\0') {
                return Err(self.error(*line, "zero bytes, which are in the place of lost data"));
            }
        }
        Ok(())
    }

    fn sidecar(&self) -> Result<Sidecar, SidecarError> {
        let (actions, names) = match self.column("action") {
            Some(column) => self.numbered(column)?,
            None => self.keys()?,
        };
        let moves = match (self.column("dx"), self.column("dy")) {
            (Some(dx), Some(dy)) => Some(self.moves(dx, dy)?),
            _ => None,
        };
        Ok(Sidecar { actions, names, moves })
    }

    /// Checks that no two columns have the same name: which one counts is not known.
    fn check_columns(&self) -> Result<(), SidecarError> {
        let mut before = HashSet::new();
        let mut names = self.header.iter().filter(|name| !name.is_empty());
        let twice = names.find(|name| !before.insert(name.as_str()));
        let problem = |name: &String| {
            self.error(1, format!("the column `{name}` occurs twice: rename or remove one"))
        };
        twice.map_or(Ok(()), |twice| Err(problem(twice)))
    }

    /// Checks that the rows are frames 0, 1, 2, …, because a frame's number is its row.
    fn check_frames(&self) -> Result<(), SidecarError> {
        let no_column = "no column `frame`: add one that numbers the rows from 0";
        let column = self.column("frame").ok_or_else(|| self.error(1, no_column))?;
        if self.rows.is_empty() {
            return Err(self.error(1, "no rows: the file needs one row per frame"));
        }
        for (expected, (line, row)) in self.rows.iter().enumerate() {
            let cell = row.get(column).unwrap_or("");
            if cell.parse() != Ok(expected) {
                return Err(self.error(
                    *line,
                    format!("frame is `{cell}`, but this is the row of frame {expected}"),
                ));
            }
        }
        Ok(())
    }

    fn numbered(&self, column: usize) -> Result<(Vec<u8>, Vec<String>), SidecarError> {
        let name_column = self.column("action_name");
        let mut actions = Vec::with_capacity(self.rows.len());
        let mut names: Vec<String> = Vec::new();
        for (line, row) in &self.rows {
            let cell = row.get(column).unwrap_or("");
            if cell.is_empty() {
                actions.push(actions.last().copied().unwrap_or(0));
                continue;
            }
            let action: u8 = cell.parse().map_err(|_| {
                self.error(*line, format!("action is `{cell}`: it must be a number from 0 to 255"))
            })?;
            for missing in names.len()..=usize::from(action) {
                names.push(missing.to_string());
            }
            if let Some(name) =
                name_column.and_then(|column| row.get(column)).filter(|name| !name.is_empty())
            {
                // The first name counts. The last one may be half of it.
                let known = &mut names[usize::from(action)];
                if *known == action.to_string() {
                    name.clone_into(known);
                }
            }
            actions.push(action);
        }
        Ok((actions, names))
    }

    fn keys(&self) -> Result<(Vec<u8>, Vec<String>), SidecarError> {
        let mut keys: Vec<(&str, Vec<bool>)> = Vec::new();
        for (column, name) in self.header.iter().enumerate() {
            if !OTHER_COLUMNS.contains(&name.as_str()) {
                keys.push((name, self.pressed(column)?));
            }
        }
        if keys.len() > MAX_KEYS {
            keys.retain(|(_, pressed)| pressed.contains(&true));
        }
        if keys.is_empty() || keys.len() > MAX_KEYS {
            let problem = format!(
                "{} key columns: the file needs a column `action`, or 1 to {MAX_KEYS} key columns \
                 of 0 and 1",
                keys.len()
            );
            return Err(self.error(1, problem));
        }
        keys.sort_by_key(|(name, _)| *name);
        let actions = (0..self.rows.len())
            .map(|row| {
                keys.iter()
                    .enumerate()
                    .map(|(bit, (_, pressed))| u8::from(pressed[row]) << bit)
                    .sum()
            })
            .collect();
        let names = (0..1_usize << keys.len())
            .map(|set| {
                let held: Vec<&str> = keys
                    .iter()
                    .enumerate()
                    .filter(|(bit, _)| set >> bit & 1 == 1)
                    .map(|(_, (name, _))| *name)
                    .collect();
                if held.is_empty() { NO_KEYS.to_owned() } else { held.join("+") }
            })
            .collect();
        Ok((actions, names))
    }

    /// The cells of a key's column. An empty cell repeats the cell above.
    fn pressed(&self, column: usize) -> Result<Vec<bool>, SidecarError> {
        let mut pressed = Vec::with_capacity(self.rows.len());
        for (line, row) in &self.rows {
            pressed.push(match row.get(column).unwrap_or("") {
                "0" => false,
                "1" => true,
                "" => pressed.last().copied().unwrap_or(false),
                other => {
                    let key = &self.header[column];
                    let problem = format!("key `{key}` is `{other}`: it must be 0 or 1");
                    return Err(self.error(*line, problem));
                }
            });
        }
        Ok(pressed)
    }

    fn moves(&self, dx: usize, dy: usize) -> Result<Vec<(f64, f64)>, SidecarError> {
        let number = |line: u64, row: &csv::StringRecord, column: usize| {
            let cell = row.get(column).unwrap_or("");
            if cell.is_empty() {
                return Ok(0.0);
            }
            let number = cell.parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| {
                let name = &self.header[column];
                self.error(line, format!("{name} is `{cell}`: it must be a number"))
            })
        };
        self.rows
            .iter()
            .map(|(line, row)| Ok((number(*line, row, dx)?, number(*line, row, dy)?)))
            .collect()
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column == name)
    }

    fn error(&self, line: u64, problem: impl Into<String>) -> SidecarError {
        SidecarError { path: self.path.to_owned(), line, problem: problem.into() }
    }
}

/// The content of a sidecar without a last row that has no line break.
///
/// `None` if there is no such row, if it is the only one, or if it contains zero bytes, which are
/// an error.
fn whole_rows(source: &[u8]) -> Option<&[u8]> {
    let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let end = source.iter().rposition(is_break).map_or(0, |last| last + 1);
    let (whole, rest) = source.split_at(end);
    let rows = whole.split(is_break).filter(|row| !row.is_empty()).count();
    (rows > 1 && !rest.is_empty() && !rest.contains(&0)).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Sidecar, String> {
        parse_sidecar(Path::new("x.actions.csv"), text.as_bytes())
            .map_err(|error| error.to_string())
    }

    /// Catches: a name belongs to the wrong number; an empty last row is an error.
    #[test]
    fn numbered_actions() {
        let sidecar = parse(
            "frame,action,action_name,reward,done,level_seed\n\
                   0,2,RIGHT,0,0,7\n1,0,LEFT,0,0,7\n2,,,,0,7\n",
        )
        .unwrap();
        assert_eq!(sidecar.actions, [2, 0, 0]);
        assert_eq!(sidecar.names, ["LEFT", "1", "RIGHT"]);
    }

    /// Catches: numbers depend on the order of columns, so that two files of one game disagree.
    #[test]
    fn keys_are_numbered_by_name() {
        let one = parse("frame,time_s,Left,Right,space\n0,0.0,1,0,1\n1,0.1,0,1,0\n2,0.2,0,0,0\n")
            .unwrap();
        let other = parse("frame,time_s,space,Right,Left\n0,0.0,1,0,1\n1,0.1,0,1,0\n2,0.2,0,0,0\n")
            .unwrap();
        assert_eq!(one, other);
        let names: Vec<&str> =
            one.actions.iter().map(|&action| one.names[usize::from(action)].as_str()).collect();
        assert_eq!(names, ["Left+space", "Right", "noop"]);
    }

    /// Catches: the action number overflows; a gamepad with many unused buttons is an error.
    #[test]
    fn more_than_eight_keys() {
        let header = (0..12).map(|key| format!("k{key:02}")).collect::<Vec<_>>().join(",");
        let few = parse(&format!("frame,{header}\n0,1,0,0,0,0,0,0,0,0,0,0,1\n")).unwrap();
        assert_eq!(few.names[usize::from(few.actions[0])], "k00+k11");
        let many = parse(&format!("frame,{header}\n0,1,1,1,1,1,1,1,1,1,1,1,1\n")).unwrap_err();
        assert!(many.contains("12 key columns"), "{many}");
    }

    /// Catches: half of a last row, of a recorder that was killed, discards all actions or renames
    /// one; a whole last row without a line break is left out.
    #[test]
    fn half_of_a_last_row_is_left_out() {
        for (half, actions) in [
            ("2", &[2, 12][..]),
            ("2,", &[2, 12]),
            ("2,2", &[2, 12]),
            ("2,x,", &[2, 12]),
            ("2,2,", &[2, 12, 2]),
            ("2,2,RI", &[2, 12, 2]),
        ] {
            let text = format!("frame,action,action_name\n0,2,RIGHT\n1,12,UP\n{half}");
            let sidecar = parse(&text).unwrap();
            assert_eq!(sidecar.actions, actions, "{half}");
            assert_eq!((&*sidecar.names[2], &*sidecar.names[12]), ("RIGHT", "UP"), "{half}");
        }
        let moves = parse("frame,action,dx,dy\n0,2,1,0\n1,2,1,-").unwrap().moves;
        assert_eq!(moves.unwrap(), [(1.0, 0.0)]);
        assert_eq!(parse("frame,action\n0,3").unwrap().actions, [3], "the only row");
        let half_a_letter = b"frame,action\r\n0,3\r\n1,\xc3";
        let sidecar = parse_sidecar(Path::new("x"), half_a_letter).unwrap();
        assert_eq!(sidecar.actions, [3]);
    }

    /// Catches: an invalid file causes a panic; an error lacks the line number.
    #[test]
    fn malformed_sidecars_name_the_line() {
        for (text, expected) in [
            ("", "line 1: no column `frame`"),
            ("frame,action\n", "line 1: no rows"),
            ("frame,action\n0,1\n1,up\n", "line 3: action is `up`"),
            ("frame,action\n0,256\n", "line 2: action is `256`"),
            ("frame,action\n0,1\n2,1\n", "line 3: frame is `2`, but this is the row of frame 1"),
            ("frame,Left\n0,2\n", "line 2: key `Left` is `2`"),
            ("frame,Left,Up,Left\n0,1,0,1\n", "line 1: the column `Left` occurs twice"),
            ("frame,time_s\n0,0.0\n", "line 1: 0 key columns"),
            ("frame,action,dx,dy\n0,1,fast,0\n", "line 2: dx is `fast`"),
            ("frame,action\n0,1,5\n", "line 2: 3 cells, but the header has 2"),
            ("frame,action\n0,1\n1\n", "line 3: 1 cells, but the header has 2"),
            ("frame,action\n0,1\n\0\0\0\0", "line 3: 1 cells, but the header has 2"),
            ("frame,action,action_name\n0,1,a\n1,1,a\0\0", "line 3: zero bytes"),
            ("frame,action\n0,\u{fffd}\n", "line 2: action is"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                error.contains("x.actions.csv") && error.contains(expected),
                "{text:?}: {error}"
            );
        }
        let binary = SidecarTable::read(Path::new("x"), &b"frame,action\n0,\xff\xfe\n"[..]);
        assert!(binary.is_err());
    }
}
