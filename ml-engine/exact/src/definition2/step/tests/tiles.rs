//! Tiles that an operator is asked for.

use super::*;
use proptest::prelude::*;

/// Every tile of every part of every family leads to the part's root, and to no other place.
#[test]
fn every_tile_of_a_file_is_proven_to_its_root() {
	let mut several = 0;
	for world in World::all() {
		let architecture = world.program().architecture();
		for (part, file) in &world.files {
			let layout = Layout::of(architecture, *part).unwrap();
			let root = root_of(file);
			for tile in 0..layout.tiles() {
				let evidence = prove_tile(&layout, file, tile).unwrap();
				assert!(proves_tile(&layout, &root, tile, &evidence), "{} {part:?} {tile}", world.name);
				assert!(!proves_tile(&layout, &[1; 32], tile, &evidence));
				assert!(!proves_tile(&layout, &root, tile + 1, &evidence));
				// 64 KiB, at most 26 scales, and a path of at most 24 hashes.
				assert!(evidence.bytes() <= 66 * 1_024, "{}", evidence.bytes());
			}
			several += usize::from(layout.tiles() > 1);
			assert_eq!(prove_tile(&layout, file, layout.tiles()), None);
			assert_eq!(prove_tile(&layout, &file[1..], 0), None);
		}
	}
	assert!(several > 0, "some part has several tiles");
}

proptest! {
	/// No changed bit of a tile, of its path or of what leads to the root goes through.
	#[test]
	fn a_damaged_tile_proves_nothing(
		family in 0..golden::ARCHITECTURES.len(), part: prop::sample::Index, tile: prop::sample::Index,
		at: prop::sample::Index, bit in 0..8_u8,
	) {
		let world = &World::all()[family];
		let (part, file) = world.files.iter().nth(part.index(world.files.len())).unwrap();
		let layout = Layout::of(world.program().architecture(), *part).unwrap();
		let tile = tile.index(layout.tiles());
		let mut evidence = prove_tile(&layout, file, tile).unwrap();
		let mut bytes = evidence_bytes(&mut evidence);
		let at = at.index(bytes.len());
		*bytes[at] ^= 1 << bit;
		drop(bytes);
		prop_assert!(!proves_tile(&layout, &root_of(file), tile, &evidence));
	}
}

/// Chunks of a tile, which a block reads, are not the tile.
#[test]
fn other_evidence_is_not_a_tile() {
	let world = &World::all()[0];
	let layout = Layout::of(world.program().architecture(), Part::Head).unwrap();
	let root = root_of(&world.files[&Part::Head]);
	for evidence in [Evidence::Output(vec![0; 64]), Evidence::Model { parts: [0; 32], experts: [0; 32] }] {
		assert!(!proves_tile(&layout, &root, 0, &evidence));
	}
}

#[test]
fn a_part_and_all_chunks_of_a_tile_are_the_tile() {
	let world = &World::all()[0];
	let layout = Layout::of(world.program().architecture(), Part::Head).unwrap();
	let file = &world.files[&Part::Head];
	let tile = prove_tile(&layout, file, 0).unwrap();
	let Evidence::Tile { scales, tiles, bytes, path } = tile.clone() else { unreachable!("it is a tile") };
	let part = Evidence::Part { scales, tiles, path: Vec::new() };
	let chunks = Evidence::Chunks { bytes, others: Vec::new(), path };
	assert_eq!(tile_from(Witness(vec![part.clone(), chunks.clone()])), Some(tile.clone()));
	assert_eq!(tile_from(Witness(vec![tile.clone()])), Some(tile.clone()));
	for other in [vec![], vec![part.clone()], vec![chunks.clone(), part.clone()], vec![tile.clone(), tile]] {
		assert_eq!(tile_from(Witness(other)), None);
	}
	assert_eq!(tile_from(Witness(vec![part, chunks.clone(), chunks])), None);
}
