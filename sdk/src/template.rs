//! What stays the same from event to event. Most events of a stream are alike but for their text, so one that is known to
//! be is read by comparing its bytes, at a small part of what parsing it would cost.

use crate::Event;

/// An event that was parsed, without its text: reads the events that differ from it in nothing else.
///
/// An event's text is a JSON string. Where another event has the same bytes before and behind the text, and between them a
/// string that needs no unescaping, parsing it could only give the same value with that string in it. So where the parsed
/// event meant nothing but its text, and would mean the same once more, the other one means nothing but its own.
///
/// ```
/// # use llmperf_sdk::{Event, Template};
/// let mut template = Template::default();
/// let parsed = Event::new("", r#"{"n":1,"text":"Hi"}"#);
/// let text = std::str::from_utf8(&parsed.data[15..17]).unwrap();
/// template.learn(&parsed, text);
/// assert_eq!(template.read(&Event::new("", r#"{"n":1,"text":" there"}"#)), Some(" there"));
/// assert_eq!(template.read(&Event::new("", r#"{"n":2,"text":" there"}"#)), None);
/// assert_eq!(template.read(&Event::new("", r#"{"n":1,"text":"\n"}"#)), None);
/// ```
#[derive(Debug, Default)]
pub struct Template {
    /// Empty where nothing is known.
    before: Vec<u8>,
    behind: Vec<u8>,
    name: String,
}

impl Template {
    /// Remembers an event around its text, which has to be borrowed from the event's data; a text that is not is a reason
    /// to forget. To be called only where the event meant its text and nothing else.
    pub fn learn(&mut self, event: &Event, text: &str) {
        self.before.clear();
        self.behind.clear();
        let data = event.data.as_slice();
        let start = (text.as_ptr() as usize).wrapping_sub(data.as_ptr() as usize);
        let end = start.wrapping_add(text.len());
        if start == 0 || start > end || data.get(start - 1) != Some(&b'"') || data.get(end) != Some(&b'"') {
            return;
        }
        self.before.extend_from_slice(&data[..start]);
        self.behind.extend_from_slice(&data[end..]);
        self.name.clear();
        self.name.push_str(&event.name);
    }

    /// The text of an event that differs from the remembered one in nothing else. `None`: it has to be parsed.
    pub fn read<'a>(&self, event: &'a Event) -> Option<&'a str> {
        let data = event.data.as_slice();
        let end = data.len().checked_sub(self.behind.len())?;
        let text = data.get(self.before.len()..end)?;
        let known = !self.before.is_empty()
            && event.name == self.name
            && same(&data[..self.before.len()], &self.before)
            && same(&data[end..], &self.behind);
        // What JSON does not allow in a string as it is, or what means something else than itself.
        let plain = |byte: &u8| *byte >= b' ' && *byte != b'"' && *byte != b'\\';
        (known && text.iter().all(plain)).then(|| std::str::from_utf8(text).ok())?
    }
}

/// Equality of slices of one length, eight bytes at a time: the C library of a guest compares one by one.
fn same(a: &[u8], b: &[u8]) -> bool {
    let words = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    let (a_words, a_rest) = a.split_at(a.len() & !7);
    let (b_words, b_rest) = b.split_at(b.len() & !7);
    a_words.chunks_exact(8).zip(b_words.chunks_exact(8)).all(|(a, b)| words(a) == words(b))
        && a_rest.iter().zip(b_rest).all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(data: &str, text: &str) -> Template {
        let event = Event::new("", data);
        let start = data.find(text).expect("the text is there");
        let mut template = Template::default();
        template.learn(&event, std::str::from_utf8(&event.data[start..start + text.len()]).expect("text"));
        template
    }

    #[test]
    fn only_an_event_that_differs_in_nothing_but_its_text_is_read() {
        let template = learned(r#"{"id":"a-long-enough-name","d":{"content":"x"},"finish":null}"#, "x");
        let check = |data: &str, expected: Option<&str>| {
            assert_eq!(template.read(&Event::new("", data)), expected, "{data}");
        };
        check(r#"{"id":"a-long-enough-name","d":{"content":"x"},"finish":null}"#, Some("x"));
        check(r#"{"id":"a-long-enough-name","d":{"content":""},"finish":null}"#, Some(""));
        check(r#"{"id":"a-long-enough-name","d":{"content":"é ü"},"finish":null}"#, Some("é ü"));
        check(r#"{"id":"a-long-enough-nam_","d":{"content":"x"},"finish":null}"#, None);
        check(r#"{"id":"a-long-enough-name","d":{"content":"x"},"finish":"st"}"#, None);
        check(r#"{"id":"a-long-enough-name","d":{"content":"x\n"},"finish":null}"#, None);
        check(r#"{"id":"a-long-enough-name","d":{"content":"x","content":"y"},"finish":null}"#, None);
        check("{\"id\":\"a-long-enough-name\",\"d\":{\"content\":\"\t\"},\"finish\":null}", None);
        check("", None);
        check(r#"{"id""#, None);
        assert_eq!(
            template.read(&Event::new(
                "error",
                r#"{"id":"a-long-enough-name","d":{"content":"x"},"finish":null}"#
            )),
            None
        );
        let broken =
            [br#"{"id":"a-long-enough-name","d":{"content":""#, b"\xff".as_slice(), br#""},"finish":null}"#];
        assert_eq!(template.read(&Event::new("", broken.concat())), None);
    }

    #[test]
    fn a_text_from_elsewhere_is_not_learned() {
        let event = Event::new("", r#"{"content":"x"}"#);
        let mut template = learned(r#"{"content":"x"}"#, "x");
        template.learn(&event, &String::from("x"));
        assert_eq!(template.read(&event), None);
        // Not a string of its own: a part of one.
        template.learn(&event, std::str::from_utf8(&event.data[2..5]).expect("text"));
        assert_eq!(template.read(&event), None);
        assert_eq!(Template::default().read(&event), None);
    }
}
