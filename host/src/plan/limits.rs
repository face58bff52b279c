//! `--plugin-limit NAME=VALUE`: what a plugin may use. The table below is all there is to set, and what the manifest says.

use anyhow::{Result, anyhow, bail};

use crate::plugin::Limits;
use crate::units::Span;

/// A limit that can be set.
struct Setting {
    name: &'static str,
    kind: Kind,
    /// The smallest and the largest value, as they are written.
    range: [&'static str; 2],
    get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

/// What a value counts, and so how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `2G`: a number, with K, M or G for thousands.
    Count,
    /// `256MiB`: bytes, with KiB, MiB or GiB.
    Bytes,
    /// `500ms` or `5s`; in nanoseconds here.
    Time,
}

fn bytes(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn small(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

const SETTINGS: [Setting; 9] = [
    Setting {
        name: "fuel",
        kind: Kind::Count,
        // Less does not start a Rust guest; more is an hour.
        range: ["100K", "10000G"],
        get: |limits| limits.fuel_per_call,
        set: |limits, value| limits.fuel_per_call = value,
    },
    Setting {
        name: "cpu",
        kind: Kind::Time,
        // Guests are looked at ten times a second.
        range: ["100ms", "3600s"],
        get: |limits| limits.cpu_per_call.0,
        set: |limits, value| limits.cpu_per_call = Span(value),
    },
    Setting {
        name: "memory",
        kind: Kind::Bytes,
        range: ["64KiB", "4GiB"],
        get: |limits| limits.memory_bytes as u64,
        set: |limits, value| limits.memory_bytes = bytes(value),
    },
    Setting {
        name: "growth",
        kind: Kind::Bytes,
        range: ["0", "1024GiB"],
        get: |limits| limits.growth_bytes_together as u64,
        set: |limits, value| limits.growth_bytes_together = bytes(value),
    },
    Setting {
        name: "answer",
        kind: Kind::Bytes,
        range: ["4KiB", "4GiB"],
        get: |limits| limits.answer_bytes as u64,
        set: |limits, value| limits.answer_bytes = bytes(value),
    },
    Setting {
        name: "output",
        kind: Kind::Bytes,
        // To count the tokens of more takes longer than any run.
        range: ["1KiB", "1GiB"],
        get: |limits| limits.output_bytes as u64,
        set: |limits, value| limits.output_bytes = bytes(value),
    },
    Setting {
        name: "log",
        kind: Kind::Bytes,
        range: ["0", "16MiB"],
        get: |limits| limits.log_bytes as u64,
        set: |limits, value| limits.log_bytes = bytes(value),
    },
    Setting {
        name: "log-lines",
        kind: Kind::Count,
        range: ["1", "1M"],
        get: |limits| u64::from(limits.log_lines),
        set: |limits, value| limits.log_lines = small(value),
    },
    Setting {
        name: "faults",
        kind: Kind::Count,
        range: ["1", "1G"],
        get: |limits| u64::from(limits.faults_in_a_row),
        set: |limits, value| limits.faults_in_a_row = small(value),
    },
];

/// The limits that these settings come to, the later one of a name wins.
///
/// # Errors
/// Names the setting, and what it takes.
pub(super) fn limits(items: &[String]) -> Result<Limits> {
    let mut limits = Limits::default();
    for item in items {
        let Some((name, value)) = item.split_once('=') else {
            bail!("--plugin-limit: {item:?} is no NAME=VALUE\nhint: write memory=512MiB, say")
        };
        let name = name.trim();
        let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
            let names: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
            bail!("--plugin-limit {name} is no limit of plugins\nhint: there are {}", names.join(", "))
        };
        let value = setting.value(value.trim())?;
        (setting.set)(&mut limits, value);
    }
    Ok(limits)
}

/// Every limit as it would be written, for the manifest.
pub fn limit_words(limits: &Limits) -> impl Iterator<Item = (&'static str, String)> {
    SETTINGS.iter().map(|setting| (setting.name, setting.kind.word((setting.get)(limits))))
}

impl Setting {
    fn value(&self, text: &str) -> Result<u64> {
        let [least, most] = self.range;
        let within = |value: &u64| (self.kind.read(least)..=self.kind.read(most)).contains(&Some(*value));
        self.kind.read(text).filter(within).ok_or_else(|| {
            let (name, standard) = (self.name, self.kind.word((self.get)(&Limits::default())));
            anyhow!(
                "--plugin-limit {name}={text}: it is not {} from {least} to {most}\nhint: the default is {name}={standard}",
                self.kind.noun()
            )
        })
    }
}

impl Kind {
    fn noun(self) -> &'static str {
        match self {
            Kind::Count => "a whole number (K, M, G)",
            Kind::Bytes => "a whole number of bytes (KiB, MiB, GiB)",
            Kind::Time => "a time (ms, s)",
        }
    }

    /// The largest unit first.
    fn units(self) -> &'static [(&'static str, u64)] {
        match self {
            Kind::Count => &[("G", 1_000_000_000), ("M", 1_000_000), ("K", 1_000)],
            Kind::Bytes => &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)],
            Kind::Time => &[("ms", 1_000_000), ("s", 1_000_000_000)],
        }
    }

    /// `None` where it is nothing of the kind.
    fn read(self, text: &str) -> Option<u64> {
        let unit = self.units().iter().find_map(|(unit, worth)| Some((text.strip_suffix(unit)?, *worth)));
        let (number, worth) = match (unit, self) {
            (Some(unit), _) => unit,
            // A bare number of what?
            (None, Kind::Time) => return None,
            (None, _) => (text, 1),
        };
        let digits = number.trim_end();
        let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|_| is_whole)?.checked_mul(worth)
    }

    fn word(self, value: u64) -> String {
        let fits = |worth: u64| value > 0 && value.is_multiple_of(worth);
        let units = self.units();
        match units.iter().filter(|(_, worth)| fits(*worth)).max_by_key(|(_, worth)| *worth) {
            Some((unit, worth)) => format!("{}{unit}", value / worth),
            None => value.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_read_as_it_is_written() {
        let standard = Limits::default();
        let words: Vec<String> =
            limit_words(&standard).map(|(name, value)| format!("{name}={value}")).collect();
        let expected = [
            "fuel=2G",
            "cpu=5s",
            "memory=256MiB",
            "growth=1GiB",
            "answer=64MiB",
            "output=16MiB",
            "log=4KiB",
            "log-lines=100",
            "faults=10",
        ];
        assert_eq!(words, expected);
        assert_eq!(limits(&words).expect("the defaults"), standard);
        let given = ["fuel=5000K", "cpu=250ms", "memory=1MiB", "memory=65536", "growth=0"].map(str::to_owned);
        let limits = limits(&given).expect("limits");
        assert_eq!((limits.fuel_per_call, limits.cpu_per_call), (5_000_000, Span::from_millis(250)));
        assert_eq!((limits.memory_bytes, limits.growth_bytes_together), (65_536, 0));
    }

    #[test]
    fn what_is_no_limit_is_refused_with_what_it_takes() {
        let check = |item: &str, words: &[&str]| {
            let error = format!("{:#}", limits(&[item.to_owned()]).expect_err(item));
            assert!(words.iter().all(|word| error.contains(word)), "{item}: {error}");
        };
        check("memory", &["--plugin-limit: \"memory\" is no NAME=VALUE", "hint:"]);
        check("ram=1GiB", &["--plugin-limit ram is no limit", "fuel, cpu, memory"]);
        for value in ["", "-1", "+1MiB", "1.5GiB", "lots", "1KB", "1KiB", "99999999999GiB", "5GiB"] {
            check(
                &format!("memory={value}"),
                &["--plugin-limit memory=", "from 64KiB to 4GiB", "hint: the default is memory=256MiB"],
            );
        }
        check("cpu=5", &["a time (ms, s)", "from 100ms to 3600s"]);
        check("fuel=0", &["from 100K"]);
        check("faults=0", &["from 1 "]);
    }
}
