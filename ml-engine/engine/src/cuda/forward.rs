//! The forward pass over one group of sequences, operator after operator, without a word to the host in between.

use super::{
	driver::{Buffer, Driver},
	operators::{Activations, Heads, Into, Routing},
	weights::DeviceModel,
	DeviceError,
};
use blyan_exact::{ModelConfig, PROJECTION_MAX, VOCAB};

/// Room for a group of at most so many tokens of one architecture.
pub(super) struct Workspace {
	tokens_max: usize,
	tokens: Buffer<u8>,
	targets: Buffer<u8>,
	stream: Buffer<i32>,
	/// The stream in front of the candidate's layer.
	kept: Buffer<i32>,
	inputs: Activations,
	projections: [Buffer<i32>; 3],
	heads: Heads,
	attention: Buffer<i32>,
	router_logits: Buffer<i32>,
	routing: Routing,
	hidden: Buffer<i32>,
	hidden_inputs: Activations,
	said: Buffer<i32>,
	logits: Buffer<i32>,
	losses: Buffer<u64>,
	exp2_table: Buffer<u32>,
}

impl Workspace {
	/// Returns the bytes for one token.
	pub(super) fn bytes_per_token(config: &ModelConfig) -> usize {
		let (d, hidden) = (usize::from(config.d_model), usize::from(config.d_ff));
		let top_k = usize::from(config.top_k);
		let heads = usize::from(config.heads) * (3 * config.head_size().next_multiple_of(16) + 8);
		let experts = usize::from(config.experts);
		4 * 6 * d + (d + 8) + heads + 4 * experts + top_k * (5 * hidden + 4 * d + 24) + 4 * VOCAB + 16
	}

	/// Takes the room.
	pub(super) fn new(driver: &Driver, config: &ModelConfig, tokens: usize) -> Result<Self, DeviceError> {
		let (d, hidden) = (usize::from(config.d_model), usize::from(config.d_ff));
		let choices = tokens * usize::from(config.top_k);
		Ok(Self {
			tokens_max: tokens,
			tokens: driver.room(tokens)?,
			targets: driver.room(tokens)?,
			stream: driver.room(tokens * d)?,
			kept: driver.room(tokens * d)?,
			inputs: driver.activations(tokens, d)?,
			projections: [driver.room(tokens * d)?, driver.room(tokens * d)?, driver.room(tokens * d)?],
			heads: driver.heads(config, tokens)?,
			attention: driver.room(tokens * d)?,
			router_logits: driver.room(tokens * usize::from(config.experts))?,
			routing: driver.routing(config, tokens)?,
			hidden: driver.room(choices * hidden)?,
			hidden_inputs: driver.activations(choices, hidden)?,
			said: driver.room(choices * d)?,
			logits: driver.room(tokens * VOCAB)?,
			losses: driver.room(tokens)?,
			exp2_table: driver.exp2_table()?,
		})
	}

	/// Embeds sequences of one length behind their begin-of-sequence tokens.
	pub(super) fn start(
		&mut self,
		driver: &Driver,
		model: &DeviceModel,
		sequences: &[&[u8]],
	) -> Result<Group, DeviceError> {
		let len = sequences.first().map_or(1, |bytes| bytes.len());
		let group = Group { tokens: sequences.len() * len, len };
		assert!(group.tokens <= self.tokens_max, "a workspace is made for its groups");
		let inputs: Vec<u8> = sequences
			.iter()
			.flat_map(|bytes| std::iter::once(0).chain(bytes[..len - 1].iter().copied()))
			.collect();
		driver.write(&mut self.tokens, &inputs)?;
		driver.write(&mut self.targets, &sequences.concat())?;
		let trunk = &model.trunk;
		driver.embed(
			&self.tokens,
			group.tokens,
			&trunk.embedding,
			trunk.embedding_scale,
			&mut self.stream,
		)?;
		Ok(group)
	}

	/// Runs the layers in `range` over the stream.
	pub(super) fn layers(
		&mut self,
		driver: &Driver,
		model: &DeviceModel,
		group: Group,
		range: std::ops::Range<usize>,
	) -> Result<(), DeviceError> {
		for layer in range {
			self.attention(driver, model, group, layer)?;
			self.mixture(driver, model, group, layer)?;
		}
		Ok(())
	}

