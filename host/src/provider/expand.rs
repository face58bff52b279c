//! Variables in a provider's texts.

use anyhow::{Result, bail};

/// `text` with its variables filled in. `{NAME}` is a variable, `{A|B}` the first of several that is set, `{A|B=value}`
/// gives a value for where none is.
///
/// # Errors
/// Names the variables of which one has to be set.
pub fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let Some((variable, after)) = behind.split_once('}') else {
            bail!("{text:?} has a {{ without a }}");
        };
        let (names, default) = match variable.split_once('=') {
            Some((names, default)) => (names, Some(default.to_owned())),
            None => (variable, None),
        };
        let Some(value) = names.split('|').find_map(lookup).or(default) else {
            bail!("{} is not set", names.split('|').collect::<Vec<_>>().join(" or "));
        };
        out.push_str(before);
        out.push_str(&value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let lookup = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "B" => Some("b{A}".to_owned()),
            _ => None,
        };
        match (expand(text, &lookup), expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{text}"),
            (Err(got), Err(expected)) => assert_eq!(got.to_string(), expected, "{text}"),
            (got, _) => panic!("{text}: {got:?}"),
        }
    }

    #[test]
    fn variables_are_filled_in_once_in_the_order_of_their_names() {
        check("", Ok(""));
        check("x", Ok("x"));
        check("{A}-{C|A}-{A|B}", Ok("a-a-a"));
        check("{C=d}{A=d}{C=}", Ok("da"));
        check("{B}", Ok("b{A}"));
        check("{C|D}", Err("C or D is not set"));
        check("{A", Err("\"{A\" has a { without a }"));
    }
}
