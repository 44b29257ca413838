//! Tensors of a part that grow, as they are stored.

use super::codes;
use crate::{
	directory::{DirectoryError, PartFile},
	target::Section,
	upcycle::noise::Noise,
};
use blyan_exact::definition2::{
	block::{Fault, PartView, SectionScale},
	linear::excess,
	Name, TensorShape, WeightKind,
};
use std::borrow::Cow;

/// A tensor of a part.
pub struct Tensor {
	/// Name.
	pub name: Name,
	/// Kind and dimensions.
	pub shape: TensorShape,
	/// Scale and peak.
	pub scale: SectionScale,
	/// Bytes without padding.
	pub bytes: Vec<u8>,
}

/// Way in which the inputs of a down projection become twice as many without changing a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubling {
	/// New columns are zero: sums stay, and so does the shift behind them.
	Silent,
	/// Every column becomes two that add up to twice its codes: sums double, the shift grows by one bit, and half the scale
	/// keeps the outputs.
	Split,
}

impl Doubling {
	/// Sums are shifted by bits that follow from the number of columns. A doubling adds one bit of it, or none where the sums
	/// fit 31 bits anyway.
	fn new(peak: u32, width: u8, hidden: usize) -> Self {
		match excess(peak, width, 2 * hidden) == excess(peak, width, hidden) {
			true => Self::Silent,
			false => Self::Split,
		}
	}
}

/// Reads all tensors of a file that was checked.
pub fn read(file: &PartFile) -> Result<Vec<Tensor>, DirectoryError> {
	let view = PartView::new(file.layout(), file.bytes()).map_err(|fault| file.fault(fault))?;
	let tensor = |name: Name, shape: TensorShape| -> Result<Tensor, DirectoryError> {
		let scale = file.layout().scale(file.bytes(), name).ok_or_else(|| file.fault(Fault::Scale(name)))?;
		let bytes = view.bytes(name).ok_or_else(|| file.fault(Fault::Length))?.to_vec();
		Ok(Tensor { name, shape, scale, bytes })
	};
	file.layout().sections().iter().map(|section| tensor(section.name, section.shape)).collect()
}

