//! The shared files of AWS's tools: `~/.aws/credentials` and `~/.aws/config`, and of them the profile that is chosen.
//! Only keys that stand in them are used; a profile that has to ask somebody for its keys is refused by name.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use configparser::ini::{Ini, IniDefault};

use super::super::scheme::{Env, first_set};
use super::AwsKeys;

/// Settings by which a profile gets keys from elsewhere.
const INDIRECT: [&str; 6] = [
    "credential_process",
    "credential_source",
    "role_arn",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
];

/// The settings of one profile; those of the credentials file come first.
#[derive(Default)]
pub(super) struct Profile {
    name: String,
    settings: HashMap<String, String>,
}

impl Profile {
    pub(super) fn get(&self, setting: &str) -> Option<String> {
        self.settings.get(setting).cloned()
    }

    /// The keys that stand in it.
    pub(super) fn keys(&self) -> Result<Option<AwsKeys>> {
        let (id, secret) = (self.get("aws_access_key_id"), self.get("aws_secret_access_key"));
        if let (Some(id), Some(secret)) = (id, secret) {
            let keys = AwsKeys::new(&id, &secret, self.get("aws_session_token").as_deref());
            return keys.map(Some).with_context(|| format!("the AWS profile {} is of no use", self.name));
        }
        match INDIRECT.iter().find(|setting| self.settings.contains_key(**setting)) {
            None => Ok(None),
            Some(setting) => bail!(
                "the AWS profile {name} gets its keys by {setting}, which llmperf does not do\n\
                 hint: eval \"$(aws configure export-credentials --profile {name} --format env)\"",
                name = self.name
            ),
        }
    }
}

/// Reads the profile that `AWS_PROFILE` names, or the default one, which need not be there.
pub(super) fn read(env: Env<'_>) -> Result<Profile> {
    let named = first_set(&[super::PROFILE, "AWS_DEFAULT_PROFILE"], env).map(|(_, name)| name);
    let name = named.clone().unwrap_or_else(|| "default".to_owned());
    let credentials = section(env, "AWS_SHARED_CREDENTIALS_FILE", "credentials", &[&name])?;
    // `[default]` may be written as `[profile default]` there, no other without the word.
    let long = format!("profile {name}");
    let sections: &[&str] = if name == "default" { &["default", &long] } else { &[&long] };
    let config = section(env, "AWS_CONFIG_FILE", "config", sections)?;
    if named.is_some() && credentials.is_none() && config.is_none() {
        bail!(
            "there is no AWS profile {name}\nhint: it is looked for in ~/.aws/credentials and ~/.aws/config"
        );
    }
    let mut settings = config.unwrap_or_default();
    settings.extend(credentials.unwrap_or_default());
    Ok(Profile { name, settings })
}

/// The first of these sections that the file has; `None` where it has none, or is not there.
fn section(
    env: Env<'_>,
    variable: &'static str,
    default: &str,
    sections: &[&str],
) -> Result<Option<HashMap<String, String>>> {
    let path = match (first_set(&[variable], env), env("HOME")) {
        (Some((_, path)), _) => PathBuf::from(path),
        (None, Some(home)) => PathBuf::from(home).join(".aws").join(default),
        (None, None) => return Ok(None),
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
    };
    let mut format = IniDefault::default();
    format.case_sensitive = true;
    format.delimiters = vec!['='];
    // Settings below another one (`s3 =`) are indented, and are none of the profile's own.
    format.multiline = true;
    let mut file = Ini::new_from_defaults(format);
    // Its errors quote the line, which may hold a key.
    let read = file.read(text).map_err(|_| anyhow!("{} is no file of AWS profiles", path.display()))?;
    let found = sections.iter().find_map(|wanted| {
        read.iter().find(|(name, _)| name.split_whitespace().eq(wanted.split_whitespace()))
    });
    Ok(found.map(|(_, settings)| {
        let set = settings.iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        set.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect()
    }))
}
