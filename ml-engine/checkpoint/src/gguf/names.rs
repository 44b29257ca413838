//! Names of roles in GGUF files.

use super::Gguf;
use crate::role::Role;

/// Tensor of a role: its name, and which of its stacked matrices.
pub(crate) struct Found {
	/// Name of the tensor.
	pub name: String,
	/// Index of the matrix, 0 unless the tensor stacks those of all experts.
	pub index: usize,
	/// True if the tensor stacks matrices.
	pub stacked: bool,
}

/// Tensors that are read with the configuration and have no role.
pub(crate) const PASSIVE: [&str; 1] = [super::config::ROPE_DIVISORS];

/// Name of the tensor that has a role. Experts are stacked, unless an old converter gave each a tensor of its own.
pub(crate) fn locate(gguf: &Gguf, role: Role, routed: bool) -> Found {
	let plain = |name: String| Found { name, index: 0, stacked: false };
	let layer = |layer: usize, name: &str| plain(format!("blk.{layer}.{name}"));
	let expert = |layer: usize, expert: usize, part: &str| {
		if !routed {
			return plain(format!("blk.{layer}.ffn_{part}.weight"));
		}
		let single = format!("blk.{layer}.ffn_{part}.{expert}.weight");
		if gguf.tensor(&single).is_some() {
			return plain(single);
		}
		Found { name: format!("blk.{layer}.ffn_{part}_exps.weight"), index: expert, stacked: true }
	};
	match role {
		Role::Embedding => plain("token_embd.weight".into()),
		Role::OutputNorm => plain("output_norm.weight".into()),
		Role::Head => plain("output.weight".into()),
		Role::AttnNorm(l) => layer(l, "attn_norm.weight"),
		Role::Q(l) => layer(l, "attn_q.weight"),
		Role::K(l) => layer(l, "attn_k.weight"),
		Role::V(l) => layer(l, "attn_v.weight"),
		Role::O(l) => layer(l, "attn_output.weight"),
		Role::QBias(l) => layer(l, "attn_q.bias"),
		Role::KBias(l) => layer(l, "attn_k.bias"),
		Role::VBias(l) => layer(l, "attn_v.bias"),
		Role::QNorm(l) => layer(l, "attn_q_norm.weight"),
		Role::KNorm(l) => layer(l, "attn_k_norm.weight"),
		Role::AttnSubNorm(l) => layer(l, "attn_sub_norm.weight"),
		Role::FfnNorm(l) => layer(l, "ffn_norm.weight"),
		Role::Router(l) => layer(l, "ffn_gate_inp.weight"),
		Role::Gate(l, e) => expert(l, e, "gate"),
		Role::Up(l, e) => expert(l, e, "up"),
		Role::Down(l, e) => expert(l, e, "down"),
		Role::FfnSubNorm(l) => layer(l, "ffn_sub_norm.weight"),
		Role::SharedRouter(l) => layer(l, "ffn_gate_inp_shexp.weight"),
		Role::SharedGate(l) => layer(l, "ffn_gate_shexp.weight"),
		Role::SharedUp(l) => layer(l, "ffn_up_shexp.weight"),
		Role::SharedDown(l) => layer(l, "ffn_down_shexp.weight"),
	}
}
