//! Whether what a plugin says of itself is what the contract asks for, and always the same.

use semver::Version;

use super::cost::Meter;
use super::fresh;
use crate::plugin::{self, Description, OptionSpec, Plugin};
use crate::provider::Catalog;

/// A line on a terminal.
const MAX_SUMMARY_CHARS: usize = 200;

pub(super) fn check(plugin: &Plugin, meter: &mut Meter) -> Result<String, Vec<String>> {
    let description = plugin.description();
    let mut problems = problems_of(description);
    for _ in 0..2 {
        // Twice in one instance, twice in another.
        match fresh(plugin).and_then(|mut session| {
            let again = session.describe()?;
            meter.take("describe", &session);
            Ok((again, session.describe()?))
        }) {
            Ok((first, second)) if first == *description && second == *description => {}
            Ok(_) => problems.push("describe: it does not always say the same".to_owned()),
            Err(fault) => problems.push(format!("describe: {fault}")),
        }
    }
    problems.dedup();
    let about = format!(
        "{} {}, tasks {}, {} options, the same in every instance",
        description.name,
        description.version,
        description.tasks.join(" "),
        description.options.len()
    );
    if problems.is_empty() { Ok(about) } else { Err(problems) }
}

/// Name and kinds of options were looked at when it was loaded.
fn problems_of(description: &Description) -> Vec<String> {
    let mut problems = Vec::new();
    let Description { name: _, version, summary, tasks, options, providers } = description;
    if let Err(error) = Version::parse(version) {
        problems.push(format!("its version {version:?} is no semantic version: {error}"));
    }
    let is_a_line = !summary.trim().is_empty() && !summary.chars().any(char::is_control);
    if !is_a_line || summary.chars().count() > MAX_SUMMARY_CHARS {
        problems.push(format!("its summary is no line of 1 to {MAX_SUMMARY_CHARS} characters"));
    }
    if tasks.is_empty() {
        problems.push("it names no task; chat, completion and embedding are known".to_owned());
    }
    problems.extend(
        tasks.iter().filter(|task| !is_word(task)).map(|task| format!("its task {task:?} is no word")),
    );
    let catalog = match Catalog::bundled() {
        Ok(catalog) => catalog,
        Err(error) => return vec![format!("{error:#}")],
    };
    let secrets = catalog.credential_variables();
    for (n, option) in options.iter().enumerate() {
        if options[..n].iter().any(|earlier| earlier.name == option.name) {
            problems.push(format!("two options are called {:?}", option.name));
        }
        option_problems(option, &secrets, &mut problems);
    }
    if let Some(text) = providers {
        provider_problems(text, &catalog, &mut problems);
    }
    problems
}

fn option_problems(option: &OptionSpec, secrets: &[String], problems: &mut Vec<String>) {
    let OptionSpec { name, kind, env, default, required, help } = option;
    if !is_word(name) {
        problems.push(format!("its option {name:?} is not of lower-case letters, digits and dashes"));
    }
    if let Some(default) = default.as_ref().filter(|default| !kind.fits(default)) {
        problems.push(format!("the default {default:?} of its option {name:?} is no {}", kind.word()));
    }
    if *required && default.is_some() {
        problems.push(format!("its option {name:?} is required and has a default"));
    }
    if help.trim().is_empty() {
        problems.push(format!("its option {name:?} has no help"));
    }
    for variable in env {
        let is_name = variable.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if variable.is_empty() || !is_name {
            problems
                .push(format!("its option {name:?} names {variable:?}, which is no environment variable"));
        }
        if secrets.contains(variable) {
            problems.push(format!(
                "its option {name:?} asks for {variable}, which holds a provider's credential"
            ));
        }
    }
}

/// They are shown to whoever adds the plugin, and may not take the place of those that came with the host.
fn provider_problems(text: &str, bundled: &Catalog, problems: &mut Vec<String>) {
    let theirs: Catalog = match toml::from_str(text) {
        Ok(theirs) => theirs,
        Err(error) => return problems.push(format!("the providers it brings along: {error}")),
    };
    let apis = plugin::bundled().map(|plugin| plugin.name);
    let known: Vec<&str> = bundled.names().into_iter().chain(apis).collect();
    for name in theirs.names().into_iter().filter(|name| known.contains(name)) {
        problems.push(format!(
            "the provider {name:?} that it brings along has the name of one of the host's own"
        ));
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::OptionKind;

    fn good() -> Description {
        let option = OptionSpec {
            name: "loud".to_owned(),
            kind: OptionKind::Boolean,
            env: vec!["SHOUT_LOUD".to_owned()],
            default: Some("true".to_owned()),
            required: false,
            help: "ask for capitals".to_owned(),
        };
        Description {
            name: "shout".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "a made-up API".to_owned(),
            tasks: vec!["chat".to_owned()],
            options: vec![option],
            providers: Some("[[provider]]\nname = \"shouters\"\napi = \"shout\"\n".to_owned()),
        }
    }

    #[test]
    fn each_rule_of_a_description_has_its_own_words() {
        assert_eq!(problems_of(&good()), [""; 0]);
        type Change = fn(&mut Description);
        let cases: &[(Change, &str)] = &[
            (|d| d.version = "1.0".to_owned(), "no semantic version"),
            (|d| d.summary = "two\nlines".to_owned(), "its summary is no line"),
            (|d| d.summary = " ".to_owned(), "its summary is no line"),
            (|d| d.tasks.clear(), "it names no task"),
            (|d| d.tasks = vec!["Chat!".to_owned()], "its task \"Chat!\""),
            (|d| d.options[0].name = "Loud".to_owned(), "its option \"Loud\""),
            (|d| d.options[0].default = Some("yes".to_owned()), "is no boolean"),
            (|d| d.options[0].required = true, "is required and has a default"),
            (|d| d.options[0].help.clear(), "has no help"),
            (|d| d.options[0].env = vec!["A-B".to_owned()], "no environment variable"),
            (|d| d.options[0].env = vec!["OPENAI_API_KEY".to_owned()], "holds a provider's credential"),
            (|d| d.options.push(d.options[0].clone()), "two options are called"),
            (|d| d.providers = Some("[[provider]]\nname = 1".to_owned()), "the providers it brings along"),
            (
                |d| d.providers = Some("[[provider]]\nname = \"groq\"\napi = \"shout\"\n".to_owned()),
                "\"groq\" that it brings along",
            ),
        ];
        for (change, words) in cases {
            let mut description = good();
            change(&mut description);
            let problems = problems_of(&description).join("\n");
            assert!(problems.contains(words), "{words:?} is not in {problems:?}");
        }
    }
}
