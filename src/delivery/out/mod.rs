//! The ways out: a file, standard output, a bucket, a server.

mod bucket;
mod file;
mod http;

use bytes::Bytes;

pub(super) use bucket::{BucketOut, Made, compressed};
pub(super) use file::FileOut;
pub(super) use http::{HttpOut, keep_rejected};

use super::cursor::Cursor;
use super::load::{Load, Split};
use super::settings::Format;
use super::world::{Trouble, World};

/// A way out.
pub(super) enum Out {
    Bucket(Box<BucketOut>),
    File(FileOut),
    Http(HttpOut),
    Stdout,
}

impl Out {
    /// How records are put into files.
    pub(super) fn split(&self) -> Split {
        match self {
            Self::Bucket(out) => out.split(),
            Self::File(_) | Self::Http(_) | Self::Stdout => Split::default(),
        }
    }

    /// Whether what is delivered has a name that must be the same if it is delivered again. Then it is
    /// planned on the disk before it is delivered.
    pub(super) fn is_named(&self) -> bool {
        matches!(self, Self::Bucket(_) | Self::Http(_))
    }

    /// Delivers a load, and writes what follows from it into the cursor, which is stored by the caller.
    ///
    /// # Errors
    /// [`Trouble`]: not all of it is delivered.
    pub(super) async fn deliver<W: World>(
        &mut self,
        world: &W,
        load: &Load,
        cursor: &mut Cursor,
    ) -> Result<(), Trouble> {
        match self {
            Self::Bucket(out) => {
                let made = out.deliver(world, load, cursor).await?;
                if let Some(trail) = &mut cursor.trail {
                    for Made(file) in made {
                        trail.took(file, (load.first, load.last), load.records, load.requests);
                    }
                }
                Ok(())
            }
            Self::File(out) => {
                let bodies = load.files.values().map(|body| body.text.as_slice());
                cursor.file = Some(out.append(bodies, cursor.file, world.now().seconds())?);
                Ok(())
            }
            Self::Http(out) => out.deliver(world, load, &cursor.instance).await,
            Self::Stdout => load.files.values().try_for_each(|body| world.print(&body.text)).map_err(Trouble::from),
        }
    }
}

/// Lines of JSON as one document of CloudTrail.
fn document(lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(lines.len() + 16);
    out.extend_from_slice(b"{\"Records\":[");
    let records = lines.split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
    for (at, record) in records.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(record);
    }
    out.extend_from_slice(b"]}");
    out
}

/// What a body is as a whole, and what it is called.
fn whole(format: Format, lines: &[u8]) -> (Bytes, &'static str) {
    match format {
        Format::AccessLog => (Bytes::copy_from_slice(lines), "text/plain"),
        Format::CloudTrail => (document(lines).into(), "application/json"),
        Format::Json => (Bytes::copy_from_slice(lines), "application/x-ndjson"),
    }
}
