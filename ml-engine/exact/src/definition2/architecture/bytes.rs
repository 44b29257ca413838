//! The canonical bytes of an architecture: what is hashed into a model's root and what a file begins with.
//!
//! ```text
//! d_model u16 | heads u16 | kv_heads u16 | head_size u16 | vocabulary u32 | context u32 | fraction u8 | eps u64
//! bits: input u8, output u8, hidden u8 | biases u8 | qk_norm u8 | sub_norms u8 | activation u8
//! embedding u8 | head u8 (255: tied) | layers u8
//! a layer   query u8 | key u8 | value u8 | output u8 | network u8 (0: dense, 1: routed, 2: adapters)
//!   dense   a feed-forward network
//!   routed  experts u16 | top_k u8 | normalised u8 | router u8 | a network | shared u8 (0, or 1 and a network)
//!   adapters   the same up to the network, which is the experts' base | rank u8
//! a feed-forward network   hidden u32 | gate u8 | up u8 | down u8
//! ```
//!
//! All numbers are little endian. Kinds of weights: 0 ternary, 1 int8, 2 int4 by 32, 3 int4 by 64.

use super::{
	Activation, Architecture, ArchitectureError, Bits, FeedForward, LayerShape, Network, QkNorm, Routing,
	WeightKind,
};
use alloc::vec::Vec;

/// The head of a model whose embedding serves as head.
const TIED: u8 = 255;
/// A layer with one network.
const DENSE: u8 = 0;
/// A layer with a router and experts that are networks.
const ROUTED: u8 = 1;
/// A layer with a router, a network, and experts that are adapters of it.
const ADAPTERS: u8 = 2;

type Result<T> = core::result::Result<T, ArchitectureError>;

impl WeightKind {
	/// Returns the byte that names the kind.
	pub fn to_byte(self) -> u8 {
		match self {
			Self::Ternary => 0,
			Self::Int8 => 1,
			Self::Int4By32 => 2,
			Self::Int4By64 => 3,
		}
	}

	/// Reads what [`Self::to_byte`] writes.
	pub fn from_byte(byte: u8) -> Result<Self> {
		let kinds = [Self::Ternary, Self::Int8, Self::Int4By32, Self::Int4By64];
		kinds.get(usize::from(byte)).copied().ok_or(ArchitectureError::Bytes)
	}
}

impl Architecture {
	/// Returns the canonical bytes.
	pub fn to_bytes(&self) -> Vec<u8> {
		let mut out = Vec::new();
		for number in [self.d_model, self.heads, self.kv_heads, self.head_size] {
			out.extend(number.to_le_bytes());
		}
		out.extend(self.vocabulary.to_le_bytes());
		out.extend(self.context.to_le_bytes());
		out.push(self.fraction);
		out.extend(self.eps.to_le_bytes());
		out.extend([self.bits.input, self.bits.output, self.bits.hidden]);
		let qk_norm = match self.qk_norm {
			QkNorm::None => 0,
			QkNorm::PerHead => 1,
			QkNorm::Whole => 2,
		};
		let activation = u8::from(self.activation == Activation::SquaredRelu);
		out.extend([self.biases.into(), qk_norm, self.sub_norms.into(), activation]);
		out.extend([self.embedding.to_byte(), self.head.map_or(TIED, WeightKind::to_byte)]);
		// At most 128; a larger number is refused by `validate` before its bytes matter.
		out.push(self.layers.len() as u8);
		for layer in &self.layers {
			layer.write(&mut out);
		}
		out
	}

	/// Reads the canonical bytes of a valid architecture; refuses every other byte string.
	pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
		let mut reader = Reader(bytes);
		let (d_model, heads) = (reader.u16()?, reader.u16()?);
		let (kv_heads, head_size) = (reader.u16()?, reader.u16()?);
		let (vocabulary, context) = (reader.u32()?, reader.u32()?);
		let (fraction, eps) = (reader.u8()?, u64::from_le_bytes(reader.take()?));
		let [input, output, hidden] = reader.take()?;
		let biases = reader.flag()?;
		let qk_norm = match reader.u8()? {
			0 => QkNorm::None,
			1 => QkNorm::PerHead,
			2 => QkNorm::Whole,
			_ => return Err(ArchitectureError::Bytes),
		};
		let sub_norms = reader.flag()?;
		let activation = if reader.flag()? { Activation::SquaredRelu } else { Activation::SwiGlu };
		let embedding = reader.kind()?;
		let head = match reader.u8()? {
			TIED => None,
			kind => Some(WeightKind::from_byte(kind)?),
		};
		let count = reader.u8()?;
		let layers = (0..count).map(|_| LayerShape::read(&mut reader)).collect::<Result<_>>()?;
		let bits = Bits { input, output, hidden };
		let architecture = Self {
			d_model,
			heads,
			kv_heads,
			head_size,
			vocabulary,
			context,
			fraction,
			eps,
			bits,
			biases,
			qk_norm,
			sub_norms,
			activation,
			embedding,
			head,
			layers,
		};
		if !reader.0.is_empty() {
			return Err(ArchitectureError::Bytes);
		}
		architecture.validate()?;
		Ok(architecture)
	}
}

