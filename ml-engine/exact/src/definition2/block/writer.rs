//! Writing of a part, front to back, without holding it.

use super::{
	header::{SectionScale, HEADER_BYTES, ROOT_OFFSET, SCALES_OFFSET, SCALE_BYTES, TILES_OFFSET},
	layout::Layout,
	shape::{tensor_bytes, PartShape, ShapeError},
	tile::{hash_tile, TILE_BYTES},
};
use crate::{
	definition2::{
		architecture::Architecture,
		model::{PartTensors, View},
		real::Real,
		tensors::{Name, Part},
	},
	hash::Hash,
	merkle,
};
use alloc::{vec, vec::Vec};
use core::fmt;

/// Reason why a part cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError<E> {
	/// A section got more bytes than its shape says; the first byte too many belongs to no section.
	TooLong,
	/// A section got fewer bytes than its shape says.
	TooShort(Name),
	/// There is not one scale for each section.
	Scales {
		/// Scales that there are.
		given: usize,
		/// Sections of the part.
		sections: usize,
	},
	/// The bytes could not be kept.
	Sink(E),
}

impl<E: fmt::Display> fmt::Display for WriteError<E> {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::TooLong => f.write_str("there are more bytes than the sections of this shape hold"),
			Self::TooShort(name) => write!(f, "section {name:?} got fewer bytes than its shape says"),
			Self::Scales { given, sections } => write!(f, "{given} scales for {sections} sections"),
			Self::Sink(error) => write!(f, "{error}"),
		}
	}
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for WriteError<E> {}

/// Writer of one part: it gets the bytes of the sections in order, in pieces of any size, pads and hashes them.
///
/// The sink gets every byte of the file once, with its offset: the payload in order, then the index, then the header
/// at offset 0.
pub struct PartWriter<'a, W> {
	layout: &'a Layout,
	sink: W,
	/// Section that the next byte belongs to.
	section: usize,
	/// Offset of the next byte in the file.
	at: u64,
	tile: Vec<u8>,
	leaves: Vec<Hash>,
}

impl<'a, W, E> PartWriter<'a, W>
where
	W: FnMut(u64, &[u8]) -> Result<(), E>,
{
	/// Creates a writer of a part of this layout.
	pub fn new(layout: &'a Layout, sink: W) -> Self {
		let leaves = Vec::with_capacity(layout.tiles());
		Self { layout, sink, section: 0, at: HEADER_BYTES as u64, tile: Vec::new(), leaves }
	}

	/// Appends bytes to the current section, and goes on with the next one where it is full.
	pub fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError<E>> {
		let mut rest = bytes;
		while !rest.is_empty() {
			self.skip_full()?;
			let section = self.layout.sections().get(self.section).ok_or(WriteError::TooLong)?;
			// Not more than `rest` is long.
			let room = (section.range.end - self.at).min(rest.len() as u64) as usize;
			let (now, later) = rest.split_at(room);
			self.emit(now)?;
			rest = later;
		}
		self.skip_full()
	}

	/// Returns the tensor that the next byte belongs to; `None` behind the last.
	pub fn name(&self) -> Option<Name> {
		self.layout.sections().get(self.section).map(|section| section.name)
	}

	/// Writes index and header, and returns the tensor root. `scales` has one entry for each section.
	pub fn finish(mut self, scales: &[SectionScale]) -> Result<Hash, WriteError<E>> {
		self.skip_full()?;
		let sections = self.layout.sections().len();
		if let Some(name) = self.name() {
			return Err(WriteError::TooShort(name));
		}
		if scales.len() != sections {
			return Err(WriteError::Scales { given: scales.len(), sections });
		}
		self.end_tile();
		(self.sink)(self.layout.index_offset(), self.leaves.as_flattened()).map_err(WriteError::Sink)?;
		let (header, root) = sealed_header(self.layout, scales, &merkle::root(&self.leaves));
		(self.sink)(0, &header).map_err(WriteError::Sink)?;
		Ok(root)
	}

	/// Pads sections that are full, and goes on with the next.
	fn skip_full(&mut self) -> Result<(), WriteError<E>> {
		while let Some(section) = self.layout.sections().get(self.section) {
			if self.at < section.range.end {
				return Ok(());
			}
			let next = self.layout.sections().get(self.section + 1);
			let start = next.map_or(self.layout.index_offset(), |next| next.range.start);
			// Below the alignment.
			let padding = vec![0; (start - self.at) as usize];
			self.emit(&padding)?;
			self.section += 1;
		}
		Ok(())
	}

	fn emit(&mut self, bytes: &[u8]) -> Result<(), WriteError<E>> {
		(self.sink)(self.at, bytes).map_err(WriteError::Sink)?;
		self.at += bytes.len() as u64;
		let mut rest = bytes;
		while !rest.is_empty() {
			let (now, later) = rest.split_at((TILE_BYTES as usize - self.tile.len()).min(rest.len()));
			self.tile.extend_from_slice(now);
			if self.tile.len() as u64 == TILE_BYTES {
				self.end_tile();
			}
			rest = later;
		}
		Ok(())
	}

	fn end_tile(&mut self) {
		if !self.tile.is_empty() {
			self.leaves.push(hash_tile(&self.tile));
			self.tile.clear();
		}
	}
}

