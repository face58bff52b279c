//! Why the program ends without doing what it was asked, and the exit code that says so.

/// What kind of end it is. A failed request is none of these: it is data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Something in llmperf or the machine.
    Internal,
    /// A flag, a file or the environment; found before anything is sent.
    Usage,
    /// A plugin that does not do its work.
    Plugin,
}

/// An error with its kind; the text is lowercase, names the thing, and may end in a line `hint: …`.
#[derive(Debug)]
pub struct Error {
    pub kind: ErrorKind,
    pub cause: anyhow::Error,
}

impl Error {
    /// The user can mend it.
    pub fn usage(cause: impl Into<anyhow::Error>) -> Error {
        Error { kind: ErrorKind::Usage, cause: cause.into() }
    }

    /// The plugin's author can mend it.
    pub fn plugin(cause: impl Into<anyhow::Error>) -> Error {
        Error { kind: ErrorKind::Plugin, cause: cause.into() }
    }
}

impl From<anyhow::Error> for Error {
    fn from(cause: anyhow::Error) -> Error {
        Error { kind: ErrorKind::Internal, cause }
    }
}

impl std::error::Error for Error {}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.cause)
    }
}
