//! The contract between host and plugins by its name and version: `llmperf:plugin/api@0.1.0`.

use semver::Version;

/// The contract this host speaks.
pub const CONTRACT: &str = "llmperf:plugin/api@0.1.0";
/// What the name of every version of it begins with.
const ANY_VERSION: &str = "llmperf:plugin/api@";

/// What a component is to this host, by the interfaces it exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contract {
    /// It speaks the contract of this host.
    Spoken,
    /// It was built for an earlier version.
    Older(String),
    /// It was built for a later version.
    Newer(String),
    /// It is no llmperf plugin.
    None,
}

impl Contract {
    /// Judges a component by the names of the interfaces it exports.
    pub fn of<'a>(exports: impl IntoIterator<Item = &'a str>) -> Contract {
        let mut found = Contract::None;
        for name in exports {
            let Some(version) = name.strip_prefix(ANY_VERSION) else { continue };
            if name == CONTRACT {
                return Contract::Spoken;
            }
            // What is no version is not one of an earlier host.
            let older = Version::parse(version).is_ok_and(|version| version < spoken());
            found = if older { Contract::Older(name.to_owned()) } else { Contract::Newer(name.to_owned()) };
        }
        found
    }

    /// Why this host cannot use it, with the remedy; `None` where it can. `exports` are listed where none is a contract.
    pub fn refusal(&self, exports: &[String]) -> Option<String> {
        let table = "wit/README.md has the table";
        match self {
            Contract::Spoken => None,
            Contract::Older(name) => Some(format!(
                "it exports {name}; this host speaks {CONTRACT}, which is newer\nhint: rebuild it with the SDK of this host's version, or use the llmperf it was built for ({table})"
            )),
            Contract::Newer(name) => Some(format!(
                "it exports {name}; this host speaks {CONTRACT}, which is older\nhint: use a newer llmperf, or rebuild it with the SDK of this host's version ({table})"
            )),
            Contract::None => Some(format!(
                "it is a component, but not an llmperf plugin: it exports {}",
                if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") }
            )),
        }
    }
}

fn spoken() -> Version {
    let version = CONTRACT.strip_prefix(ANY_VERSION).unwrap_or_default();
    Version::parse(version).unwrap_or(Version::new(0, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contract_is_spoken_older_newer_or_none() {
        let named = |version: &str| format!("llmperf:plugin/api@{version}");
        let of = |name: &str| Contract::of(["wasi:cli/run@0.2.0", name]);
        assert_eq!(of(CONTRACT), Contract::Spoken);
        for version in ["0.0.9", "0.1.0-rc.1"] {
            assert_eq!(of(&named(version)), Contract::Older(named(version)));
        }
        for version in ["0.1.1", "0.2.0", "0.10.0", "1.0.0", "next", ""] {
            assert_eq!(of(&named(version)), Contract::Newer(named(version)));
        }
        assert_eq!(of("other:plugin/api@0.1.0"), Contract::None);
        // A component that serves several is used by the one that is spoken.
        assert_eq!(Contract::of(["llmperf:plugin/api@0.2.0", CONTRACT]), Contract::Spoken);
    }

    #[test]
    fn a_refusal_says_who_must_move() {
        let refusal = |name: &str| Contract::of([name]).refusal(&[name.to_owned()]).unwrap_or_default();
        assert!(refusal("llmperf:plugin/api@0.3.0").contains("hint: use a newer llmperf"));
        assert!(refusal("llmperf:plugin/api@0.0.1").contains("hint: rebuild it with the SDK"));
        assert!(refusal("wasi:cli/run@0.2.0").contains("exports wasi:cli/run@0.2.0"));
        assert_eq!(Contract::Spoken.refusal(&[]), None);
    }

    #[test]
    fn the_binding_is_that_of_the_contract_that_is_named() {
        let wit = include_str!("../../../wit/llmperf-plugin.wit");
        let package = wit.lines().next().unwrap_or_default();
        assert_eq!(package, format!("package llmperf:plugin@{};", spoken()));
    }
}