impl LayerShape {
	fn write(&self, out: &mut Vec<u8>) {
		out.extend([self.query, self.key, self.value, self.output].map(WeightKind::to_byte));
		match &self.network {
			Network::Dense(network) => {
				out.push(DENSE);
				network.write(out);
			}
			Network::Routed(routing) => {
				out.push(if routing.adapter_rank.is_some() { ADAPTERS } else { ROUTED });
				out.extend(routing.experts.to_le_bytes());
				out.extend([routing.top_k, routing.normalised.into(), routing.router.to_byte()]);
				routing.expert.write(out);
				if let Some(rank) = routing.adapter_rank {
					// A shared network beside adapters is refused by `validate` before its bytes matter.
					out.push(rank);
					return;
				}
				out.push(routing.shared.is_some().into());
				if let Some(shared) = &routing.shared {
					shared.write(out);
				}
			}
		}
	}

	fn read(reader: &mut Reader<'_>) -> Result<Self> {
		let (query, key) = (reader.kind()?, reader.kind()?);
		let (value, output) = (reader.kind()?, reader.kind()?);
		let network = match reader.u8()? {
			DENSE => Network::Dense(FeedForward::read(reader)?),
			ROUTED => Network::Routed(Routing::read(reader, false)?),
			ADAPTERS => Network::Routed(Routing::read(reader, true)?),
			_ => return Err(ArchitectureError::Bytes),
		};
		Ok(Self { query, key, value, output, network })
	}
}

impl Routing {
	fn read(reader: &mut Reader<'_>, has_adapters: bool) -> Result<Self> {
		let (experts, top_k) = (reader.u16()?, reader.u8()?);
		let (normalised, router) = (reader.flag()?, reader.kind()?);
		let expert = FeedForward::read(reader)?;
		let adapter_rank = if has_adapters { Some(reader.u8()?) } else { None };
		let has_shared = !has_adapters && reader.flag()?;
		let shared = if has_shared { Some(FeedForward::read(reader)?) } else { None };
		Ok(Self { experts, top_k, normalised, router, expert, shared, adapter_rank })
	}
}

impl FeedForward {
	/// Bytes of a network's shape.
	pub const BYTES: usize = 7;

	/// Returns the canonical bytes: those in an architecture's record.
	pub fn to_bytes(&self) -> [u8; Self::BYTES] {
		let [a, b, c, d] = self.hidden.to_le_bytes();
		[a, b, c, d, self.gate.to_byte(), self.up.to_byte(), self.down.to_byte()]
	}

	/// Reads the canonical bytes. Their bounds are those of [`Self::validate`], which is not called here.
	pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Result<Self> {
		Self::read(&mut Reader(&bytes))
	}

	fn write(&self, out: &mut Vec<u8>) {
		out.extend(self.to_bytes());
	}

	fn read(reader: &mut Reader<'_>) -> Result<Self> {
		Ok(Self { hidden: reader.u32()?, gate: reader.kind()?, up: reader.kind()?, down: reader.kind()? })
	}
}

/// Bytes that are not read yet.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
	fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
		let (head, rest) = self.0.split_first_chunk().ok_or(ArchitectureError::Bytes)?;
		self.0 = rest;
		Ok(*head)
	}

	fn u8(&mut self) -> Result<u8> {
		self.take().map(|[byte]| byte)
	}

	fn u16(&mut self) -> Result<u16> {
		self.take().map(u16::from_le_bytes)
	}

	fn u32(&mut self) -> Result<u32> {
		self.take().map(u32::from_le_bytes)
	}

	fn flag(&mut self) -> Result<bool> {
		match self.u8()? {
			0 => Ok(false),
			1 => Ok(true),
			_ => Err(ArchitectureError::Bytes),
		}
	}

	fn kind(&mut self) -> Result<WeightKind> {
		WeightKind::from_byte(self.u8()?)
	}
}
