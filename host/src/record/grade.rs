//! What a reply is worth, where the right one is known.

/// Whether a reply is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grade {
    Right,
    /// It is not; what it should have been, for people.
    Wrong {
        expected: String,
    },
}

impl Grade {
    /// Right where it `is`, else this was expected.
    pub fn right_if(is: bool, expected: impl Into<String>) -> Grade {
        if is { Grade::Right } else { Grade::Wrong { expected: expected.into() } }
    }
}
