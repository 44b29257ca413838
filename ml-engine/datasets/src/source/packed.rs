//! Files as they lie on disk: plain, gzip of any number of members, zstd of any number of frames.

use super::limits::{Counted, Expansion, Guarded, Limits, RowTooLong};
use crate::Reason;
use std::{
	fs::File,
	io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom},
	path::Path,
};

/// Bytes that are looked at to tell what a file is.
const HEAD_BYTES: usize = 8 * 1024;
/// Largest window of zstd, as a power of two: 128 MiB, what its command-line tool takes without being asked.
const WINDOW_LOG_MAX: u32 = 27;
/// Largest expansion of DEFLATE.
const DEFLATE_RATIO_MAX: u64 = 1_032;
/// Frames of zstd begin with this.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Members of gzip begin with this.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Contents of a file, unpacked while they are read.
pub(super) type Contents = Box<dyn BufRead + Send>;

/// A file's contents behind its byte order mark.
pub(super) struct Opened {
	/// The bytes.
	pub contents: Contents,
	/// True if a byte order mark was left out.
	pub had_mark: bool,
}

/// Reason for which a file's contents cannot be read, or an error of the disk.
pub(super) type Refusal = Result<Reason, io::Error>;

/// Opens a file for reading as text or tables. Refuses bombs by what the file itself declares, before unpacking a byte.
pub(super) fn open(path: &Path, limits: &Limits) -> Result<Opened, Refusal> {
	let mut contents = unpack(path, limits)?;
	let mut head = Vec::with_capacity(HEAD_BYTES);
	contents.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(refusal)?;
	if let Some(reason) = foreign(&head) {
		return Err(Ok(reason));
	}
	let had_mark = head.starts_with(b"\xef\xbb\xbf");
	if had_mark {
		head.drain(..3);
	}
	let contents = Box::new(Cursor::new(head).chain(contents));
	Ok(Opened { contents, had_mark })
}

fn unpack(path: &Path, limits: &Limits) -> Result<Contents, Refusal> {
	let mut file = File::open(path).map_err(Err)?;
	let mut start = Vec::new();
	file.by_ref().take(32).read_to_end(&mut start).map_err(Err)?;
	let length = file.seek(SeekFrom::End(0)).map_err(Err)?;
	let is_gzip = start.starts_with(&GZIP_MAGIC);
	let is_zstd = start.starts_with(&ZSTD_MAGIC);
	let declared = match (is_gzip, is_zstd) {
		(true, _) => gzip_length(&mut file, length).map_err(Err)?,
		(_, true) => zstd::zstd_safe::get_frame_content_size(&start).ok().flatten().unwrap_or_default(),
		_ => 0,
	};
	if is_gzip && declared > length.saturating_mul(DEFLATE_RATIO_MAX) {
		// No such expansion exists, so the last bytes are not those of a whole file.
		return Err(Ok(Reason::Damaged));
	}
	if limits.is_bomb(length, declared) {
		return Err(Ok(Reason::Bomb));
	}
	file.seek(SeekFrom::Start(0)).map_err(Err)?;
	let (counted, packed) = Counted::new(file);
	let buffered = BufReader::with_capacity(1 << 16, counted);
	Ok(if is_gzip {
		let decoder = flate2::bufread::MultiGzDecoder::new(buffered);
		Box::new(BufReader::with_capacity(1 << 16, Guarded::new(decoder, packed, *limits)))
	} else if is_zstd {
		let mut decoder = zstd::stream::read::Decoder::with_buffer(buffered).map_err(Err)?;
		decoder.window_log_max(WINDOW_LOG_MAX).map_err(Err)?;
		Box::new(BufReader::with_capacity(1 << 16, Guarded::new(decoder, packed, *limits)))
	} else {
		Box::new(buffered)
	})
}

/// Length that the last member of a gzip file declares, modulo 2^32.
fn gzip_length(file: &mut File, length: u64) -> io::Result<u64> {
	if length < 18 {
		return Ok(0);
	}
	file.seek(SeekFrom::End(-4))?;
	let mut bytes = [0; 4];
	file.read_exact(&mut bytes)?;
	Ok(u32::from_le_bytes(bytes).into())
}

/// Reason for which a file that begins with `head` is not text.
fn foreign(head: &[u8]) -> Option<Reason> {
	let is_wide =
		[b"\xff\xfe".as_slice(), b"\xfe\xff", b"\0\0\xfe\xff"].iter().any(|mark| head.starts_with(mark));
	if is_wide {
		return Some(Reason::Utf16);
	}
	// A single NUL is a fault of one line; many are a program, a picture, or an archive within the archive.
	let zeros = head.iter().filter(|byte| **byte == 0).count();
	let is_archive = head.starts_with(b"PK\x03\x04")
		|| head.starts_with(&GZIP_MAGIC)
		|| head.starts_with(&ZSTD_MAGIC)
		|| head.starts_with(b"%PDF-")
		|| head.starts_with(b"PAR1");
	(is_archive || zeros * 20 > head.len()).then_some(Reason::NotText)
}

/// Tells a fault of the file from one of the disk.
pub(super) fn refusal(error: io::Error) -> Refusal {
	let is = |kind: fn(&(dyn std::error::Error + Send + Sync + 'static)) -> bool| {
		error.get_ref().is_some_and(kind)
	};
	if is(|cause| cause.is::<Expansion>()) {
		Ok(Reason::Bomb)
	} else if is(|cause| cause.is::<RowTooLong>()) {
		Ok(Reason::LineTooLong)
	} else if error.raw_os_error().is_some() {
		Err(error)
	} else {
		Ok(Reason::Damaged)
	}
}
