//! How hard a component is to compile, found before it is. The compiler has no budget of its own: a function of one
//! mebibyte with fifty thousand locals takes it minutes and 20 GiB.

use anyhow::{Result, bail};
use wasmparser::{Parser, Payload};

/// The longest function. CPython's and SpiderMonkey's interpreter loops are about a tenth of it.
const MAX_FUNCTION_BYTES: u64 = 1 << 20;
/// The most a function may weigh, as its bytes times its locals: what the compiler keeps of it grows with both, some
/// 300 MiB at this weight. A function of 100 KB with 5,000 locals weighs half of it.
const MAX_FUNCTION_WEIGHT: u64 = 1_000_000_000;
/// What a function weighs beside that, however short: some 20 µs. CPython has 15,000 functions.
const FUNCTION_WEIGHT: u64 = 100_000;
/// The most all functions may weigh together: about a minute of CPU.
const MAX_WEIGHT: u64 = 50_000_000_000;

/// Refuses a component that would not be compiled in reasonable time and memory.
pub(super) fn refuse_what_is_too_heavy(wasm: &[u8]) -> Result<()> {
    let mut total: u64 = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        let body = match payload {
            Ok(Payload::CodeSectionEntry(body)) => body,
            Ok(_) => continue,
            // What is wrong with it, the compiler says before it compiles anything.
            Err(_) => return Ok(()),
        };
        let Ok(locals) = body.get_locals_reader() else { return Ok(()) };
        let locals: u64 = locals.into_iter().flatten().map(|(count, _)| u64::from(count)).sum();
        let bytes = body.range().len() as u64;
        let weight = bytes.saturating_mul(locals.max(1));
        if bytes > MAX_FUNCTION_BYTES || weight > MAX_FUNCTION_WEIGHT {
            bail!("it has a function of {bytes} bytes with {locals} locals, which takes too long to compile");
        }
        total = total.saturating_add(weight).saturating_add(FUNCTION_WEIGHT);
    }
    if total > MAX_WEIGHT {
        bail!("its functions are too many, or too long with too many locals: they take too long to compile");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(functions: usize, locals: usize, additions: usize) -> Vec<u8> {
        let body = format!("(local {}) {}", "i32 ".repeat(locals), "(drop (i32.const 1)) ".repeat(additions));
        let function = format!("(func {body})");
        wat::parse_str(format!("(component (core module {}))", function.repeat(functions)))
            .expect("good text")
    }

    #[test]
    fn what_grows_with_bytes_and_locals_is_bounded() {
        // Three bytes an addition.
        for (functions, locals, additions, good) in [
            (1, 0, 0, true),
            (1, 0, 300_000, true),
            (1, 0, 400_000, false),
            (1, 5_000, 40_000, true),
            (1, 50_000, 10_000, false),
            (50, 45_000, 6_000, true),
            (70, 45_000, 6_000, false),
            (400_000, 0, 0, true),
            (600_000, 0, 0, false),
        ] {
            let weighed = refuse_what_is_too_heavy(&component(functions, locals, additions));
            assert_eq!(weighed.is_ok(), good, "{functions} {locals} {additions}: {weighed:?}");
        }
    }

    #[test]
    fn the_bundled_plugins_are_far_from_the_bounds() {
        for plugin in crate::plugin::bundled() {
            refuse_what_is_too_heavy(plugin.wasm).expect(plugin.name);
        }
    }
}
