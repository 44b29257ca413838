use super::*;
use crate::{
	definition2::{
		adapter::OwnedAdapter,
		architecture::WeightKind,
		matrix::{GROUP_MAX, INT8_PEAK},
		model::OwnedPart,
		real::Real,
		tensors::{Name, TensorShape},
	},
	hash::{blake2_256, Hash},
	merkle,
};
use alloc::{vec, vec::Vec};
use proptest::prelude::*;

const INT4: WeightKind = WeightKind::Int4By32;

fn matrix(name: Name, rows: usize, cols: usize, kind: WeightKind) -> Section {
	Section { name, shape: TensorShape::Matrix { kind, rows, cols } }
}

/// A layer with every kind of section, of two tiles.
fn shape() -> PartShape {
	let sections = vec![
		Section { name: Name::AttentionGain, shape: TensorShape::Gain(96) },
		matrix(Name::Query, 64, 96, WeightKind::Ternary),
		matrix(Name::Key, 33, 96, WeightKind::Int8),
		matrix(Name::Value, 31, 96, INT4),
		Section { name: Name::ValueBias, shape: TensorShape::Bias(31) },
		matrix(Name::Output, 600, 320, WeightKind::Int4By64),
		Section { name: Name::Frequencies, shape: TensorShape::Frequencies(7) },
		Section { name: Name::Head, shape: TensorShape::Scale },
	];
	PartShape { kind: PartKind::Layer, sections }
}

/// Bytes that follow from a seed.
fn noise(seed: u32, len: usize) -> Vec<u8> {
	let block = |i: u32| blake2_256(&[&seed.to_le_bytes(), &i.to_le_bytes()]);
	(0..).flat_map(block).take(len).collect()
}

/// Valid content of a section: the noise, brought within the bounds.
fn content(index: usize, section: &Section) -> SectionData {
	let mut bytes = noise(index as u32, tensor_bytes(&section.shape) as usize);
	let mut peak = 0;
	match section.shape {
		TensorShape::Matrix { kind: WeightKind::Ternary, .. } => {
			bytes.iter_mut().for_each(|byte| *byte &= 0b1010_1010);
			peak = 1;
		}
		TensorShape::Matrix { kind: WeightKind::Int8, .. } => peak = INT8_PEAK,
		TensorShape::Matrix { kind, cols, .. } => {
			for row in bytes.chunks_mut(kind.row_bytes(cols)) {
				// Halves below 2 in magnitude.
				row[cols / 2..].as_chunks_mut::<2>().0.iter_mut().for_each(|half| half[1] &= 0xbf);
			}
			peak = 16 << 25;
		}
		TensorShape::Gain(_) | TensorShape::Bias(_) => {
			bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|number| number[3] = 0);
		}
		TensorShape::Frequencies(_) | TensorShape::Scale => {}
		TensorShape::Codes { .. } => peak = u32::from(section.name.shift_max()),
	}
	let has_scale =
		matches!(section.shape, TensorShape::Matrix { .. } | TensorShape::Gain(_) | TensorShape::Scale);
	let scale = if has_scale { Real::quotient(1, 3 + index as u64) } else { Real::ZERO };
	SectionData { name: section.name, scale: SectionScale { scale, peak }, bytes }
}

fn contents(shape: &PartShape) -> Vec<SectionData> {
	shape.sections.iter().enumerate().map(|(index, section)| content(index, section)).collect()
}

fn sample() -> (Layout, Vec<u8>) {
	let shape = shape();
	let file = assemble(shape.clone(), &contents(&shape)).unwrap();
	(Layout::new(shape).unwrap(), file)
}

#[test]
fn check_accepts_what_assemble_writes_and_views_read_it_back() {
	let (layout, file) = sample();
	assert_eq!(layout.tiles(), 2);
	let root = layout.check(&file).unwrap();
	assert_eq!(claimed_root(&file), Some(root));
	assert_eq!(claimed_shape(&file), Some(shape()));
	let view = PartView::new(&layout, &file).unwrap();
	for tensor in contents(layout.shape()) {
		assert_eq!(view.bytes(tensor.name), Some(tensor.bytes.as_slice()));
		assert_eq!(view.scale(tensor.name), Some(tensor.scale.scale));
	}
	let output = view.matrix(Name::Output).unwrap();
	assert_eq!((output.rows, output.cols, output.peak), (600, 320, 16 << 25));
	assert_eq!(output.validate(), Ok(()));
	assert_eq!(view.biases(Name::ValueBias).unwrap().len(), 31);
	assert_eq!(view.gains(Name::AttentionGain).unwrap().gains.len(), 96);
	assert_eq!(view.frequencies().unwrap().len(), 7);
	assert_eq!(view.matrix(Name::AttentionGain), None);
	assert_eq!(view.matrix(Name::Down), None);
}

