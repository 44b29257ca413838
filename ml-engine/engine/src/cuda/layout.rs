//! Weights in the order in which the GPU's warps take them; `kernels/matmul.cuh` draws it.

/// Outputs that a warp computes.
const GROUP: usize = 32;
/// Outputs of a tile of the matrix units.
const TILE: usize = 8;
/// Inputs that a warp takes at a time.
const CHUNK: usize = 64;

/// Iterates over the words of a packed matrix, with for each word: the row and the first of its 16 inputs, group by
/// group, chunk by chunk, and within them in the order that `tile_first` says.
fn places(rows: usize, cols: usize, tile_first: bool) -> impl Iterator<Item = (usize, usize)> {
	let tiles = GROUP / TILE;
	let within = (0..GROUP / TILE * 32).map(move |place| match tile_first {
		true => (place / 32, place % 32),
		false => (place % tiles, place / tiles),
	});
	let blocks =
		(0..rows.div_ceil(GROUP)).flat_map(move |group| (0..cols / CHUNK).map(move |chunk| (group, chunk)));
	blocks.flat_map(move |(group, chunk)| {
		within.clone().map(move |(tile, lane)| {
			(GROUP * group + TILE * tile + lane / 4, CHUNK * chunk + 16 * (lane % 4))
		})
	})
}

/// Packs ternary codes, four a byte, row after row.
pub(super) fn ternary(codes: &[u8], rows: usize, cols: usize) -> Vec<u32> {
	let word = |(row, col): (usize, usize)| {
		let at = (row * cols + col) / 4;
		let bytes = if row < rows { &codes[at..at + 4] } else { &[0; 4] };
		u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
	};
	places(rows, cols, false).map(word).collect()
}

/// Packs signed bytes, row after row.
pub(super) fn table(weights: &[u8], rows: usize, cols: usize) -> Vec<u32> {
	let words = |(row, col): (usize, usize)| {
		let sixteen = if row < rows { &weights[row * cols + col..][..16] } else { &[0; 16] };
		let word = |j: usize| u32::from_le_bytes(std::array::from_fn(|i| sixteen[4 * i + j]));
		std::array::from_fn::<u32, 4, _>(word)
	};
	places(rows, cols, true).flat_map(words).collect()
}

/// Puts activations, which the GPU keeps in its own order, back into that of the definition.
pub(super) fn in_order(activations: &[i8]) -> Vec<i8> {
	let sixteens = activations.chunks_exact(16);
	sixteens.flat_map(|sixteen| (0..16).map(|entry| sixteen[entry % 4 * 4 + entry / 4])).collect()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn every_weight_has_one_place() {
		// Weights that can be told apart, as far as a byte can.
		let bytes: Vec<u8> = (0..96 * 192_usize).map(|i| (i * 7 / 5) as u8).collect();
		let mut packed: Vec<u8> = table(&bytes, 96, 192).iter().flat_map(|word| word.to_le_bytes()).collect();
		let mut expected = bytes.clone();
		packed.sort_unstable();
		expected.sort_unstable();
		assert_eq!(packed, expected);
		// Lane 0 of the first tile: output 0, inputs 0, 4, 8 and 12 in its first word.
		assert_eq!(table(&bytes, 96, 192)[0].to_le_bytes(), [bytes[0], bytes[4], bytes[8], bytes[12]]);
		// Lane 5 of the second tile: output 9, inputs 16 to 31 of the first chunk.
		let word = table(&bytes, 96, 192)[(32 + 5) * 4];
		assert_eq!(word.to_le_bytes(), [0, 4, 8, 12].map(|input| bytes[9 * 192 + 16 + input]));
		// The same lane's codes: its word of the second tile.
		let codes = &bytes[..96 * 192 / 4];
		assert_eq!(ternary(codes, 96, 192)[5 * 4 + 1].to_le_bytes(), codes[9 * 48 + 4..9 * 48 + 8]);
	}

	#[test]
	fn missing_outputs_are_zero() {
		let packed = table(&[7; 3 * 64], 3, 64);
		assert_eq!(packed.len(), 32 * 64 / 4);
		assert_eq!(packed.iter().filter(|word| **word != 0).count(), 3 * 64 / 4);
	}

	#[test]
	fn activations_return_to_their_order() {
		let packed: Vec<i8> = (0..16).map(|place| (place % 4 * 4 + place / 4) as i8).collect();
		assert_eq!(in_order(&packed), (0..16).collect::<Vec<i8>>());
	}
}
