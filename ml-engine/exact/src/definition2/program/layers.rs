//! Operators of one layer.

use super::{network::Owner, *};
use crate::definition2::architecture::{Network, Routing};

impl Builder<'_> {
	/// Appends a layer behind the stream at `stream` and returns the place of the stream behind it.
	pub(super) fn layer(&mut self, layer: u8, stream: usize) -> usize {
		let stream = self.attention(layer, stream);
		let Some(shape) = self.architecture.layers.get(usize::from(layer)) else { return stream };
		let gain = own(Part::Layer(layer), Name::FeedForwardGain);
		let input = self.norm(Role::FeedForwardInput(layer), stream, gain);
		match shape.network {
			Network::Dense(network) => {
				let owner = Owner { layer, slot: Slot::Dense, route: None, adapter_rank: None };
				self.network(owner, &network, input, Some(stream))
			}
			Network::Routed(routing) => self.routed(layer, &routing, stream, input),
		}
	}

	/// Appends the attention of a layer and returns the place of the stream behind it.
	fn attention(&mut self, layer: u8, stream: usize) -> usize {
		let architecture = self.architecture;
		let Some(&shape) = architecture.layers.get(usize::from(layer)) else { return stream };
		let d = usize::from(architecture.d_model);
		let (width, kv) = (architecture.attention_width(), architecture.kv_width());
		let gain = own(Part::Layer(layer), Name::AttentionGain);
		let input = self.norm(Role::AttentionInput(layer), stream, gain);
		let query = (Role::Query(layer), Name::Query, Name::QueryBias);
		let key = (Role::Key(layer), Name::Key, Name::KeyBias);
		let value = (Role::Value(layer), Name::Value, Name::ValueBias);
		let query = self.projection(layer, query, shape.query, width, input);
		let key = self.projection(layer, key, shape.key, kv, input);
		let value = self.projection(layer, value, shape.value, kv, input);
		let heads = self.heads(layer, [query, key, value]);
		let block = usize::from(architecture.head_size);
		let attention =
			self.put(Role::Attention(layer), Kind::Attention, &heads, &[], self.columns(width, block));
		let bits = architecture.bits.output;
		let (kind, gain) = if architecture.sub_norms {
			let gain = own(Part::Layer(layer), Name::OutputGain);
			(Kind::Norm { unit: PROJECTION_BITS, width: bits }, Some(gain))
		} else {
			(Kind::Quantise { unit: PROJECTION_BITS, width: bits }, None)
		};
		let shape_of_row = self.whole(Activations::bytes(width));
		let output =
			self.put(Role::AttentionOutput(layer), kind, &[attention], gain.as_slice(), shape_of_row);
		let block = block_columns(shape.output, width);
		self.put(
			Role::AttentionResidual(layer),
			Kind::LinearAdd { width: bits },
			&[output, stream],
			&[own(Part::Layer(layer), Name::Output)],
			self.columns(d, block),
		)
	}

	/// Appends query heads, key heads and value heads over the three projections.
	fn heads(&mut self, layer: u8, [query, key, value]: [usize; 3]) -> [usize; 3] {
		let architecture = self.architecture;
		let (heads, kv_heads) = (usize::from(architecture.heads), usize::from(architecture.kv_heads));
		let entry = Head::bytes(architecture.head_size.into());
		let frequencies = own(Part::Embedding, Name::Frequencies);
		let mut tensors = [own(Part::Layer(layer), Name::QueryGain), frequencies];
		let from = usize::from(architecture.qk_norm == QkNorm::None);
		let shape = Shape { rows: self.positions, row_bytes: heads * entry, block_bytes: entry };
		let query = self.put(Role::QueryHeads(layer), Kind::QueryHeads, &[query], &tensors[from..], shape);
		let by_head = |positions| Shape {
			rows: kv_heads,
			row_bytes: self.positions * entry,
			block_bytes: positions * entry,
		};
		let value_shape = by_head(BLOCK_POSITIONS);
		// A norm over all heads reads whole rows of keys.
		let mut positions = BLOCK_POSITIONS;
		while architecture.qk_norm == QkNorm::Whole
			&& positions > 1
			&& positions * 4 * architecture.kv_width() > BLOCK_READS
		{
			positions /= 2;
		}
		let key_shape = by_head(positions);
		tensors[0] = own(Part::Layer(layer), Name::KeyGain);
		let key = self.put(Role::KeyHeads(layer), Kind::KeyHeads, &[key], &tensors[from..], key_shape);
		let value = self.put(Role::ValueHeads(layer), Kind::ValueHeads, &[value], &[], value_shape);
		[query, key, value]
	}

	/// Appends a norm of the stream in front of projections.
	fn norm(&mut self, role: Role, stream: usize, gain: (Source, Name)) -> usize {
		let kind = Kind::Norm { unit: self.architecture.fraction, width: self.architecture.bits.input };
		let shape = self.whole(Activations::bytes(self.architecture.d_model.into()));
		self.put(role, kind, &[stream], &[gain], shape)
	}

	/// Appends queries, keys or values.
	fn projection(
		&mut self,
		layer: u8,
		(role, matrix, bias): (Role, Name, Name),
		kind: WeightKind,
		rows: usize,
		input: usize,
	) -> usize {
		let tensors = [own(Part::Layer(layer), matrix), own(Part::Layer(layer), bias)];
		let count = 1 + usize::from(self.architecture.biases);
		let block = block_columns(kind, self.architecture.d_model.into());
		self.put(role, self.q12(), &[input], &tensors[..count], self.columns(rows, block))
	}

	/// Returns a multiplication by a matrix of what the input norms quantise, in Q12.
	fn q12(&self) -> Kind {
		let width = self.architecture.bits.input;
		Kind::Linear { width, fraction: PROJECTION_BITS, bound: PROJECTION_MAX }
	}

	/// Appends router, chosen experts and shared network, and returns the place of the stream behind them.
	fn routed(&mut self, layer: u8, routing: &Routing, stream: usize, input: usize) -> usize {
		let &Routing { experts, top_k, normalised, router, ref expert, ref shared, adapter_rank } = routing;
		let d = usize::from(self.architecture.d_model);
		let width = self.architecture.bits.input;
		let linear = Kind::Linear { width, fraction: LOGIT_BITS, bound: LOGIT_MAX };
		let shape = self.columns(experts.into(), block_columns(router, d));
		let tensor = own(Part::Layer(layer), Name::Router);
		let logits = self.put(Role::RouterLogits(layer), linear, &[input], &[tensor], shape);
		let shape = self.whole(CHOICE_BYTES * usize::from(top_k));
		let kind = Kind::Route { experts, top_k, normalised };
		let route = self.put(Role::Route(layer), kind, &[logits], &[], shape);
		let mut inputs = Vec::from([stream, route]);
		for rank in 0..top_k {
			let owner = Owner { layer, slot: Slot::Rank(rank), route: Some(route), adapter_rank };
			inputs.push(self.network(owner, expert, input, None));
		}
		if let Some(shared) = shared {
			let owner = Owner { layer, slot: Slot::Shared, route: None, adapter_rank: None };
			inputs.push(self.network(owner, shared, input, None));
		}
		let kind = Kind::Mix { top_k, shared: shared.is_some() };
		self.put(Role::Mix(layer), kind, &inputs, &[], self.columns(d, BLOCK_COLUMNS))
	}
}