#[test]
fn a_part_written_in_pieces_is_the_one_that_is_assembled() {
	let (layout, file) = sample();
	let tensors = contents(layout.shape());
	let payload: Vec<u8> = tensors.iter().flat_map(|tensor| tensor.bytes.clone()).collect();
	let scales: Vec<SectionScale> = tensors.iter().map(|tensor| tensor.scale).collect();
	for piece in [1, 7, 4_096, payload.len()] {
		let mut written = vec![0xff; file.len()];
		let mut writer = PartWriter::new(&layout, |at, bytes: &[u8]| -> Result<(), ()> {
			written[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
			Ok(())
		});
		for bytes in payload.chunks(piece) {
			writer.write(bytes).unwrap();
		}
		assert_eq!(writer.name(), None);
		assert_eq!(Some(writer.finish(&scales).unwrap()), claimed_root(&file));
		assert!(written == file, "pieces of {piece}");
	}
}

#[test]
fn a_writer_refuses_too_much_and_too_little() {
	let (layout, _) = sample();
	let sink = |_: u64, _: &[u8]| -> Result<(), u8> { Ok(()) };
	assert_eq!(PartWriter::new(&layout, sink).finish(&[]), Err(WriteError::TooShort(Name::AttentionGain)));
	let mut writer = PartWriter::new(&layout, sink);
	let bytes: u64 = layout.sections().iter().map(|section| section.range.end - section.range.start).sum();
	writer.write(&vec![0; bytes as usize]).unwrap();
	assert_eq!(writer.write(&[0]), Err(WriteError::TooLong));
	assert_eq!(writer.finish(&[]), Err(WriteError::Scales { given: 0, sections: 8 }));
	let failing = |_: u64, _: &[u8]| Err(7);
	assert_eq!(PartWriter::new(&layout, failing).write(&[1]), Err(WriteError::Sink(7)));
}

/// Changes bytes of the sample, and seals it again or not.
fn damaged(at: u64, bytes: &[u8], sealed: bool) -> Result<Hash, Fault> {
	let (layout, mut file) = sample();
	file[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
	if sealed {
		seal(&layout, &mut file).unwrap();
	}
	layout.check(&file)
}

#[test]
fn check_finds_each_fault_of_the_frame() {
	let (layout, file) = sample();
	assert_eq!(layout.check(&file[1..]), Err(Fault::Length));
	assert_eq!(layout.check(&[]), Err(Fault::Length));
	assert_eq!(damaged(3, &[0], false), Err(Fault::Header(3)));
	assert_eq!(damaged(40, &[9], false), Err(Fault::Header(40)));
	assert_eq!(damaged(900, &[1], false), Err(Fault::Header(900)));
	// Behind the scales of the eight sections.
	assert_eq!(damaged(448 + 8 * 16, &[1], false), Err(Fault::Header(448 + 8 * 16)));
	assert_eq!(damaged(970, &[file[970] ^ 1], false), Err(Fault::Index));
	assert_eq!(damaged(1_000, &[file[1_000] ^ 1], false), Err(Fault::TensorRoot));
	assert_eq!(damaged(448, &[file[448] ^ 1], false), Err(Fault::TensorRoot));
	assert_eq!(damaged(1_024, &[file[1_024] ^ 1], false), Err(Fault::Tile(0)));
	let last = layout.index_offset() - 1;
	assert_eq!(damaged(last, &[1], false), Err(Fault::Tile(1)));
	assert_eq!(
		damaged(layout.index_offset(), &[file[layout.index_offset() as usize] ^ 1], false),
		Err(Fault::Index)
	);
}

#[test]
fn check_finds_each_fault_of_the_values() {
	let (layout, file) = sample();
	let section = |name| layout.section(name).unwrap().range.clone();
	let scale = |name| 448 + 16 * layout.shape().index(name).unwrap() as u64;
	let byte = |at: u64| file[at as usize];
	let refused = |at: u64, bytes: &[u8], fault: Fault| assert_eq!(damaged(at, bytes, true), Err(fault));
	refused(scale(Name::Query) + 3, &[0], Fault::Scale(Name::Query));
	refused(scale(Name::Query) + 6, &[1], Fault::Scale(Name::Query));
	// An exponent of 161.
	refused(scale(Name::Head) + 4, &[161, 0], Fault::Scale(Name::Head));
	refused(scale(Name::ValueBias), &Real::from_integer(1).to_bytes(), Fault::Scale(Name::ValueBias));
	refused(scale(Name::Frequencies) + 8, &[1], Fault::Scale(Name::Frequencies));
	refused(scale(Name::Query) + 8, &[2], Fault::Peak(Name::Query));
	refused(scale(Name::Key) + 8, &[1], Fault::Peak(Name::Key));
	refused(scale(Name::Value) + 8, &[0; 4], Fault::Peak(Name::Value));
	refused(scale(Name::Value) + 11, &[0x80], Fault::Peak(Name::Value));
	refused(scale(Name::AttentionGain) + 8, &[1], Fault::Peak(Name::AttentionGain));
	refused(scale(Name::Head) + 8, &[1], Fault::Peak(Name::Head));
	refused(section(Name::ValueBias).end, &[1], Fault::Padding(Name::ValueBias));
	refused(layout.index_offset() - 1, &[1], Fault::Padding(Name::Frequencies));
	refused(
		section(Name::Query).end - 1,
		&[byte(section(Name::Query).end - 1) | 0b1100],
		Fault::NotTernary(Name::Query),
	);
	let last = section(Name::Value).end;
	refused(last - 2, &[0, 0x7c], Fault::NotFinite(Name::Value));
	refused(last - 4, &[1, 0xfc], Fault::NotFinite(Name::Value));
	// 16, and the largest half below it.
	refused(last - 2, &[0, 0x4c], Fault::Group(Name::Value));
	refused(last - 4, &[0xff, 0x4b, 0xff, 0x4b], Fault::BeyondPeak(Name::Value));
	assert_eq!(crate::definition2::real::f16(0x4bff), Some(GROUP_MAX & !0x1ffff));
	refused(section(Name::AttentionGain).start + 3, &[1], Fault::Gain(Name::AttentionGain));
	refused(section(Name::AttentionGain).start, &[0, 0, 0, 0xff], Fault::Gain(Name::AttentionGain));
	refused(section(Name::ValueBias).start, &[1, 0, 0, 4], Fault::Bias(Name::ValueBias));
	assert!(damaged(section(Name::ValueBias).start, &[0, 0, 0, 4], true).is_ok());
	assert!(damaged(section(Name::AttentionGain).start, &[1, 0, 0, 0xff], true).is_ok());
}

/// The part of an expert of adapters: any codes, a shift of 12 at most at the first matrix of each pair, no scales.
#[test]
fn a_part_of_adapters_is_checked_for_its_shifts() {
	let adapter = |shift| OwnedAdapter::new(3, &[-128; 3 * 64], &[127; 3 * 96], shift).unwrap();
	let down = OwnedAdapter::new(3, &[-1; 3 * 96], &[1; 3 * 64], 12).unwrap();
	let part = OwnedPart::of_adapters(adapter(0), adapter(7), down.clone());
	let sections = part.0.iter().map(|(name, tensor)| Section { name: *name, shape: tensor.view().shape() });
	let shape = PartShape { kind: PartKind::Expert, sections: sections.collect() };
	let tensors = part.view();
	let data: Vec<SectionData> = tensors.0.iter().map(|(name, view)| SectionData::of(*name, view)).collect();
	let file = assemble(shape.clone(), &data).unwrap();
	let layout = Layout::new(shape).unwrap();
	assert_eq!(layout.check(&file).ok(), claimed_root(&file));
	let loaded = LoadedPart::new(PartView::new(&layout, &file).unwrap());
	assert_eq!(loaded.tensors(), Some(tensors));
	let read = loaded.tensors().unwrap();
	assert_eq!(read.adapter(Name::Down), Some(down.view()));
	assert_eq!(read.adapter(Name::Up).map(|adapter| adapter.shift()), Some(7));
	assert_eq!(read.adapter(Name::Router), None);
	assert_eq!(PartView::new(&layout, &file).unwrap().codes(Name::Gate), None);
	// Names and kinds in the table: the names behind all others, the kind behind that of a tied head's scale.
	assert_eq!(file[32..34], [21, 20]);
	assert_eq!(file[32 + 5 * 16..34 + 5 * 16], [26, 20]);
	let damaged = |at: usize, bytes: &[u8]| {
		let mut file = file.clone();
		file[at..at + bytes.len()].copy_from_slice(bytes);
		seal(&layout, &mut file).unwrap();
		let view = LoadedPart::new(PartView::new(&layout, &file).unwrap());
		(layout.check(&file).err(), view.tensors().is_some())
	};
	let scale = |name| 448 + 16 * layout.shape().index(name).unwrap();
	let range = |name| layout.section(name).unwrap().range.clone();
	assert_eq!(damaged(scale(Name::UpIn) + 8, &[12]), (None, true));
	assert_eq!(damaged(scale(Name::UpIn) + 8, &[13]), (Some(Fault::Shift(Name::UpIn)), false));
	assert_eq!(damaged(scale(Name::UpIn) + 9, &[1]), (Some(Fault::Shift(Name::UpIn)), false));
	assert_eq!(damaged(scale(Name::UpOut) + 8, &[1]), (Some(Fault::Shift(Name::UpOut)), false));
	let one = Real::from_integer(1).to_bytes();
	assert_eq!(damaged(scale(Name::GateIn), &one).0, Some(Fault::Scale(Name::GateIn)));
	assert_eq!(damaged(range(Name::DownOut).start as usize, &[0x80]), (None, true));
}

#[test]
fn shapes_that_no_part_has_are_refused() {
	let of = |sections: Vec<Section>| PartShape { kind: PartKind::Expert, sections }.validate();
	assert_eq!(of(vec![]), Err(ShapeError::Count(0)));
	let gain = |len| Section { name: Name::HiddenGain, shape: TensorShape::Gain(len) };
	assert_eq!(of(vec![gain(5); 27]), Err(ShapeError::Count(27)));
	assert_eq!(of(vec![gain(5), gain(5)]), Err(ShapeError::Twice(Name::HiddenGain)));
	assert_eq!(of(vec![gain(0)]), Err(ShapeError::Dimensions(Name::HiddenGain)));
	assert_eq!(of(vec![gain(65_537)]), Err(ShapeError::Dimensions(Name::HiddenGain)));
	for (rows, cols, kind) in [
		(0, 32, INT4),
		(262_145, 32, INT4),
		(1, 48, INT4),
		(1, 96, WeightKind::Int4By64),
		(1, 6, WeightKind::Ternary),
	] {
		assert_eq!(of(vec![matrix(Name::Up, rows, cols, kind)]), Err(ShapeError::Dimensions(Name::Up)));
	}
	let codes = |rows, cols| Section { name: Name::UpIn, shape: TensorShape::Codes { rows, cols } };
	assert_eq!(of(vec![codes(0, 64)]), Err(ShapeError::Dimensions(Name::UpIn)));
	assert_eq!(of(vec![codes(64, 65_537)]), Err(ShapeError::Dimensions(Name::UpIn)));
	assert_eq!(of(vec![codes(64, 65_536)]), Ok(()));
	assert_eq!(of(vec![matrix(Name::Up, 262_144, 65_536, WeightKind::Int8)]), Ok(()));
}

#[test]
fn chunks_of_a_tile_are_proven_against_the_tensor_root() {
	let (layout, file) = sample();
	let (root, leaves) = (layout.check(&file).unwrap(), layout.leaves(&file).unwrap());
	let tiles = merkle::root(&leaves);
	assert_eq!(layout.root(layout.scales(&file), &tiles), Some(root));
	assert_eq!(layout.root(&layout.scales(&file)[16..], &tiles), None);
	for range in
		[1_024..1_025, 5_000..70_000, layout.index_offset() - 1..layout.index_offset(), 66_559..66_561]
	{
		let pieces = layout.pieces(&range);
		let mut covered = Vec::new();
		for (tile, chunks) in pieces {
			let place = layout.chunk_range(tile, &chunks);
			let bytes = &file[place.start as usize..place.end as usize];
			let all = layout.tile(tile);
			let mut others = chunk_hashes(&file[all.start as usize..all.end as usize]);
			others.drain(chunks.clone());
			let leaf = leaf_from(layout.chunks(tile), &chunks, bytes, &others);
			assert_eq!(leaf, Some(leaves[tile]));
			assert_eq!(leaf_from(layout.chunks(tile) + 1, &chunks, bytes, &others), None);
			covered.push(place);
		}
		assert!(covered[0].start <= range.start && covered[covered.len() - 1].end >= range.end);
		assert!(covered.windows(2).all(|pair| pair[0].end == pair[1].start), "{covered:?}");
		assert!(covered[0].start + CHUNK_BYTES > range.start);
	}
	assert_eq!(layout.pieces(&(66_559..66_561)), [(0, 15..16), (1, 0..1)]);
	assert_eq!(layout.pieces(&(2_000..2_000)), []);
}

/// Draws a section of any kind.
fn any_section() -> impl Strategy<Value = TensorShape> {
	let kinds = [WeightKind::Ternary, WeightKind::Int8, WeightKind::Int4By32, WeightKind::Int4By64];
	prop_oneof![
		(prop::sample::select(kinds.to_vec()), 1_usize..90, 1_usize..5)
			.prop_map(|(kind, rows, groups)| TensorShape::Matrix { kind, rows, cols: 64 * groups }),
		(1_usize..200).prop_map(TensorShape::Gain),
		(1_usize..200).prop_map(TensorShape::Bias),
		(1_usize..200).prop_map(TensorShape::Frequencies),
		Just(TensorShape::Scale),
		(1_usize..90, 1_usize..90).prop_map(|(rows, cols)| TensorShape::Codes { rows, cols }),
	]
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(256))]

	/// Parts of any shape come back as they were written, and their header says their shape.
	#[test]
	fn parts_of_any_shape_round_trip(shapes in prop::collection::vec(any_section(), 1..12), kind in 0..4_usize) {
		let names = [
			Name::Embedding, Name::Frequencies, Name::Query, Name::Key, Name::Value, Name::QueryGain, Name::Output,
			Name::GateIn, Name::GateOut, Name::Down, Name::HeadGain,
		];
		let sections = names.into_iter().zip(shapes).map(|(name, shape)| Section { name, shape }).collect();
		let shape = PartShape { kind: PartKind::ALL[kind], sections };
		let tensors = contents(&shape);
		let file = assemble(shape.clone(), &tensors).unwrap();
		let layout = Layout::new(shape).unwrap();
		prop_assert_eq!(layout.check(&file).ok(), claimed_root(&file));
		prop_assert_eq!(claimed_shape(&file), Some(layout.shape().clone()));
		let view = PartView::new(&layout, &file).unwrap();
		let loaded = LoadedPart::new(view);
		for (tensor, (name, read)) in tensors.iter().zip(loaded.tensors().unwrap().0) {
			prop_assert_eq!(tensor, &SectionData::of(name, &read));
		}
		prop_assert_eq!(layout.file_bytes(), file.len() as u64);
		prop_assert!(layout.sections().iter().all(|section| section.range.start % ALIGNMENT == 0));
	}

	/// Whatever the bytes, a verdict and never a panic; and a claimed shape is one that writes the same header.
	#[test]
	fn bytes_of_any_kind_have_a_verdict(bytes in prop::collection::vec(any::<u8>(), 0..3_000), at in 0_usize..448, flip: u8) {
		let (layout, file) = sample();
		prop_assert!(layout.check(&bytes).is_err());
		let mut header = file[..HEADER_BYTES].to_vec();
		header[at] ^= flip;
		for bytes in [&bytes, &header] {
			let Some(shape) = claimed_shape(bytes) else { continue };
			let Ok(layout) = Layout::new(shape) else { continue };
			prop_assert_eq!(layout.check(bytes), Err(Fault::Length));
			prop_assert!(PartView::new(&layout, bytes).is_err());
		}
	}

	/// A changed file is refused, or it was sealed again: then what is read is within every bound.
	#[test]
	fn changed_files_are_refused_or_valid(
		changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), sealed: bool,
	) {
		let (layout, original) = sample();
		let mut file = original.clone();
		for (at, byte) in changes {
			let at = at.index(file.len());
			file[at] = byte;
		}
		if sealed {
			seal(&layout, &mut file).unwrap();
		}
		let verdict = layout.check(&file);
		if file != original && !sealed {
			prop_assert!(verdict.is_err());
		}
		if verdict.is_ok() {
			let view = PartView::new(&layout, &file).unwrap();
			for section in layout.sections() {
				prop_assert_eq!(view.matrix(section.name).map_or(Ok(()), |matrix| matrix.validate()), Ok(()));
			}
		}
	}
}
