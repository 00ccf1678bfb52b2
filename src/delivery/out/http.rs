//! To a server: one POST with the records of a stretch of the journal, marked with which those are.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::whole;
use crate::delivery::load::Load;
use crate::delivery::settings::{Format, HttpTo};
use crate::delivery::world::{Post, Trouble, World};

/// The most octets that are kept of what a server refuses.
const MOST_REJECTED: u64 = 256 << 20;

/// A server and what it gets.
pub(in crate::delivery) struct HttpOut {
    pub(in crate::delivery) format: Format,
    pub(in crate::delivery) to: HttpTo,
}

impl HttpOut {
    pub(super) async fn deliver<W: World>(&self, world: &W, load: &Load, instance: &str) -> Result<(), Trouble> {
        for body in load.files.values() {
            let (content, content_type) = whole(self.format, &body.text);
            let delivery = format!("{instance}/{}-{}", load.first, load.last);
            world.post(&self.to, Post { content_type, delivery, content }).await?;
        }
        Ok(())
    }
}

/// Keeps what a server refuses for good, behind what it has refused before.
///
/// # Errors
/// It cannot be written, or too much is there already: then nothing may be given up.
pub(in crate::delivery) fn keep_rejected(path: &Path, load: &Load) -> Result<(), Trouble> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let there = file.metadata()?.len();
    if there.saturating_add(load.octets as u64) > MOST_REJECTED {
        let most = MOST_REJECTED >> 20;
        return Err(Trouble::later(format!("{} holds {most} MiB of what was refused; move it away", path.display())));
    }
    for body in load.files.values() {
        if let Err(error) = file.write_all(&body.text) {
            drop(file.set_len(there)); // half a record helps nobody
            return Err(error.into());
        }
    }
    Ok(file.sync_all()?)
}