/// Returns the header of a part with these scales and this root over its tiles, and the tensor root.
pub fn sealed_header(layout: &Layout, scales: &[SectionScale], tiles: &Hash) -> ([u8; HEADER_BYTES], Hash) {
	let mut header = *layout.descriptor();
	let entries = header[SCALES_OFFSET..TILES_OFFSET].as_chunks_mut::<SCALE_BYTES>().0;
	for (entry, scale) in entries.iter_mut().zip(scales).take(layout.sections().len()) {
		*entry = scale.to_bytes();
	}
	// The scales of a layout's own header have the length that it asks for.
	let root = layout.root(layout.scales(&header), tiles).unwrap_or_default();
	header[TILES_OFFSET..ROOT_OFFSET].copy_from_slice(tiles);
	header[ROOT_OFFSET..].copy_from_slice(&root);
	(header, root)
}

/// Writes index and roots for the payload and the scales that are already in `file`, and returns the tensor root;
/// `None` if the file has not the length that the layout says.
pub fn seal(layout: &Layout, file: &mut [u8]) -> Option<Hash> {
	let leaves = layout.leaves(file)?;
	let index = file.get_mut(usize::try_from(layout.index_offset()).ok()?..)?;
	if index.len() != leaves.as_flattened().len() {
		return None;
	}
	index.copy_from_slice(leaves.as_flattened());
	let scales = layout.scales(file).to_vec();
	let tiles = merkle::root(&leaves);
	let root = layout.root(&scales, &tiles)?;
	file[..HEADER_BYTES].copy_from_slice(layout.descriptor());
	file[SCALES_OFFSET..SCALES_OFFSET + scales.len()].copy_from_slice(&scales);
	file[TILES_OFFSET..ROOT_OFFSET].copy_from_slice(&tiles);
	file[ROOT_OFFSET..HEADER_BYTES].copy_from_slice(&root);
	Some(root)
}

/// One tensor with its scale, for [`assemble`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionData {
	/// Name.
	pub name: Name,
	/// Its scale.
	pub scale: SectionScale,
	/// Its bytes, without padding.
	pub bytes: Vec<u8>,
}

impl SectionData {
	/// Returns a tensor as it is stored.
	pub fn of(name: Name, tensor: &View<'_>) -> Self {
		let of_integers = |values: &[i32]| values.iter().flat_map(|value| value.to_le_bytes()).collect();
		let (scale, peak, bytes) = match tensor {
			View::Matrix(matrix) => (matrix.scale, matrix.peak, matrix.bytes.to_vec()),
			View::Gain(gain) => (gain.scale, 0, of_integers(gain.values)),
			View::Bias(values) => (Real::ZERO, 0, of_integers(values)),
			View::Frequencies(turns) => {
				(Real::ZERO, 0, turns.iter().flat_map(|turn| turn.to_le_bytes()).collect())
			}
			View::Scale(scale) => (*scale, 0, Vec::new()),
			View::Codes(codes) => (Real::ZERO, codes.shift.into(), codes.bytes.to_vec()),
		};
		Self { name, scale: SectionScale { scale, peak }, bytes }
	}
}

/// Writes the file of a part in memory.
pub fn part_file(
	architecture: &Architecture,
	part: Part,
	tensors: &PartTensors<'_>,
) -> Result<Vec<u8>, AssembleError> {
	let shape = PartShape::of(architecture, part).ok_or(AssembleError::Shape(ShapeError::Count(0)))?;
	let sections: Vec<SectionData> =
		tensors.0.iter().map(|(name, view)| SectionData::of(*name, view)).collect();
	assemble(shape, &sections)
}

/// Reason why tensors are not a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssembleError {
	/// The shape is refused.
	Shape(ShapeError),
	/// This tensor is missing, not in its place, or has another length.
	Tensor(Name),
	/// The tensors do not fit the memory of this machine, or there are too many.
	Count,
}

/// Writes the file of a part in memory. The tensors come in the order of the shape.
pub fn assemble(shape: PartShape, tensors: &[SectionData]) -> Result<Vec<u8>, AssembleError> {
	let layout = Layout::new(shape).map_err(AssembleError::Shape)?;
	let bytes = usize::try_from(layout.file_bytes()).map_err(|_| AssembleError::Count)?;
	if tensors.len() > layout.sections().len() {
		return Err(AssembleError::Count);
	}
	let mut file = vec![0; bytes];
	for (index, section) in layout.sections().iter().enumerate() {
		let fits = |tensor: &&SectionData| {
			tensor.name == section.name && tensor.bytes.len() as u64 == tensor_bytes(&section.shape)
		};
		let tensor = tensors.get(index).filter(fits).ok_or(AssembleError::Tensor(section.name))?;
		// Within the file, whose length is a `usize`.
		file[section.range.start as usize..section.range.end as usize].copy_from_slice(&tensor.bytes);
		let scale = SCALES_OFFSET + index * SCALE_BYTES;
		file[scale..scale + SCALE_BYTES].copy_from_slice(&tensor.scale.to_bytes());
	}
	seal(&layout, &mut file).ok_or(AssembleError::Count)?;
	Ok(file)
}
