//! Encodings of weights, and what they decode to.

mod k_quants;

use half::{bf16, f16};

/// Elements of a group of Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0.
pub const GROUP: usize = 32;

/// Encoding of the elements of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types)] // GGUF's names
pub enum Encoding {
	/// Single precision.
	F32,
	/// Half precision.
	F16,
	/// Bfloat16.
	Bf16,
	/// Groups of 32: scale, 4-bit codes around 8.
	Q4_0,
	/// Groups of 32: scale, minimum, 4-bit codes.
	Q4_1,
	/// Groups of 32: scale, 5-bit codes around 16.
	Q5_0,
	/// Groups of 32: scale, minimum, 5-bit codes.
	Q5_1,
	/// Groups of 32: scale, 8-bit codes.
	Q8_0,
	/// Groups of 256: 8 scales and minimums of 6 bits, 4-bit codes.
	Q4_K,
	/// Groups of 256: 8 scales and minimums of 6 bits, 5-bit codes.
	Q5_K,
	/// Groups of 256: 16 scales of 8 bits, 6-bit codes.
	Q6_K,
	/// BitNet's packing in safetensors: four rows of ternary weights in one row of bytes.
	Ternary,
}

/// Encodings of which [`Encoding::of_ggml`] knows the number.
pub(crate) const SUPPORTED_IN_GGUF: &str = "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K";

impl Encoding {
	/// Encoding of a number in GGUF.
	pub(crate) fn of_ggml(number: u32) -> Option<Self> {
		Some(match number {
			0 => Self::F32,
			1 => Self::F16,
			2 => Self::Q4_0,
			3 => Self::Q4_1,
			6 => Self::Q5_0,
			7 => Self::Q5_1,
			8 => Self::Q8_0,
			12 => Self::Q4_K,
			13 => Self::Q5_K,
			14 => Self::Q6_K,
			30 => Self::Bf16,
			_ => return None,
		})
	}

	/// Elements of a group, which cannot be divided.
	pub fn group(self) -> usize {
		match self {
			Self::F32 | Self::F16 | Self::Bf16 | Self::Ternary => 1,
			Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Q8_0 => GROUP,
			Self::Q4_K | Self::Q5_K | Self::Q6_K => k_quants::GROUP,
		}
	}

	/// Bytes of a group.
	pub fn group_bytes(self) -> usize {
		match self {
			Self::Ternary => 1,
			Self::F16 | Self::Bf16 => 2,
			Self::F32 => 4,
			Self::Q4_0 => 18,
			Self::Q4_1 => 20,
			Self::Q5_0 => 22,
			Self::Q5_1 => 24,
			Self::Q8_0 => 34,
			Self::Q4_K => k_quants::Q4_BYTES,
			Self::Q5_K => k_quants::Q5_BYTES,
			Self::Q6_K => k_quants::Q6_BYTES,
		}
	}

	/// Bytes of a row of `columns` elements, which are whole groups. `None` where the product overflows.
	pub(crate) fn row_bytes(self, columns: u64) -> Option<u64> {
		(columns / self.group() as u64).checked_mul(self.group_bytes() as u64)
	}

