//! Names of roles in directories of safetensors, which are those of `transformers`.

use crate::{architecture::Family, role::Role};

/// Name of the tensor that has a role.
pub(crate) fn name(role: Role, family: Family) -> String {
	let layer = |layer: usize, name: &str| format!("model.layers.{layer}.{name}");
	let expert = |l: usize, e: usize, part: &str, mixtral: &str| match family {
		Family::Mixtral => layer(l, &format!("block_sparse_moe.experts.{e}.{mixtral}.weight")),
		_ if family.is_routed() => layer(l, &format!("mlp.experts.{e}.{part}_proj.weight")),
		_ => layer(l, &format!("mlp.{part}_proj.weight")),
	};
	match role {
		Role::Embedding => "model.embed_tokens.weight".into(),
		Role::OutputNorm => "model.norm.weight".into(),
		Role::Head => "lm_head.weight".into(),
		Role::AttnNorm(l) => layer(l, "input_layernorm.weight"),
		Role::Q(l) => layer(l, "self_attn.q_proj.weight"),
		Role::K(l) => layer(l, "self_attn.k_proj.weight"),
		Role::V(l) => layer(l, "self_attn.v_proj.weight"),
		Role::O(l) => layer(l, "self_attn.o_proj.weight"),
		Role::QBias(l) => layer(l, "self_attn.q_proj.bias"),
		Role::KBias(l) => layer(l, "self_attn.k_proj.bias"),
		Role::VBias(l) => layer(l, "self_attn.v_proj.bias"),
		Role::QNorm(l) => layer(l, "self_attn.q_norm.weight"),
		Role::KNorm(l) => layer(l, "self_attn.k_norm.weight"),
		Role::AttnSubNorm(l) => layer(l, "self_attn.attn_sub_norm.weight"),
		Role::FfnNorm(l) => layer(l, "post_attention_layernorm.weight"),
		Role::Router(l) if family == Family::Mixtral => layer(l, "block_sparse_moe.gate.weight"),
		Role::Router(l) => layer(l, "mlp.gate.weight"),
		Role::Gate(l, e) => expert(l, e, "gate", "w1"),
		Role::Up(l, e) => expert(l, e, "up", "w3"),
		Role::Down(l, e) => expert(l, e, "down", "w2"),
		Role::FfnSubNorm(l) => layer(l, "mlp.ffn_sub_norm.weight"),
		Role::SharedRouter(l) => layer(l, "mlp.shared_expert_gate.weight"),
		Role::SharedGate(l) => layer(l, "mlp.shared_expert.gate_proj.weight"),
		Role::SharedUp(l) => layer(l, "mlp.shared_expert.up_proj.weight"),
		Role::SharedDown(l) => layer(l, "mlp.shared_expert.down_proj.weight"),
	}
}

/// Name of the scale of a ternary tensor.
pub(crate) fn scale_name(tensor: &str) -> String {
	format!("{tensor}_scale")
}

/// Reports whether a tensor has no part in what is computed: buffers of old versions, and the head of a tied model.
pub(crate) fn is_passive(tensor: &str, tied_embedding: bool) -> bool {
	tensor.ends_with(".rotary_emb.inv_freq") || (tied_embedding && tensor == "lm_head.weight")
}
