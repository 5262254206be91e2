//! TensorBoard's event file: the metrics log in a second format.
//!
//! The file is a sequence of `TFRecord`s: a length, its masked CRC-32C, the data and its masked
//! CRC-32C, all little-endian. Each record is a protocol buffer `Event` with `wall_time` = 1,
//! `step` = 2, and `file_version` = 3 or `summary` = 5. A summary has values with `tag` = 1 and
//! `simple_value` = 2 (`tensorflow/core/util/event.proto`, `framework/summary.proto`).

use std::fs::File;
use std::io::{BufWriter, Write as _};

use camino::{Utf8Path, Utf8PathBuf};

use crate::ModelError;

/// Name of the file; TensorBoard looks for `tfevents` in it.
const NAME: &str = "events.out.tfevents.genie";

/// An event file that is being written.
pub struct EventFile {
    path: Utf8PathBuf,
    file: BufWriter<File>,
}

impl EventFile {
    /// Creates an empty event file of a run; a resumed run writes its old steps again.
    pub fn create(run: &Utf8Path, seconds: f64) -> Result<Self, ModelError> {
        let path = run.join(NAME);
        let file = BufWriter::new(File::create(&path).map_err(ModelError::io("create", &path))?);
        let mut events = Self { path, file };
        events.record(&event(seconds, 0, &Content::Version))?;
        Ok(events)
    }

    /// Writes named values of a training step, at `seconds` after 1970.
    pub fn scalars(
        &mut self,
        seconds: f64,
        step: u64,
        values: &[(&str, f32)],
    ) -> Result<(), ModelError> {
        self.record(&event(seconds, step, &Content::Scalars(values)))
    }

    fn record(&mut self, data: &[u8]) -> Result<(), ModelError> {
        let length = (data.len() as u64).to_le_bytes();
        let parts = [&length[..], &masked(&length), data, &masked(data)];
        let written = self.file.write_all(&parts.concat()).and_then(|()| self.file.flush());
        written.map_err(ModelError::io("write", &self.path))
    }
}

/// The masked CRC-32C of `TFRecord`: rotated and shifted, so that data may contain checksums.
fn masked(data: &[u8]) -> [u8; 4] {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// The content of an event.
enum Content<'a> {
    Version,
    Scalars(&'a [(&'a str, f32)]),
}

/// Encodes an `Event`.
fn event(seconds: f64, step: u64, content: &Content<'_>) -> Vec<u8> {
    let mut event = vec![1 << 3 | 1];
    event.extend(seconds.to_le_bytes());
    if step > 0 {
        event.push(2 << 3);
        varint(&mut event, step);
    }
    match content {
        Content::Version => bytes(&mut event, 3, b"brain.Event:2"),
        Content::Scalars(values) => {
            let mut summary = Vec::new();
            for (tag, number) in *values {
                let mut value = Vec::new();
                bytes(&mut value, 1, tag.as_bytes());
                value.push(2 << 3 | 5);
                value.extend(number.to_le_bytes());
                bytes(&mut summary, 1, &value);
            }
            bytes(&mut event, 5, &summary);
        }
    }
    event
}

/// Appends a field of bytes.
fn bytes(to: &mut Vec<u8>, field: u8, data: &[u8]) {
    to.push(field << 3 | 2);
    varint(to, data.len() as u64);
    to.extend(data);
}

/// Appends an integer of variable length.
fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Runs;

    /// Catches: TensorBoard rejects a checksum or a field, so that it shows nothing.
    ///
    /// A file of TensorFlow begins with the same bytes, except for the time: a length of 24 and its
    /// checksum. The second record was decoded by hand.
    #[test]
    fn records_are_those_of_tensorflow() {
        let runs = Runs::new();
        let run = runs.run("a");
        std::fs::create_dir(&run).unwrap();
        let mut events = EventFile::create(&run, 1.0).unwrap();
        events.scalars(2.0, 300, &[("loss", 0.5)]).unwrap();
        drop(events);
        let file = std::fs::read(run.join(NAME)).unwrap();
        assert_eq!(file[..12], [24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22]);
        let mut version = vec![9];
        version.extend(1_f64.to_le_bytes());
        version.extend([0x1a, 13]);
        version.extend(b"brain.Event:2");
        assert_eq!(file[12..36], version);
        let mut scalars = vec![9];
        scalars.extend(2_f64.to_le_bytes());
        // Step 300 as a varint; a summary of 13 bytes with one value of 11 bytes: a tag of 4 bytes,
        // and a float.
        scalars.extend([0x10, 0xac, 0x02, 0x2a, 13, 0x0a, 11, 0x0a, 4]);
        scalars.extend(b"loss");
        scalars.push(0x15);
        scalars.extend(0.5_f32.to_le_bytes());
        assert_eq!(file[40 + 12..file.len() - 4], scalars);
        assert_eq!(file[40], scalars.len() as u8);
        assert_eq!(file[file.len() - 4..], masked(&scalars));
    }
}
