//! Operators of one feed-forward network.

use super::*;
use crate::definition2::{adapter::LOW_RANK_BYTES, architecture::FeedForward};

/// Network on its way into the list.
#[derive(Clone, Copy)]
pub(super) struct Owner {
	/// Layer.
	pub(super) layer: u8,
	/// Network among those of the layer.
	pub(super) slot: Slot,
	/// Operator that says which expert is at a rank.
	pub(super) route: Option<usize>,
	/// Rank of the adapters, where experts are such.
	pub(super) adapter_rank: Option<u8>,
}

impl Owner {
	/// Returns the source of the tensors that are the network's own.
	fn own(self) -> Source {
		match self.slot {
			Slot::Rank(rank) => Source::Chosen { layer: self.layer, rank },
			Slot::Dense | Slot::Shared => Source::Part(Part::Layer(self.layer)),
		}
	}

	/// Returns the source of the matrices and the gain: the layer's if its experts are adapters.
	fn base(self) -> Source {
		match self.adapter_rank {
			Some(_) => Source::Part(Part::Layer(self.layer)),
			None => self.own(),
		}
	}

	/// Returns the role of the product with a matrix, and that of the first matrix of its adapter.
	fn roles(self, name: Name) -> (Role, Role) {
		let (layer, slot) = (self.layer, self.slot);
		match name {
			Name::Gate => (Role::Gate(layer, slot), Role::GateIn(layer, slot)),
			Name::Up => (Role::Up(layer, slot), Role::UpIn(layer, slot)),
			_ => (Role::Down(layer, slot), Role::DownIn(layer, slot)),
		}
	}

	/// Returns inputs, and behind them the route if there is one.
	fn reads(self, inputs: &[usize]) -> Vec<usize> {
		inputs.iter().copied().chain(self.route).collect()
	}
}

/// Multiplication by a matrix of a network.
struct Product {
	name: Name,
	weights: WeightKind,
	rows: usize,
	cols: usize,
	width: u8,
	fraction: u8,
	bound: i32,
}

impl Builder<'_> {
	/// Appends gate, up, hidden and down of a network. `stream` is what its output is added to, if at once.
	pub(super) fn network(
		&mut self,
		owner: Owner,
		network: &FeedForward,
		input: usize,
		stream: Option<usize>,
	) -> usize {
		let (architecture, rows) = (self.architecture, network.hidden as usize);
		let (cols, width) = (usize::from(architecture.d_model), architecture.bits.input);
		let (fraction, bound) = (PROJECTION_BITS, PROJECTION_MAX);
		let of = |name, weights| Product { name, weights, rows, cols, width, fraction, bound };
		let gates = self.product(owner, &of(Name::Gate, network.gate), input);
		let ups = self.product(owner, &of(Name::Up, network.up), input);
		let row = self.hidden(owner, gates, ups, rows);
		let down = Product {
			name: Name::Down,
			weights: network.down,
			rows: cols,
			cols: rows,
			width: architecture.bits.hidden,
			fraction: architecture.fraction,
			bound: RESIDUAL_MAX,
		};
		match stream {
			None => self.product(owner, &down, row),
			Some(stream) => {
				let shape = self.columns(down.rows, block_columns(down.weights, down.cols));
				let (kind, tensor) = (Kind::LinearAdd { width: down.width }, (owner.own(), Name::Down));
				self.put(Role::Down(owner.layer, owner.slot), kind, &[row, stream], &[tensor], shape)
			}
		}
	}

	/// Appends a hidden layer.
	fn hidden(&mut self, owner: Owner, gates: usize, ups: usize, hidden: usize) -> usize {
		let gain = self.architecture.sub_norms.then(|| (owner.base(), Name::HiddenGain));
		let inputs = match gain {
			Some((Source::Chosen { .. }, _)) => owner.reads(&[gates, ups]),
			_ => Vec::from([gates, ups]),
		};
		let kind = Kind::Hidden { width: self.architecture.bits.hidden };
		let shape = self.whole(Activations::bytes(hidden));
		self.put(Role::Hidden(owner.layer, owner.slot), kind, &inputs, gain.as_slice(), shape)
	}

	/// Appends a multiplication by a matrix, with its adapter where experts are adapters.
	fn product(&mut self, owner: Owner, product: &Product, input: usize) -> usize {
		let &Product { name, weights, rows, cols, width, fraction, bound } = product;
		let (role, role_in) = owner.roles(name);
		let matrix = (owner.base(), name);
		let shape = self.columns(rows, block_columns(weights, cols));
		let adapter = owner.adapter_rank.zip(name.adapter());
		let Some((rank, (first, second))) = adapter else {
			let kind = Kind::Linear { width, fraction, bound };
			return self.put(role, kind, &owner.reads(&[input]), &[matrix], shape);
		};
		let (first, second) = ((owner.own(), first), (owner.own(), second));
		let shape_in = Shape {
			rows: self.positions,
			row_bytes: LOW_RANK_BYTES * usize::from(rank),
			block_bytes: LOW_RANK_BYTES * block_rows(cols),
		};
		let kind_in = Kind::AdapterIn { width };
		let sums = self.put(role_in, kind_in, &owner.reads(&[input]), &[first], shape_in);
		let kind = Kind::AdaptedLinear { width, fraction, bound };
		self.put(role, kind, &owner.reads(&[input, sums]), &[matrix, second, first], shape)
	}
}
