//! LLMPerf's correctness test: a number from 0 to 10,000 in words, to be written in digits.

use rand::{Rng, RngExt};
use serde_json::json;

use super::Question;
use crate::record::Grade;

/// LLMPerf's words, around those of the number.
const BEFORE: &str = "Convert the following sequence of words into a number: ";
const AFTER: &str = ".\nPrint the number first.";

/// The largest number that is asked for.
const LARGEST: u32 = 10_000;

pub(super) fn question(rng: &mut impl Rng) -> Question {
    let number = draw(rng);
    Question::of(format!("{BEFORE}{}{AFTER}", number_words(number)), vec![("rnd_number", json!(number))])
}

pub(super) fn grade(rng: &mut impl Rng, reply: &str) -> Grade {
    let expected = draw(rng).to_string();
    Grade::right_if(has_number(reply, &expected), expected)
}

pub(super) fn right_reply(prompt: &str) -> Option<String> {
    let words = prompt.strip_prefix(BEFORE)?.strip_suffix(AFTER)?;
    let number = (0..=LARGEST).find(|&number| number_words(number) == words)?;
    Some(format!("{number} is the number."))
}

fn draw(rng: &mut impl Rng) -> u32 {
    rng.random_range(0..=LARGEST)
}

/// Whether these digits stand in the text as a number of their own. As LLMPerf has it, a comma between two digits is
/// none, and any number of the text may be the one.
pub(super) fn has_number(text: &str, digits: &str) -> bool {
    let mut run = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let joins = c == ',' && !run.is_empty() && rest.peek().is_some_and(|next| next.is_ascii_digit());
        if c.is_ascii_digit() {
            run.push(c);
        } else if !joins && std::mem::take(&mut run) == digits {
            return true;
        }
    }
    run == digits
}

/// A number in English words, as `num2words` writes it: `five thousand, nine hundred and eighty-eight`.
///
/// It knows numbers below a million; beyond, it repeats the thousands.
pub fn number_words(number: u32) -> String {
    let (thousands, rest) = (number / 1000, number % 1000);
    let thousands = (thousands > 0).then(|| format!("{} thousand", number_words(thousands)));
    match (thousands, rest) {
        (None, rest) => below_thousand(rest),
        (Some(thousands), 0) => thousands,
        (Some(thousands), rest @ 1..100) => format!("{thousands} and {}", below_hundred(rest)),
        (Some(thousands), rest) => format!("{thousands}, {}", below_thousand(rest)),
    }
}

fn below_thousand(number: u32) -> String {
    match (number / 100, number % 100) {
        (0, rest) => below_hundred(rest),
        (hundreds, 0) => format!("{} hundred", below_hundred(hundreds)),
        (hundreds, rest) => format!("{} hundred and {}", below_hundred(hundreds), below_hundred(rest)),
    }
}

fn below_hundred(number: u32) -> String {
    #[rustfmt::skip]
    const SMALL: [&str; 20] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
        "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    ];
    const TENS: [&str; 10] =
        ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    let (ten, one) = (number as usize / 10, number as usize % 10);
    match (ten, one) {
        (0 | 1, _) => SMALL[number as usize].to_owned(),
        (ten, 0) => TENS[ten].to_owned(),
        (ten, one) => format!("{}-{}", TENS[ten], SMALL[one]),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn words_are_those_of_num2words() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/llmperf/num2words_0_10000.json");
        let words: HashMap<u32, String> =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(words.len(), 10_001);
        for (number, words) in words {
            assert_eq!(number_words(number), words);
        }
    }

    #[test]
    fn a_number_is_found_as_llmperf_finds_it() {
        let check = |text: &str, expected: bool| assert_eq!(has_number(text, "1234"), expected, "{text}");
        check("1234", true);
        check("It is 1,234.", true);
        check("1,2,3,4", true);
        check("1 or 1234, maybe", true);
        check("1234,", true);
        check(",1234", true);
        check("**1,234**\n", true);
        check("01234", false);
        check("12345", false);
        check("1.234", false);
        check("1, 234", false);
        check("1 234", false);
        check("", false);
        check(",", false);
    }
}
