//! The title and the description in an `.info.json`, also if the file is not quite JSON.
//!
//! yt-dlp's Python writes `NaN` and halves of surrogate pairs, other tools write numbers and lists,
//! and a killed download leaves half a file. So this reader takes what it needs and looks at
//! nothing else.

use super::byte_order_mark::without_mark;

/// What an `.info.json` says about a video.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// All titles; a key may occur twice.
    pub title: String,
    pub description: String,
    /// Why the title or the description may be missing or incomplete.
    pub problem: Option<&'static str>,
}

/// Reads the title and the description.
pub fn read(text: &[u8]) -> Info {
    let text = String::from_utf8_lossy(&without_mark(text)).into_owned();
    let mut reader = Reader { text: text.as_bytes(), at: 0 };
    let mut info = Info::default();
    let mut seen = [false; 2];
    let end = members(&mut reader, |key, value| {
        let (texts, seen) = match key {
            "title" => (&mut info.title, &mut seen[0]),
            "description" => (&mut info.description, &mut seen[1]),
            _ => return,
        };
        *seen = true;
        texts.push('\n');
        texts.push_str(value);
    });
    info.problem = end.err().filter(|_| seen != [true; 2]);
    info
}

const ENDS_EARLY: &str = "it ends early";

/// Calls `member` with each key of the outermost object and the texts of its value.
fn members(
    reader: &mut Reader<'_>,
    mut member: impl FnMut(&str, &str),
) -> Result<(), &'static str> {
    if reader.next_token() != Some(b'{') {
        return Err("it is not a JSON object");
    }
    loop {
        match reader.next_token() {
            Some(b'}') => return Ok(()),
            Some(b',') => {}
            Some(b'"') => {
                let (key, _) = reader.string();
                if reader.next_token() != Some(b':') {
                    return Err("a key has no value");
                }
                let (value, whole) = reader.value();
                member(&key, &value);
                if !whole {
                    return Err(ENDS_EARLY);
                }
            }
            Some(_) => return Err("it is damaged"),
            None => return Err(ENDS_EARLY),
        }
    }
}

/// A position in a text.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Skips white space and takes the next byte.
    fn next_token(&mut self) -> Option<u8> {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
        let token = self.peek();
        self.at += 1;
        token
    }

    /// The texts and numbers in a value, one per line, and whether the value is complete.
    fn value(&mut self) -> (String, bool) {
        let mut texts = String::new();
        let mut depth = 0_u32;
        loop {
            match self.next_token() {
                Some(b'[' | b'{') => depth += 1,
                Some(b']' | b'}') => depth = depth.saturating_sub(1),
                Some(b',' | b':') => continue,
                Some(b'"') => {
                    let (text, whole) = self.string();
                    texts.push_str(&text);
                    if !whole {
                        return (texts, false);
                    }
                }
                Some(_) => texts.push_str(&self.scalar()),
                None => return (texts, false),
            }
            if depth == 0 {
                return (texts, true);
            }
            texts.push('\n');
        }
    }

    /// A number, `true` or `NaN`, after its first byte. `null` is an empty text.
    fn scalar(&mut self) -> String {
        let start = self.at - 1;
        let ends = |byte: u8| byte.is_ascii_whitespace() || b",:]}[{\"".contains(&byte);
        while self.peek().is_some_and(|byte| !ends(byte)) {
            self.at += 1;
        }
        let text = String::from_utf8_lossy(&self.text[start..self.at]);
        if text == "null" { String::new() } else { text.into_owned() }
    }

    /// A string after its opening quote, and whether it has a closing one.
    fn string(&mut self) -> (String, bool) {
        let mut bytes = Vec::new();
        let mut whole = false;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'"' => {
                    whole = true;
                    break;
                }
                b'\\' => self.escape(&mut bytes),
                _ => bytes.push(byte),
            }
        }
        (String::from_utf8_lossy(&bytes).into_owned(), whole)
    }

    /// Decodes an escape sequence after its backslash. Half a surrogate pair becomes U+FFFD.
    fn escape(&mut self, bytes: &mut Vec<u8>) {
        let kind = self.peek();
        self.at += 1;
        let mut units = Vec::new();
        match kind {
            Some(b'u') => units.extend(self.unit()),
            Some(b'n' | b'r' | b't' | b'b' | b'f') => bytes.push(b' '),
            other => bytes.extend(other),
        }
        while units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit))
            && self.text[self.at..].starts_with(b"\\u")
        {
            self.at += 2;
            units.extend(self.unit());
        }
        bytes.extend(String::from_utf16_lossy(&units).into_bytes());
    }

    /// The four hex digits of a `\u` escape.
    fn unit(&mut self) -> Option<u16> {
        let digits = std::str::from_utf8(self.text.get(self.at..self.at + 4)?).ok()?;
        let unit = u16::from_str_radix(digits, 16).ok()?;
        self.at += 4;
        Some(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &[u8]) -> (String, String, Option<&'static str>) {
        let Info { title, description, problem } = read(text);
        (title.trim().to_owned(), description.trim().to_owned(), problem)
    }

    /// Catches: one wrong value hides the title and the description.
    #[test]
    fn almost_json_is_read() {
        let nested =
            format!("{{\"x\": {}, \"title\": \"a\"}}", "[".repeat(10_000) + &"]".repeat(10_000));
        let cases: [(&[u8], &str, &str); 9] = [
            (br#"{"fps": NaN, "title": "a", "x": -Infinity, "description": "b"}"#, "a", "b"),
            (b"\xef\xbb\xbf{\"title\": \"a\", \"description\": \"b\"}", "a", "b"),
            (
                br#"{"title": "a \ud83d\ude00", "description": "b \ud83d c"}"#,
                "a 😀",
                "b \u{fffd} c",
            ),
            (br#"{"title": "a\"\u0062\\", "description": 7}"#, "a\"b\\", "7"),
            (br#"{"title": ["a", {"x": "b"}], "description": null}"#, "a\n\nx\n\nb", ""),
            (br#"{"title": "a", "title": "b"}{"title": "c"}"#, "a\nb", ""),
            (b"{\"uploader\": \"Andr\xe9\", \"title\": \"a\"}", "a", ""),
            (br#"{"title": "a", "description": "b", "formats": [{"url": "ht"#, "a", "b"),
            (nested.as_bytes(), "a", ""),
        ];
        for (text, title, description) in cases {
            let (read_title, read_description, problem) = parts(text);
            let lines = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(lines(&read_title), lines(title), "{}", String::from_utf8_lossy(text));
            assert_eq!(lines(&read_description), lines(description));
            assert_eq!(problem, None, "{}", String::from_utf8_lossy(text));
        }
    }

    /// Catches: a file without a title passes as a file that was read; a reader hangs or panics.
    #[test]
    fn problems_are_reported() {
        assert_eq!(parts(b"[]").2, Some("it is not a JSON object"));
        assert_eq!(parts(b"").2, Some("it is not a JSON object"));
        assert_eq!(
            parts(br#"{"title": "a movi"#),
            ("a movi".into(), String::new(), Some(ENDS_EARLY))
        );
        assert_eq!(parts(br#"{"title": "a", "x""#).2, Some("a key has no value"));
        assert_eq!(parts(br#"{"title": "a", 3}"#).2, Some("it is damaged"));
        let whole = br#"{"title": "a\ud83d\ude00", "x": [1, NaN]}"#;
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).problem.is_some(), "cut at {end}");
        }
    }
}
