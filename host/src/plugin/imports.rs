//! What a component imports, read without running or compiling it.

use wasmparser::{Parser, Payload};

/// The imports of the component itself, in its own order. What cannot be read has none: it is refused elsewhere.
pub fn imports(wasm: &[u8]) -> Vec<String> {
    let mut found = vec![];
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload {
            Ok(Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) => depth += 1,
            Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
            Ok(Payload::ComponentImportSection(section)) if depth == 0 => {
                found.extend(section.into_iter().flatten().map(|import| import.name.name.to_owned()));
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_imports_of_the_outermost_component_are_listed() {
        let text = r#"(component
            (import "wasi:cli/stdout@0.2.0" (instance))
            (core module (import "env" "memory" (memory 1)))
            (component (import "inner:x/y" (instance)))
            (import "evil:corp/root-shell" (instance)))"#;
        let wasm = wat::parse_str(text).expect("good text");
        assert_eq!(imports(&wasm), ["wasi:cli/stdout@0.2.0", "evil:corp/root-shell"]);
        assert_eq!(imports(b"no wasm"), [""; 0]);
    }
}
