//! What a model's name says of it: family, size and quantisation, as the names on Ollama's, Hugging Face's and other shelves
//! are made. A guess, which metadata of the run replaces.

/// What is known of a model. `None` is what its name does not say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Traits {
    pub family: String,
    pub size: Option<Size>,
    /// As names on Hugging Face write it: `Q5_K_M`, `AWQ`, `FP8`.
    pub quantisation: Option<String>,
}

/// How many parameters a model has.
#[derive(Debug, Clone, PartialEq)]
pub struct Size {
    /// As it is written: `27B`, `8x7B`.
    pub text: String,
    /// In thousand millions; experts times their size.
    pub billions: f64,
}

/// Words in front of which the family ends although they are neither size nor quantisation.
const VARIANTS: &[&str] = &["instruct", "chat", "it", "base", "gguf", "hf", "preview", "latest"];

impl Traits {
    /// What the name says.
    pub fn of_name(model: &str) -> Traits {
        let model = model.split(['?', '#']).next().unwrap_or(model).trim_end_matches('/');
        let last = model.rsplit('/').next().unwrap_or(model);
        let words: Vec<&str> = last.split(['-', ':', '@', ' ']).filter(|word| !word.is_empty()).collect();
        let size_at = words.iter().position(|word| size(word).is_some());
        let quantised_at = words.iter().position(|word| is_quantisation(word));
        let variant_at = words.iter().position(|word| VARIANTS.contains(&word.to_lowercase().as_str()));
        let end = [size_at, quantised_at, variant_at].into_iter().flatten().min().unwrap_or(words.len());
        // A name may begin with its size.
        let family = if end == 0 { family(&words) } else { family(&words[..end]) };
        Traits {
            family,
            size: size_at.and_then(|at| size(words[at])),
            quantisation: quantised_at.map(|at| quantisation(&words[at..])),
        }
    }

    /// The same with what the user says of it: `family`, `size`, `quantization` or `quantisation`.
    pub fn with_metadata<'a>(mut self, get: impl Fn(&str) -> Option<&'a str>) -> Traits {
        if let Some(family) = get("family") {
            self.family = family.to_owned();
        }
        if let Some(text) = get("size") {
            // A size that is no number is shown and not compared.
            let billions = size(text).map_or(f64::NAN, |size| size.billions);
            self.size = Some(Size { text: text.to_owned(), billions });
        }
        if let Some(quantisation) = get("quantization").or_else(|| get("quantisation")) {
            self.quantisation = Some(quantisation.to_owned());
        }
        self
    }

    /// Family and size, as `Qwen2.5 32B`.
    pub fn label(&self) -> String {
        match &self.size {
            Some(size) => format!("{} {}", self.family, size.text),
            None => self.family.clone(),
        }
    }
}

/// `gemma2` → `Gemma2`, `Llama 3.1` → `Llama3.1`: a version stands at its name, so that families meet across shelves.
fn family(words: &[&str]) -> String {
    let mut family = String::new();
    for word in words {
        // Longer ones are dates.
        let is_version = word.len() <= 4 && word.chars().all(|c| c.is_ascii_digit() || c == '.');
        if !(family.is_empty() || is_version && !family.ends_with(|c: char| c.is_ascii_digit())) {
            family.push('-');
        }
        family.push_str(word);
    }
    let mut letters = family.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => family,
    }
}

/// `27b`, `1.5B`, `8x7B`, `135M`, and what Ollama puts behind an underscore.
fn size(word: &str) -> Option<Size> {
    let word = word.split('_').next().unwrap_or(word);
    let unit = word.chars().next_back().filter(|unit| matches!(unit, 'b' | 'B' | 'm' | 'M'))?;
    let number = &word[..word.len() - 1];
    let (experts, each) = number.split_once(['x', 'X']).unwrap_or(("1", number));
    let plain = |text: &str| {
        let is_plain = text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_digit() || c == '.');
        text.parse::<f64>().ok().filter(|number| is_plain && *number > 0.0)
    };
    let parameters = plain(experts)? * plain(each)?;
    let (scale, unit) = if unit.eq_ignore_ascii_case(&'b') { (1.0, 'B') } else { (1e-3, 'M') };
    Some(Size { text: format!("{}{unit}", number.to_lowercase()), billions: parameters * scale })
}

