//! The words of the mock: each is one Llama token, wherever it stands, so that a client's own count can be exact.
//!
//! Frequent words of Shakespeare's sonnets whose form with a space before it is in Llama's vocabulary. No token of that
//! vocabulary reaches over a space, so the count of a text is the sum of its words. The first word of a text stands
//! without its space: the tokenizer puts one there itself.

use rand::Rng;

/// Draws a word.
#[inline]
pub(super) fn draw(rng: &mut impl Rng) -> &'static str {
    // There are 256 words, so a byte's worth of randomness picks one evenly.
    WORDS[rng.next_u32() as usize % WORDS.len()]
}

#[rustfmt::skip]
const WORDS: [&str; 256] = [
    "after", "again", "against", "age", "all", "alone", "and", "another", "any", "are", "art", "away", "back",
    "bear", "beauty", "before", "being", "best", "better", "black", "blood", "born", "both", "breast",
    "breath", "bright", "bring", "brow", "but", "call", "can", "cannot", "change", "child", "cold", "come",
    "could", "cruel", "day", "days", "dear", "death", "decay", "deep", "delight", "desire", "did", "dost",
    "each", "earth", "end", "even", "ever", "every", "eye", "eyes", "face", "fair", "false", "far", "fear",
    "find", "fire", "first", "flowers", "for", "form", "forth", "found", "fresh", "friend", "from", "full",
    "gentle", "give", "gives", "glass", "glory", "gone", "good", "grace", "great", "grow", "had", "hand",
    "happy", "hast", "have", "heart", "heaven", "her", "him", "his", "hold", "honour", "hours", "how", "ill",
    "itself", "joy", "keep", "kind", "know", "knows", "leave", "leaves", "less", "let", "life", "like",
    "lines", "live", "lives", "living", "long", "look", "looks", "lose", "loss", "love", "made", "make",
    "many", "may", "memory", "men", "might", "mind", "mine", "more", "most", "much", "must", "myself", "name",
    "never", "new", "night", "none", "nor", "not", "nothing", "now", "old", "once", "other", "others", "our",
    "out", "own", "part", "parts", "pen", "place", "pleasure", "poor", "power", "pride", "proud", "prove",
    "put", "rich", "right", "sad", "sake", "same", "say", "see", "seem", "seen", "self", "set", "shadow",
    "shall", "shame", "she", "should", "show", "sight", "since", "skill", "some", "soul", "spirit", "stand",
    "state", "stay", "still", "store", "strong", "such", "summer", "sun", "sweet", "take", "tell", "tender",
    "than", "that", "the", "thee", "their", "them", "then", "there", "therefore", "these", "they", "thing",
    "things", "think", "this", "those", "thou", "though", "thought", "thoughts", "thus", "thy", "till",
    "time", "times", "tongue", "too", "true", "truth", "upon", "use", "verse", "very", "view", "was", "waste",
    "well", "were", "what", "when", "where", "which", "white", "who", "whom", "whose", "why", "wide", "will",
    "with", "words", "world", "worth", "would", "write", "yet", "you", "your", "youth",
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn words_are_plain_and_distinct() {
        assert_eq!(WORDS.iter().collect::<HashSet<_>>().len(), WORDS.len());
        for word in WORDS {
            assert!(word.len() >= 3 && word.bytes().all(|b| b.is_ascii_lowercase()), "{word}");
        }
    }
}
