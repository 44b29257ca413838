//! Reading, decoding and computing at once.

use super::{file::Coding, ternary, StreamError, TileFile};
use crate::{
	block::TILE_BYTES,
	kernel::{hash::hash_leaves, Kernel},
};
use std::{
	ops::Range,
	sync::mpsc::{sync_channel, Receiver, SyncSender},
};

/// Buffers on either side of a decoding thread: one is filled while the other is emptied.
const BUFFERS: usize = 2;
/// Memory that zstd keeps for one decompression at a time, rounded up.
const DECODER_BYTES: usize = 160 << 10;
/// Tiles that are read at once, at most. More makes nothing faster.
const SLAB_TILES_MAX: usize = 16;
/// Tiles that are hashed at once where the processor has lanes for them. A slab of some more would hash no sooner.
const LANES: usize = 8;

/// Bounds of a stream: its memory, and its decoding threads.
#[derive(Clone, Copy, Debug)]
pub struct StreamConfig {
	/// Bytes of all buffers together. What computing takes, and the files' indices, come on top.
	pub budget_bytes: usize,
	/// Threads that decompress and verify; one more reads.
	pub decoders: usize,
}

impl StreamConfig {
	/// Bytes of buffers for slabs of so many tiles.
	const fn bytes(slab_tiles: usize, decoders: usize) -> usize {
		decoders * (2 * BUFFERS * slab_tiles * TILE_BYTES + DECODER_BYTES)
	}

	/// The least budget for so many decoding threads.
	pub const fn least(decoders: usize) -> usize {
		Self::bytes(1, decoders)
	}

	/// Refuses a budget that does not hold a tile in each buffer.
	pub fn init(self) -> Result<Streamer, StreamError> {
		let budget = self.budget_bytes;
		let decoders = self.decoders.max(1);
		let fits = |&tiles: &usize| Self::bytes(tiles, decoders) <= budget;
		let slab_tiles = (1..=SLAB_TILES_MAX).rev().find(fits);
		let slab_tiles = slab_tiles.ok_or(StreamError::Budget { budget, least: Self::least(decoders) })?;
		let slab_tiles = if slab_tiles > LANES { slab_tiles - slab_tiles % LANES } else { slab_tiles };
		Ok(Streamer { slab_tiles, decoders: (0..decoders).map(|_| Lane::default()).collect() })
	}
}

/// The buffers of one decoding thread, kept from stream to stream.
#[derive(Debug, Default)]
struct Lane {
	stored: Vec<Vec<u8>>,
	plain: Vec<Vec<u8>>,
}

/// Streams files of tiles through its buffers.
#[derive(Debug)]
pub struct Streamer {
	slab_tiles: usize,
	decoders: Vec<Lane>,
}

/// Some neighbouring tiles, verified.
#[derive(Clone, Copy, Debug)]
pub struct Slab<'a> {
	/// Which of the files.
	pub file: usize,
	/// Place of the first byte in the payload.
	pub offset: u64,
	/// The bytes.
	pub bytes: &'a [u8],
}

/// A slab under way.
struct Load {
	file: usize,
	tiles: Range<usize>,
	bytes: Vec<u8>,
	len: usize,
}

type Loads = SyncSender<Result<Load, StreamError>>;

impl Streamer {
	/// Bytes of all buffers.
	pub fn buffer_bytes(&self) -> usize {
		StreamConfig::bytes(self.slab_tiles, self.decoders.len())
	}

	/// Tiles that are read at once.
	pub fn slab_tiles(&self) -> usize {
		self.slab_tiles
	}