	fn attention(
		&mut self,
		driver: &Driver,
		model: &DeviceModel,
		group: Group,
		index: usize,
	) -> Result<(), DeviceError> {
		let (config, layer, tokens) = (&model.config, &model.trunk.layers[index], group.tokens);
		driver.norm_quant(&self.stream, tokens, &layer.attn_gain, &mut self.inputs)?;
		for (weights, out) in [&layer.wq, &layer.wk, &layer.wv].into_iter().zip(&mut self.projections) {
			driver.ternary_matmul(&self.inputs, tokens, weights, Into::Outputs(out, PROJECTION_MAX))?;
		}
		let shape = (tokens, group.len);
		driver.split_heads(
			config,
			self.projections.each_ref(),
			shape,
			&model.trunk.angles,
			&mut self.heads,
		)?;
		driver.attend(config, shape, &self.heads, &self.exp2_table, &mut self.attention)?;
		driver.norm_quant(&self.attention, tokens, &layer.attn_out_gain, &mut self.inputs)?;
		driver.ternary_matmul(&self.inputs, tokens, &layer.wo, Into::Stream(&mut self.stream))
	}

	fn mixture(
		&mut self,
		driver: &Driver,
		model: &DeviceModel,
		group: Group,
		index: usize,
	) -> Result<(), DeviceError> {
		let (config, layer, tokens) = (&model.config, &model.trunk.layers[index], group.tokens);
		let (d, hidden, top_k) = (config.d_model.into(), config.d_ff.into(), usize::from(config.top_k));
		driver.norm_quant(&self.stream, tokens, &layer.ffn_gain, &mut self.inputs)?;
		driver.table_matmul(&self.inputs, tokens, &layer.router, &mut self.router_logits)?;
		driver.route(config, tokens, &self.router_logits, &self.exp2_table, &mut self.routing)?;
		let experts = model.layer_records(index);
		// SAFETY: the model's records are of its configuration, and the routing was computed just now.
		unsafe {
			driver.expert_up(config, tokens, &self.inputs, experts, &self.routing, &mut self.hidden)?;
			let shape = (tokens * top_k, hidden);
			let expert_of = &self.routing.expert_of;
			driver.norm_quant_squared_relu(
				&self.hidden,
				shape,
				experts,
				expert_of,
				&mut self.hidden_inputs,
			)?;
			driver.expert_down(
				config,
				tokens,
				&self.hidden_inputs,
				experts,
				&self.routing,
				&mut self.said,
			)?;
		}
		driver.mix((tokens, d, top_k), &self.routing.gates, &self.said, &mut self.stream)
	}

	/// Computes the losses of the group's sequences from the stream behind the last layer.
	pub(super) fn losses(
		&mut self,
		driver: &Driver,
		model: &DeviceModel,
		group: Group,
	) -> Result<Vec<u64>, DeviceError> {
		let (trunk, tokens) = (&model.trunk, group.tokens);
		driver.norm_quant(&self.stream, tokens, &trunk.final_gain, &mut self.inputs)?;
		driver.table_matmul(&self.inputs, tokens, &trunk.head, &mut self.logits)?;
		let shape = (tokens, group.len);
		driver.loss(shape, &self.logits, &self.targets, &self.exp2_table, &mut self.losses)?;
		driver.download(&self.losses, tokens / group.len)
	}

	/// Keeps a copy of the stream.
	pub(super) fn keep(
		&mut self,
		driver: &Driver,
		model: &DeviceModel,
		group: Group,
	) -> Result<(), DeviceError> {
		driver.copy(&self.stream, &mut self.kept, group.tokens * usize::from(model.config.d_model))
	}

	/// Goes back to that copy.
	pub(super) fn restore(
		&mut self,
		driver: &Driver,
		model: &DeviceModel,
		group: Group,
	) -> Result<(), DeviceError> {
		driver.copy(&self.kept, &mut self.stream, group.tokens * usize::from(model.config.d_model))
	}
}

/// Tokens of a group, and of each of its sequences.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
	tokens: usize,
	len: usize,
}
