//! TensorBoard's event file: the log once more, for those who look at curves there.
//!
//! Format: records of a length, its masked CRC-32C, the data and its masked CRC-32C, all little-endian (`TFRecord`); each a protocol buffer `Event` with
//! `wall_time` = 1, `step` = 2, `file_version` = 3 or `summary` = 5 of values with `tag` = 1 and `simple_value` = 2 (`tensorflow/core/util/event.proto`,
//! `framework/summary.proto`).

use std::fs::File;
use std::io::{BufWriter, Write as _};

use camino::{Utf8Path, Utf8PathBuf};

use crate::ModelError;

/// What TensorBoard looks for in a name.
const NAME: &str = "events.out.tfevents.genie";

/// An event file that is being written.
pub struct Events {
    path: Utf8PathBuf,
    file: BufWriter<File>,
}

impl Events {
    /// Begins a run's event file anew: whoever goes on with a run writes its earlier steps again.
    pub fn create(run: &Utf8Path, seconds: f64) -> Result<Self, ModelError> {
        let path = run.join(NAME);
        let file = BufWriter::new(File::create(&path).map_err(ModelError::io(&path))?);
        let mut events = Self { path, file };
        events.record(&event(seconds, 0, &Content::Version))?;
        Ok(events)
    }

    /// Named values at a step, `seconds` after 1970.
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
        written.map_err(ModelError::io(&self.path))
    }
}

/// `TFRecord`'s checksum: CRC-32C, rotated and shifted so that a checksum of checksums is none of its own.
fn masked(data: &[u8]) -> [u8; 4] {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

enum Content<'a> {
    Version,
    Scalars(&'a [(&'a str, f32)]),
}

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

/// A field of bytes.
fn bytes(to: &mut Vec<u8>, field: u8, data: &[u8]) {
    to.push(field << 3 | 2);
    varint(to, data.len() as u64);
    to.extend(data);
}

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

    /// Catches: a checksum or a field that TensorBoard refuses, and so shows nothing. The file that TensorFlow writes begins with these very bytes but for the
    /// time (24 bytes, the checksum of that length); the second record was taken apart by hand.
    #[test]
    fn records_are_those_of_tensorflow() {
        let runs = Runs::new();
        let run = runs.run("a");
        std::fs::create_dir(&run).unwrap();
        let mut events = Events::create(&run, 1.0).unwrap();
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
        // Step 300 as a varint; a summary of 13 bytes of one value of 11: tag of 4, and a float.
        scalars.extend([0x10, 0xac, 0x02, 0x2a, 13, 0x0a, 11, 0x0a, 4]);
        scalars.extend(b"loss");
        scalars.push(0x15);
        scalars.extend(0.5_f32.to_le_bytes());
        assert_eq!(file[40 + 12..file.len() - 4], scalars);
        assert_eq!(file[40], scalars.len() as u8);
        assert_eq!(file[file.len() - 4..], masked(&scalars));
    }
}
