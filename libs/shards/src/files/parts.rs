//! Reads parts of a published file for the Parquet reader.

use std::io::{self, BufReader, Read};

use bytes::Bytes;
use genie_store::PublishedFile;
use parquet::{
    errors::{ParquetError, Result},
    file::reader::{ChunkReader, Length},
};

/// A published file of which only the parts are read that the Parquet reader asks for.
pub(crate) struct PartsReader(pub(crate) PublishedFile);

/// Reads a published file from some place on.
pub(crate) struct PartStream {
    file: PublishedFile,
    place: u64,
}

impl Length for PartsReader {
    fn len(&self) -> u64 {
        self.0.bytes()
    }
}

impl ChunkReader for PartsReader {
    type T = BufReader<PartStream>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(PartStream { file: self.0.clone(), place: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let part =
            self.0.read(start, length).map_err(|error| ParquetError::External(error.into()))?;
        if part.len() == length {
            return Ok(part);
        }
        let end = format!("the file ends {} bytes too early", length - part.len());
        Err(ParquetError::EOF(end))
    }
}

impl Read for PartStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let part = self.file.read(self.place, buffer.len()).map_err(io::Error::other)?;
        buffer[..part.len()].copy_from_slice(&part);
        self.place += part.len() as u64;
        Ok(part.len())
    }
}
