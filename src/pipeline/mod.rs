//! The life of a request: the stages, and the one function that walks them.
//!
//! `walk` reads like docs/life-of-a-request.md. `stage` holds the stages and nothing else.

mod after;
mod answer;
mod arriving;
mod confirm;
mod context;
mod deletions;
mod destination;
mod document;
mod early;
mod encryption;
mod exit;
mod facts;
mod guard;
mod heard;
mod here;
mod home;
mod judge;
mod landing;
mod listing;
mod live;
mod lockout;
mod logging;
mod look;
mod measure;
mod named;
mod naming;
mod open;
mod own;
mod points;
mod rates;
mod record;
mod refusal;
mod rehearsal;
mod rule;
mod service;
mod settings;
mod source;
mod spent;
mod stage;
mod task;
mod understood;
mod uploads;
mod walk;

/// What the body of a client may fail with.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub use answer::Answer;
pub use encryption::{StoreEncryption, StoreKeys};
pub use exit::{Exit, Out};
pub use facts::{Begun, Connection, Last, TlsFacts};
pub use here::Here;
pub use live::{Live, Site, Way};
pub use open::{Finished, Observe, Span};
pub use own::own_put;
pub use points::{no_point, point_exists};
pub use rates::{Gates, RateReading, Rates};
pub use refusal::{Refusal, record_unread};
pub use service::{LogOf, check_log};
pub use settings::{Change, Keeper};
pub use stage::{Addressed, Admitted, Authenticated, Authorized, Guarded, Logged, Parsed};
pub use uploads::Uploads;
pub use walk::{Store, Worker, record_refusal, walk};
