//! The TOML of a plan file: which keys there are, of which kinds, and where they stand.

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{FileKey, KeyKind};
use crate::plan::shape::seconds_or_zero;
use crate::provider::names_a_secret;
use crate::units::Span;

/// Keys of a plan file that are no flags.
const COOL_DOWN: &str = "cool-down";
const NAME: &str = "name";
const RUN: &str = "run";
pub(super) const UNSET: &str = "unset";
const RESULTS_DIR: &str = "results-dir";
/// A name that is less like a known one is no slip of the finger.
const LIKE: f64 = 0.8;

/// A plan file before its lists are multiplied.
pub(super) struct Written {
    pub(super) results_dir: Option<PathBuf>,
    pub(super) cool_down: Span,
    pub(super) runs: Vec<WrittenRun>,
}

/// A `[[run]]`, the shared settings included.
pub(super) struct WrittenRun {
    pub(super) name: Option<String>,
    pub(super) line: usize,
    pub(super) axes: Vec<Axis>,
}

/// A setting and what it may be, one run each; never empty.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) choices: Vec<Vec<String>>,
}

/// Where one is in a file.
#[derive(Clone, Copy)]
struct File<'a> {
    origin: &'a str,
    text: &'a str,
    keys: &'a [FileKey],
}

impl Written {
    pub(super) fn parse(origin: &str, text: &str, keys: &[FileKey]) -> Result<Written> {
        let file = File { origin, text, keys };
        let table = DeTable::parse(text).map_err(|error| {
            let line = file.line(error.span().map_or(0, |span| span.start));
            anyhow!("{origin}:{line}: {}", error.message().trim_end())
        })?;
        file.top(table.get_ref())
    }
}

/// The keys and values of a table, in the order of the file.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t str, usize, &'t Spanned<DeValue<'i>>)> {
    let mut pairs: Vec<_> =
        table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value)).collect();
    pairs.sort_by_key(|(_, at, _)| *at);
    pairs
}

