//! Finished requests on their way out: from the journal, never from the request path, to files, standard
//! output, buckets and servers (spec/access-logs.md 8, 9, 11; spec/cloudtrail.md 9, 10).
//!
//! - `settings`: what goes where.
//! - `world`: what is needed of the world, as a trait.
//! - `feed`: the journal as finished requests; `lane`: one destination at its own pace; `crew`: all of them.
//!
//! Every destination gets what is for it in order and at least once. What is delivered twice, after a crash,
//! has the name, the content and the mark that it had. One that fails holds up nobody: neither requests nor
//! the others. There is no socket here but in `client`, and no clock.

mod backoff;
pub mod client;
mod counts;
mod crew;
mod cursor;
mod digests;
mod feed;
mod floor;
mod hide;
mod lane;
mod load;
mod names;
mod out;
mod plan;
mod render;
mod settings;
mod trail;
mod world;

#[cfg(test)]
mod tests;

pub use backoff::Backoff;
pub use counts::{BUCKET_LOGGING, Counts, Reading};
pub use crew::run;
pub use plan::{Plan, PlanError, Prepared};
pub use render::Selection;
pub use settings::{BucketTo, EVERY, FileTo, Format, HttpTo, Settings, Sink, To};
pub use world::{Logged, Object, Parcel, Post, Put, Trouble, World};