	/// Hands all tiles of all files to `each`, in order, while the next ones are read and decoded. Ends with the first
	/// error, its own or that of `each`; nothing that was not verified is ever handed on.
	pub fn run(
		&mut self,
		files: &[&TileFile],
		mut each: impl FnMut(Slab<'_>) -> Result<(), StreamError>,
	) -> Result<(), StreamError> {
		let slab_tiles = self.slab_tiles;
		let slabs: Vec<(usize, Range<usize>)> = files
			.iter()
			.enumerate()
			.flat_map(|(file, tiles)| {
				let ends = (0..tiles.tiles()).step_by(slab_tiles);
				ends.map(move |start| (file, start..(start + slab_tiles).min(tiles.tiles())))
			})
			.collect();
		for lane in &mut self.decoders {
			lane.stored.resize_with(BUFFERS, Vec::new);
			lane.plain.resize_with(BUFFERS, Vec::new);
			for buffer in lane.stored.iter_mut().chain(&mut lane.plain) {
				buffer.resize(slab_tiles * TILE_BYTES, 0);
			}
		}
		std::thread::scope(|scope| {
			let (mut to_decode, mut stored_back) = (Vec::new(), Vec::new());
			let (mut decoded, mut plain_back) = (Vec::new(), Vec::new());
			for lane in &mut self.decoders {
				// Each channel holds all buffers there are, so no thread waits to give one back.
				let (stored_free, free_stored) = sync_channel(BUFFERS);
				let (plain_free, free_plain) = sync_channel(BUFFERS);
				for buffer in lane.stored.drain(..) {
					let _ = stored_free.send(buffer);
				}
				for buffer in lane.plain.drain(..) {
					let _ = plain_free.send(buffer);
				}
				let (loads, arriving) = sync_channel(BUFFERS);
				let (ready, results) = sync_channel(BUFFERS);
				to_decode.push(loads);
				stored_back.push(free_stored);
				decoded.push(results);
				plain_back.push(plain_free);
				let decoder = std::thread::Builder::new().name("blyan-decode".into());
				decoder.spawn_scoped(scope, move || {
					let lane = DecoderEnds { arriving, stored_free, free_plain, ready };
					lane.work(files);
				})?;
			}
			let order = &slabs;
			let reader = std::thread::Builder::new().name("blyan-read".into());
			reader.spawn_scoped(scope, move || read(files, order, &stored_back, &to_decode))?;
			for (index, _) in slabs.iter().enumerate() {
				let lane = index % decoded.len();
				let load = decoded[lane].recv().map_err(|_| StreamError::Interrupted)??;
				let offset = (load.tiles.start * TILE_BYTES) as u64;
				each(Slab { file: load.file, offset, bytes: &load.bytes[..load.len] })?;
				let _ = plain_back[lane].send(load.bytes);
			}
			Ok(())
		})
	}
}

/// Reads one slab after the other into whatever buffer comes back first of those of its decoder.
fn read(files: &[&TileFile], slabs: &[(usize, Range<usize>)], free: &[Receiver<Vec<u8>>], loads: &[Loads]) {
	for (index, (file, tiles)) in slabs.iter().enumerate() {
		let lane = index % loads.len();
		// A consumer that no longer gives buffers back has seen an error, or has enough.
		let Ok(mut bytes) = free[lane].recv() else { return };
		let load = match files[*file].read_stored(tiles.clone(), &mut bytes) {
			Ok(len) => Ok(Load { file: *file, tiles: tiles.clone(), bytes, len }),
			Err(error) => Err(error.into()),
		};
		let has_failed = load.is_err();
		if loads[lane].send(load).is_err() || has_failed {
			return;
		}
	}
}

struct DecoderEnds {
	arriving: Receiver<Result<Load, StreamError>>,
	stored_free: SyncSender<Vec<u8>>,
	free_plain: Receiver<Vec<u8>>,
	ready: Loads,
}

impl DecoderEnds {
	fn work(&self, files: &[&TileFile]) {
		let mut zstd = match zstd::bulk::Decompressor::new() {
			Ok(zstd) => zstd,
			Err(error) => {
				let _ = self.ready.send(Err(error.into()));
				return;
			}
		};
		while let Ok(load) = self.arriving.recv() {
			let Ok(plain) = self.free_plain.recv() else { return };
			let decoded = load.and_then(|load| {
				let (load, emptied) = decode(files[load.file], load, plain, &mut zstd)?;
				let _ = self.stored_free.send(emptied);
				Ok(load)
			});
			let has_failed = decoded.is_err();
			if self.ready.send(decoded).is_err() || has_failed {
				return;
			}
		}
	}
}

/// Decompresses a slab and holds its tiles against the index; returns it and the buffer that is free now.
fn decode(
	file: &TileFile,
	load: Load,
	mut plain: Vec<u8>,
	zstd: &mut zstd::bulk::Decompressor<'_>,
) -> Result<(Load, Vec<u8>), StreamError> {
	let Load { file: number, tiles, bytes: mut stored, len } = load;
	let plain_len: usize = tiles.clone().map(|tile| file.plain_len(tile)).sum();
	if tiles.clone().all(|tile| file.stored(tile).1 == Coding::Stored) {
		// What was read is what was meant.
		debug_assert_eq!(len, plain_len);
		std::mem::swap(&mut stored, &mut plain);
	} else {
		let (mut from, mut to) = (0, 0);
		for tile in tiles.clone() {
			let ((stored_len, coding), tile_len) = (file.stored(tile), file.plain_len(tile));
			let (source, target) = (&stored[from..from + stored_len], &mut plain[to..to + tile_len]);
			match coding {
				Coding::Stored => target.copy_from_slice(source),
				Coding::Ternary if ternary::unpack(source, target) => {}
				Coding::Zstd if zstd.decompress_to_buffer(source, target).ok() == Some(tile_len) => {}
				Coding::Ternary | Coding::Zstd => return Err(StreamError::Tile(tile)),
			}
			from += stored_len;
			to += tile_len;
		}
	}
	verify(file, tiles.clone(), &plain[..plain_len])?;
	Ok((Load { file: number, tiles, bytes: plain, len: plain_len }, stored))
}

/// Holds tiles against the index, as many at a time as the processor has lanes for.
fn verify(file: &TileFile, tiles: Range<usize>, plain: &[u8]) -> Result<(), StreamError> {
	let leaves: Vec<&[u8]> = plain.chunks(TILE_BYTES).collect();
	let mut found = Vec::with_capacity(leaves.len());
	hash_leaves(Kernel::best(), &leaves, &mut found);
	for (tile, leaf) in tiles.zip(&found) {
		if leaf != file.leaf(tile) {
			return Err(StreamError::Tile(tile));
		}
	}
	Ok(())
}