	/// Decodes whole groups. Ternary bytes are not decoded here: a byte holds elements of four rows.
	///
	/// `bytes` and `out` hold the same number of groups.
	pub(crate) fn decode(self, bytes: &[u8], out: &mut [f32]) {
		let groups = bytes.chunks_exact(self.group_bytes()).zip(out.chunks_exact_mut(self.group()));
		match self {
			Self::F32 => groups.for_each(|(b, o)| o[0] = f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
			Self::F16 => groups.for_each(|(b, o)| o[0] = f16_at(b, 0)),
			Self::Bf16 => groups.for_each(|(b, o)| o[0] = bf16::from_le_bytes([b[0], b[1]]).to_f32()),
			Self::Q4_0 => groups.for_each(|(b, o)| {
				let scale = f16_at(b, 0);
				nibbles(&b[2..], o, |code, _| f32::from(code as i8 - 8) * scale);
			}),
			Self::Q4_1 => groups.for_each(|(b, o)| {
				let (scale, minimum) = (f16_at(b, 0), f16_at(b, 2));
				nibbles(&b[4..], o, |code, _| f32::from(code) * scale + minimum);
			}),
			Self::Q5_0 => groups.for_each(|(b, o)| {
				let (scale, high) = (f16_at(b, 0), u32_at(b, 2));
				nibbles(&b[6..], o, |code, at| f32::from(fifth(code, high, at) as i8 - 16) * scale);
			}),
			Self::Q5_1 => groups.for_each(|(b, o)| {
				let (scale, minimum, high) = (f16_at(b, 0), f16_at(b, 2), u32_at(b, 4));
				nibbles(&b[8..], o, |code, at| f32::from(fifth(code, high, at)) * scale + minimum);
			}),
			Self::Q8_0 => groups.for_each(|(b, o)| {
				let scale = f16_at(b, 0);
				o.iter_mut().zip(&b[2..]).for_each(|(o, code)| *o = f32::from(*code as i8) * scale);
			}),
			Self::Q4_K => groups.for_each(|(b, o)| k_quants::decode_q4(b, o)),
			Self::Q5_K => groups.for_each(|(b, o)| k_quants::decode_q5(b, o)),
			Self::Q6_K => groups.for_each(|(b, o)| k_quants::decode_q6(b, o)),
			Self::Ternary => {}
		}
	}
}

/// Kind of a group that can be had without dequantising.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types)] // GGUF's names
pub enum GroupKind {
	/// `d * (code - 8)`, codes 0 to 15.
	Q4_0,
	/// `d * code + m`, codes 0 to 15.
	Q4_1,
	/// `d * code`, codes -128 to 127.
	Q8_0,
}

impl GroupKind {
	/// Kind of an encoding that has one.
	pub fn of(encoding: Encoding) -> Option<Self> {
		match encoding {
			Encoding::Q4_0 => Some(Self::Q4_0),
			Encoding::Q4_1 => Some(Self::Q4_1),
			Encoding::Q8_0 => Some(Self::Q8_0),
			_ => None,
		}
	}
}

/// Groups of one row as they are stored. Reused from row to row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
	/// Scale `d` of each group, the bits of a half-precision number.
	pub scales: Vec<u16>,
	/// Minimum `m` of each group, the bits of a half-precision number. Empty unless the kind is Q4_1.
	pub minimums: Vec<u16>,
	/// Codes in the order of the elements.
	pub codes: Vec<i8>,
}

impl Groups {
	/// Takes the groups of a row.
	pub(crate) fn read(&mut self, kind: GroupKind, bytes: &[u8]) {
		let (encoding, head) = match kind {
			GroupKind::Q4_0 => (Encoding::Q4_0, 2),
			GroupKind::Q4_1 => (Encoding::Q4_1, 4),
			GroupKind::Q8_0 => (Encoding::Q8_0, 2),
		};
		self.scales.clear();
		self.minimums.clear();
		self.codes.clear();
		for group in bytes.chunks_exact(encoding.group_bytes()) {
			self.scales.push(u16::from_le_bytes([group[0], group[1]]));
			if kind == GroupKind::Q4_1 {
				self.minimums.push(u16::from_le_bytes([group[2], group[3]]));
			}
			let codes = &group[head..];
			if kind == GroupKind::Q8_0 {
				self.codes.extend(codes.iter().map(|code| *code as i8));
			} else {
				self.codes.extend(codes.iter().map(|code| (code & 15) as i8));
				self.codes.extend(codes.iter().map(|code| (code >> 4) as i8));
			}
		}
	}
}

/// Half-precision number at an offset.
fn f16_at(bytes: &[u8], at: usize) -> f32 {
	f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
	u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Fills a group of 32 from 16 bytes: the low nibbles are the first half, the high ones the second.
fn nibbles(bytes: &[u8], out: &mut [f32], value: impl Fn(u8, usize) -> f32) {
	let (low, high) = out.split_at_mut(GROUP / 2);
	for (at, byte) in bytes.iter().take(GROUP / 2).enumerate() {
		low[at] = value(byte & 15, at);
		high[at] = value(byte >> 4, at + GROUP / 2);
	}
}

/// A code of five bits, of which the highest lies apart.
fn fifth(code: u8, high: u32, at: usize) -> u8 {
	code | ((high >> at & 1) as u8) << 4
}
