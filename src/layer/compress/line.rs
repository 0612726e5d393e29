//! From data to a compressed file: cuts it into blocks, has them compressed, writes them in order.

use std::io::{self, Write};
use std::sync::Arc;

use super::block::{Block, Format, Joint, Packed, Sizes, Stop, Summary};
use crate::layer::workers::Workers;

/// A compressed file in the making.
pub(super) struct Line {
    format: Arc<dyn Format>,
    sizes: Sizes,
    workers: Workers<Block, io::Result<Packed>>,
    stop: Stop,
    /// The block that is being filled.
    block: Block,
    /// The blocks that are written.
    written: Vec<Summary>,
    joint: Joint,
    begun: bool,
}

impl Line {
    /// With at most `threads` threads.
    pub(super) fn new(format: Arc<dyn Format>, threads: usize) -> Line {
        let (sizes, stop) = (format.sizes(), Stop::default());
        let (packer, stopped) = (format.clone(), stop.clone());
        Line {
            workers: Workers::new(threads, move |block| packer.pack(&block, &stopped)),
            stop,
            block: Block::after(&[], sizes.block),
            written: Vec::new(),
            joint: Joint::default(),
            begun: false,
            format,
            sizes,
        }
    }

    /// Takes `data`, and writes what is ready meanwhile.
    pub(super) fn add(&mut self, mut data: &[u8], output: &mut dyn Write) -> io::Result<()> {
        while !data.is_empty() {
            if self.block.data().len() == self.sizes.block {
                self.give(output)?;
            }
            let count = self.block.fill(data, self.sizes.block);
            data = &data[count..];
        }
        Ok(())
    }

    /// Writes all that is left, and the end of the file.
    pub(super) fn finish(&mut self, output: &mut dyn Write) -> io::Result<()> {
        if !self.block.data().is_empty() {
            self.last(output)?;
        }
        while let Some(packed) = self.workers.next(true) {
            self.write(packed?, output)?;
        }
        self.begin(output)?;
        output.write_all(&self.format.tail(&self.written, &mut self.joint))
    }

    /// A file of one block needs no thread.
    fn last(&mut self, output: &mut dyn Write) -> io::Result<()> {
        if !self.workers.is_idle() {
            return self.give(output);
        }
        let packed = self.format.pack(&self.block, &self.stop)?;
        self.write(packed, output)
    }

    fn give(&mut self, output: &mut dyn Write) -> io::Result<()> {
        while let Some(packed) = self.workers.next(self.workers.is_full()) {
            self.write(packed?, output)?;
        }
        let next = Block::after(self.block.last(self.sizes.history), self.sizes.block);
        self.workers.give(std::mem::replace(&mut self.block, next));
        Ok(())
    }

    fn write(&mut self, packed: Packed, output: &mut dyn Write) -> io::Result<()> {
        self.begin(output)?;
        output.write_all(&self.format.join(packed.bytes, &mut self.joint)?)?;
        self.written.push(packed.summary);
        Ok(())
    }

    fn begin(&mut self, output: &mut dyn Write) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        output.write_all(&self.format.head())
    }
}

/// Nobody waits any more for the blocks that are in work.
impl Drop for Line {
    fn drop(&mut self) {
        self.stop.stop();
    }
}
