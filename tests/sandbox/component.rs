//! A plugin written by hand, instruction by instruction, so that it can break every rule of the ABI: a core module in text
//! around which a component of the contract is made.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const CONTRACT: &str = include_str!("../../wit/llmperf-plugin.wit");

/// What a world offers that grants nothing and still works for its guest.
const RANDOM: &str = "package wasi:random@0.2.0 { interface random { get-random-bytes: func(len: u64) -> list<u8>; } }
    package wasi:io@0.2.0 { interface poll { resource pollable; poll: func(in: list<borrow<pollable>>) -> list<u32>; } }";

/// The parts of the module; each is the body of a function in WebAssembly text, or what stands beside the functions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) memory: &'a str,
    pub(crate) beside: &'a str,
    pub(crate) describe: &'a str,
    pub(crate) build: &'a str,
    pub(crate) constructor: &'a str,
    pub(crate) push: &'a str,
    pub(crate) explain: &'a str,
    /// Instead of making room for what the host hands over.
    pub(crate) realloc: &'a str,
}

/// A plugin that works: it asks for one chat completion, and makes one text of each batch of events.
pub(crate) const GOOD: Parts<'_> = Parts {
    memory: "(memory (export \"memory\") 40)",
    beside: "",
    describe: "(i32.const 1024)",
    build: "(i32.const 2048)",
    constructor: "(call $new (i32.const 1))",
    push: "(i32.const 3072)",
    explain: "unreachable",
    realloc: "",
};

/// A string of bytes as text of a data segment.
fn words(values: &[u32]) -> String {
    values.iter().flat_map(|value| value.to_le_bytes()).map(|byte| format!("\\{byte:02x}")).collect()
}

/// The module in text. Records lie as the canonical ABI has them.
fn module(parts: Parts<'_>) -> String {
    let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}],"max_tokens":5}"#;
    let length = u32::try_from(body.len()).expect("short");
    let Parts { memory, beside, describe, build, constructor, push, explain, realloc } = parts;
    // name, version, summary; tasks, options, providers: none.
    let description = words(&[512, 4, 520, 5, 528, 7, 0, 0, 0, 0, 0, 0, 0]);
    // ok; POST, the path of two segments, no query, no headers, the body, one framing.
    let request = words(&[0, 540, 4, 2200, 2, 0, 0, 0, 0, 600, length, 2300, 1]);
    let path = words(&[544, 4, 548, 11]);
    // ok; one delta: event 0, text.
    let deltas = words(&[0, 3200, 1]);
    let delta = words(&[0, 0, 0, 0, 512, 4]);
    let body = body.replace('"', "\\22");
    format!(
        r#"(module
          (import "[export]llmperf:plugin/api@0.1.0" "[resource-new]decoder" (func $new (param i32) (result i32)))
          {memory}
          (global $top (mut i32) (i32.const 1048576))
          (data (i32.const 512) "wat-\00\00\00\000.1.0\00\00\00by hand\00\00\00\00\00POSTchatcompletions")
          (data (i32.const 600) "{body}")
          (data (i32.const 1024) "{description}")
          (data (i32.const 2048) "{request}") (data (i32.const 2200) "{path}") (data (i32.const 2300) "\00")
          (data (i32.const 3072) "{deltas}") (data (i32.const 3200) "{delta}") (data (i32.const 4000) "\00\00\00\00\00\00\00\00\00\00\00\00")
          {beside}
          (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32) {realloc}
            (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
            (global.set $top (i32.add (local.get $at) (local.get 3)))
            (local.get $at))
          (func (export "llmperf:plugin/api@0.1.0#describe") (result i32) {describe})
          (func (export "llmperf:plugin/api@0.1.0#build-request")
            (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) {build})
          (func (export "llmperf:plugin/api@0.1.0#[constructor]decoder") (param i32 i32 i32 i32 i32) (result i32) {constructor})
          (func (export "llmperf:plugin/api@0.1.0#[method]decoder.push") (param i32 i32 i32) (result i32) {push})
          (func (export "llmperf:plugin/api@0.1.0#[method]decoder.finish") (param i32 i32) (result i32) (i32.const 4000))
          (func (export "llmperf:plugin/api@0.1.0#explain") (param i32 i32 i32 i32 i32) (result i32) {explain}))"#
    )
}

/// The component; with `imports` its world has what [`RANDOM`] says too.
pub(crate) fn component(parts: Parts<'_>, imports: &str) -> Vec<u8> {
    let mut core = wat::parse_str(module(parts)).unwrap_or_else(|error| panic!("{error}"));
    let mut resolve = Resolve::default();
    let contract = CONTRACT.replace("export api;", &format!("export api; {imports}"));
    let nested = if imports.is_empty() { "" } else { RANDOM };
    let package = resolve.push_str("plugin.wit", &format!("{contract}\n{nested}")).expect("the contract");
    let world = resolve.select_world(&[package], Some("plugin")).expect("its world");
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8).expect("metadata");
    let mut encoder = ComponentEncoder::default();
    encoder.validate(false).module(&core).unwrap_or_else(|error| panic!("{error:?}"));
    encoder.encode().unwrap_or_else(|error| panic!("{error:?}"))
}

/// The component with a module more, which is instantiated this often.
pub(crate) fn with_instances(mut component: Vec<u8>, module: &str, count: u32) -> Vec<u8> {
    let parsed = wasmparser::Parser::new(0).parse_all(&component);
    let is_module = |payload: &wasmparser::Result<wasmparser::Payload<'_>>| {
        matches!(payload, Ok(wasmparser::Payload::ModuleSection { .. }))
    };
    let index = u32::try_from(parsed.filter(is_module).count()).expect("few");
    let module = wat::parse_str(module).expect("good text");
    section(&mut component, 1, &module);
    let mut instances = leb(count);
    for _ in 0..count {
        instances.push(0);
        instances.extend(leb(index));
        instances.push(0);
    }
    section(&mut component, 2, &instances);
    component
}

fn section(component: &mut Vec<u8>, id: u8, content: &[u8]) {
    component.push(id);
    component.extend(leb(u32::try_from(content.len()).expect("a section")));
    component.extend(content);
}

fn leb(mut value: u32) -> Vec<u8> {
    let mut bytes = vec![];
    loop {
        let low = u8::try_from(value & 0x7f).expect("seven bits");
        value >>= 7;
        bytes.push(if value == 0 { low } else { low | 0x80 });
        if value == 0 {
            return bytes;
        }
    }
}
