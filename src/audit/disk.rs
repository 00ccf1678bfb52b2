//! The few things the journal asks of a disk, behind a trait, so that tests can let it fail.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Room on a file system, in octets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) free: u64,
    pub(super) total: u64,
}

/// Where segment files live.
pub(super) trait Disk: Send + Sync {
    /// Makes a new file of this many zeros, allocated.
    fn create(&self, path: &Path, size: u64) -> io::Result<Box<dyn Tape>>;
    /// Gives a file another name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Takes a file away.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes names durable.
    fn sync_names(&self, dir: &Path) -> io::Result<()>;
    /// How much room there is.
    fn room(&self, dir: &Path) -> io::Result<Room>;
}

/// One segment file, open for writing.
pub(super) trait Tape: Send {
    /// Writes all octets at a place.
    fn write(&mut self, octets: &[u8], offset: u64) -> io::Result<()>;
    /// Makes everything written durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to a length.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// The machine's own disk.
#[derive(Debug)]
pub(super) struct Local;

impl Disk for Local {
    fn create(&self, path: &Path, size: u64) -> io::Result<Box<dyn Tape>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, size) {
            // Not every file system allocates ahead; a sparse file serves, the reserve does not.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => file.set_len(size)?,
            Err(error) => {
                drop(std::fs::remove_file(path));
                return Err(error.into());
            }
            Ok(()) => {}
        }
        Ok(Box::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_names(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn room(&self, dir: &Path) -> io::Result<Room> {
        let told = rustix::fs::statvfs(dir)?;
        Ok(Room {
            free: told.f_bavail.saturating_mul(told.f_frsize),
            total: told.f_blocks.saturating_mul(told.f_frsize),
        })
    }
}

impl Tape for File {
    fn write(&mut self, octets: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(octets, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}
