//! Gzip that gives the same bytes for the same content, on any machine, with any number of
//! processors.
//!
//! The content is cut into chunks of a fixed size. Each is compressed by itself, several at a
//! time, and ended at a byte boundary, so that the results join into one stream. The header has
//! no time, no name and no operating system. `miniz_oxide` has no code that depends on the
//! processor; faster compressors do, and give other bytes on other machines.

use std::io::{self, Write};
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::{Compress, Compression, Crc, FlushCompress};

/// How much is compressed at once, in bytes. Part of the format: another size gives other bytes.
const CHUNK: usize = 1 << 20;

/// Magic, deflate, no flags, no time, no hint, unknown operating system: RFC 1952.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// An empty last block: RFC 1951, with fixed codes.
const END: [u8; 2] = [0x03, 0x00];

/// How hard to try. A quarter of the time of the usual 6, for five to ten percent more bytes.
const LEVEL: u32 = 2;

/// Compresses what is written to it. Ends well only with [`Gzip::finish`].
#[derive(Debug)]
pub struct Gzip<W> {
    out: W,
    threads: usize,
    chunks: Vec<Vec<u8>>,
    crc: Crc,
    begun: bool,
}

impl<W: Write> Gzip<W> {
    /// With a thread per processor.
    pub fn new(out: W) -> Self {
        Self::with_threads(out, std::thread::available_parallelism().map_or(1, NonZero::get))
    }

    /// With so many threads. The result does not depend on it.
    pub fn with_threads(out: W, threads: usize) -> Self {
        Self { out, threads: threads.max(1), chunks: Vec::new(), crc: Crc::new(), begun: false }
    }

    /// Writes the rest, and gives back what it wrote to.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.compress()?;
        self.out.write_all(&END)?;
        self.out.write_all(&self.crc.sum().to_le_bytes())?;
        // The size modulo 2^32, as the format has it.
        self.out.write_all(&self.crc.amount().to_le_bytes())?;
        Ok(self.out)
    }

    fn compress(&mut self) -> io::Result<()> {
        if !self.begun {
            self.out.write_all(&HEADER)?;
            self.begun = true;
        }
        let chunks = std::mem::take(&mut self.chunks);
        let next = AtomicUsize::new(0);
        let done: Vec<Mutex<Option<io::Result<Vec<u8>>>>> =
            chunks.iter().map(|_| Mutex::new(None)).collect();
        let work = || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some((chunk, slot)) = chunks.get(at).zip(done.get(at)) else { break };
                if let Ok(mut slot) = slot.lock() {
                    *slot = Some(deflate(chunk));
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.threads.min(chunks.len()) {
                scope.spawn(work);
            }
            work();
        });
        for (chunk, slot) in chunks.iter().zip(done) {
            let compressed = slot.into_inner().ok().flatten();
            let compressed = compressed.ok_or_else(|| io::Error::other("compressor stopped"))??;
            self.crc.update(chunk);
            self.out.write_all(&compressed)?;
        }
        Ok(())
    }
}

/// One chunk as deflate blocks that end at a byte boundary and are not the last.
fn deflate(chunk: &[u8]) -> io::Result<Vec<u8>> {
    let mut compress = Compress::new(Compression::new(LEVEL), false);
    let mut out = Vec::with_capacity(chunk.len() / 2 + 1024);
    loop {
        let rest = &chunk[usize::try_from(compress.total_in()).map_err(io::Error::other)?..];
        compress.compress_vec(rest, &mut out, FlushCompress::Sync).map_err(io::Error::other)?;
        if out.len() < out.capacity() {
            return Ok(out);
        }
        out.reserve(chunk.len() / 2 + 1024);
    }
}

impl<W: Write> Write for Gzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            if self.chunks.len() == 2 * self.threads {
                self.compress()?;
            }
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let Some(chunk) = self.chunks.last_mut() else { return Ok(0) };
        let taken = bytes.len().min(CHUNK - chunk.len());
        chunk.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    /// Does nothing: where chunks end must not depend on when a caller flushes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Read as _;

    use super::*;

    fn gzip(content: &[u8], threads: usize, piece: usize) -> Vec<u8> {
        let mut gzip = Gzip::with_threads(Vec::new(), threads);
        content.chunks(piece).for_each(|piece| gzip.write_all(piece).unwrap());
        gzip.finish().unwrap()
    }

    fn gunzip(compressed: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        flate2::read::GzDecoder::new(compressed).read_to_end(&mut content).unwrap();
        content
    }

    /// Not compressible, and the same everywhere.
    fn noise(size: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        };
        std::iter::repeat_with(next).take(size).collect()
    }

    #[test]
    fn what_goes_in_comes_out() {
        for content in [vec![], vec![7], vec![0; CHUNK], vec![1; 3 * CHUNK + 1], noise(2 * CHUNK)] {
            assert!(gunzip(&gzip(&content, 2, 40_000)) == content, "{} bytes", content.len());
        }
    }

    #[test]
    fn neither_threads_nor_the_size_of_writes_change_a_byte() {
        let content = [noise(CHUNK + 5), vec![3; 2 * CHUNK]].concat();
        let one = gzip(&content, 1, CHUNK * 8);
        assert!(one == gzip(&content, 3, 7_777));
        assert!(one == gzip(&content, 16, 65_536));
    }

    #[test]
    fn the_bytes_are_those_of_every_machine() {
        // A change here changes the digest of every image: say so in the changelog.
        let digest = crate::Digest::of(&gzip(b"the same on every machine\n", 1, 64));
        assert_eq!(
            digest.hex(),
            "42277d8c593c0d740c00da54e94db0e6650a7adbcf6094724a9916b995855398"
        );
    }
}