impl File<'_> {
    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().get(..at).unwrap_or(self.text.as_bytes());
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    fn top(&self, table: &DeTable<'_>) -> Result<Written> {
        let (mut results_dir, mut cool_down) = (None, Span(0));
        let (mut shared, mut runs) = (Vec::new(), None);
        for (key, at, value) in in_order(table) {
            let line = self.line(at);
            match key {
                COOL_DOWN => cool_down = self.cool_down(line, value.get_ref())?,
                RESULTS_DIR => {
                    let given = self.text_of(RESULTS_DIR, line, value.get_ref())?;
                    results_dir = Some(PathBuf::from(given)).filter(|dir| !dir.as_os_str().is_empty());
                }
                NAME => {
                    bail!("{}:{line}: name belongs to a run\nhint: put it below a line [[run]]", self.origin)
                }
                UNSET => {
                    bail!("{}:{line}: unset belongs to a run\nhint: put it below a line [[run]]", self.origin)
                }
                RUN => runs = Some(self.tables(line, value)?),
                _ => self.add(&mut shared, key, line, value)?,
            }
        }
        let runs = match runs {
            Some(runs) => self.runs(&shared, &runs)?,
            None => vec![WrittenRun { name: None, line: 1, axes: shared }],
        };
        Ok(Written { results_dir, cool_down, runs })
    }

    fn tables<'t, 'i>(
        &self,
        line: usize,
        value: &'t Spanned<DeValue<'i>>,
    ) -> Result<Vec<(usize, &'t DeTable<'i>)>> {
        let no_table = || anyhow!("{}:{line}: run is no list of tables\nhint: write [[run]]", self.origin);
        let array = value.get_ref().as_array().filter(|array| !array.is_empty()).ok_or_else(no_table)?;
        let table = |value: &'t Spanned<DeValue<'i>>| {
            Ok((self.line(value.span().start), value.get_ref().as_table().ok_or_else(no_table)?))
        };
        array.iter().map(table).collect()
    }

    fn runs(&self, shared: &[Axis], tables: &[(usize, &DeTable<'_>)]) -> Result<Vec<WrittenRun>> {
        let mut runs: Vec<WrittenRun> = Vec::new();
        for &(line, table) in tables {
            let (mut name, mut own, mut unset) = (None, Vec::new(), None);
            for (key, at, value) in in_order(table) {
                let line = self.line(at);
                match key {
                    NAME => name = Some(self.name(line, value.get_ref(), &runs)?),
                    UNSET => unset = Some((line, self.unset(line, value.get_ref(), shared)?)),
                    COOL_DOWN | RESULTS_DIR => bail!(
                        "{}:{line}: {key} is for all runs\nhint: put it above the first [[run]]",
                        self.origin
                    ),
                    _ => self.add(&mut own, key, line, value)?,
                }
            }
            let (unset_line, unset) = unset.unwrap_or_default();
            if let Some(both) = own.iter().find(|axis: &&Axis| unset.contains(&axis.key)) {
                bail!(
                    "{}:{unset_line}: unset takes {} away, and line {} sets it\nhint: leave one out",
                    self.origin,
                    both.key,
                    both.line
                );
            }
            let kept = shared.iter().filter(|axis| own.iter().all(|own| own.key != axis.key));
            let kept = kept.filter(|axis| !unset.contains(&axis.key));
            let axes = kept.cloned().chain(own.iter().cloned()).collect();
            runs.push(WrittenRun { name, line, axes });
        }
        Ok(runs)
    }

    fn name(&self, line: usize, value: &DeValue<'_>, before: &[WrittenRun]) -> Result<String> {
        let name = self.text_of(NAME, line, value)?.trim().to_owned();
        if name.is_empty() || name.chars().any(char::is_control) {
            bail!("{}:{line}: {name:?} is no name for a run", self.origin);
        }
        if let Some(other) = before.iter().find(|run| run.name.as_ref() == Some(&name)) {
            bail!(
                "{}:{line}: the run in line {} is called {name:?} too\nhint: give each run a name of its own",
                self.origin,
                other.line
            );
        }
        Ok(name)
    }

    /// The keys that stand above for all runs and not for this one.
    fn unset(&self, line: usize, value: &DeValue<'_>, shared: &[Axis]) -> Result<Vec<String>> {
        let names = match value.as_array() {
            None => vec![self.text_of(UNSET, line, value)?],
            Some(array) => {
                let name = |value: &Spanned<DeValue<'_>>| self.text_of(UNSET, line, value.get_ref());
                array.iter().map(name).collect::<Result<_>>()?
            }
        };
        let key = |name: String| {
            let Some(known) = self.known(&name) else { return Err(self.unknown(&name, line)) };
            if shared.iter().all(|axis| axis.key != known.name) {
                bail!(
                    "{}:{line}: unset names {name}, which no line above the first [[run]] sets\nhint: leave it out",
                    self.origin
                );
            }
            Ok(known.name.clone())
        };
        names.into_iter().map(key).collect()
    }

    fn known(&self, key: &str) -> Option<&FileKey> {
        self.keys.iter().find(|known| known.name == key || known.aliases.iter().any(|alias| alias == key))
    }

    fn cool_down(&self, line: usize, value: &DeValue<'_>) -> Result<Span> {
        let text = self.scalar(COOL_DOWN, &KeyKind::Number, line, value)?;
        let seconds = text.parse().unwrap_or(f64::NAN);
        seconds_or_zero(COOL_DOWN, seconds).map_err(|error| anyhow!("{}:{line}: {error}", self.origin))
    }

    fn add(&self, axes: &mut Vec<Axis>, key: &str, line: usize, value: &Spanned<DeValue<'_>>) -> Result<()> {
        let Some(known) = self.known(key) else { return Err(self.unknown(key, line)) };
        if let KeyKind::NoKey(hint) = known.kind {
            bail!("{}:{line}: {key} is no key of a plan file\nhint: {hint}", self.origin);
        }
        if let Some(other) = axes.iter().find(|axis| axis.key == known.name) {
            bail!(
                "{}:{line}: {key} is {} by another name, which line {} sets\nhint: leave one out",
                self.origin,
                known.name,
                other.line
            );
        }
        let scalar = |value: &DeValue<'_>| {
            let text = self.scalar(key, &known.kind, line, value)?;
            self.refuse_secret(&known.name, line, &text)?;
            Ok(match (&known.kind, text.as_str()) {
                (KeyKind::Switch, "false") => vec![],
                _ => vec![text],
            })
        };
        let choices: Vec<Vec<String>> = match value.get_ref().as_array() {
            None => vec![scalar(value.get_ref())?],
            Some(array) if array.is_empty() => {
                bail!("{}:{line}: {key} is an empty list\nhint: leave it out", self.origin)
            }
            Some(array) => array.iter().map(|value| scalar(value.get_ref())).collect::<Result<_>>()?,
        };
        let choices = if known.repeats { vec![choices.concat()] } else { choices };
        axes.push(Axis { key: known.name.clone(), line, choices });
        Ok(())
    }

    fn unknown(&self, key: &str, line: usize) -> anyhow::Error {
        let own = [COOL_DOWN, NAME, RUN, UNSET].into_iter();
        let names = self.keys.iter().filter(|known| !matches!(known.kind, KeyKind::NoKey(_)));
        let names =
            names.flat_map(|known| std::iter::once(&known.name).chain(&known.aliases)).map(String::as_str);
        let underscored = key.replace('_', "-");
        let likeness = |name: &str| strsim::jaro_winkler(&underscored, name);
        let near = names.chain(own).max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let hint = match near.filter(|name| likeness(name) > LIKE) {
            Some(name) => format!("there is {name}"),
            None => "keys are the long flags of llmperf load, and cool-down, name, run and unset".to_owned(),
        };
        anyhow!("{}:{line}: {key} is not known\nhint: {hint}", self.origin)
    }

    fn text_of(&self, key: &str, line: usize, value: &DeValue<'_>) -> Result<String> {
        self.scalar(key, &KeyKind::Text, line, value)
    }

    /// A value as the command line would have it.
    fn scalar(&self, key: &str, kind: &KeyKind, line: usize, value: &DeValue<'_>) -> Result<String> {
        let wrong = |takes: &str| {
            anyhow!("{}:{line}: {key} takes {takes}, and this is {}", self.origin, described(value))
        };
        match kind {
            KeyKind::Switch => match value.as_bool() {
                Some(on) => Ok(on.to_string()),
                None => Err(wrong("true or false")),
            },
            KeyKind::Count => {
                let number = value.as_integer().and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok());
                number.map(|n| n.to_string()).ok_or_else(|| wrong("a whole number, 0 or more"))
            }
            KeyKind::CountOr(word) => match value.as_str() {
                Some(text) if text == *word => Ok(text.to_owned()),
                _ if value.as_integer().is_some() => self.scalar(key, &KeyKind::Count, line, value),
                _ => Err(wrong(&format!("a whole number, 0 or more, or {word:?}"))),
            },
            KeyKind::Number => {
                let whole = value.as_integer().and_then(|n| i64::from_str_radix(n.as_str(), n.radix()).ok());
                let number = value.as_float().and_then(|n| n.as_str().parse::<f64>().ok());
                let number = whole.map(|n| n as f64).or(number);
                number.map(|n| n.to_string()).ok_or_else(|| wrong("a number"))
            }
            KeyKind::Text => value.as_str().map(str::to_owned).ok_or_else(|| wrong("a text in quotes")),
            KeyKind::Object => match (value.as_str(), value.as_table()) {
                (Some(text), _) => Ok(text.to_owned()),
                (None, Some(_)) => Ok(json(value).to_string()),
                (None, None) => Err(wrong("a table, or a JSON object as text")),
            },
            KeyKind::Word(words) => {
                let word = value.as_str().filter(|word| words.iter().any(|known| known == word));
                word.map(str::to_owned).ok_or_else(|| wrong(&format!("one of {}", words.join(", "))))
            }
            KeyKind::NoKey(_) => Err(wrong("nothing")),
        }
    }

    /// A plan file is shared and kept under version control: no key may stand in one.
    fn refuse_secret(&self, key: &str, line: usize, value: &str) -> Result<()> {
        let name = match key {
            "header" => value.split(':').next().map(str::to_owned),
            "plugin-option" => {
                value.split('=').next().filter(|name| !name.contains("token")).map(str::to_owned)
            }
            "base-url" => url::Url::parse(value).ok().and_then(|url| {
                let mut names = url.query_pairs().map(|(name, _)| name.into_owned());
                names.find(|name| names_a_secret(name))
            }),
            _ => None,
        };
        let Some(name) = name.filter(|name| names_a_secret(name)) else { return Ok(()) };
        bail!(
            "{}:{line}: {key} would put a secret ({}) into a plan file\nhint: put it into an environment variable and name that with key-env",
            self.origin,
            name.trim()
        )
    }
}

