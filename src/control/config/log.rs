//! The log of the program itself, as it is configured.

/// The log of the program itself.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    /// The least important line that is written.
    pub level: LogLevel,
    /// How; `None`: text on a terminal, JSON elsewhere.
    pub format: Option<LogFormat>,
}

/// Importance of a log line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogLevel {
    /// Something to follow in detail.
    Debug,
    /// Something broke.
    Error,
    /// Something happened.
    Info,
    /// Every step.
    Trace,
    /// Something is odd.
    Warn,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

impl LogLevel {
    /// As `tracing` filters spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Error => "error",
            Self::Info => "info",
            Self::Trace => "trace",
            Self::Warn => "warn",
        }
    }
}
