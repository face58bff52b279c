//! Tool calls: blocks of a message whose input comes in fragments.

use serde_json::value::RawValue;

use crate::{Out, compact_json};

/// The calls seen so far, in the order of their blocks.
#[derive(Debug, Default)]
pub(super) struct ToolCalls(Vec<Call>);

#[derive(Debug)]
struct Call {
    block: u64,
    /// What the block began with. Fragments replace it; without any it is all there is.
    input: Option<String>,
}

impl ToolCalls {
    pub(super) fn start(&mut self, block: u64, name: String, input: Option<&RawValue>, out: &mut Out) {
        self.0.push(Call { block, input: input.map(|input| compact_json(input.get())) });
        out.tool_call(self.last_index(), name);
    }

    pub(super) fn fragment(&mut self, block: u64, json: String, out: &mut Out) {
        if json.is_empty() {
            return;
        }
        match self.0.iter().rposition(|call| call.block == block) {
            None => self.0.push(Call { block, input: None }),
            Some(at) => self.0[at].input = None,
        }
        out.tool_call(self.index(block), json);
    }

    /// The block has ended.
    pub(super) fn stop(&mut self, block: u64, out: &mut Out) {
        let index = self.index(block);
        let call = self.0.iter_mut().rfind(|call| call.block == block);
        // An empty object stands for an input that is to come.
        if let Some(input) =
            call.and_then(|call| call.input.take()).filter(|json| json != "{}" && json != "null")
        {
            out.tool_call(index, input);
        }
    }

    /// A call that came whole.
    pub(super) fn whole(&mut self, block: u64, name: String, input: Option<&RawValue>, out: &mut Out) {
        self.start(block, name, None, out);
        if let Some(input) = input {
            out.tool_call(self.last_index(), compact_json(input.get()));
        }
    }

    fn index(&self, block: u64) -> u32 {
        let at = self.0.iter().rposition(|call| call.block == block).unwrap_or_default();
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    fn last_index(&self) -> u32 {
        u32::try_from(self.0.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }
}