/// A value that does not fit, for people.
fn described(value: &DeValue<'_>) -> String {
    match (value.as_str(), value.as_integer(), value.as_float()) {
        (Some(text), _, _) => format!("the text {text:?}"),
        (_, Some(number), _) => format!("the number {}", number.as_str()),
        (_, _, Some(number)) => format!("the number {}", number.as_str()),
        _ if value.is_array() => "a list".to_owned(),
        _ if value.is_table() => "a table".to_owned(),
        _ => format!("a {}", value.type_str()),
    }
}

fn json(value: &DeValue<'_>) -> Value {
    if let Some(table) = value.as_table() {
        return in_order(table).into_iter().map(|(key, _, v)| (key.to_owned(), json(v.get_ref()))).collect();
    }
    if let Some(array) = value.as_array() {
        return array.iter().map(|value| json(value.get_ref())).collect();
    }
    let whole = value.as_integer().and_then(|n| i64::from_str_radix(n.as_str(), n.radix()).ok());
    let number = value.as_float().and_then(|n| n.as_str().parse::<f64>().ok());
    match (whole, number, value.as_bool(), value.as_str()) {
        (Some(n), ..) => n.into(),
        (_, Some(n), ..) => n.into(),
        (_, _, Some(on), _) => on.into(),
        (.., Some(text)) => text.into(),
        // A date; JSON has none.
        _ => value.as_datetime().map(ToString::to_string).into(),
    }
}
