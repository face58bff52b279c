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
        f.write_str(&told(&self.cause))
    }
}

/// What went wrong, cause after cause, and then the hints, each on its own line: what caused an error belongs to it, whichever
/// of its causes has a remedy.
pub fn told(error: &anyhow::Error) -> String {
    let (mut causes, mut hints) = (Vec::new(), String::new());
    for cause in error.chain() {
        let mut text = cause.to_string();
        if let Some(at) = text.find("\nhint: ") {
            hints += &text.split_off(at);
        }
        causes.push(text);
    }
    causes.join(": ") + &hints
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_hint_stands_below_the_causes_and_on_its_own_line() {
        let check = |error: anyhow::Error, expected: &str| {
            assert_eq!(Error::usage(error).to_string(), expected);
        };
        let missing = || anyhow!("No such file");
        check(missing(), "No such file");
        check(missing().context("cannot read a\nhint: give b"), "cannot read a: No such file\nhint: give b");
        let both = anyhow!("c is odd\nhint: mend c").context("b").context("a\nhint: leave a out");
        check(both, "a: b: c is odd\nhint: leave a out\nhint: mend c");
    }
}
