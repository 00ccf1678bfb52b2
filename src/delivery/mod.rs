//! x
mod settings;
mod render;
pub use render::Selection;
pub use settings::{BucketTo, EVERY, FileTo, Format, HttpTo, Settings, Sink, To};