impl Tensor {
	/// Returns the tensor as it is written.
	pub fn into_section(self) -> Section<'static> {
		Section { scale: self.scale, bytes: Cow::Owned(self.bytes) }
	}

	/// Makes every weight zero. Factors stay, but for those of 4-bit groups, which would add their minimum.
	pub fn silence(&mut self) {
		match self.shape {
			TensorShape::Matrix { kind, cols, .. } => self.each_row(kind, cols, |codes, factors| {
				codes.copy_from_slice(&codes::zeros(kind, cols));
				if kind.group().is_some() {
					factors.fill(0);
				}
			}),
			TensorShape::Codes { .. } => self.bytes.fill(0),
			_ => {}
		}
	}

	/// Moves a share of the codes by one step.
	pub fn perturb(&mut self, share_ppm: u32, noise: &mut Noise) {
		let (kind, cols) = match self.shape {
			TensorShape::Matrix { kind, cols, .. } => (kind, cols),
			// Codes of adapters are bytes without factors.
			TensorShape::Codes { .. } => {
				let mut all = codes::unpack(WeightKind::Int8, &self.bytes);
				codes::perturb(WeightKind::Int8, &mut all, share_ppm, noise);
				self.bytes = codes::pack(WeightKind::Int8, &all);
				return;
			}
			_ => return,
		};
		self.each_row(kind, cols, |bytes, _| {
			let mut row = codes::unpack(kind, bytes);
			codes::perturb(kind, &mut row, share_ppm, noise);
			bytes.copy_from_slice(&codes::pack(kind, &row));
		});
	}

	/// Makes the rows of a matrix those of `origins`: the old row, and 0, or the number of a copy, whose codes are perturbed.
	pub fn copy_rows(&mut self, origins: &[(u16, u16)], share_ppm: u32, noise: &mut Noise) {
		let TensorShape::Matrix { kind, cols, .. } = self.shape else { return };
		let stride = kind.row_bytes(cols);
		let mut bytes = Vec::with_capacity(stride * origins.len());
		for &(origin, copy) in origins {
			let start = usize::from(origin) * stride;
			let mut row = self.bytes[start..start + stride].to_vec();
			if copy > 0 && share_ppm > 0 {
				let stored = &mut row[..kind.code_bytes(cols)];
				let mut codes = codes::unpack(kind, stored);
				codes::perturb(kind, &mut codes, share_ppm, noise);
				stored.copy_from_slice(&codes::pack(kind, &codes));
			}
			bytes.extend(row);
		}
		self.bytes = bytes;
		self.shape = TensorShape::Matrix { kind, rows: origins.len(), cols };
	}

	/// Hands the codes and the factors of every row to `change`.
	fn each_row(&mut self, kind: WeightKind, cols: usize, mut change: impl FnMut(&mut [u8], &mut [u8])) {
		let stride = kind.row_bytes(cols);
		for row in self.bytes.chunks_exact_mut(stride.max(1)) {
			let (codes, factors) = row.split_at_mut(kind.code_bytes(cols));
			change(codes, factors);
		}
	}

	/// Doubles the rows, or the entries of a gain: the second half is a copy of the first.
	fn double_rows(&mut self) {
		self.shape = match self.shape {
			TensorShape::Matrix { kind, rows, cols } => TensorShape::Matrix { kind, rows: 2 * rows, cols },
			TensorShape::Codes { rows, cols } => TensorShape::Codes { rows: 2 * rows, cols },
			TensorShape::Gain(len) => TensorShape::Gain(2 * len),
			other => other,
		};
		self.bytes = self.bytes.repeat(2);
	}

	/// Doubles the columns. `None` if the scale cannot be halved.
	fn double_columns(&mut self, doubling: Doubling, noise: &mut Noise) -> Option<()> {
		match self.shape {
			TensorShape::Matrix { kind, rows, cols } => {
				let halves = |row: &[u8]| {
					let (stored, factors) = row.split_at(kind.code_bytes(cols));
					let (first, second) = match doubling {
						Doubling::Silent => (stored.to_vec(), codes::zeros(kind, cols)),
						Doubling::Split => {
							let (first, second) = codes::split(kind, &codes::unpack(kind, stored), noise);
							(codes::pack(kind, &first), codes::pack(kind, &second))
						}
					};
					// Factors of groups go with their columns, those of a row are there once.
					let more = match (kind.group(), doubling) {
						(None, _) => Vec::new(),
						(Some(_), Doubling::Split) => factors.to_vec(),
						(Some(_), Doubling::Silent) => vec![0; factors.len()],
					};
					[first, second, factors.to_vec(), more].concat()
				};
				self.bytes = self.bytes.chunks_exact(kind.row_bytes(cols).max(1)).flat_map(halves).collect();
				self.shape = TensorShape::Matrix { kind, rows, cols: 2 * cols };
				if doubling == Doubling::Split {
					self.scale.scale = self.scale.scale.shifted(-1);
				}
			}
			TensorShape::Codes { rows, cols } => {
				let halves = |row: &[u8]| match doubling {
					Doubling::Silent => [row, vec![0; cols].as_slice()].concat(),
					Doubling::Split => row.repeat(2),
				};
				self.bytes = self.bytes.chunks_exact(cols.max(1)).flat_map(halves).collect();
				self.shape = TensorShape::Codes { rows, cols: 2 * cols };
			}
			_ => {}
		}
		self.scale.scale.is_storable().then_some(())
	}
}

/// Doubles the hidden layer of the network or of the adapters among the tensors of a part, if it has one. `base_peak`: peak of
/// the down projection that adapters stand on; `width`: bits of its inputs.
pub fn double_hidden(
	tensors: &mut [Tensor],
	base_peak: Option<u32>,
	width: u8,
	noise: &mut Noise,
) -> Result<(), Fault> {
	let down = tensors.iter().find_map(|tensor| match (tensor.name, tensor.shape) {
		(Name::Down, TensorShape::Matrix { cols, .. }) => Some((tensor.scale.peak, cols)),
		(Name::DownIn, TensorShape::Codes { cols, .. }) => Some((base_peak?, cols)),
		_ => None,
	});
	// A routed layer may have neither network nor adapters of its own.
	let Some((peak, hidden)) = down else { return Ok(()) };
	let doubling = Doubling::new(peak, width, hidden);
	for tensor in tensors {
		match tensor.name {
			Name::Gate | Name::Up | Name::HiddenGain | Name::GateOut | Name::UpOut => tensor.double_rows(),
			Name::Down | Name::DownIn => {
				tensor.double_columns(doubling, noise).ok_or(Fault::Scale(tensor.name))?;
			}
			_ => {}
		}
	}
	Ok(())
}