fn is_quantisation(word: &str) -> bool {
    let word = word.to_lowercase();
    let digits_after = |prefix: &str| {
        word.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let named =
        ["awq", "gptq", "nf4", "mxfp4", "nvfp4", "exl2", "bnb", "f16", "f32", "bf16", "fp16", "fp32", "mlx"];
    named.contains(&word.as_str())
        || ["iq", "q", "fp", "int", "mxfp", "tq"].into_iter().any(digits_after)
        || (digits_after("w") && word.contains('a'))
        || ["bit", "bpw"]
            .into_iter()
            .any(|unit| word.strip_suffix(unit).is_some_and(|number| number.parse::<f64>().is_ok()))
}

/// As Hugging Face writes it; `GPTQ-Int4` is two words of one.
fn quantisation(words: &[&str]) -> String {
    let written = |word: &str| match word.to_lowercase().strip_suffix("bit") {
        Some(number) => format!("{number}-bit"),
        None => word.to_uppercase(),
    };
    match words {
        [method, bits, ..]
            if ["awq", "gptq", "bnb", "mlx"].contains(&method.to_lowercase().as_str())
                && is_quantisation(bits) =>
        {
            format!("{}-{}", written(method), written(bits))
        }
        [word, ..] => written(word),
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_shelf_are_read() {
        let check = |name: &str, family: &str, size: &str, quantisation: &str| {
            let traits = Traits::of_name(name);
            let found = (
                traits.family.as_str(),
                traits.size.as_ref().map_or("", |size| &size.text),
                traits.quantisation.as_deref().unwrap_or(""),
            );
            assert_eq!(found, (family, size, quantisation), "{name}");
        };
        check("gemma2:27b-instruct-q5_K_M", "Gemma2", "27B", "Q5_K_M");
        check("qwen2.5:32b-instruct-q4_K_M", "Qwen2.5", "32B", "Q4_K_M");
        check("llama3.1:8b-instruct-q8_0", "Llama3.1", "8B", "Q8_0");
        check("llama3.1", "Llama3.1", "", "");
        check("Qwen/Qwen2.5-7B-Instruct-AWQ", "Qwen2.5", "7B", "AWQ");
        check("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4", "Qwen2.5", "7B", "GPTQ-INT4");
        check(
            "hf.co/rombodawg/Rombos-LLM-V2.6-Qwen-14b-Q8_0-GGUF:latest",
            "Rombos-LLM-V2.6-Qwen",
            "14B",
            "Q8_0",
        );
        check("meta-llama/Llama-3.1-8B-Instruct-FP8", "Llama3.1", "8B", "FP8");
        check("mock/llama-2-7b_chat:v1.0", "Llama2", "7B", "");
        check("together_ai/togethercomputer/CodeLlama-7b-Instruct", "CodeLlama", "7B", "");
        check("mistralai/Mixtral-8x7B-Instruct-v0.1", "Mixtral", "8x7B", "");
        check("Qwen/Qwen3-30B-A3B-Instruct-2507", "Qwen3", "30B", "");
        check("RedHatAI/Llama-3.3-70B-Instruct-quantized.w4a16", "Llama3.3", "70B", "");
        check("neuralmagic/Phi-3-mini-128k-instruct-W8A8", "Phi3-mini-128k", "", "W8A8");
        check("SmolLM-135M-iq4_xs", "SmolLM", "135M", "IQ4_XS");
        check("mlx-community/Qwen2.5-0.5B-Instruct-4bit", "Qwen2.5", "0.5B", "4-bit");
        check("gpt-oss:20b", "Gpt-oss", "20B", "");
        check("gpt-4o-mini", "Gpt-4o-mini", "", "");
        check("claude-3-5-sonnet-20241022", "Claude3-5-sonnet-20241022", "", "");
        check("7b", "7b", "7B", "");
        check("", "", "", "");
        check("b/é-b:m", "É-b-m", "", "");
    }

    #[test]
    fn sizes_compare_across_their_units() {
        let billions = |word| size(word).map(|size| size.billions);
        assert_eq!(
            (billions("8x7B"), billions("0.5b"), billions("135M"), billions("1e9b")),
            (Some(56.0), Some(0.5), Some(0.135), None)
        );
    }

    #[test]
    fn metadata_of_the_run_wins_over_the_name() {
        let metadata = |key: &str| match key {
            "family" => Some("Ours"),
            "size" => Some("13b"),
            "quantization" => Some("int8 (own)"),
            _ => None,
        };
        let traits = Traits::of_name("gemma2:27b-instruct-q5_K_M").with_metadata(metadata);
        assert_eq!(
            (traits.label().as_str(), traits.quantisation.as_deref()),
            ("Ours 13b", Some("int8 (own)"))
        );
        assert_eq!(traits.size.map(|size| size.billions), Some(13.0));
    }
}
