//! What can be told of a component from its bytes alone: nothing of it is compiled or run here.

use anyhow::{Context, Result};
use wasmparser::{CustomSectionReader, KnownCustom, Parser, Payload};

use super::contract::Contract;
use super::digest::sha256;
use super::file_kind::FileKind;
use super::sandbox;

/// Bytes of a page of WebAssembly memory.
const PAGE_BYTES: u64 = 64 << 10;

/// What a file is, and what a component is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anatomy {
    pub kind: FileKind,
    pub bytes: usize,
    /// In hex.
    pub sha256: String,
    /// What it is made of; `None` where it is no component.
    pub component: Option<ComponentAnatomy>,
    /// What is wrong with its bytes; what was found before it stands.
    pub defect: Option<String>,
}

/// What a component is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ComponentAnatomy {
    /// Names of what it exports, in order.
    pub exports: Vec<String>,
    pub imports: Vec<Import>,
    /// What it says it was made with: field (`language`, `processed-by`, `sdk`), name, version. Each once.
    pub producers: Vec<[String; 3]>,
    /// Names of its custom sections with the bytes of all of that name, those of its core modules too.
    pub custom_sections: Vec<(String, usize)>,
    pub core_modules: usize,
    pub functions: usize,
    pub code_bytes: usize,
    /// Linear memory that its core modules start with.
    pub memory_bytes: u64,
}

/// One import of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub name: String,
    /// What the host gives it.
    pub treatment: Treatment,
}

/// What the host does about an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// It is there and grants nothing; the text says what it answers.
    Stubbed(&'static str),
    /// No plugin may have it: the component does not link.
    Refused,
}

impl Anatomy {
    /// Looks at a file's bytes.
    pub fn of(bytes: &[u8]) -> Anatomy {
        let kind = FileKind::of(bytes);
        let mut anatomy =
            Anatomy { kind, bytes: bytes.len(), sha256: sha256(bytes), component: None, defect: None };
        if kind == FileKind::Component {
            let mut component = ComponentAnatomy::default();
            anatomy.defect = component.read(bytes).err().map(|error| format!("{error:#}"));
            anatomy.component = Some(component);
        }
        anatomy
    }

    /// The contract it speaks, as far as its exports tell.
    pub fn contract(&self) -> Contract {
        let exports = self.component.iter().flat_map(|component| &component.exports);
        Contract::of(exports.map(String::as_str))
    }

    /// Names of what it imports, in its own order; none where it is no component.
    pub fn imports(&self) -> impl Iterator<Item = &str> {
        self.component.iter().flat_map(|component| &component.imports).map(|import| import.name.as_str())
    }
}

impl ComponentAnatomy {
    fn read(&mut self, bytes: &[u8]) -> Result<()> {
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.context("it is broken")? {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::ModuleSection { .. } => self.core_modules += 1,
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section {
                        let name = import?.name.name.to_owned();
                        let treatment =
                            sandbox::stub_of(&name).map_or(Treatment::Refused, Treatment::Stubbed);
                        self.imports.push(Import { name, treatment });
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section {
                        self.exports.push(export?.name.name.to_owned());
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        self.memory_bytes += memory?.initial.saturating_mul(PAGE_BYTES);
                    }
                }
                Payload::CodeSectionStart { count, size, .. } => {
                    self.functions += count as usize;
                    self.code_bytes += size as usize;
                }
                Payload::CustomSection(section) => self.custom(&section),
                _ => {}
            }
        }
        Ok(())
    }

    fn custom(&mut self, section: &CustomSectionReader<'_>) {
        let bytes = section.data().len();
        match self.custom_sections.iter_mut().find(|(name, _)| name == section.name()) {
            Some((_, all)) => *all += bytes,
            None => self.custom_sections.push((section.name().to_owned(), bytes)),
        }
        let KnownCustom::Producers(fields) = section.as_known() else { return };
        // One that cannot be read is what its maker says of itself, and nothing depends on it.
        for field in fields.into_iter().flatten() {
            for value in field.values.into_iter().flatten() {
                let producer = [field.name, value.name, value.version].map(str::to_owned);
                if !self.producers.contains(&producer) {
                    self.producers.push(producer);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(text: &str) -> Anatomy {
        Anatomy::of(&wat::parse_str(text).expect("good text"))
    }

    #[test]
    fn a_bundled_plugin_speaks_the_contract_and_gets_stubs_only() {
        for plugin in crate::plugin::bundled() {
            let anatomy = Anatomy::of(plugin.wasm);
            assert_eq!((anatomy.contract(), &anatomy.defect), (Contract::Spoken, &None), "{}", plugin.name);
            let component = anatomy.component.expect("a component");
            assert!(component.imports.iter().all(|import| import.treatment != Treatment::Refused));
            assert!(component.core_modules > 0 && component.functions > 0 && component.memory_bytes > 0);
            assert!(component.producers.iter().any(|[_, name, _]| name == "wit-component"), "{component:?}");
        }
    }

    #[test]
    fn what_no_plugin_may_have_is_refused_by_name() {
        let anatomy = component(
            r#"(component
                (import "wasi:cli/environment@0.2.3" (instance))
                (import "wasi:cli/environment@0.3.0" (instance))
                (import "wasi:http/outgoing-handler@0.2.0" (instance)))"#,
        );
        let component = anatomy.component.expect("a component");
        let refused: Vec<bool> =
            component.imports.iter().map(|import| import.treatment == Treatment::Refused).collect();
        assert_eq!(refused, [false, true, true]);
    }

    #[test]
    fn the_imports_are_those_of_the_outermost_component() {
        let anatomy = component(
            r#"(component
                (import "wasi:cli/stdout@0.2.0" (instance))
                (core module (import "env" "memory" (memory 1)))
                (component (import "inner:x/y" (instance)))
                (import "evil:corp/root-shell" (instance)))"#,
        );
        assert_eq!(anatomy.imports().collect::<Vec<_>>(), ["wasi:cli/stdout@0.2.0", "evil:corp/root-shell"]);
    }

    #[test]
    fn a_broken_component_shows_what_was_found_before_the_break() {
        let whole = wat::parse_str(r#"(component (import "a:b/c@1.0.0" (instance)))"#).expect("good text");
        let anatomy = Anatomy::of(&[&whole[..], &[0xff; 9]].concat());
        assert_eq!(anatomy.component.expect("a component").imports.len(), 1);
        assert!(anatomy.defect.is_some());
        assert_eq!(Anatomy::of(b"\x7fELF").component, None);
    }
}
