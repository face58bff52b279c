//! Fixtures of every format.
